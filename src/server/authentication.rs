//! Who may come in: HTTP Basic (RFC 7617) against the users of the web configuration.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::model::password_hash::PasswordHash;

use super::connection::Connection;
use super::passwords::Attempt;
use super::turnstile::Turnstile;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Lets those in who know the password of a user.
///
/// The password that was good last is remembered for each user, by a keyed digest, so that scrapes stay cheap. Wrong ones
/// are not: an answer that comes sooner would tell that somebody else has tried the same.
pub(super) struct Door {
    users: HashMap<String, Arc<User>>,
    highest_cost: u32,
    /// Worth nothing outside of this process.
    key: hmac::Key,
    checks: Arc<Turnstile>,
}

struct User {
    hash: PasswordHash,
    last_good: Mutex<Option<hmac::Tag>>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Neither a name nor a password that is good: nobody is told which.
    Unknown,
    /// Too many passwords are being checked.
    Crowded,
    /// Passwords cannot be checked.
    Broken,
}

struct Credentials {
    user: String,
    password: Zeroizing<Vec<u8>>,
}

impl Door {
    /// `None` if there are no users: everybody may come in. `checks` bounds how many passwords are checked at a time. Of
    /// those who have the same hash as `before`, the good password stays remembered.
    pub(super) fn of(
        users: &BTreeMap<String, PasswordHash>,
        checks: Arc<Turnstile>,
        before: Option<&Self>,
    ) -> Option<Self> {
        let highest_cost = users.values().map(PasswordHash::cost).max()?;
        let user = |(name, hash): (&String, &PasswordHash)| {
            let same = before.and_then(|before| before.users.get(name)).filter(|user| user.hash == *hash);
            let new = || Arc::new(User { hash: hash.clone(), last_good: Mutex::new(None) });
            (name.clone(), same.cloned().unwrap_or_else(new))
        };
        let new_key = || hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = match before {
            Some(before) => before.key.clone(),
            None => new_key().expect("the system has random numbers"),
        };
        Some(Self { users: users.iter().map(user).collect(), highest_cost, key, checks })
    }

    /// Lets a request with these headers in, or not.
    pub(super) async fn admit(&self, headers: &HeaderMap, visitor: &Arc<Connection>) -> Result<(), Refused> {
        let Credentials { user, password } = credentials(headers).ok_or(Refused::Unknown)?;
        let digest = self.digest(&user, &password);
        let known = self.users.get(&user);
        let is_remembered = || known.is_some_and(|user| user.remembers(&digest));
        if is_remembered() {
            return Ok(());
        }
        let inside = self.checks.enter(visitor).await.map_err(|_crowded| Refused::Crowded)?;
        if is_remembered() {
            return Ok(());
        }
        let hash = known.map(|user| user.hash.clone());
        let attempt = Attempt { password, hash, highest_cost: self.highest_cost };
        let is_good = attempt.verdict(inside).await.map_err(|problem| {
            tracing::error!(%problem, "passwords cannot be checked");
            Refused::Broken
        })?;
        match known.filter(|_| is_good) {
            Some(user) => {
                user.remember(digest);
                Ok(())
            }
            None => Err(Refused::Unknown),
        }
    }

    fn digest(&self, user: &str, password: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&user.len().to_le_bytes());
        context.update(user.as_bytes());
        context.update(password);
        context.sign()
    }
}

impl User {
    fn remembers(&self, digest: &hmac::Tag) -> bool {
        let last = self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        // Comparing byte by byte tells nothing about a password that is not the one: digests are as good as random.
        last.as_ref().is_some_and(|last| last.as_ref() == digest.as_ref())
    }

    fn remember(&self, digest: hmac::Tag) {
        *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
    }
}

/// What the only `Authorization` of a request says, if that is HTTP Basic.
fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (all.next()?.as_bytes(), all.next()) else { return None };
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded.trim_ascii()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = str::from_utf8(&decoded[..colon]).ok()?.to_owned();
    Some(Credentials { user, password: Zeroizing::new(decoded[colon + 1..].to_vec()) })
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::server::limits::Limits;
    use crate::server::peer::Peer;

    fn read(values: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a value"));
        }
        let Credentials { user, password } = credentials(&headers)?;
        Some((user, String::from_utf8_lossy(&password).into_owned()))
    }

    #[test]
    fn credentials_are_read_as_clients_write_them() {
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        for (text, user, password) in
            [("a:b", "a", "b"), ("a:b:c", "a", "b:c"), (":", "", ""), ("ä:ö ", "ä", "ö "), ("a:\0\n", "a", "\0\n")]
        {
            let expected = Some((user.to_owned(), password.to_owned()));
            for scheme in ["Basic", "basic", "BASIC"] {
                assert_eq!(read(&[&format!("{scheme} {}", encode(text))]), expected, "{text:?}");
            }
            assert_eq!(read(&[&format!("Basic {}", encode(text).trim_end_matches('='))]), expected, "{text:?}");
        }
        let good = format!("Basic {}", encode("a:b"));
        let bearer = format!("Bearer {}", encode("a:b"));
        let none: [&[&str]; 8] =
            [&[], &[""], &["Basic"], &["Basic "], &["Basic !"], &["Basic YQ=="], &[&bearer], &[&good, &good]];
        for values in none {
            assert_eq!(read(values), None, "{values:?}");
        }
    }

    fn hashes(users: &[(&str, u32)]) -> BTreeMap<String, PasswordHash> {
        let hash = |(name, cost): &(&str, u32)| {
            let text = bcrypt::hash(format!("password of {name}"), *cost).expect("a hash");
            ((*name).to_owned(), PasswordHash::parse(&text).expect("a hash"))
        };
        users.iter().map(hash).collect()
    }

    fn door(users: &[(&str, u32)]) -> Door {
        Door::of(&hashes(users), Turnstile::new(1, 10, None), None).expect("users")
    }

    async fn admit(door: &Door, user: &str, password: &str) -> Result<(), Refused> {
        let value = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        let headers = [(AUTHORIZATION, HeaderValue::from_str(&value).expect("a value"))].into_iter().collect();
        let visitor = Arc::new(Connection::new(Peer::of([192, 0, 2, 1].into()), Limits::default()));
        door.admit(&headers, &visitor).await
    }

    #[tokio::test]
    async fn password_of_the_user_alone_opens() {
        let door = door(&[("alice", 4), ("bob", 5)]);
        for _ in 0..2 {
            assert_eq!(admit(&door, "alice", "password of alice").await, Ok(()));
            assert_eq!(admit(&door, "bob", "password of bob").await, Ok(()));
            for (user, password) in [
                ("alice", "password of bob"),
                ("alice", ""),
                ("carol", "password of carol"),
                ("", ""),
                ("Alice", "password of alice"),
            ] {
                assert_eq!(admit(&door, user, password).await, Err(Refused::Unknown), "{user} {password}");
            }
        }
    }

    #[tokio::test]
    async fn good_password_is_checked_once_and_never_kept() {
        let door = door(&[("alice", 4)]);
        assert_eq!(admit(&door, "alice", "password of alice").await, Ok(()));
        // Whoever is remembered needs no turn: there is none to be had any more.
        let busy = Turnstile::new(0, 0, None);
        let door = Door { checks: busy, ..door };
        assert_eq!(admit(&door, "alice", "password of alice").await, Ok(()));
        assert_eq!(admit(&door, "alice", "another").await, Err(Refused::Crowded));
        assert_eq!(admit(&door, "bob", "password of alice").await, Err(Refused::Crowded));
        let remembered = format!("{:?}", door.users["alice"].last_good);
        assert!(!remembered.contains("password"), "{remembered}");
    }

    #[tokio::test]
    async fn remembered_password_outlives_a_change_of_everything_but_its_hash() {
        let mut users = hashes(&[("alice", 4), ("bob", 4)]);
        let first = Door::of(&users, Turnstile::new(1, 10, None), None).expect("users");
        for name in ["alice", "bob"] {
            assert_eq!(admit(&first, name, &format!("password of {name}")).await, Ok(()));
        }
        // Another salt, so that the hash differs, and a third user.
        users.extend(hashes(&[("bob", 4), ("carol", 5)]));
        // Nobody's password can be checked any more.
        let next = Door::of(&users, Turnstile::new(0, 0, None), Some(&first)).expect("users");
        assert_eq!(admit(&next, "alice", "password of alice").await, Ok(()));
        assert_eq!(admit(&next, "bob", "password of bob").await, Err(Refused::Crowded));
        assert_eq!((next.highest_cost, next.users.len()), (5, 3));
        users.remove("alice");
        let last = Door::of(&users, Turnstile::new(1, 1, None), Some(&next)).expect("users");
        assert_eq!(admit(&last, "alice", "password of alice").await, Err(Refused::Unknown));
    }

    #[test]
    fn names_and_passwords_do_not_run_into_each_other() {
        let door = door(&[("alice", 4)]);
        assert_ne!(door.digest("ab", b"c").as_ref(), door.digest("a", b"bc").as_ref());
        assert_eq!(door.digest("ab", b"c").as_ref(), door.digest("ab", b"c").as_ref());
    }

    #[test]
    fn there_is_no_door_without_users() {
        assert!(Door::of(&BTreeMap::new(), Turnstile::new(1, 1, None), None).is_none());
    }
}
