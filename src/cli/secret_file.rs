//! Why the file of a target's secret or API key cannot be read, for a person. What it holds is not looked at.

use std::fs::File;
use std::path::Path;

use crate::model::target::{ClientAuthentication, SecretSource, Target};

/// The file of the target's secret, if it has one.
pub(super) fn secret_file(target: &Target) -> Option<&Path> {
    match &target.token.authentication {
        ClientAuthentication::Basic { secret: SecretSource::File(path), .. }
        | ClientAuthentication::Post { secret: SecretSource::File(path) } => Some(path),
        _ => None,
    }
}

/// The file of the target's API key, if it has one.
pub(super) fn api_key_file(target: &Target) -> Option<&Path> {
    match &target.checks.api_key {
        Some(SecretSource::File(path)) => Some(path),
        _ => None,
    }
}

/// The file of the target's secret and what keeps it from being one, as far as can be told from outside.
pub(super) fn unreadable_secret(target: &Target) -> Option<(&Path, String)> {
    unreadable(secret_file(target)?)
}

/// The file and what keeps it from being a secret's.
pub(super) fn unreadable(path: &Path) -> Option<(&Path, String)> {
    match File::open(path).and_then(|file| file.metadata()) {
        Err(error) => Some((path, error.to_string())),
        Ok(found) if found.is_dir() => Some((path, "is a directory".to_owned())),
        Ok(found) if found.len() == 0 => Some((path, "is empty".to_owned())),
        Ok(_) => None,
    }
}
