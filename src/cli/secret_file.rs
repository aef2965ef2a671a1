//! The files of a target's secret, private key and API key, why one cannot be read, and what is odd about a secret, for a
//! person.

use std::path::Path;

use crate::client::{self, why_unavailable};
use crate::model::assertion::{Assertion, AssertionKey};
use crate::model::target::{ClientAuthentication, SecretSource, Target};

/// What the target authenticates with, in a word.
pub(super) const fn kind(target: &Target) -> &'static str {
    match target.token.authentication {
        ClientAuthentication::Assertion(Assertion { key: AssertionKey::PrivateKey { .. }, .. }) => "private key",
        _ => "secret",
    }
}

/// The file of the target's API key, if it has one.
pub(super) fn api_key_file(target: &Target) -> Option<&Path> {
    match &target.checks.api_key {
        Some(SecretSource::File(path)) => Some(path),
        _ => None,
    }
}

/// The file that the target authenticates with and what keeps it from being read.
pub(super) fn unreadable_secret(target: &Target) -> Option<(&Path, String)> {
    unreadable(target.token.authentication.file()?)
}

/// The file and what keeps it from being a secret's.
pub(super) fn unreadable(path: &Path) -> Option<(&Path, String)> {
    why_unavailable(path).map(|problem| (path, problem))
}

/// What is odd about the target's secret, if it has one that can be read.
pub(super) fn odd_secret(target: &Target) -> Option<&'static str> {
    client::oddity(secret(target)?)
}

const fn secret(target: &Target) -> Option<&SecretSource> {
    match &target.token.authentication {
        ClientAuthentication::Basic { secret, .. }
        | ClientAuthentication::Post { secret }
        | ClientAuthentication::Assertion(Assertion { key: AssertionKey::Secret { secret, .. }, .. }) => Some(secret),
        ClientAuthentication::Assertion(_) | ClientAuthentication::Tls => None,
    }
}
