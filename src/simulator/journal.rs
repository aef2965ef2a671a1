//! What the servers saw of one client: the truth against which an exporter's own counters are held.

use std::collections::VecDeque;

use tokio::time::Instant;

/// A demo runs for days; only the latest entries are kept, while the counts go on.
const ENTRIES_KEPT: usize = 20_000;

/// Something that happened at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A token request arrived, whatever came of it.
    TokenRequested,
    /// A token that was never issued before was issued.
    TokenIssued,
    /// The token that the client already had was issued again.
    TokenReissued,
    /// Client authentication failed.
    BadCredentials,
    /// A ping arrived, whatever came of it.
    PingRequested,
    /// A token was accepted.
    PingAccepted,
    /// 401.
    PingRefused(Refusal),
}

/// Why the API refused a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There was no bearer token.
    Missing,
    /// It was never issued, or so long ago that it is forgotten.
    Unknown,
    /// It had expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// A fault demands it.
    Simulated,
}

/// An event and its time.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When the server saw it.
    pub at: Instant,
    /// What it saw.
    pub event: Event,
}

/// How often each event happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Event::TokenRequested`]
    pub token_requests: u64,
    /// [`Event::TokenIssued`]
    pub tokens_issued: u64,
    /// [`Event::TokenReissued`]
    pub tokens_reissued: u64,
    /// [`Event::BadCredentials`]
    pub bad_credentials: u64,
    /// [`Event::PingRequested`]
    pub ping_requests: u64,
    /// [`Event::PingAccepted`]
    pub pings_accepted: u64,
    /// [`Event::PingRefused`], for whatever reason.
    pub pings_refused: u64,
    /// [`Event::PingRefused`] because the token had expired.
    pub expired_tokens_seen: u64,
}

impl Counts {
    fn add(&mut self, event: Event) {
        match event {
            Event::TokenRequested => self.token_requests += 1,
            Event::TokenIssued => self.tokens_issued += 1,
            Event::TokenReissued => self.tokens_reissued += 1,
            Event::BadCredentials => self.bad_credentials += 1,
            Event::PingRequested => self.ping_requests += 1,
            Event::PingAccepted => self.pings_accepted += 1,
            Event::PingRefused(refusal) => {
                self.pings_refused += 1;
                self.expired_tokens_seen += u64::from(refusal == Refusal::Expired);
            }
        }
    }
}

/// The events of one client.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) counts: Counts,
    entries: VecDeque<Entry>,
}

impl Journal {
    pub(super) fn record(&mut self, at: Instant, event: Event) {
        self.counts.add(event);
        if self.entries.len() == ENTRIES_KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, event });
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().copied().collect()
    }
}
