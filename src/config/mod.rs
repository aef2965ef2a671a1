//! From a YAML file, or from the environment, to a typed [`Config`]: every mistake at once, each with its line.
//!
//! `yaml` makes a tree of the text, `fields` takes its mappings apart, `raw` mirrors them with every key
//! optional, `resolve` turns a target laid over `defaults` into a [`Target`](crate::model::target::Target).
//! Nothing here opens a file but the configuration itself.

mod address;
mod authentication;
mod collections;
mod document;
mod environment;
mod fields;
mod mistake;
mod raw;
mod resolve;
mod scalars;
mod setting;
mod suggest;
mod yaml;

use std::path::Path;

pub use mistake::ConfigError;

use crate::files::read_regular;
use crate::model::target::Config;

/// Ten thousand targets have some megabytes.
const LONGEST_CONFIGURATION: u64 = 64 * 1024 * 1024;

/// How environment variables are read; handed in, so that tests need not change those of the process.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads the configuration file at `path`. Relative file names in it start at its directory.
///
/// # Errors
/// When the file cannot be read, or for all mistakes in it.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Config, ConfigError> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        ConfigError::single(&shown, format_args!("cannot be read: {error}; check --config.file"))
    };
    let bytes = read_regular(path, LONGEST_CONFIGURATION).map_err(unreadable)?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        ConfigError::single(&shown, format_args!("line {line} is not UTF-8; save the file as UTF-8"))
    })?;
    // Absolute, so that what `/config` shows of it means the same wherever it is pasted.
    let absolute = std::path::absolute(path).unwrap_or_else(|_nowhere| path.to_owned());
    document::read(text, &shown, absolute.parent().unwrap_or(Path::new("")), environment)
}

/// Reads a configuration from `text`; `file` is what messages call it. Relative file names in it stay relative.
///
/// # Errors
/// For all mistakes in it.
pub fn parse(text: &str, file: &str, environment: Environment<'_>) -> Result<Config, ConfigError> {
    document::read(text, file, Path::new(""), environment)
}

/// Makes the target `default` of `AUTHORIZATION_SERVER`, `RESOURCE_SERVER`, `PARTNER_OA_CLIENT_ID`, and
/// `PARTNER_OA_SECRET` or `PARTNER_OA_SECRET_FILE`.
///
/// # Errors
/// For all variables that are missing or wrong.
pub fn from_environment(environment: Environment<'_>) -> Result<Config, ConfigError> {
    environment::read(environment)
}
