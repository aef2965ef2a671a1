//! The tokens that were issued: whose they are, how long they live, whether they were revoked.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::journal::Refusal;
use super::settings::Issuing;

/// Older tokens of a client are forgotten, so that a demo can run for days.
const TOKENS_REMEMBERED: usize = 1_000;
/// Makes the 28 characters, the last of them `=`, that Spring's tokens have.
const TOKEN_BYTES: usize = 20;

/// Every token of every client; clients are known by their place in the settings.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_value: HashMap<String, Token>,
    by_client: HashMap<usize, VecDeque<String>>,
}

#[derive(Debug)]
struct Token {
    client: usize,
    /// `None`: never.
    expiry: Option<Instant>,
    revoked: bool,
}

/// A token on its way to the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) value: String,
    pub(super) remaining: Duration,
    pub(super) kind: Kind,
}

/// Whether the client had it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Again,
}

impl Tokens {
    /// Issues a token to `client`, or its live one again if that is the style.
    pub(super) fn issue(&mut self, client: usize, issuing: Issuing, lifetime: Duration, now: Instant) -> Issued {
        if issuing == Issuing::Legacy
            && let Some(live) = self.live(client, now)
        {
            return live;
        }
        let value = opaque();
        let token = Token { client, expiry: now.checked_add(lifetime), revoked: false };
        self.by_value.insert(value.clone(), token);
        let values = self.by_client.entry(client).or_default();
        values.push_back(value.clone());
        if values.len() > TOKENS_REMEMBERED
            && let Some(oldest) = values.pop_front()
        {
            self.by_value.remove(&oldest);
        }
        Issued { value, remaining: lifetime, kind: Kind::New }
    }

    /// Whose token this is, live or not.
    pub(super) fn owner(&self, value: &str) -> Option<usize> {
        self.by_value.get(value).map(|token| token.client)
    }

    /// Whether it is good for a call.
    pub(super) fn check(&self, value: &str, now: Instant) -> Result<(), Refusal> {
        match self.by_value.get(value) {
            None => Err(Refusal::Unknown),
            Some(token) if token.revoked => Err(Refusal::Revoked),
            Some(token) if token.remaining(now).is_none() => Err(Refusal::Expired),
            Some(_) => Ok(()),
        }
    }

    /// Revokes everything that `client` holds.
    pub(super) fn revoke(&mut self, client: usize) {
        for token in self.by_value.values_mut().filter(|token| token.client == client) {
            token.revoked = true;
        }
    }

    fn live(&self, client: usize, now: Instant) -> Option<Issued> {
        let value = self.by_client.get(&client)?.back()?;
        let token = self.by_value.get(value).filter(|token| !token.revoked)?;
        Some(Issued { value: value.clone(), remaining: token.remaining(now)?, kind: Kind::Again })
    }
}

impl Token {
    /// What is left of its life; `None` when it has expired.
    fn remaining(&self, now: Instant) -> Option<Duration> {
        match self.expiry {
            None => Some(Duration::MAX),
            Some(expiry) => expiry.checked_duration_since(now),
        }
    }
}

/// A token with `+`, `/` and `=` in it: what a client must carry unharmed.
fn opaque() -> String {
    loop {
        let mut bytes = [0; TOKEN_BYTES];
        fastrand::fill(&mut bytes);
        let value = STANDARD.encode(bytes);
        if value.contains('+') && value.contains('/') {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn issue(tokens: &mut Tokens, issuing: Issuing, now: Instant) -> Issued {
        tokens.issue(0, issuing, LIFETIME, now)
    }

    #[test]
    fn tokens_are_28_characters_with_plus_slash_and_equals() {
        let value = opaque();
        assert_eq!(value.len(), 28);
        assert!(["+", "/", "="].iter().all(|character| value.contains(character)), "{value}");
    }

    #[test]
    fn fresh_tokens_differ_and_all_of_them_live() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        let first = issue(&mut tokens, Issuing::Fresh, now);
        let second = issue(&mut tokens, Issuing::Fresh, now);
        assert_ne!(first.value, second.value);
        assert_eq!(tokens.check(&first.value, now), Ok(()));
        assert_eq!(tokens.check(&second.value, now), Ok(()));
    }

    #[test]
    fn legacy_token_comes_again_until_it_expires() {
        let (mut tokens, start) = (Tokens::default(), Instant::now());
        let first = issue(&mut tokens, Issuing::Legacy, start);
        let later = issue(&mut tokens, Issuing::Legacy, start + Duration::from_millis(59_500));
        assert_eq!((&later.value, later.kind), (&first.value, Kind::Again));
        assert_eq!(later.remaining, Duration::from_millis(500));
        let after = issue(&mut tokens, Issuing::Legacy, start + Duration::from_millis(60_001));
        assert_ne!(after.value, first.value);
        assert_eq!((after.remaining, after.kind), (LIFETIME, Kind::New));
    }

    #[test]
    fn a_revoked_legacy_token_is_not_issued_again() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        let first = issue(&mut tokens, Issuing::Legacy, now);
        tokens.revoke(0);
        assert_eq!(tokens.check(&first.value, now), Err(Refusal::Revoked));
        assert_eq!(issue(&mut tokens, Issuing::Legacy, now).kind, Kind::New);
    }

    #[test]
    fn a_token_expires_after_its_lifetime() {
        let (mut tokens, start) = (Tokens::default(), Instant::now());
        let token = issue(&mut tokens, Issuing::Fresh, start);
        assert_eq!(tokens.check(&token.value, start + LIFETIME), Ok(()));
        assert_eq!(tokens.check(&token.value, start + LIFETIME + Duration::from_nanos(1)), Err(Refusal::Expired));
    }

    #[test]
    fn a_token_without_end_never_expires() {
        let (mut tokens, start) = (Tokens::default(), Instant::now());
        let token = tokens.issue(0, Issuing::Legacy, Duration::MAX, start);
        assert_eq!(tokens.check(&token.value, start + Duration::from_secs(1 << 32)), Ok(()));
    }

    #[test]
    fn old_tokens_are_forgotten() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        let first = issue(&mut tokens, Issuing::Fresh, now);
        for _ in 0..TOKENS_REMEMBERED {
            issue(&mut tokens, Issuing::Fresh, now);
        }
        assert_eq!(tokens.check(&first.value, now), Err(Refusal::Unknown));
        assert_eq!(tokens.by_value.len(), TOKENS_REMEMBERED);
    }
}
