//! Asking a target for a cycle, and being told that it has ended: by numbers, so that nothing queues up.
//!
//! The cycles of a target's task are numbered. Who asks wants the one after the last that ended: that is the one which
//! runs, or else the next. Any number of callers who come before it ends want the same one, and whoever goes away while
//! waiting leaves nothing behind.

use tokio::sync::watch;

/// A cycle by its number; they are counted from 1.
type Number = u64;

/// The end of those who ask.
#[derive(Debug)]
pub(super) struct Asker {
    wanted: watch::Sender<Number>,
    ended: watch::Receiver<Number>,
}

/// The end of the task that runs the cycles.
#[derive(Debug)]
pub(super) struct Asked {
    wanted: watch::Receiver<Number>,
    ended: watch::Sender<Number>,
}

/// The two ends.
pub(super) fn asking() -> (Asker, Asked) {
    let (wanted, is_wanted) = watch::channel(0);
    let (ended, has_ended) = watch::channel(0);
    (Asker { wanted, ended: has_ended }, Asked { wanted: is_wanted, ended })
}

impl Asker {
    /// Asks for a cycle now. What it gives is done once that has ended, or once the task is gone; it may be dropped.
    pub(super) fn ask(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.ended.clone();
        let number = *ended.borrow() + 1;
        self.wanted.send_if_modified(|wanted| {
            let is_news = *wanted < number;
            *wanted = number.max(*wanted);
            is_news
        });
        async move {
            // An error: the task was replaced or stopped, and what there is now is all that there will be.
            let _ = ended.wait_for(|last| *last >= number).await;
        }
    }
}

impl Asked {
    /// Returns once a cycle is wanted that has not run yet. It may be dropped at any time.
    pub(super) async fn wanted(&mut self) {
        let last = *self.ended.borrow();
        if self.wanted.wait_for(|wanted| *wanted > last).await.is_err() {
            // Nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }

    /// Tells all who wait that the cycle which they wanted has ended.
    pub(super) fn cycle_ended(&self) {
        self.ended.send_modify(|last| *last += 1);
    }
}
