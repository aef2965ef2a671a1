//! When the steps of one request happened. Resolver, connector and TLS stack find it in a task-local as they run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::report::{CertificateDefect, ChainExpiry, Phase, Phases};

use super::intake::{Intake, Requests};
use super::route::NetworkPath;

tokio::task_local! {
    static CURRENT: Arc<Timeline>;
}

/// The marks of one request.
#[derive(Debug)]
pub(super) struct Timeline {
    marks: Mutex<Marks>,
    /// Those that this one is the last of, so far.
    requests: Requests,
    /// What comes in on the connection whose handshake began last.
    intake: Mutex<Option<Arc<Intake>>>,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Resolving,
    Connecting,
    Handshaking,
    /// A connection was there to send it on.
    Sent,
}

/// When what happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    begun: Instant,
    /// TLS handshakes that are a proxy's, still to come: to the request they are part of connecting.
    handshakes_of_proxy: u8,
    resolve_begun: Option<Instant>,
    resolved: Option<Instant>,
    connect_begun: Option<Instant>,
    handshake_begun: Option<Instant>,
    connected: Option<Instant>,
    answered: Option<Instant>,
    ended: Option<Instant>,
    broke_off: Option<Instant>,
    pub(super) connections_opened: u32,
    /// The other end of the connection that was opened for this request; a proxy's, if one is in between.
    pub(super) peer: Option<SocketAddr>,
    pub(super) server_chain: Option<ChainExpiry>,
    pub(super) certificate_defect: Option<CertificateDefect>,
}

impl Timeline {
    /// Begins with the next of `requests`.
    pub(super) fn begin(path: NetworkPath, requests: Requests) -> Arc<Self> {
        requests.next();
        let marks = Mutex::new(Marks {
            begun: now(),
            handshakes_of_proxy: u8::from(path == NetworkPath::ProxiedOverTls),
            resolve_begun: None,
            resolved: None,
            connect_begun: None,
            handshake_begun: None,
            connected: None,
            answered: None,
            ended: None,
            broke_off: None,
            connections_opened: 0,
            peer: None,
            server_chain: None,
            certificate_defect: None,
        });
        Arc::new(Self { marks, requests, intake: Mutex::default() })
    }

    /// Runs `future` with this timeline as the current one.
    pub(super) async fn record<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// The timeline of the request that is being polled.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    pub(super) fn resolve_begun(&self) {
        self.mark(|marks, now| marks.resolve_begun = Some(now));
    }

    pub(super) fn resolved(&self) {
        self.mark(|marks, now| marks.resolved = Some(now));
    }

    pub(super) fn connect_begun(&self) {
        self.mark(|marks, now| marks.connect_begun = Some(now));
    }

    pub(super) fn handshake_begun(&self) {
        self.mark(|marks, now| match marks.handshakes_of_proxy.checked_sub(1) {
            Some(still_to_come) => marks.handshakes_of_proxy = still_to_come,
            None => marks.handshake_begun = Some(now),
        });
        *self.intake.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.new_intake());
    }

    /// Where it is noted what comes in on a connection that is opened now.
    pub(super) fn new_intake(&self) -> Arc<Intake> {
        Arc::new(Intake::new(self.requests.clone()))
    }

    /// Where it is noted what comes in by TLS.
    pub(super) fn intake(&self) -> Option<Arc<Intake>> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server's certificates have come; what is thought of them is another matter. A proxy's are of no interest.
    pub(super) fn chain_received(&self, chain: Option<ChainExpiry>) {
        self.mark(|marks, _now| {
            if marks.handshake_begun.is_some() {
                marks.server_chain = chain;
            }
        });
    }

    /// They do not verify.
    pub(super) fn chain_refused(&self, defect: CertificateDefect) {
        self.mark(|marks, _now| {
            if marks.handshake_begun.is_some() {
                marks.certificate_defect = Some(defect);
            }
        });
    }

    pub(super) fn connected(&self, peer: Option<SocketAddr>) {
        self.mark(|marks, now| {
            marks.connected = Some(now);
            marks.connections_opened += 1;
            marks.peer = peer;
        });
    }

    pub(super) fn answered(&self) {
        self.mark(|marks, now| marks.answered = Some(now));
    }

    pub(super) fn ended(&self) {
        self.mark(|marks, now| marks.ended = Some(now));
    }

    /// As they are now.
    pub(super) fn marks(&self) -> Marks {
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, set: impl FnOnce(&mut Marks, Instant)) {
        set(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner), now());
    }
}

impl Marks {
    pub(super) fn stage(&self) -> Stage {
        // Without a mark of the connector, a connection that was open already is in use.
        if self.connect_begun.is_none() || self.connected.is_some() {
            Stage::Sent
        } else if self.handshake_begun.is_some() {
            Stage::Handshaking
        } else if self.resolve_begun.is_some() && self.resolved.is_none() {
            Stage::Resolving
        } else {
            Stage::Connecting
        }
    }

    /// The request has failed: the phase that is under way ends here. Says which one that is.
    pub(super) fn break_off(&mut self) -> Phase {
        self.broke_off = Some(now());
        match self.stage() {
            Stage::Resolving => Phase::Resolve,
            Stage::Connecting => Phase::Connect,
            Stage::Handshaking => Phase::Tls,
            Stage::Sent if self.answered.is_none() => Phase::Processing,
            Stage::Sent => Phase::Transfer,
        }
    }

    pub(super) fn phases(&self) -> Phases {
        let stage = self.stage();
        let between =
            |from: Option<Instant>, to: Option<Instant>| Some(to.or(self.broke_off)?.saturating_duration_since(from?));
        let resolved = if stage == Stage::Resolving { None } else { self.resolved.or(self.connect_begun) };
        let sent = if stage == Stage::Sent { self.connected.or(Some(self.begun)) } else { None };
        Phases {
            resolve: between(self.resolve_begun, self.resolved),
            connect: between(resolved, self.handshake_begun.or(self.connected)),
            tls: between(self.handshake_begun, self.connected),
            processing: between(sent, self.answered),
            transfer: between(self.answered, self.ended),
        }
    }

    /// From the first step over the network to the last byte of the answer. A request that has failed, or is under way,
    /// took all the time since it was begun: what is bounded by the timeout.
    pub(super) fn duration(&self) -> Duration {
        match self.ended {
            Some(ended) => ended.saturating_duration_since(self.connect_begun.unwrap_or(self.begun)),
            None => self.broke_off.unwrap_or_else(now).saturating_duration_since(self.begun),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "durations within one request, which no suspend should lengthen")]
fn now() -> Instant {
    Instant::now()
}
