//! Reads of files on threads that may block, as many as can be afforded: a file system can hang, and what hangs there
//! cannot be cancelled. Contents are told apart by their fingerprints.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::model::secret::Fingerprint;

/// Files read at a time. With the resolver's look-ups they stay under the 512 threads of tokio's pool.
const READS: usize = 96;

/// The right to read files, shared by all targets.
#[derive(Clone, Debug)]
pub(super) struct FileReads(Arc<Semaphore>);

impl FileReads {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(READS)))
    }

    /// Reads on a thread that may block, once few enough do.
    pub(super) async fn start<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await.expect("it is never closed");
        start(permit, read)
    }

    /// The same at once; `None` if too many do.
    pub(super) fn try_start<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(start(permit, read))
    }
}

fn start<T: Send + 'static>(permit: OwnedSemaphorePermit, read: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || {
        // Given back with the thread, not when nobody waits any more.
        let _permit = permit;
        read()
    })
}

/// Tells contents apart; worth nothing outside this process.
pub(super) fn fingerprint(content: &(impl Hash + ?Sized)) -> Fingerprint {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    Fingerprint(KEYS.get_or_init(RandomState::new).hash_one(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_at_a_time_are_bounded() {
        let reads = FileReads::new();
        let all = reads.0.clone().acquire_many_owned(READS as u32).await.expect("all of them");
        assert!(reads.try_start(|| ()).is_none());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), reads.start(|| ())).await.is_err());
        drop(all);
        assert_eq!(reads.start(|| 1).await.await.expect("no panic"), 1);
        assert!(reads.try_start(|| ()).is_some());
    }

    #[test]
    fn fingerprints_tell_contents_apart() {
        assert_eq!(fingerprint("one"), fingerprint("one"));
        assert_ne!(fingerprint("one"), fingerprint("two"));
    }
}
