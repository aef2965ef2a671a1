//! When the steps of one request happened. Resolver, connector and TLS stack find it in a task-local as they run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::model::report::{ChainExpiry, Phases};

tokio::task_local! {
    static CURRENT: Arc<Timeline>;
}

/// The marks of one request.
#[derive(Debug)]
pub(super) struct Timeline(Mutex<Marks>);

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Resolving,
    Connecting,
    Handshaking,
    /// A connection was there to send it on.
    Sent,
}

#[derive(Clone, Copy, Debug)]
struct Marks {
    begun: Instant,
    resolve_begun: Option<Instant>,
    resolved: Option<Instant>,
    connect_begun: Option<Instant>,
    handshake_begun: Option<Instant>,
    connected: Option<Instant>,
    answered: Option<Instant>,
    ended: Option<Instant>,
    connections_opened: u32,
    server_chain: Option<ChainExpiry>,
}

impl Timeline {
    pub(super) fn begin() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Marks {
            begun: now(),
            resolve_begun: None,
            resolved: None,
            connect_begun: None,
            handshake_begun: None,
            connected: None,
            answered: None,
            ended: None,
            connections_opened: 0,
            server_chain: None,
        })))
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
        self.mark(|marks, now| marks.handshake_begun = Some(now));
    }

    /// The server's certificates have come; what is thought of them is another matter.
    pub(super) fn chain_received(&self, chain: Option<ChainExpiry>) {
        self.mark(|marks, _now| marks.server_chain = chain);
    }

    pub(super) fn connected(&self) {
        self.mark(|marks, now| {
            marks.connected = Some(now);
            marks.connections_opened += 1;
        });
    }

    pub(super) fn answered(&self) {
        self.mark(|marks, now| marks.answered = Some(now));
    }

    pub(super) fn ended(&self) {
        self.mark(|marks, now| marks.ended = Some(now));
    }

    pub(super) fn stage(&self) -> Stage {
        let marks = self.read();
        // Without a mark of the connector, a connection that was open already is in use.
        if marks.connect_begun.is_none() || marks.connected.is_some() {
            Stage::Sent
        } else if marks.handshake_begun.is_some() {
            Stage::Handshaking
        } else if marks.resolve_begun.is_some() && marks.resolved.is_none() {
            Stage::Resolving
        } else {
            Stage::Connecting
        }
    }

    pub(super) fn connections_opened(&self) -> u32 {
        self.read().connections_opened
    }

    pub(super) fn server_chain(&self) -> Option<ChainExpiry> {
        self.read().server_chain
    }

    pub(super) fn phases(&self) -> Phases {
        let marks = self.read();
        let between = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        Phases {
            resolve: between(marks.resolve_begun, marks.resolved),
            connect: between(marks.resolved.or(marks.connect_begun), marks.handshake_begun.or(marks.connected)),
            tls: between(marks.handshake_begun, marks.connected),
            processing: between(marks.connected.or(Some(marks.begun)), marks.answered),
            transfer: between(marks.answered, marks.ended),
        }
    }

    /// From the beginning to now.
    pub(super) fn elapsed(&self) -> std::time::Duration {
        now().saturating_duration_since(self.read().begun)
    }

    fn mark(&self, set: impl FnOnce(&mut Marks, Instant)) {
        set(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), now());
    }

    fn read(&self) -> Marks {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "durations within one request, which no suspend should lengthen")]
fn now() -> Instant {
    Instant::now()
}
