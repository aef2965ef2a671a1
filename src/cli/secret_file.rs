//! Why the file of a target's secret, private key or API key cannot be read, for a person. What it holds is not looked at.

use std::path::Path;

use crate::files::open_regular;
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

/// The file that the target authenticates with and what keeps it from being read, as far as can be told from outside.
pub(super) fn unreadable_secret(target: &Target) -> Option<(&Path, String)> {
    unreadable(target.token.authentication.file()?)
}

/// The file and what keeps it from being a secret's.
pub(super) fn unreadable(path: &Path) -> Option<(&Path, String)> {
    match open_regular(path).and_then(|file| file.metadata()) {
        Err(error) => Some((path, error.to_string())),
        Ok(found) if found.len() == 0 => Some((path, "is empty".to_owned())),
        Ok(_) => None,
    }
}
