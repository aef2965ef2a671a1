//! Where one target stands in its schedule: which start is due, and what becomes of those that pass meanwhile.

use std::time::Duration;

use super::schedule::Schedule;
use super::target::{ScheduleMode, Target};
use super::time::Moment;

/// The starts of one target that are still to come.
///
/// The schedule and whoever asks for a cycle are equals: a start that comes while a cycle runs that was asked for is
/// served by it, and none is counted as skipped. The grid of the starts never moves. Whoever asks again and again has the
/// API called once a second, and no more.
#[derive(Clone, Copy, Debug)]
pub struct Agenda {
    schedule: Schedule,
    /// The next start; `None`: no cycle starts by itself.
    due: Option<Moment>,
    /// When the last cycle started, whoever wanted it.
    last: Option<Moment>,
}

/// From the start of a cycle to that of the next one that is asked for; half an interval, if that is shorter.
const SPACING: Duration = Duration::from_secs(1);

/// What made a target's task look at its agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The time of the next start has come.
    Due,
    /// Somebody asked for a cycle.
    Asked,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Starts that passed without a cycle.
    pub skipped: u64,
    /// The cycle that starts now, if one does.
    pub start: Option<Start>,
}

/// A cycle that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// One of the schedule, at this moment of its grid.
    Scheduled(Moment),
    /// One that was asked for, at this moment.
    Asked(Moment),
}

impl Agenda {
    /// The agenda of `target`, whose schedule began at `origin`, as it is `now`.
    #[must_use]
    pub fn new(target: &Target, origin: Moment, now: Moment) -> Self {
        let schedule = Schedule::spread(origin, target.interval, &target.name);
        let due = match target.schedule {
            ScheduleMode::On => Some(schedule.next_from(now)),
            ScheduleMode::Off => None,
        };
        Self { schedule, due, last: None }
    }

    /// When the next cycle starts by itself.
    #[must_use]
    pub const fn due(&self) -> Option<Moment> {
        self.due
    }

    /// When a cycle starts, at the earliest, for who asks; `None`: at once.
    #[must_use]
    pub fn earliest_asked(&self) -> Option<Moment> {
        self.last.map(|last| last.plus(SPACING.min(self.schedule.half())))
    }

    /// What is to be done `now`, while no cycle runs.
    pub fn look(&mut self, now: Moment, occasion: Occasion) -> Outlook {
        let resumed = self.due.map(|due| self.schedule.resume(due, now));
        self.due = resumed.map(|next| next.start);
        let start = match (self.due.filter(|due| *due <= now), occasion) {
            (Some(due), _) => Some(Start::Scheduled(due)),
            (None, Occasion::Asked) => Some(Start::Asked(now)),
            // The start that was due passed long ago, and the next one lies ahead.
            (None, Occasion::Due) => None,
        };
        if start.is_some() {
            self.last = Some(now);
        }
        Outlook { skipped: resumed.map_or(0, |next| next.skipped), start }
    }

    /// When the cycle must have ended.
    #[must_use]
    pub fn deadline(&self, start: Start) -> Moment {
        let (Start::Scheduled(begin) | Start::Asked(begin)) = start;
        self.schedule.deadline(begin)
    }

    /// The cycle ended at `ended`. Says how many starts were skipped because it ran.
    pub fn cycle_ended(&mut self, start: Start, ended: Moment) -> u64 {
        let passed = match (start, self.due) {
            (Start::Scheduled(begin), Some(_)) => begin,
            (Start::Asked(_), Some(due)) if due < ended => due,
            _ => return 0,
        };
        let next = self.schedule.after(passed, ended);
        self.due = Some(next.start);
        next.skipped
    }

    /// When the checks after a cycle that had to end by `deadline` must have ended, so that they delay no start.
    #[must_use]
    pub fn checks_deadline(&self, deadline: Moment) -> Moment {
        self.due.map_or(deadline, |due| deadline.min(self.schedule.end_before(due)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn at(seconds: f64) -> Moment {
        Moment::since_boot(Duration::from_secs_f64(seconds))
    }

    /// Starts at 100 s, 130 s, 160 s, …
    fn agenda() -> Agenda {
        let schedule = Schedule::starting(at(100.0), INTERVAL);
        Agenda { schedule, due: Some(at(100.0)), last: None }
    }

    fn off() -> Agenda {
        Agenda { due: None, ..agenda() }
    }

    fn started(agenda: &mut Agenda, seconds: f64, occasion: Occasion) -> Start {
        let outlook = agenda.look(at(seconds), occasion);
        assert_eq!(outlook.skipped, 0);
        outlook.start.expect("a cycle starts")
    }

    #[test]
    fn cycle_that_is_asked_for_between_two_starts_moves_neither() {
        let mut agenda = agenda();
        let start = started(&mut agenda, 85.0, Occasion::Asked);
        assert_eq!((start, agenda.deadline(start)), (Start::Asked(at(85.0)), at(114.95)));
        assert_eq!(agenda.cycle_ended(start, at(86.0)), 0);
        assert_eq!(agenda.due(), Some(at(100.0)));
    }

    #[test]
    fn start_that_comes_while_such_a_cycle_runs_is_served_by_it_and_not_skipped() {
        for (begin, end) in [(85.0, 100.001), (99.999, 100.5), (70.1, 100.05), (99.0, 128.95)] {
            let mut agenda = agenda();
            let start = started(&mut agenda, begin, Occasion::Asked);
            assert!(at(end) <= agenda.deadline(start));
            assert_eq!(agenda.cycle_ended(start, at(end)), 0);
            assert_eq!(agenda.due(), Some(at(130.0)), "{begin} s to {end} s");
        }
    }

    #[test]
    fn further_starts_that_pass_while_it_overruns_are_skipped() {
        let mut agenda = agenda();
        let start = started(&mut agenda, 99.0, Occasion::Asked);
        assert_eq!(agenda.cycle_ended(start, at(170.0)), 2);
        assert_eq!(agenda.due(), Some(at(190.0)));
    }

    #[test]
    fn scheduled_cycle_that_overruns_skips_the_starts_that_it_covers() {
        let mut agenda = agenda();
        let start = started(&mut agenda, 100.002, Occasion::Due);
        assert_eq!((start, agenda.deadline(start)), (Start::Scheduled(at(100.0)), at(129.95)));
        assert_eq!(agenda.cycle_ended(start, at(165.0)), 2);
        assert_eq!(agenda.due(), Some(at(190.0)));
    }

    #[test]
    fn who_asks_when_a_start_is_due_gets_that_start() {
        for occasion in [Occasion::Asked, Occasion::Due] {
            assert_eq!(started(&mut agenda(), 100.0, occasion), Start::Scheduled(at(100.0)));
            assert_eq!(started(&mut agenda(), 114.0, occasion), Start::Scheduled(at(100.0)));
        }
    }

    #[test]
    fn starts_that_a_sleeping_machine_missed_are_skipped_and_who_asks_need_not_wait_for_the_next() {
        let mut due = agenda();
        assert_eq!(due.look(at(216.0), Occasion::Due), Outlook { skipped: 4, start: None });
        let mut asked = agenda();
        assert_eq!(
            asked.look(at(216.0), Occasion::Asked),
            Outlook { skipped: 4, start: Some(Start::Asked(at(216.0))) }
        );
        assert_eq!((due.due(), asked.due()), (Some(at(220.0)), Some(at(220.0))));
    }

    #[test]
    fn nothing_is_ever_due_or_skipped_where_the_schedule_is_off() {
        let mut agenda = off();
        let start = started(&mut agenda, 1000.0, Occasion::Asked);
        assert_eq!((start, agenda.deadline(start)), (Start::Asked(at(1000.0)), at(1029.95)));
        assert_eq!((agenda.cycle_ended(start, at(2000.0)), agenda.due()), (0, None));
        assert_eq!(agenda.look(at(3000.0), Occasion::Due), Outlook { skipped: 0, start: None });
    }

    #[test]
    fn who_asks_waits_a_second_from_the_last_start_or_half_an_interval() {
        let mut agenda = agenda();
        assert_eq!(agenda.earliest_asked(), None);
        started(&mut agenda, 40.0, Occasion::Asked);
        assert_eq!(agenda.earliest_asked(), Some(at(41.0)));
        started(&mut agenda, 100.002, Occasion::Due);
        assert_eq!(agenda.earliest_asked(), Some(at(101.002)), "from when it really began");
        let schedule = Schedule::starting(at(100.0), Duration::from_secs(1));
        let quick = Agenda { schedule, due: None, last: Some(at(40.0)) };
        assert_eq!(quick.earliest_asked(), Some(at(40.5)));
    }

    #[test]
    fn checks_end_before_the_next_start_and_within_an_interval_of_their_cycle() {
        let mut scheduled = agenda();
        let start = started(&mut scheduled, 100.0, Occasion::Due);
        scheduled.cycle_ended(start, at(101.0));
        assert_eq!(scheduled.checks_deadline(scheduled.deadline(start)), at(129.95));
        let mut asked = agenda();
        let start = started(&mut asked, 90.0, Occasion::Asked);
        asked.cycle_ended(start, at(91.0));
        assert_eq!(asked.checks_deadline(asked.deadline(start)), at(99.95), "they make way for the start at 100 s");
        assert_eq!(off().checks_deadline(at(42.0)), at(42.0));
    }
}
