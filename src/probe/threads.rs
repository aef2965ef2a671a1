//! The threads that probe: a request is sent, answered and judged on one of them, and nothing else is done there.

use std::io;
use std::num::NonZero;
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::model::target::{ScheduleMode, Target};

/// What a thread takes before the next one gets anything: five hundred cycles a second, which over TLS take about a quarter
/// of its time. The fewer threads are awake, the less a ping costs; but what waits for another one's turn is measured, too:
/// at twice as many the median of durations was off by a fifth more.
const FULL: Load = Load(500 * Load::PER_SECOND);

/// More are never of use: so many targets would need other ports than one machine has.
const MOST: usize = 8;

/// A runtime of one thread for each processor, up to a few. They end when it is dropped.
#[derive(Debug)]
pub struct ProbeThreads(Vec<ProbeThread>);

#[derive(Debug)]
struct ProbeThread {
    runtime: Handle,
    load: Load,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

/// Starts of cycles in a thousand seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Load(u64);

/// A task's place on a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    thread: usize,
    load: Load,
}

impl ProbeThreads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no thread, or none of what a runtime needs.
    pub fn start() -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        (0..processors.min(MOST)).map(ProbeThread::start).collect::<Result<_, _>>().map(Self)
    }

    /// Gives the target a place, on the first thread that is not full, else on the one with the least to do.
    pub(super) fn take(&mut self, target: &Target) -> Option<(Place, Handle)> {
        let load = Load::of(target);
        let thread = choose(self.0.iter().map(|thread| thread.load), load)?;
        let ProbeThread { runtime, load: taken, .. } = &mut self.0[thread];
        taken.0 += load.0;
        Some((Place { thread, load }, runtime.clone()))
    }

    /// The place is free again.
    pub(super) fn give_back(&mut self, Place { thread, load }: Place) {
        self.0[thread].load.0 -= load.0;
    }
}

impl ProbeThread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let handle = runtime.handle().clone();
        thread::Builder::new().name(format!("probing-{number}")).spawn(move || run(runtime, ended))?;
        Ok(Self { runtime: handle, load: Load::default(), _end: end })
    }
}

fn run(runtime: Runtime, ended: oneshot::Receiver<()>) {
    // Nothing is ever sent.
    let _ = runtime.block_on(ended);
    // Dropping it would wait for threads in which a look-up of a name or the read of a file hangs.
    runtime.shutdown_background();
}

impl Load {
    const PER_SECOND: u64 = 1_000;

    fn of(target: &Target) -> Self {
        match target.schedule {
            ScheduleMode::On => Self((1_000_000 / target.interval.as_millis().max(1)) as u64),
            ScheduleMode::Off => Self::default(),
        }
    }
}

fn choose(loads: impl Iterator<Item = Load> + Clone, further: Load) -> Option<usize> {
    let with_room = loads.clone().position(|load| load.0 + further.0 <= FULL.0);
    with_room.or_else(|| loads.enumerate().min_by_key(|&(_, load)| load).map(|(thread, _)| thread))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn chosen(loads: &[u64], further: u64) -> Option<usize> {
        choose(loads.iter().map(|load| Load(load * Load::PER_SECOND)), Load(further * Load::PER_SECOND))
    }

    #[test]
    fn thread_is_filled_before_the_next_one_gets_anything() {
        assert_eq!(chosen(&[0, 0], 1), Some(0));
        assert_eq!(chosen(&[499, 0], 1), Some(0));
        assert_eq!(chosen(&[500, 0], 1), Some(1));
    }

    #[test]
    fn what_no_thread_has_room_for_goes_where_there_is_least_to_do() {
        assert_eq!(chosen(&[500, 500, 500], 1), Some(0));
        assert_eq!(chosen(&[502, 500, 501], 1), Some(1));
        assert_eq!(chosen(&[], 1), None);
    }

    #[test]
    fn tasks_run_on_threads_that_end_with_them() {
        let threads = ProbeThreads::start().expect("threads");
        let (names, named) = mpsc::channel();
        for thread in &threads.0 {
            let names = names.clone();
            thread.runtime.spawn(async move {
                names.send(thread::current().name().map(str::to_owned)).expect("somebody listens");
                std::future::pending::<()>().await;
            });
        }
        drop(names);
        let mut running: Vec<_> = (0..threads.0.len()).map(|_| named.recv().expect("it runs")).collect();
        running.sort();
        let expected: Vec<_> = (0..threads.0.len()).map(|number| Some(format!("probing-{number}"))).collect();
        assert_eq!(running, expected);
        drop(threads);
        assert_eq!(named.recv(), Err(mpsc::RecvError), "their tasks are gone");
    }
}
