//! When a token request may be made again after one failed, or after its token was refused.

use std::time::Duration;

use super::fault::Cause;
use super::time::Moment;

/// Longest random part while a live token is held.
const CAP_WITH_TOKEN: Duration = Duration::from_secs(5 * 60);
/// Longest random part while none is held: cycles are failing, so recovery must be noticed sooner.
const CAP_WITHOUT_TOKEN: Duration = Duration::from_secs(2 * 60);
/// A server may ask for more with `Retry-After`, but not for more than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Token requests are held back until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// Consecutive attempts that led here, at least one.
    attempts: u32,
    /// No token request before this.
    until: Moment,
    /// What failed; a cycle that has no token meanwhile fails for it.
    cause: Cause,
}

/// What the length of a back-off depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// When the attempt that failed was made.
    pub attempted: Moment,
    /// Time between two cycles.
    pub interval: Duration,
    /// When the live token expires; `None` while none is held.
    pub live_until: Option<Moment>,
    /// What the server asked for.
    pub retry_after: Option<Duration>,
    /// In `[0, 1)`; spreads clients that failed together.
    pub random: f64,
}

impl BackOff {
    /// The back-off after one more failed attempt.
    #[must_use]
    pub fn after(previous: Option<&Self>, cause: Cause, seen: &Circumstances) -> Self {
        let failed_before = previous.map_or(0, |back_off| back_off.attempts);
        Self { attempts: failed_before.saturating_add(1), until: earliest_retry(failed_before, seen), cause }
    }

    /// Whether token requests are still held back.
    #[must_use]
    pub fn holds(self, now: Moment) -> bool {
        now < self.until
    }

    /// When it ends.
    #[must_use]
    pub const fn until(self) -> Moment {
        self.until
    }

    /// What failed.
    #[must_use]
    pub const fn cause(self) -> Cause {
        self.cause
    }
}

/// Interval + random up to min(cap, interval · 2ⁿ), early enough for one attempt before a live token expires, and
/// not before `Retry-After`.
fn earliest_retry(failed_before: u32, seen: &Circumstances) -> Moment {
    let doubled = seen.interval.saturating_mul(2_u32.saturating_pow(failed_before));
    let retry = |cap: Duration| {
        let spread = doubled.min(cap).mul_f64(seen.random.clamp(0.0, 1.0));
        seen.attempted.plus(seen.interval.saturating_add(spread))
    };
    let mut earliest = retry(CAP_WITHOUT_TOKEN);
    if let Some(expiry) = seen.live_until {
        // A cycle starts somewhere in the last interval before expiry, and that one must be free to ask.
        let last_chance = expiry.minus(seen.interval);
        if seen.attempted < last_chance {
            earliest = retry(CAP_WITH_TOKEN).min(last_chance);
        }
    }
    match seen.retry_after {
        Some(asked) => earliest.max(seen.attempted.plus(asked.min(LONGEST_RETRY_AFTER))),
        None => earliest,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Reason, Request};
    use super::*;

    const CAUSE: Cause = Cause { request: Request::Token, reason: Reason::ServerError };

    fn seconds(count: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(count))
    }

    fn circumstances(random: f64) -> Circumstances {
        Circumstances {
            attempted: seconds(1000),
            interval: Duration::from_secs(30),
            live_until: None,
            retry_after: None,
            random,
        }
    }

    fn nth(count: u32, seen: &Circumstances) -> u64 {
        let mut back_off = None;
        for _ in 0..count {
            back_off = Some(BackOff::after(back_off.as_ref(), CAUSE, seen));
        }
        seen.attempted.until(back_off.expect("at least one failure").until()).as_secs()
    }

    #[test]
    fn back_off_doubles_up_to_two_minutes_without_a_token() {
        let longest: Vec<_> = (1..=5).map(|count| nth(count, &circumstances(1.0))).collect();
        assert_eq!(longest, [60, 90, 150, 150, 150]);
        assert_eq!(nth(5, &circumstances(0.0)), 30);
    }

    #[test]
    fn back_off_reaches_five_minutes_while_a_token_lives() {
        let seen = Circumstances { live_until: Some(seconds(100_000)), ..circumstances(1.0) };
        assert_eq!(nth(10, &seen), 330);
    }

    #[test]
    fn one_attempt_is_left_before_a_live_token_expires() {
        let seen = Circumstances { live_until: Some(seconds(1100)), ..circumstances(1.0) };
        assert_eq!(nth(10, &seen), 70);
    }

    #[test]
    fn a_token_that_dies_before_the_next_cycle_counts_as_none() {
        let seen = Circumstances { live_until: Some(seconds(1020)), ..circumstances(1.0) };
        assert_eq!(nth(10, &seen), 150);
    }

    #[test]
    fn retry_after_is_a_floor_of_at_most_fifteen_minutes() {
        let asked = |count| Circumstances { retry_after: Some(Duration::from_secs(count)), ..circumstances(0.5) };
        assert_eq!(nth(1, &asked(400)), 400);
        assert_eq!(nth(1, &asked(1)), 45);
        assert_eq!(nth(1, &asked(86_400)), 900);
    }

    #[test]
    fn many_failures_do_not_overflow() {
        assert_eq!(nth(100, &circumstances(1.0)), 150);
    }

    #[test]
    fn an_attempt_a_whole_interval_before_expiry_was_the_last_with_that_token() {
        let with_expiry = |second| Circumstances { live_until: Some(seconds(second)), ..circumstances(1.0) };
        assert_eq!(nth(10, &with_expiry(1030)), 150);
        assert_eq!(nth(10, &with_expiry(1031)), 1);
    }

    #[test]
    fn random_number_out_of_range_counts_as_the_nearest_in_it() {
        assert_eq!(nth(1, &circumstances(-0.5)), 30);
        assert_eq!(nth(1, &circumstances(1.5)), 60);
    }

    #[test]
    fn a_moment_that_has_come_is_held_back_no_longer() {
        let back_off = BackOff::after(None, CAUSE, &circumstances(0.0));
        assert!(back_off.holds(seconds(1029)));
        assert!(!back_off.holds(seconds(1030)));
    }
}
