//! Asking a target for a cycle, and being told that it has ended: by numbers, so that nothing queues up.
//!
//! The cycles of a target's task are numbered. Who asks wants the one after the last that ended: that is the one which
//! runs, or else the next. Any number of callers who come before it ends want the same one, and whoever goes away while
//! waiting leaves nothing behind.

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
    /// The last cycle that somebody wants, counted from 1.
    wanted: AtomicU64,
    /// The last cycle that ended; all of them, once there is nobody to run any.
    ended: AtomicU64,
    asked: Notify,
    told: Notify,
}

/// The two ends.
pub(super) fn asking() -> (Asker, Asked) {
    let numbers = Arc::default();
    (Asker(Arc::clone(&numbers)), Asked(numbers))
}

impl Asker {
    /// Asks for a cycle now. What it gives is done once that has ended, or once the task is gone; it may be dropped.
    pub(super) fn ask(&self) -> impl Future<Output = ()> + Send + use<> {
        let numbers = Arc::clone(&self.0);
        let number = numbers.ended.load(SeqCst).saturating_add(1);
        numbers.wanted.fetch_max(number, SeqCst);
        numbers.asked.notify_one();
        async move {
            loop {
                // From here on it misses nothing that is told, so that it may look before it waits.
                let told = numbers.told.notified();
                if numbers.ended.load(SeqCst) >= number {
                    return;
                }
                told.await;
            }
        }
    }
}

impl Asked {
    /// Returns once a cycle is wanted that has not run yet. It may be dropped at any time.
    pub(super) async fn wanted(&self) {
        while self.0.wanted.load(SeqCst) <= self.0.ended.load(SeqCst) {
            self.0.asked.notified().await;
        }
    }

    /// Tells all who wait that the cycle which they wanted has ended.
    pub(super) fn cycle_ended(&self) {
        self.0.ended.fetch_add(1, SeqCst);
        self.0.told.notify_waiters();
    }
}

impl Drop for Asked {
    /// The task was replaced or stopped: what there is now is all that there will be.
    fn drop(&mut self) {
        self.0.ended.store(u64::MAX, SeqCst);
        self.0.told.notify_waiters();
    }
}
