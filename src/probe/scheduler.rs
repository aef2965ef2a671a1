//! The loops: one actor per target that runs its cycles, and the fleet that owns their tasks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::client::Wire;
use crate::clock::Clock;
use crate::model::agenda::{Agenda, Occasion, Start};
use crate::model::check::CheckOutcome;
use crate::model::check_rhythm::CheckRhythm;
use crate::model::report::CycleReport;
use crate::model::target::Target;
use crate::model::time::Moment;
use crate::model::token::TokenState;

use super::asking::{Asked, Asker, asking};
use super::checks::CheckRound;
use super::cycle::{Tools, run_cycle};
use super::threads::{Place, ProbeThreads};

/// Is told of what happens to one target. It is called between requests and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A cycle of the schedule starts, this much later than it was meant to. One that was asked for has no such time.
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

/// The tasks of all targets; they end when it is dropped. By default they run where they are spawned.
#[derive(Debug, Default)]
pub struct Fleet {
    threads: Option<ProbeThreads>,
    tasks: JoinSet<()>,
    /// Whose tasks they are, those that were stopped included.
    names: HashMap<Id, Arc<Target>>,
    running: Arc<Mutex<HashMap<String, Running>>>,
}

/// A task that was not stopped.
#[derive(Debug)]
struct Running {
    task: AbortHandle,
    target: Arc<Target>,
    token: SharedToken,
    asker: Asker,
    place: Option<Place>,
}

/// A target's token, which outlives the task: a cycle holds it to its end, however that comes, and then the task that
/// replaces this one can have it as it was left.
type SharedToken = Arc<tokio::sync::Mutex<TokenState>>;

/// Asks targets for cycles, by their names. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prober(Arc<Mutex<HashMap<String, Running>>>);

impl Prober {
    /// Asks the target of this name, if there is one, for a cycle now: the one that runs, else one that starts for it.
    ///
    /// What it gives is done once that cycle has ended, or once there is no task any more that would end it: the target
    /// was replaced or stopped. It may be dropped at any time; the cycle goes on.
    #[must_use]
    pub fn ask(&self, name: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        lock(&self.0).get(name).map(|running| running.asker.ask())
    }
}

impl Fleet {
    /// A fleet whose tasks run on these threads.
    #[must_use]
    pub fn on(threads: ProbeThreads) -> Self {
        Self { threads: Some(threads), ..Self::default() }
    }

    /// Starts probing a target, in place of the one that has its name. It begins with the next start of a schedule that
    /// began at `origin`, so that one that is replaced often is probed all the same; and with the token of the one
    /// before, if that is as good for it. One whose schedule is off waits to be asked.
    pub fn spawn<W, O, C>(&mut self, job: Job<W, O>, clock: C, origin: Moment)
    where
        W: Wire + 'static,
        O: Observer,
        C: Clock + 'static,
    {
        let target = Arc::clone(&job.target);
        // Whoever asks meanwhile waits for the lock, and finds the one or the other.
        let mut running = lock(&self.running);
        let before = running.remove(&target.name);
        let kept = before.as_ref().filter(|before| target.shares_token_with(&before.target));
        let token: SharedToken = kept.map(|before| Arc::clone(&before.token)).unwrap_or_default();
        let (asker, asked) = asking();
        let mut actor = Actor {
            agenda: Agenda::new(&target, origin, clock.now().moment),
            job,
            clock,
            token: Arc::clone(&token),
            asked,
            checks: CheckRhythm::default(),
        };
        // Not by an `async fn` that takes the actor: its future would have room for two of them.
        let acting = async move {
            loop {
                actor.act().await;
            }
        };
        if let Some(before) = before {
            before.end(self.threads.as_mut());
        }
        let (place, task) = match self.threads.as_mut().and_then(|threads| threads.take(&target)) {
            Some((place, thread)) => (Some(place), self.tasks.spawn_on(acting, &thread)),
            None => (None, self.tasks.spawn(acting)),
        };
        self.names.insert(task.id(), Arc::clone(&target));
        running.insert(target.name.clone(), Running { task, target, token, asker, place });
    }

    /// Stops probing the target of this name, if there is one. A cycle of it that is under way is given up.
    pub fn stop(&mut self, name: &str) {
        if let Some(running) = lock(&self.running).remove(name) {
            running.end(self.threads.as_mut());
        }
    }

    /// Asks its targets for cycles, those that are spawned later as well.
    #[must_use]
    pub fn prober(&self) -> Prober {
        Prober(Arc::clone(&self.running))
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
}

impl Running {
    fn end(self, threads: Option<&mut ProbeThreads>) {
        self.task.abort();
        if let (Some(threads), Some(place)) = (threads, self.place) {
            threads.give_back(place);
        }
    }
}

/// Owns one target: its schedule and whoever asks are equals to it, and each cycle is for all who want one then.
struct Actor<W, O, C> {
    job: Job<W, O>,
    clock: C,
    agenda: Agenda,
    token: SharedToken,
    asked: Asked,
    checks: CheckRhythm,
}

impl<W: Wire, O: Observer, C: Clock> Actor<W, O, C> {
    /// Waits for one cycle to start and sees it through.
    async fn act(&mut self) {
        let start = self.next_start().await;
        self.cycle(start).await;
    }

    /// Returns when a cycle is to start.
    async fn next_start(&mut self) -> Start {
        loop {
            let occasion = tokio::select! {
                () = sleep_until(&self.clock, self.agenda.due()) => Occasion::Due,
                () = cycle_wanted(&self.asked, &self.agenda, &self.clock) => Occasion::Asked,
            };
            let now = self.clock.now().moment;
            let outlook = self.agenda.look(now, occasion);
            note_skipped(&self.job.observer, outlook.skipped);
            if let Some(Start::Scheduled(due)) = outlook.start {
                self.job.observer.cycle_started(due.until(now));
            }
            if let Some(start) = outlook.start {
                return start;
            }
        }
    }

    async fn cycle(&mut self, start: Start) {
        let deadline = self.agenda.deadline(start);
        // It is free, unless the task before this one was stopped a moment ago and is still about to notice.
        let mut token = self.token.lock().await;
        let Job { target, wire, observer, random } = &mut self.job;
        let tools = Tools { wire, clock: &self.clock, random };
        // Boxed, so that a target between two cycles costs no more than its state.
        let report = Box::pin(run_cycle(target, &mut token, deadline, tools)).await;
        observer.cycle_ended(&report);
        self.asked.cycle_ended();
        self.checks.cycle_ended(report.verdict);
        note_skipped(observer, self.agenda.cycle_ended(start, self.clock.now().moment));
        let deadline = self.agenda.checks_deadline(deadline);
        let round = CheckRound { target, wire, clock: &self.clock, deadline };
        // A check delays no ping: whoever asks for a cycle now ends the one that is under way, and it stays due.
        tokio::select! {
            biased;
            () = cycle_wanted(&self.asked, &self.agenda, &self.clock) => {}
            () = Box::pin(round.run(&mut self.checks, &token, |outcome| observer.check_made(&outcome))) => {}
        }
    }
}

/// Returns once somebody asks for a cycle and one may start for it. It may be dropped at any time.
async fn cycle_wanted(asked: &Asked, agenda: &Agenda, clock: &impl Clock) {
    asked.wanted().await;
    if let Some(earliest) = agenda.earliest_asked() {
        clock.sleep_until(earliest).await;
    }
}

fn note_skipped(observer: &impl Observer, count: u64) {
    if count > 0 {
        observer.cycles_skipped(count);
    }
}

/// Returns once `moment` has come; never if there is none.
async fn sleep_until(clock: &impl Clock, moment: Option<Moment>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Held for as long as it takes to look up or to put in a target; a panic meanwhile leaves the others whole.
fn lock(running: &Mutex<HashMap<String, Running>>) -> MutexGuard<'_, HashMap<String, Running>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
