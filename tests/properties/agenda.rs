//! Every start of a schedule is started, skipped, or served by a cycle that somebody asked for: exactly one of them.

use std::time::Duration;

use oauth_probe_exporter::model::agenda::{Agenda, Occasion, Start};
use oauth_probe_exporter::model::schedule::Schedule;
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::time::Moment;
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;
use super::simulated::target;

/// One look at the agenda, and the cycle that comes of it.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// How long after the one before ended, or after the start that is due.
    later_permille: u64,
    by: By,
    /// How long the cycle takes, in thousandths of an interval.
    takes_permille: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The timer of the next start, which fires when it is due or late.
    Timer,
    /// Somebody who asks, whenever that is.
    Asker,
}

fn looks() -> impl Strategy<Value = Vec<Look>> {
    let lateness = prop_oneof![3 => Just(0_u64), 2 => 0..600_u64, 1 => 0..20_000_u64];
    let takes = prop_oneof![3 => 0..990_u64, 1 => 0..5_000_u64];
    let by = prop_oneof![2 => Just(By::Timer), 1 => Just(By::Asker)];
    let look = (lateness, by, takes);
    let look = look.prop_map(|(later_permille, by, takes_permille)| Look { later_permille, by, takes_permille });
    vec(look, 0..40)
}

struct Account {
    agenda: Agenda,
    interval: Duration,
    now: Moment,
    started: u64,
    skipped: u64,
    joined: u64,
}

impl Account {
    fn part(&self, permille: u64) -> Duration {
        self.interval * u32::try_from(permille).unwrap() / 1000
    }

    fn total(&self) -> u64 {
        self.started + self.skipped + self.joined
    }

    fn look(&mut self, look: Look) -> Result<(), TestCaseError> {
        let due = self.agenda.due().expect("the schedule is on");
        let (occasion, from) = match look.by {
            By::Timer => (Occasion::Due, due.max(self.now)),
            By::Asker => (Occasion::Asked, self.now),
        };
        self.now = from.plus(self.part(look.later_permille));
        let outlook = self.agenda.look(self.now, occasion);
        self.skipped += outlook.skipped;
        let Some(start) = outlook.start else {
            prop_assert!(look.by == By::Timer, "who asks gets a cycle");
            return Ok(());
        };
        if let Start::Scheduled(begin) = start {
            self.started += 1;
            prop_assert!(begin <= self.now && begin.until(self.now) <= self.interval / 2, "starts at most half late");
        }
        let deadline = self.agenda.deadline(start);
        let next = self.agenda.due().expect("the schedule is on");
        if matches!(start, Start::Scheduled(_)) {
            prop_assert!(deadline < next.plus(self.interval), "a cycle ends before the next one starts");
        }
        self.now = self.now.plus(self.part(look.takes_permille));
        let comes_meanwhile = matches!(start, Start::Asked(_)) && next < self.now;
        self.joined += u64::from(comes_meanwhile);
        self.skipped += self.agenda.cycle_ended(start, self.now);
        prop_assert!(self.agenda.due().is_some_and(|due| due >= self.now), "the next start lies ahead");
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn every_start_is_started_skipped_or_joined(millis in 10..100_000_u64, late in 0..10_000_u64, looks in looks()) {
        let interval = Duration::from_millis(millis);
        let target = Target { name: "tested".to_owned(), ..target(interval) };
        let origin = Moment::since_boot(Duration::from_secs(1000));
        let began = origin.plus(interval * u32::try_from(late).unwrap() / 1000);
        let agenda = Agenda::new(&target, origin, began);
        let first = agenda.due().expect("the schedule is on");
        prop_assert!(first >= began && began.until(first) <= interval);
        let mut account = Account { agenda, interval, now: began, started: 0, skipped: 0, joined: 0 };
        for look in looks {
            account.look(look)?;
            let due = account.agenda.due().expect("the schedule is on");
            let passed = first.until(due).as_nanos();
            prop_assert_eq!(passed % interval.as_nanos(), 0, "the grid never moves");
            prop_assert_eq!(passed / interval.as_nanos(), u128::from(account.total()));
        }
    }

    #[test]
    fn schedule_that_is_begun_again_at_any_time_keeps_its_grid(
        millis in 1..100_000_u64, name in "[a-z]{1,12}", later in 0..1_000_000_000_u64,
    ) {
        let (interval, origin) = (Duration::from_millis(millis), Moment::since_boot(Duration::from_secs(1000)));
        let schedule = Schedule::spread(origin, interval, &name);
        let (first, now) = (schedule.next_from(origin), origin.plus(Duration::from_millis(later)));
        let next = schedule.next_from(now);
        prop_assert!(next >= now);
        prop_assert!(now.until(next) <= interval);
        prop_assert_eq!(first.until(next).as_nanos() % interval.as_nanos(), 0);
        prop_assert!(schedule.deadline(next) < next.plus(interval));
    }
}
