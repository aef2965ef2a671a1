//! What must never be shown: [`Secret`], [`AccessToken`], and the [`Fingerprint`] that tells one secret from another.

use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

/// A value that appears in no output: it has no `Display`, a redacted `Debug`, and is zeroed when dropped.
///
/// Only `client/` may call [`Secret::expose`], and the server for what is its own; a test holds that.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of `value`.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, to be put on the wire and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// An access token that can stand in an `Authorization: Bearer` header (RFC 6750 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken(Secret);

/// Servers take heads of 8 to 64 KiB. That a longer token is refused would look like the API's fault.
const LONGEST_TOKEN: usize = 64 * 1024;

impl AccessToken {
    /// Accepts what RFC 6749 appendix A.12 allows (visible ASCII), less the space that no header could carry.
    /// This is wider than the grammar of RFC 6750, since servers issue tokens outside it and APIs accept them.
    #[must_use]
    pub fn parse(value: String) -> Option<Self> {
        let usable = (1..=LONGEST_TOKEN).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        usable.then(|| Self(Secret::new(value)))
    }

    /// The secret inside, for `client/`.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Tells one credential's content from another without revealing it: a hash keyed by a random of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let token = AccessToken::parse("canary".to_owned());
        assert_eq!(format!("{token:?}"), "Some(AccessToken([redacted]))");
    }

    #[test]
    fn token_keeps_its_trailing_equals_signs() {
        let token = AccessToken::parse("ab+/c==".to_owned()).expect("a usable token");
        assert_eq!(token.secret().expose(), "ab+/c==");
    }

    #[test]
    fn token_that_no_header_can_carry_is_refused() {
        for value in ["", "a b", "a\nb", "ä"] {
            assert_eq!(AccessToken::parse(value.to_owned()), None, "{value:?}");
        }
        assert!(AccessToken::parse("x".repeat(LONGEST_TOKEN)).is_some());
        assert_eq!(AccessToken::parse("x".repeat(LONGEST_TOKEN + 1)), None);
    }
}
