//! What one cycle found. Metrics, log lines, `check` and the status page are all readings of this.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::fault::{Cause, Failure, Request};
use super::time::Stamp;
use super::token::{TokenView, Trigger};

/// One cycle: what was tried, what came back, what it means.
#[derive(Clone, Debug)]
pub struct CycleReport {
    /// When it began.
    pub started: Stamp,
    /// When it ended.
    pub ended: Stamp,
    /// Good: the ping was accepted with a live token. Otherwise the root cause.
    pub verdict: Result<(), Cause>,
    /// The requests, in the order in which they were made; none while backing off without a token.
    pub attempts: Vec<Attempt>,
    /// The token as the cycle left it.
    pub token: TokenView,
}

/// One request of a cycle.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which one.
    pub request: Request,
    /// What was measured.
    pub trace: Trace,
    /// What came of it.
    pub result: Result<Achievement, Failure>,
    /// A 401 to a token that should still have lived; noted once per token.
    pub rejected_early: bool,
}

/// What a request that did not fail achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Achievement {
    /// A new token, obtained for this reason.
    TokenRefreshed(Trigger),
    /// The token that was held already.
    TokenUnchanged,
    /// The expected answer of the API.
    Ponged,
}

/// What was measured about one request.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Before anything was done for it.
    pub started: Stamp,
    /// From its first step over the network to the end of the body; if it failed, from `started` to the failure.
    pub duration: Duration,
    /// Whether a connection was there to send it on. One that failed before that has no latency worth a histogram.
    pub sent: bool,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Version of HTTP that was spoken, if there was an answer.
    pub http_version: Option<HttpVersion>,
    /// Connections opened for it.
    pub connections_opened: u32,
    /// Where the time went.
    pub phases: Phases,
    /// The phase in which it failed; `None` if a whole answer came, good or bad, or if nothing was begun.
    pub broke_off_in: Option<Phase>,
    /// The address that was spoken to, a proxy's if one is in between.
    pub peer: Option<SocketAddr>,
    /// By how many seconds the server's clock is ahead of ours, by the `Date` of its answer.
    pub clock_skew: Option<f64>,
    /// Expiry of the chain that the server sent; `None` if there was no handshake, or it did not come that far.
    pub server_chain: Option<ChainExpiry>,
    /// Why the chain was refused here, if it was.
    pub certificate_defect: Option<CertificateDefect>,
    /// Expiry of our certificate chain, if one is configured.
    pub client_certificate_expiry: Option<SystemTime>,
}

impl Trace {
    /// Of a request for which nothing was done on the network.
    #[must_use]
    pub fn unsent(started: Stamp) -> Self {
        Self {
            started,
            duration: Duration::ZERO,
            sent: false,
            status: None,
            http_version: None,
            connections_opened: 0,
            phases: Phases::default(),
            broke_off_in: None,
            peer: None,
            clock_skew: None,
            server_chain: None,
            certificate_defect: None,
            client_certificate_expiry: None,
        }
    }
}

/// A version of HTTP that a server can answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl HttpVersion {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// When the certificates of a chain expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainExpiry {
    /// The server's own.
    pub leaf: SystemTime,
    /// The first of them; self-signed ones other than the leaf do not count.
    pub earliest: SystemTime,
}

/// What is wrong with a chain that does not verify. No label: `reason` is `certificate` for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDefect {
    /// The server's own certificate or another of the chain has expired, by our clock.
    Expired,
    /// One of them is not valid yet, by our clock.
    NotYetValid,
    /// It is for other names than the one that was asked for.
    WrongName,
    /// No trusted authority issued it, as far as the certificates that were sent along tell.
    UnknownAuthority,
    /// Anything else.
    Other,
}

impl CertificateDefect {
    /// Its name in the log and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongName => "wrong_name",
            Self::UnknownAuthority => "unknown_authority",
            Self::Other => "other",
        }
    }
}

/// Where a request's time went; a phase that did not happen is absent, and the one in which the request failed lasted
/// until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// [`Phase::Resolve`]
    pub resolve: Option<Duration>,
    /// [`Phase::Connect`]
    pub connect: Option<Duration>,
    /// [`Phase::Tls`]
    pub tls: Option<Duration>,
    /// [`Phase::Processing`]
    pub processing: Option<Duration>,
    /// [`Phase::Transfer`]
    pub transfer: Option<Duration>,
}

/// A step of a request; the label `phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name resolution.
    Resolve,
    /// TCP connection (and a proxy's TLS and tunnel).
    Connect,
    /// TLS handshake.
    Tls,
    /// From the connection to the answer's headers.
    Processing,
    /// From the headers to the end of the body.
    Transfer,
}

impl Phase {
    /// Every member, in the order in which they happen.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Tls, Self::Processing, Self::Transfer];

    /// Where it stands in [`Phase::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
        }
    }
}

impl Phases {
    /// The phases that happened, in the order in which they did.
    pub fn happened(&self) -> impl Iterator<Item = (Phase, Duration)> + use<> {
        let each = [
            (Phase::Resolve, self.resolve),
            (Phase::Connect, self.connect),
            (Phase::Tls, self.tls),
            (Phase::Processing, self.processing),
            (Phase::Transfer, self.transfer),
        ];
        each.into_iter().filter_map(|(phase, duration)| Some((phase, duration?)))
    }
}

impl CycleReport {
    /// The last attempt at `request` in this cycle.
    #[must_use]
    pub fn last(&self, request: Request) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.request == request)
    }
}
