//! Asking a target for a cycle, and being told that it has ended: by numbers, so that nothing queues up.
//!
//! The answers of a target's task are numbered: each cycle's end is one, and so is that the last cycle will do. Who asks
//! wants the one after the last that was given: mostly the end of the cycle which runs, or else of the next. Any number of
//! callers who come before it want the same one, and whoever goes away while waiting leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::Notify;

/// The end of those who ask.
#[derive(Debug)]
pub(super) struct Asker(Arc<Numbers>);

/// The end of the task that runs the cycles.
#[derive(Debug)]
pub(super) struct Asked(Arc<Numbers>);

/// What both ends look at. A few words, as there is one for each of many targets.
#[derive(Debug, Default)]
struct Numbers {
    /// The last answer that somebody wants, counted from 1.
    wanted: AtomicU64,
    /// The last that was given; all of them, once there is nobody to give any.
    given: AtomicU64,
    asked: Notify,
    told: Notify,
}

/// The two ends.
pub(super) fn asking() -> (Asker, Asked) {
    let numbers = Arc::default();
    (Asker(Arc::clone(&numbers)), Asked(numbers))
}

impl Asker {
    /// Asks for a cycle now. What it gives is done once that has ended, or the last one is said to do, or the task is gone;
    /// it may be dropped.
    pub(super) fn ask(&self) -> impl Future<Output = ()> + Send + use<> {
        let numbers = Arc::clone(&self.0);
        let number = numbers.given.load(SeqCst).saturating_add(1);
        numbers.wanted.fetch_max(number, SeqCst);
        numbers.asked.notify_one();
        async move {
            loop {
                // From here on it misses nothing that is told, so that it may look before it waits.
                let told = numbers.told.notified();
                if numbers.given.load(SeqCst) >= number {
                    return;
                }
                told.await;
            }
        }
    }
}

impl Asked {
    /// Returns once somebody asks who has no answer yet. It may be dropped at any time.
    pub(super) async fn wanted(&self) {
        while self.0.wanted.load(SeqCst) <= self.0.given.load(SeqCst) {
            self.0.asked.notified().await;
        }
    }

    /// Tells all who wait that the last cycle that ended is the one for them.
    pub(super) fn answer(&self) {
        self.0.given.fetch_add(1, SeqCst);
        self.0.told.notify_waiters();
    }
}

impl Drop for Asked {
    /// The task was replaced or stopped: what there is now is all that there will be.
    fn drop(&mut self) {
        self.0.given.store(u64::MAX, SeqCst);
        self.0.told.notify_waiters();
    }
}
