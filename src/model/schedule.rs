//! When cycles start: at a fixed rate, spread over the interval by a hash of the name and of the process's start, none on
//! top of another.

use std::time::Duration;

use super::time::Moment;

/// A cycle ends this share of an interval before the next one starts …
const REST: u32 = 100;
/// … but never more than this, so that the timers' own inaccuracy makes no cycle miss its start.
const LONGEST_REST: Duration = Duration::from_millis(50);

/// The starts of one target's cycles: `first`, `first + interval`, `first + 2 · interval`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    first: Moment,
    interval: Duration,
}

/// Which start comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When the next cycle starts.
    pub start: Moment,
    /// Starts that passed without a cycle.
    pub skipped: u64,
}

impl Schedule {
    /// A schedule that begins within one interval of `origin`, where the hash of `name` and `origin` puts it.
    ///
    /// So every start of the process deals the places anew. One that never lives for an interval reaches other targets each
    /// time, also where its end always comes at the same place: when a certain target is probed, or when it is scraped.
    #[must_use]
    pub fn spread(origin: Moment, interval: Duration, name: &str) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self { first: origin.plus(interval.mul_f64(unit_hash(name, origin))), interval }
    }

    /// One that begins at `first`.
    #[cfg(test)]
    pub(super) const fn starting(first: Moment, interval: Duration) -> Self {
        Self { first, interval }
    }

    /// The first start that has not passed at `now`.
    #[must_use]
    pub fn next_from(&self, now: Moment) -> Moment {
        if now > self.first { self.after(self.first, now).start } else { self.first }
    }

    /// Half an interval.
    #[must_use]
    pub fn half(&self) -> Duration {
        self.interval / 2
    }

    /// When the cycle that started at `start` must have ended: just before the next start, or where that would be.
    #[must_use]
    pub fn deadline(&self, start: Moment) -> Moment {
        self.end_before(start.plus(self.interval))
    }

    /// When what is under way must have ended so that a cycle can start at `start`.
    #[must_use]
    pub fn end_before(&self, start: Moment) -> Moment {
        start.minus((self.interval / REST).min(LONGEST_REST))
    }

    /// The first start after `start` that has not passed at `ended`, and how many passed.
    #[must_use]
    pub fn after(&self, start: Moment, ended: Moment) -> Next {
        let elapsed = start.until(ended).as_nanos();
        let interval = self.interval.as_nanos();
        let skipped = u64::try_from(elapsed.saturating_sub(1) / interval).unwrap_or(u64::MAX);
        let steps = u32::try_from(skipped.saturating_add(1)).unwrap_or(u32::MAX);
        Next { start: start.plus(self.interval.saturating_mul(steps)), skipped }
    }

    /// The start to use when the one that was `due` is noticed only `now`, as after suspend: the nearest on the grid.
    #[must_use]
    pub fn resume(&self, due: Moment, now: Moment) -> Next {
        let passed = due.plus(self.half()).until(now).as_nanos().div_ceil(self.interval.as_nanos());
        let steps = u32::try_from(passed).unwrap_or(u32::MAX);
        Next { start: due.plus(self.interval.saturating_mul(steps)), skipped: u64::from(steps) }
    }
}

/// FNV-1a with a final mix, as a fraction in `[0, 1)`.
fn unit_hash(name: &str, origin: Moment) -> f64 {
    let origin = Moment::default().until(origin).as_nanos().to_le_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes().chain(origin) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    // 53 bits fit an f64 exactly.
    ((hash ^ (hash >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn schedule() -> Schedule {
        Schedule { first: Moment::since_boot(Duration::from_secs(100)), interval: INTERVAL }
    }

    #[test]
    fn starts_do_not_drift() {
        let schedule = schedule();
        let mut start = schedule.first;
        for _ in 0..1000 {
            start = schedule.after(start, start.plus(Duration::from_millis(7_123))).start;
        }
        assert_eq!(schedule.first.until(start), INTERVAL * 1000);
    }

    #[test]
    fn schedule_that_began_earlier_goes_on_where_it_would_be() {
        let (first, next_from) = (schedule().first, |seconds| {
            let now = Moment::since_boot(Duration::from_secs(seconds));
            schedule().next_from(now)
        });
        for (now, starts_passed) in [(1, 0), (100, 0), (101, 1), (130, 1), (131, 2), (3_100, 100)] {
            assert_eq!(next_from(now), first.plus(INTERVAL * starts_passed), "{now} s");
        }
    }

    #[test]
    fn a_cycle_that_overran_skips_the_starts_it_covered() {
        let start = schedule().first;
        let after = |seconds| schedule().after(start, start.plus(Duration::from_secs_f64(seconds)));
        assert_eq!(after(30.0), Next { start: start.plus(INTERVAL), skipped: 0 });
        assert_eq!(after(30.001), Next { start: start.plus(INTERVAL * 2), skipped: 1 });
        assert_eq!(after(95.0), Next { start: start.plus(INTERVAL * 4), skipped: 3 });
    }

    #[test]
    fn a_cycle_ends_before_the_next_one_starts() {
        let start = schedule().first;
        assert!(schedule().deadline(start) < start.plus(INTERVAL));
        assert!(schedule().deadline(start) >= start.plus(INTERVAL).minus(LONGEST_REST));
    }

    #[test]
    fn sleep_through_many_starts_resumes_on_the_grid() {
        let due = schedule().first;
        let resumed = |seconds| due.until(schedule().resume(due, due.plus(Duration::from_secs(seconds))).start);
        assert_eq!(resumed(0), Duration::ZERO);
        assert_eq!(resumed(15), Duration::ZERO);
        assert_eq!(resumed(29), INTERVAL);
        assert_eq!(resumed(3605), INTERVAL * 120);
    }

    #[test]
    fn ten_thousand_names_spread_evenly() {
        let mut tenths = [0_u32; 10];
        for number in 0..10_000 {
            let schedule = Schedule::spread(Moment::default(), Duration::from_secs(10), &format!("target-{number}"));
            tenths[Moment::default().until(schedule.first).as_secs() as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (850..1150).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn ten_thousand_starts_deal_a_name_even_places() {
        let (interval, mut tenths) = (Duration::from_secs(10), [0_u32; 10]);
        for start in 0..10_000 {
            // As regular as starts can be.
            let origin = Moment::since_boot(interval * start);
            let schedule = Schedule::spread(origin, interval, "tested");
            tenths[origin.until(schedule.first).as_secs() as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (850..1150).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn interval_of_zero_neither_panics_nor_stands_still() {
        let schedule = Schedule::spread(Moment::default(), Duration::ZERO, "tested");
        let start = schedule.first;
        assert!(schedule.deadline(start) > start);
        assert!(schedule.after(start, start).start > start);
        assert!(schedule.resume(start, start.plus(Duration::from_secs(1))).start > start);
    }

    #[test]
    fn rest_before_the_next_start_is_a_hundredth_but_at_most_fifty_milliseconds() {
        for (interval_millis, rest_micros) in
            [(1, 10), (10, 100), (1000, 10_000), (5000, 50_000), (6000, 50_000), (3_600_000, 50_000)]
        {
            let interval = Duration::from_millis(interval_millis);
            let schedule = Schedule { interval, ..schedule() };
            let start = schedule.first;
            let rest = schedule.deadline(start).until(start.plus(interval));
            assert_eq!(rest, Duration::from_micros(rest_micros), "{interval:?}");
        }
    }

    #[test]
    fn start_noticed_late_is_kept_up_to_half_an_interval() {
        let due = schedule().first;
        for (late_millis, skipped) in
            [(0, 0), (14_999, 0), (15_000, 0), (15_001, 1), (30_000, 1), (45_000, 1), (45_001, 2), (75_001, 3)]
        {
            let next = schedule().resume(due, due.plus(Duration::from_millis(late_millis)));
            let start = due.plus(INTERVAL * u32::try_from(skipped).expect("few"));
            assert_eq!(next, Next { start, skipped }, "{late_millis} ms late");
        }
    }
}
