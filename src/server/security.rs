//! How the exporter's own port is protected: what the web configuration says, read again while it is in use.
//!
//! The files are looked at before handshakes and requests, at most once a second, and not watched (ARCHITECTURE.md says
//! why). What is new and good is used from then on; what is bad is said once, and the last good stays in use.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout};

use crate::model::secret::Fingerprint;
use crate::model::web::{ClientAuth, WebConfig};

use super::protection::{Admission, Protection, Shared};
use super::tls::Pems;

/// Where the web configuration comes from.
#[derive(Clone)]
pub struct WebSource {
    /// What messages call it; those of `read` do so themselves.
    pub shown: String,
    /// Reads it, or says every mistake in it; it blocks.
    pub read: Arc<dyn Fn() -> Result<WebConfig, String> + Send + Sync>,
}

/// Files are looked at no more often than this, whatever comes in.
const PAUSE: Duration = Duration::from_secs(1);
/// A file system that hangs delays a request no longer; what is in use is good enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the port is protected at any time.
pub struct Security {
    /// `None`: not at all, for ever.
    source: Option<WebSource>,
    current: RwLock<Arc<Protection>>,
    /// Of `current`, for connections to wait for its change.
    admission: watch::Sender<Admission>,
    last: Mutex<Option<LastLook>>,
    pace: Mutex<Pace>,
    shared: Shared,
}

impl WebSource {
    /// Each of these problems, a line each, with the name of the file that it comes from.
    fn named_in(&self, problems: &str) -> String {
        let lines: Vec<_> = problems.lines().map(|problem| format!("{}: {problem}", self.shown)).collect();
        lines.join("\n")
    }
}

struct LastLook {
    config: WebConfig,
    /// Of what its files held.
    contents: Fingerprint,
    /// What was wrong at the last look, if that found something else.
    complaint: Option<String>,
}

struct Pace {
    next: Instant,
    /// The last look, which may hang.
    under_way: Option<AbortHandle>,
}

impl Security {
    /// In the clear, for everybody.
    #[must_use]
    pub fn none() -> Self {
        let shared = Shared::new();
        let open = Protection::of(&WebConfig::default(), None, &shared, None);
        Self::new(None, open.unwrap_or_default(), None, shared)
    }

    /// What `source` says now, and whatever it comes to say.
    ///
    /// # Errors
    /// Everything that is wrong with it and with the files that it names, a line each.
    pub fn load(source: WebSource) -> Result<Self, String> {
        let config = (source.read)()?;
        let shared = Shared::new();
        let pems = config.tls.as_ref().map(Pems::read);
        let protection =
            Protection::of(&config, pems.as_ref(), &shared, None).map_err(|problems| source.named_in(&problems))?;
        let last = LastLook { contents: fingerprint(pems.as_ref()), config, complaint: None };
        Ok(Self::new(Some(source), protection, Some(last), shared))
    }

    fn new(source: Option<WebSource>, protection: Protection, last: Option<LastLook>, shared: Shared) -> Self {
        Self {
            source,
            admission: watch::Sender::new(protection.admission()),
            current: RwLock::new(Arc::new(protection)),
            last: Mutex::new(last),
            pace: Mutex::new(Pace { next: Instant::now() + PAUSE, under_way: None }),
            shared,
        }
    }

    /// What is in force, for a person, in a few words.
    #[must_use]
    pub fn summary(&self) -> String {
        self.in_force().summary()
    }

    /// How URLs of the port begin. That never changes.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.speaks_tls() { "https" } else { "http" }
    }

    pub(super) fn speaks_tls(&self) -> bool {
        self.in_force().tls().is_some()
    }

    /// What is in force, once the files were looked at if it is time to.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<Protection> {
        if let Some(looking) = self.start() {
            // What hangs goes on alone.
            let _ = timeout(PATIENCE, looking).await;
        }
        self.in_force()
    }

    /// Whether those who were let in like this would be let in like this now.
    pub(super) fn still_admits(&self, admission: Admission) -> bool {
        *self.admission.borrow() == admission
    }

    /// Returns once they would not.
    pub(super) async fn no_longer_admits(&self, admission: Admission) {
        let mut current = self.admission.subscribe();
        if current.wait_for(|current| *current != admission).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What is in force, without a look at the files.
    pub(super) fn in_force(&self) -> Arc<Protection> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn start(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        self.source.as_ref()?;
        let now = Instant::now();
        let mut pace = lock(&self.pace);
        let hangs = pace.under_way.as_ref().is_some_and(|looking| !looking.is_finished());
        if hangs || now < pace.next {
            return None;
        }
        pace.next = now + PAUSE;
        let security = Arc::clone(self);
        let looking = tokio::task::spawn_blocking(move || security.look());
        pace.under_way = Some(looking.abort_handle());
        Some(looking)
    }

    fn look(&self) {
        let (Some(source), Some(last)) = (&self.source, &mut *lock(&self.last)) else { return };
        match self.find(source, last) {
            Ok(None) => {
                if last.complaint.take().is_some() {
                    tracing::info!("the web configuration and its files are good again");
                }
            }
            Ok(Some((config, contents, protection))) => {
                tracing::info!(
                    now = protection.summary(),
                    "the web configuration or its files changed; new connections use them"
                );
                let admission = protection.admission();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(protection);
                // Whoever was let in as nobody would be any more is to go.
                self.admission.send_if_modified(|last| std::mem::replace(last, admission) != admission);
                *last = LastLook { config, contents, complaint: None };
            }
            Err(problem) => {
                if last.complaint.as_ref() != Some(&problem) {
                    tracing::warn!(
                        problem,
                        "the web configuration or its files have gone bad; the last good ones stay in use"
                    );
                    last.complaint = Some(problem);
                }
            }
        }
    }

    /// What is new; `None` if nothing is.
    fn find(
        &self,
        source: &WebSource,
        last: &LastLook,
    ) -> Result<Option<(WebConfig, Fingerprint, Protection)>, String> {
        let config = (source.read)()?;
        keeps_protecting(&last.config, &config).map_err(|problem| source.named_in(&problem))?;
        let pems = config.tls.as_ref().map(Pems::read);
        let contents = fingerprint(pems.as_ref());
        if config == last.config && contents == last.contents {
            return Ok(None);
        }
        let protection = Protection::of(&config, pems.as_ref(), &self.shared, Some(&self.in_force()))
            .map_err(|problems| source.named_in(&problems))?;
        Ok(Some((config, contents, protection)))
    }
}

/// A file is empty for a moment while some programs write it, then half of what it will be, and both can be valid. So what
/// it protects is never taken away while the port is open.
fn keeps_protecting(before: &WebConfig, now: &WebConfig) -> Result<(), String> {
    if before.tls.is_some() != now.tls.is_some() {
        return Err("TLS is switched on and off by a restart alone".to_owned());
    }
    if !before.users.is_empty() && now.users.is_empty() {
        return Err("all basic_auth_users are gone, which takes a restart to let everybody in".to_owned());
    }
    if demands(before).iter().zip(demands(now)).any(|(before, now)| *before && !now) {
        return Err("client certificates are asked for less strictly, which takes a restart".to_owned());
    }
    Ok(())
}

/// What clients must show in the handshake: a certificate, one that is verified if there is one, one with a certain name.
fn demands(config: &WebConfig) -> [bool; 3] {
    match config.tls.as_ref().map_or(&ClientAuth::None, |tls| &tls.client_auth) {
        ClientAuth::None | ClientAuth::Request => [false, false, false],
        ClientAuth::RequireAny => [true, false, false],
        ClientAuth::VerifyIfGiven(_) => [false, true, false],
        ClientAuth::Require { allowed_names, .. } => [true, true, !allowed_names.is_empty()],
    }
}

/// Tells contents apart; worth nothing outside this process.
fn fingerprint(pems: Option<&Pems>) -> Fingerprint {
    static KEYS: std::sync::OnceLock<RandomState> = std::sync::OnceLock::new();
    let contents: Vec<_> = pems
        .into_iter()
        .flat_map(Pems::all)
        .map(|pem| pem.content.as_ref().map(|content| content.as_slice()))
        .collect();
    Fingerprint(KEYS.get_or_init(RandomState::new).hash_one(contents))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("current", &self.current).finish_non_exhaustive()
    }
}
