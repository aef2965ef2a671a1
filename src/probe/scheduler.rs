//! The loops: one task per target that starts its cycles, and the fleet that owns the tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

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
    pub source: Option<JoinError>,
}

/// The tasks of all targets; they end when it is dropped.
#[derive(Debug, Default)]
pub struct Fleet {
    tasks: JoinSet<()>,
    /// Whose tasks they are, those that were stopped included.
    names: HashMap<Id, Arc<Target>>,
    running: HashMap<String, Running>,
}

/// A task that was not stopped.
#[derive(Debug)]
struct Running {
    task: AbortHandle,
    target: Arc<Target>,
    token: SharedToken,
}

/// A target's token between two cycles, so that it outlives the task.
type SharedToken = Arc<Mutex<TokenState>>;

impl Fleet {
    /// Starts probing a target, in place of the one that has its name. It begins with the next start of a schedule that
    /// began at `origin`, so that one that is replaced often is probed all the same; and with the token of the one
    /// before, if that is as good for it.
    pub fn spawn<W, O, C>(&mut self, job: Job<W, O>, clock: C, origin: Moment)
    where
        W: Wire + 'static,
        O: Observer,
        C: Clock + 'static,
    {
        let before = self.take(&job.target.name);
        if job.target.schedule == ScheduleMode::Off {
            return;
        }
        let target = Arc::clone(&job.target);
        let kept = before.filter(|before| target.shares_token_with(&before.target));
        let state = kept.map_or_else(TokenState::default, |before| lock(&before.token).clone());
        let token = Arc::new(Mutex::new(state));
        let task = self.tasks.spawn(probe_for_ever(job, clock, origin, Arc::clone(&token)));
        self.names.insert(task.id(), Arc::clone(&target));
        self.running.insert(target.name.clone(), Running { task, target, token });
    }

    /// Stops probing the target of this name, if there is one. A cycle of it that is under way is given up.
    pub fn stop(&mut self, name: &str) {
        self.take(name);
    }

    /// Returns only when a task has ended that was not stopped, which is an error. Pending for ever while there are
    /// none. It may be dropped at any time.
    pub async fn watch(&mut self) -> TaskDied {
        loop {
            let (id, source) = match self.tasks.join_next_with_id().await {
                Some(Ok((id, ()))) => (id, None),
                Some(Err(error)) => (error.id(), Some(error)),
                None => std::future::pending().await,
            };
            let target = self.names.remove(&id).map_or_else(String::new, |target| target.name.clone());
            // Nobody but the fleet cancels its tasks.
            if !source.as_ref().is_some_and(JoinError::is_cancelled) {
                return TaskDied { target, source };
            }
        }
    }

    fn take(&mut self, name: &str) -> Option<Running> {
        let running = self.running.remove(name)?;
        running.task.abort();
        Some(running)
    }
}

async fn probe_for_ever<W: Wire, O: Observer, C: Clock>(job: Job<W, O>, clock: C, origin: Moment, token: SharedToken) {
    let Job { target, wire, observer, mut random } = job;
    let schedule = Schedule::spread(origin, target.interval, &target.name);
    let mut checks = CheckRhythm::default();
    let mut start = schedule.next_from(clock.now().moment);
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
        let state = lock(&token).clone();
        // Boxed, so that a target between two cycles costs no more than its state.
        let deadline = schedule.deadline(start);
        let (report, next_state) = Box::pin(run_cycle(&target, state, deadline, tools)).await;
        *lock(&token) = next_state.clone();
        observer.cycle_ended(&report);
        checks.cycle_ended(report.verdict);
        let round = CheckRound { target: &target, wire: &wire, clock: &clock, deadline };
        Box::pin(round.run(&mut checks, &next_state, |outcome| observer.check_made(&outcome))).await;
        let next = schedule.after(start, clock.now().moment);
        if next.skipped > 0 {
            observer.cycles_skipped(next.skipped);
        }
        start = next.start;
    }
}

/// Held for as long as it takes to copy a state; a panic meanwhile leaves it whole.
fn lock(token: &SharedToken) -> MutexGuard<'_, TokenState> {
    token.lock().unwrap_or_else(PoisonError::into_inner)
}
