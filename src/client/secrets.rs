//! Reading secrets: anew before every token request, as files are swapped while we run. A file system can hang, and
//! what hangs there cannot be cancelled: such reads must neither pile up nor take the threads that others need.

use std::hash::{BuildHasher, Hash, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;

use crate::files::read_regular;
use crate::model::secret::{Fingerprint, Secret};
use crate::model::target::SecretSource;

/// No secret and no private key is longer; a file that is longer is the wrong file.
pub(super) const LONGEST_SECRET: u64 = 64 * 1024;
/// Files read at a time. With the resolver's look-ups they stay under the 512 threads of tokio's pool.
const READS: usize = 96;

/// The secret cannot be read, is empty, or is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unavailable;

/// The right to read files, shared by all targets.
#[derive(Clone, Debug)]
pub(super) struct FileReads(Arc<Semaphore>);

/// Reads the secret of one target.
#[derive(Debug)]
pub(super) struct SecretReader {
    source: SecretSource,
    reads: FileReads,
    /// The last read, if whoever wanted it gave up. It keeps its thread until the file system answers, so that the
    /// next one waits for it instead of starting another.
    under_way: Mutex<Option<JoinHandle<Result<Secret, Unavailable>>>>,
}

impl FileReads {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(READS)))
    }

    /// Reads on a thread that may block; `None` if too many do already.
    pub(super) fn try_start(&self, read: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(tokio::task::spawn_blocking(move || {
            // Given back with the thread, not when nobody waits any more.
            let _permit = permit;
            read();
        }))
    }
}

impl SecretReader {
    pub(super) fn new(source: SecretSource, reads: FileReads) -> Self {
        Self { source, reads, under_way: Mutex::default() }
    }

    /// The secret as it is now. It may be dropped at any time.
    pub(super) async fn read(&self) -> Result<Secret, Unavailable> {
        match &self.source {
            SecretSource::Inline(secret) => Ok(secret.clone()),
            SecretSource::File(path) => self.join_or_start(path).await,
        }
    }

    async fn join_or_start(&self, path: &Path) -> Result<Secret, Unavailable> {
        let mut under_way = self.under_way.lock().await;
        let reading = match under_way.take() {
            Some(reading) if !reading.is_finished() => reading,
            // What ended after the last one gave up is from then, not from now.
            _ => self.start(path.to_owned()).await?,
        };
        let secret = under_way.insert(reading).await;
        *under_way = None;
        secret.map_err(|_panicked| Unavailable)?
    }

    async fn start(&self, path: PathBuf) -> Result<JoinHandle<Result<Secret, Unavailable>>, Unavailable> {
        let permit = Arc::clone(&self.reads.0).acquire_owned().await.map_err(|_closed| Unavailable)?;
        Ok(tokio::task::spawn_blocking(move || {
            // Given back with the thread, not when nobody waits any more.
            let _permit = permit;
            read_file(&path)
        }))
    }
}

/// Tells contents apart; worth nothing outside this process.
pub(super) fn fingerprint(content: &(impl Hash + ?Sized)) -> Fingerprint {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    Fingerprint(KEYS.get_or_init(RandomState::new).hash_one(content))
}

fn read_file(path: &Path) -> Result<Secret, Unavailable> {
    let content = read_regular(path, LONGEST_SECRET).map_err(|_unreadable| Unavailable)?;
    text_of(&content).ok_or(Unavailable)
}

/// What a file says, if it says anything.
pub(super) fn text_of(content: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(content).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(content: &[u8]) -> Result<Secret, Unavailable> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        std::fs::write(&path, content).expect("a file");
        read_file(&path)
    }

    #[test]
    fn one_byte_order_mark_and_trailing_line_ends_are_stripped() {
        let secret = written("\u{feff} pä ss \r\n\n".as_bytes()).expect("a secret");
        assert_eq!(secret.expose(), " pä ss ");
    }

    #[test]
    fn what_is_no_secret_is_unavailable() {
        assert_eq!(written(b""), Err(Unavailable));
        assert_eq!(written(b"\r\n"), Err(Unavailable));
        assert_eq!(written(b"\xff\xfe"), Err(Unavailable));
        assert_eq!(written(&vec![b'x'; 70_000]), Err(Unavailable));
        assert_eq!(read_file(Path::new("/nonexistent/secret")), Err(Unavailable));
        assert_eq!(read_file(Path::new("/tmp")), Err(Unavailable));
    }

    /// A reader whose last read hangs until the sender is dropped.
    async fn hung_reader(path: PathBuf) -> (SecretReader, std::sync::mpsc::Sender<()>) {
        let reader = SecretReader::new(SecretSource::File(path), FileReads::new());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let hanging = tokio::task::spawn_blocking(move || {
            let _ = released.recv();
            Ok(Secret::new("old".to_owned()))
        });
        *reader.under_way.lock().await = Some(hanging);
        (reader, release)
    }

    #[tokio::test]
    async fn read_that_hangs_is_joined_and_not_begun_again() {
        let (reader, release) = hung_reader("/nonexistent/secret".into()).await;
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(10), reader.read()).await.is_err());
        }
        let (found, ()) = tokio::join!(reader.read(), async { drop(release) });
        assert_eq!(found.expect("what the hanging read found").expose(), "old");
        assert_eq!(reader.read().await, Err(Unavailable));
    }

    #[tokio::test]
    async fn read_that_ended_unseen_is_not_believed() {
        let (reader, release) = hung_reader("/nonexistent/secret".into()).await;
        drop(release);
        while !reader.under_way.lock().await.as_ref().is_some_and(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        assert_eq!(reader.read().await, Err(Unavailable));
    }

    #[tokio::test]
    async fn reads_at_a_time_are_bounded() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        std::fs::write(&path, "secret").expect("a file");
        let reads = FileReads::new();
        let all = reads.0.clone().acquire_many_owned(READS as u32).await.expect("all of them");
        let reader = SecretReader::new(SecretSource::File(path), reads);
        assert!(tokio::time::timeout(Duration::from_millis(10), reader.read()).await.is_err());
        drop(all);
        assert!(reader.read().await.is_ok());
    }

    #[test]
    fn fingerprints_tell_contents_apart() {
        let secret = |text: &str| fingerprint(&Secret::new(text.to_owned()));
        assert_eq!(secret("one"), secret("one"));
        assert_ne!(secret("one"), secret("two"));
    }
}
