//! Points in time: [`Moment`] on a clock that never jumps, [`Stamp`] with the wall time beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point on the boot clock (`CLOCK_BOOTTIME`): it never jumps and it counts suspend.
///
/// All arithmetic saturates, so that no answer of a server can make it panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment this long after boot.
    #[must_use]
    pub const fn since_boot(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// This moment and `later`; the end of time if that overflows.
    #[must_use]
    pub const fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// This moment less `earlier`; boot if that would come before it.
    #[must_use]
    pub const fn minus(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(earlier))
    }

    /// How long it is from this moment to `other`; zero if `other` has passed.
    #[must_use]
    pub const fn until(self, other: Self) -> Duration {
        other.0.saturating_sub(self.0)
    }

    /// Seconds from this moment to `other`, negative if `other` has passed.
    #[must_use]
    pub fn seconds_until(self, other: Self) -> f64 {
        if other >= self { self.until(other).as_secs_f64() } else { -other.until(self).as_secs_f64() }
    }
}

/// By so much a clock is off only if somebody set it. Less is its own unsteadiness, and would make of a time that stays
/// the same another one at every look.
const SET: Duration = Duration::from_secs(1);

/// Both clocks, read together: [`Moment`] to compute with, wall time to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// On the clock that does not jump.
    pub moment: Moment,
    /// What the machine believed the time to be. Never computed with, only shown.
    pub wall: SystemTime,
}

impl Stamp {
    /// The wall time that belongs to `moment`, seen from this stamp.
    #[must_use]
    pub fn wall_at(&self, moment: Moment) -> SystemTime {
        let shifted = if moment >= self.moment {
            self.wall.checked_add(self.moment.until(moment))
        } else {
            self.wall.checked_sub(moment.until(self.moment))
        };
        shifted.unwrap_or(self.wall)
    }

    /// When this was, or will be, by the wall clock as it is `now`: as it was noted, unless the clock was set since.
    #[must_use]
    pub fn wall_as_of(&self, now: &Self) -> SystemTime {
        let by_now = now.wall_at(self.moment);
        let apart = by_now.duration_since(self.wall).unwrap_or_else(|earlier| earlier.duration());
        if apart < SET { self.wall } else { by_now }
    }
}

/// Seconds since the Unix epoch, as Prometheus wants timestamps.
#[must_use]
pub fn unix_seconds(wall: SystemTime) -> f64 {
    match wall.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_panicking() {
        let late = Moment::since_boot(Duration::MAX);
        assert_eq!(late.plus(Duration::from_secs(1)), late);
        assert_eq!(Moment::default().minus(Duration::from_secs(1)), Moment::default());
    }

    #[test]
    fn seconds_until_a_past_moment_are_negative() {
        let now = Moment::since_boot(Duration::from_secs(10));
        assert_eq!(now.seconds_until(now.minus(Duration::from_secs(4))), -4.0);
        assert_eq!(now.seconds_until(now.plus(Duration::from_secs(4))), 4.0);
    }

    #[test]
    fn wall_time_of_another_moment_is_as_far_away_as_the_moment() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let stamp = Stamp { moment: Moment::since_boot(Duration::from_secs(100)), wall };
        let wall_at = |seconds| stamp.wall_at(Moment::since_boot(Duration::from_secs(seconds)));
        assert_eq!(wall_at(100), wall);
        assert_eq!(wall_at(130), wall + Duration::from_secs(30));
        assert_eq!(wall_at(30), wall - Duration::from_secs(70));
        assert_eq!(stamp.wall_at(Moment::since_boot(Duration::MAX)), wall, "a time that cannot be told");
    }

    #[test]
    fn wall_time_that_was_noted_follows_a_clock_that_is_set_and_no_other() {
        let at = |seconds: f64, wall: f64| Stamp {
            moment: Moment::since_boot(Duration::from_secs_f64(seconds)),
            wall: UNIX_EPOCH + Duration::from_secs_f64(wall),
        };
        let noted = at(100.0, 1_000_000.0);
        let as_of = |seconds, wall| unix_seconds(noted.wall_as_of(&at(seconds, wall)));
        assert_eq!(as_of(160.0, 1_000_060.0), 1_000_000.0);
        assert_eq!(as_of(160.0, 1_000_060.9), 1_000_000.0, "unsteady");
        assert_eq!(as_of(160.0, 1_000_059.1), 1_000_000.0, "unsteady");
        assert_eq!(as_of(160.0, 1_007_260.0), 1_007_200.0, "two hours ahead");
        assert_eq!(as_of(160.0, 992_860.0), 992_800.0, "two hours back");
        assert_eq!(as_of(40.0, 1_007_140.0), 1_007_200.0, "of a time to come");
    }

    #[test]
    fn seconds_before_the_epoch_are_negative() {
        assert_eq!(unix_seconds(UNIX_EPOCH + Duration::from_millis(1500)), 1.5);
        assert_eq!(unix_seconds(UNIX_EPOCH - Duration::from_millis(1500)), -1.5);
    }
}
