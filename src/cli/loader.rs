//! The thread on which configurations are read.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

/// Always the same thread, for the first configuration as for all that come. A thread keeps for itself what memory it
/// once needed, and to read thousands of targets takes many megabytes: on the threads that may block, which take turns,
/// each of them would come to hold as much.
#[derive(Debug)]
pub(super) struct Loader(Sender<Work>);

type Work = Box<dyn FnOnce() + Send>;

/// The work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

impl Loader {
    /// It ends when it is dropped and has done what it was given.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, work) = channel();
        thread::Builder::new().name("loader".to_owned()).spawn(move || do_all(&work))?;
        Ok(Self(sender))
    }

    /// What `work` gives. Once given it is done to its end, also when nobody waits any more.
    ///
    /// # Errors
    /// When it panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (tell, told) = oneshot::channel();
        let work = Box::new(move || {
            // Who waited may have gone.
            let _ = tell.send(work());
        });
        self.0.send(work).map_err(|_gone| Panicked)?;
        told.await.map_err(|_gone| Panicked)
    }
}

fn do_all(work: &Receiver<Work>) {
    while let Ok(work) = work.recv() {
        // Whoever waits for it learns of the panic by hearing nothing; nothing of it is used any further.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_on_one_thread_that_survives_a_panic() {
        let loader = Loader::start().expect("a thread");
        let first = loader.run(|| thread::current().id()).await.expect("no panic");
        assert_ne!(first, thread::current().id());
        assert_eq!(loader.run(|| panic!("as the test wants it")).await, Err::<(), _>(Panicked));
        for _ in 0..3 {
            assert_eq!(loader.run(|| thread::current().id()).await, Ok(first));
        }
    }
}
