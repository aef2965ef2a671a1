//! Reading secrets: anew before every token request, as files are swapped while we run. A file system can hang, and
//! what hangs there cannot be cancelled: such reads must neither pile up nor take the threads that others need.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::files::read_regular;
use crate::model::secret::Secret;
use crate::model::target::SecretSource;

use super::file_reads::FileReads;

/// No secret and no private key is longer; a file that is longer is the wrong file.
pub(super) const LONGEST_SECRET: u64 = 64 * 1024;

/// The secret cannot be read, is empty, or is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unavailable;

/// Reads the secret of one target.
#[derive(Debug)]
pub(super) struct SecretReader {
    source: SecretSource,
    reads: FileReads,
    /// The last read, if whoever wanted it gave up. It keeps its thread until the file system answers, so that the
    /// next one waits for it instead of starting another.
    under_way: Mutex<Option<JoinHandle<Result<Secret, Unavailable>>>>,
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
            _ => self.start(path.to_owned()).await,
        };
        let secret = under_way.insert(reading).await;
        *under_way = None;
        secret.map_err(|_panicked| Unavailable)?
    }

    async fn start(&self, path: PathBuf) -> JoinHandle<Result<Secret, Unavailable>> {
        self.reads.start(move || read_file(&path).map_err(|_problem| Unavailable)).await
    }
}

/// What keeps the file at `path` from being that of a secret, for a person; `None` if nothing does. It blocks.
#[must_use]
pub fn why_unavailable(path: &Path) -> Option<String> {
    read_file(path).err().map(|problem| problem.to_string())
}

/// The secret as it is now. It blocks.
pub(super) fn read_now(source: &SecretSource) -> io::Result<Secret> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.clone()),
        SecretSource::File(path) => read_file(path),
    }
}

/// Nothing of the content is part of the error.
fn read_file(path: &Path) -> io::Result<Secret> {
    let content = read_regular(path, LONGEST_SECRET)?;
    text_of(&content).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "is empty or blank, or no UTF-8 text"))
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

    fn written(content: &[u8]) -> io::Result<Secret> {
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
        for content in [b"".as_slice(), b"\r\n", b"\xff\xfe", &[b'x'; 70_000]] {
            assert!(written(content).is_err(), "{}", content.len());
        }
        for path in ["/nonexistent/secret", "/tmp"] {
            assert!(why_unavailable(Path::new(path)).is_some(), "{path}");
        }
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
}
