//! Certificate files that are swapped while we run: looked at before requests, and used from the next connection on.
//!
//! A content that is of no use is said once in the log, and the last good one stays in use: it still works, or the
//! request says why it does not. `client_certificate_expiry` is that of what is in use.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle};
use zeroize::Zeroizing;

use crate::clock::{BootClock, Clock};
use crate::model::secret::Fingerprint;
use crate::model::time::Moment;

use super::file_reads::{FileReads, fingerprint};
use super::pem::{PemFile, TlsError};

/// Files are looked at no more often than this, however many targets share them.
const PAUSE: Duration = Duration::from_secs(1);
/// A file system that hangs delays a request no longer; what is in use is good enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// Contents of files, in their order.
pub(super) type Contents = [Zeroizing<Vec<u8>>];

type Make<T> = dyn Fn(&Contents) -> Result<T, TlsError> + Send + Sync;

/// What was made of some files, and is made anew when they change.
pub(super) struct Rotating<T> {
    files: Vec<PemFile>,
    make: Box<Make<T>>,
    current: RwLock<Arc<T>>,
    last: Mutex<LastLook>,
}

struct LastLook {
    /// Of the contents in use.
    in_use: Fingerprint,
    /// What was wrong with the contents at the last look, if that was another.
    complaint: Option<String>,
}

/// Something that can look at its files.
pub(super) trait Look: Send + Sync {
    /// Takes what is new and good; it blocks.
    fn look(&self);
}

/// Looks at the files of one transport now and then.
pub(super) struct Rotation {
    looks: Vec<Arc<dyn Look>>,
    reads: FileReads,
    state: Mutex<Pace>,
}

struct Pace {
    next: Moment,
    /// The last look, which may hang.
    under_way: Option<AbortHandle>,
}

impl<T> Rotating<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When they are of no use.
    pub(super) fn read(
        files: Vec<PemFile>,
        make: impl Fn(&Contents) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let contents = read(&files)?;
        let last = LastLook { in_use: print_of(&contents), complaint: None };
        let current = RwLock::new(Arc::new(make(&contents)?));
        Ok(Self { files, make: Box::new(make), current, last: Mutex::new(last) })
    }

    /// What is in use.
    pub(super) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// New contents' fingerprint and what they make; `None` if those in use are there.
    fn find(&self, in_use: Fingerprint) -> Result<Option<(Fingerprint, T)>, TlsError> {
        let contents = read(&self.files)?;
        let found = print_of(&contents);
        if found == in_use { Ok(None) } else { (self.make)(&contents).map(|made| Some((found, made))) }
    }
}

impl<T: Send + Sync> Look for Rotating<T> {
    fn look(&self) {
        let mut last = lock(&self.last);
        match self.find(last.in_use) {
            Ok(found) => {
                let was_bad = last.complaint.take().is_some();
                if let Some((print, made)) = found {
                    last.in_use = print;
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
                    tracing::info!(files = %Names(&self.files), "certificate files changed; new connections use them");
                } else if was_bad {
                    tracing::info!(files = %Names(&self.files), "certificate files are good again");
                }
            }
            Err(problem) => {
                let complaint = problem.to_string();
                if last.complaint.as_ref() != Some(&complaint) {
                    tracing::warn!(
                        problem = complaint,
                        "certificate files have gone bad; the last good ones stay in use"
                    );
                    last.complaint = Some(complaint);
                }
            }
        }
    }
}

impl Rotation {
    pub(super) fn new(looks: Vec<Arc<dyn Look>>, reads: FileReads) -> Self {
        Self { looks, reads, state: Mutex::new(Pace { next: BootClock.now().moment.plus(PAUSE), under_way: None }) }
    }

    /// Looks at the files, if it is time to. It takes a quarter of `bound` at most.
    pub(super) async fn refresh(&self, bound: Duration) {
        if let Some(looking) = self.start() {
            // What hangs goes on alone.
            let _ = tokio::time::timeout(PATIENCE.min(bound / 4), looking).await;
        }
    }

    fn start(&self) -> Option<JoinHandle<()>> {
        if self.looks.is_empty() {
            return None;
        }
        let now = BootClock.now().moment;
        let mut pace = lock(&self.state);
        let hangs = pace.under_way.as_ref().is_some_and(|looking| !looking.is_finished());
        if hangs || now < pace.next {
            return None;
        }
        pace.next = now.plus(PAUSE);
        let looks = self.looks.clone();
        let looking = self.reads.try_start(move || looks.iter().for_each(|files| files.look()))?;
        pace.under_way = Some(looking.abort_handle());
        Some(looking)
    }
}

fn read(files: &[PemFile]) -> Result<Vec<Zeroizing<Vec<u8>>>, TlsError> {
    files.iter().map(PemFile::read).collect()
}

/// Of all of them and their order.
fn print_of(contents: &Contents) -> Fingerprint {
    fingerprint(&contents.iter().map(|content| content.as_slice()).collect::<Vec<_>>())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Names<'a>(&'a [PemFile]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", file.path.display())?;
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating").field("files", &self.files).finish_non_exhaustive()
    }
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation").field("looks", &self.looks.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::mpsc;

    use super::*;

    /// The number in a file stands for what is made of it.
    fn number(path: &Path) -> Result<Rotating<u32>, TlsError> {
        let file = PemFile::certificates(path.to_owned());
        Rotating::read(vec![file], |contents| {
            let text = String::from_utf8_lossy(&contents[0]);
            text.parse().map_err(|_no_number| TlsError::Roots("no number".to_owned()))
        })
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        std::fs::write(&path, "1").expect("a file");
        (directory, path)
    }

    fn complaint(rotating: &Rotating<u32>) -> Option<String> {
        lock(&rotating.last).complaint.clone()
    }

    #[test]
    fn last_good_content_stays_in_use_while_the_file_is_bad_or_gone() {
        let (_directory, path) = file();
        let rotating = number(&path).expect("a good file");
        std::fs::write(&path, "two").expect("a file");
        rotating.look();
        assert_eq!(*rotating.current(), 1);
        assert!(complaint(&rotating).is_some_and(|said| said.contains("no number")));
        std::fs::remove_file(&path).expect("it was there");
        rotating.look();
        assert_eq!(*rotating.current(), 1);
        assert!(complaint(&rotating).is_some_and(|said| said.contains("No such file")));
        std::fs::write(&path, "1").expect("a file");
        rotating.look();
        assert_eq!(complaint(&rotating), None);
        std::fs::write(&path, "3").expect("a file");
        rotating.look();
        assert_eq!(*rotating.current(), 3);
    }

    #[test]
    fn bad_content_at_the_start_is_an_error() {
        let (_directory, path) = file();
        std::fs::write(&path, "two").expect("a file");
        assert!(number(&path).is_err());
        assert!(number(Path::new("/nonexistent/file")).is_err());
    }

    /// Hangs until the sender is dropped.
    struct Hanging(Mutex<mpsc::Receiver<()>>);

    impl Look for Hanging {
        fn look(&self) {
            let _ = lock(&self.0).recv();
        }
    }

    #[tokio::test]
    async fn look_that_hangs_is_not_begun_again_and_keeps_nobody() {
        let (release, released) = mpsc::channel();
        let rotation = Rotation::new(vec![Arc::new(Hanging(Mutex::new(released)))], FileReads::new());
        let due = || lock(&rotation.state).next = Moment::default();
        due();
        let looking = rotation.start().expect("it is time");
        due();
        assert!(rotation.start().is_none());
        rotation.refresh(Duration::from_secs(8)).await;
        drop(release);
        looking.await.expect("no panic");
        due();
        assert!(rotation.start().is_some());
        assert!(rotation.start().is_none(), "it is too early");
    }
}
