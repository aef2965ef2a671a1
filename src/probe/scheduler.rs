//! The loops: one task per target that starts its cycles, and the fleet that owns the tasks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};

use crate::client::Wire;
use crate::clock::Clock;
use crate::model::check::CheckOutcome;
use crate::model::check_rhythm::CheckRhythm;
use crate::model::report::CycleReport;
use crate::model::schedule::Schedule;
use crate::model::target::{ScheduleMode, Target};
use crate::model::time::Moment;
use crate::model::token::TokenState;

use super::checks::CheckRound;
use super::cycle::{Tools, run_cycle};

/// Is told of what happens to one target. It is called between requests and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A cycle starts, this much later than it was meant to.
    fn cycle_started(&self, lag: Duration);

    /// A cycle has ended.
    fn cycle_ended(&self, report: &CycleReport);

    /// A check was made, after the cycle that was last to end.
    fn check_made(&self, outcome: &CheckOutcome);

    /// Cycles were not started: the one before still ran, or the machine slept.
    fn cycles_skipped(&self, count: u64);
}

/// One target and all that its cycles need.
#[derive(Debug)]
pub struct Job<W, O> {
    /// What is probed.
    pub target: Arc<Target>,
    /// Sends its requests.
    pub wire: W,
    /// Is told of its cycles.
    pub observer: O,
    /// Spreads its back-offs.
    pub random: fastrand::Rng,
}

/// The task of a target has ended, which none ever should.
#[derive(Debug, thiserror::Error)]
#[error("the task that probes target {target} died; this is a bug of the exporter")]
pub struct TaskDied {
    /// Whose task it was.
    pub target: String,
    /// How it ended, if it panicked.
    #[source]
    pub source: Option<tokio::task::JoinError>,
}

/// The tasks of all targets; they end when it is dropped.
#[derive(Debug, Default)]
pub struct Fleet {
    tasks: JoinSet<()>,
    names: HashMap<Id, Arc<Target>>,
}

impl Fleet {
    /// Starts probing one more target. The first cycle comes within an interval from `origin`.
    pub fn spawn<W, O, C>(&mut self, job: Job<W, O>, clock: C, origin: Moment)
    where
        W: Wire + 'static,
        O: Observer,
        C: Clock + 'static,
    {
        if job.target.schedule == ScheduleMode::Off {
            return;
        }
        let target = Arc::clone(&job.target);
        let task = self.tasks.spawn(probe_for_ever(job, clock, origin));
        self.names.insert(task.id(), target);
    }

    /// Returns only when a task has ended, which is an error. Pending for ever while there are none.
    pub async fn watch(&mut self) -> TaskDied {
        let (id, source) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, None),
            Some(Err(error)) => (error.id(), Some(error)),
            None => std::future::pending().await,
        };
        let target = self.names.remove(&id).map_or_else(String::new, |target| target.name.clone());
        TaskDied { target, source }
    }
}

async fn probe_for_ever<W: Wire, O: Observer, C: Clock>(job: Job<W, O>, clock: C, origin: Moment) {
    let Job { target, wire, observer, mut random } = job;
    let schedule = Schedule::spread(origin, target.interval, &target.name);
    let mut state = TokenState::default();
    let mut checks = CheckRhythm::default();
    let mut start = schedule.first();
    loop {
        clock.sleep_until(start).await;
        let now = clock.now().moment;
        let resume = schedule.resume(start, now);
        if resume.skipped > 0 {
            observer.cycles_skipped(resume.skipped);
        }
        start = resume.start;
        if start > now {
            continue;
        }
        observer.cycle_started(start.until(now));
        let tools = Tools { wire: &wire, clock: &clock, random: &mut random };
        // Boxed, so that a target between two cycles costs no more than its state.
        let deadline = schedule.deadline(start);
        let (report, next_state) = Box::pin(run_cycle(&target, state, deadline, tools)).await;
        state = next_state;
        observer.cycle_ended(&report);
        checks.cycle_ended(report.verdict);
        let round = CheckRound { target: &target, wire: &wire, clock: &clock, deadline };
        Box::pin(round.run(&mut checks, &state, |outcome| observer.check_made(&outcome))).await;
        let next = schedule.after(start, clock.now().moment);
        if next.skipped > 0 {
            observer.cycles_skipped(next.skipped);
        }
        start = next.start;
    }
}
