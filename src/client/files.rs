//! Reading the files that the configuration names: regular ones, as long as they can sensibly be, and nothing that
//! would make the reader wait or fill the memory. A file system can hang all the same, so that the threads that may are
//! counted.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hash, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustix::fs::OFlags;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

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

/// The content of the file at `path`, which links may lead to.
///
/// # Errors
/// When it cannot be read, is no regular file, or is longer than `longest`.
pub(super) fn read_regular(path: &Path, longest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open_regular(path)?;
    let mut content = Zeroizing::new(Vec::new());
    file.take(longest.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > longest {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {longest} bytes")));
    }
    Ok(content)
}

/// Opening a FIFO, and reading one or a terminal, would wait for somebody to write.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
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

    fn problem(path: &Path) -> String {
        read_regular(path, 10).expect_err("not to be read").to_string()
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).expect("a FIFO");
        std::os::unix::fs::symlink("/dev/zero", at("zero")).expect("a link");
        std::os::unix::fs::symlink(at("link"), at("link")).expect("a link to itself");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        for name in ["fifo", "zero", ""] {
            assert_eq!(problem(&at(name)), "not a regular file", "{name}");
        }
        assert!(problem(&at("link")).contains("symbolic links"));
        assert!(problem(&at("socket")).contains("No such device"));
    }

    #[test]
    fn file_is_read_through_links_up_to_its_longest() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "ten bytes.").expect("a file");
        std::os::unix::fs::symlink(at("file"), at("..data")).expect("a link");
        std::os::unix::fs::symlink(at("..data"), at("secret")).expect("a link");
        assert_eq!(read_regular(&at("secret"), 10).expect("the content").as_slice(), b"ten bytes.");
        assert!(read_regular(&at("secret"), 9).is_err());
    }
}
