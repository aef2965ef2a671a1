//! How busy the machine is with other things: moments in which it has no time even for a timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

const EVERY: Duration = Duration::from_millis(50);
/// No timer is so late on a machine that has nothing else to do.
const LATE: Duration = Duration::from_millis(100);
/// One moment is none.
const SEVERAL: u32 = 3;

/// Counts them as long as it lives.
pub(crate) struct Stalls {
    count: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Stalls {
    pub(crate) fn watch() -> Self {
        let count = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&count);
        let task = tokio::spawn(async move {
            loop {
                let due = Instant::now() + EVERY;
                sleep_until(due).await;
                if due.elapsed() > LATE {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { count, task }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn machine_is_busy(&self) -> bool {
        self.count() >= SEVERAL
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.task.abort();
    }
}
