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
mod foreign;
mod mistake;
mod raw;
mod resolve;
mod scalars;
mod setting;
mod web;
mod web_keys;
mod web_tls;
mod yaml;

use std::ffi::OsString;
use std::path::Path;

use zeroize::Zeroizing;

pub use mistake::ConfigError;

use crate::files::read_regular;
use crate::model::target::Config;
use crate::model::web::WebConfig;

/// Ten thousand targets have some megabytes.
const LONGEST_CONFIGURATION: u64 = 64 * 1024 * 1024;
/// With a chain, a key and hundreds of authorities in it.
const LONGEST_WEB_CONFIGURATION: u64 = 1024 * 1024;

/// How environment variables are read; handed in, so that tests need not change those of the process. One that is not
/// UTF-8 is set all the same, and a mistake where it is wanted.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// Reads the configuration file at `path`. Relative file names in it start at its directory.
///
/// # Errors
/// When the file cannot be read, or for all mistakes in it.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Config, ConfigError> {
    let text = read_text(path, LONGEST_CONFIGURATION, "--config.file")?;
    // Absolute, so that what `/config` shows of it means the same wherever it is pasted.
    let absolute = std::path::absolute(path).unwrap_or_else(|_nowhere| path.to_owned());
    document::read(&text, &path.display().to_string(), directory_of(&absolute), environment)
}

/// Reads the web configuration at `path`. Relative file names in it start at its directory.
///
/// # Errors
/// When the file cannot be read, or for all mistakes in it.
pub fn load_web(path: &Path) -> Result<WebConfig, ConfigError> {
    let text = read_text(path, LONGEST_WEB_CONFIGURATION, "--web.config.file")?;
    web::read(&text, &path.display().to_string(), directory_of(path))
}

/// Reads a configuration from `text`; `file` is what messages call it. Relative file names in it stay relative.
///
/// # Errors
/// For all mistakes in it.
pub fn parse(text: &str, file: &str, environment: Environment<'_>) -> Result<Config, ConfigError> {
    document::read(text, file, Path::new(""), environment)
}

/// Reads a web configuration from `text`; `file` is what messages call it. Relative file names in it stay relative.
///
/// # Errors
/// For all mistakes in it.
pub fn parse_web(text: &str, file: &str) -> Result<WebConfig, ConfigError> {
    web::read(text, file, Path::new(""))
}

/// Makes the target `default` of `AUTHORIZATION_SERVER`, `RESOURCE_SERVER`, `PARTNER_OA_CLIENT_ID`, and
/// `PARTNER_OA_SECRET` or `PARTNER_OA_SECRET_FILE`.
///
/// # Errors
/// For all variables that are missing or wrong.
pub fn from_environment(environment: Environment<'_>) -> Result<Config, ConfigError> {
    environment::read(environment)
}

/// The whole file; `flag` is the one that named it.
fn read_text(path: &Path, longest: u64, flag: &str) -> Result<Zeroizing<String>, ConfigError> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let advice = what_to_do(path, flag, error.kind());
        ConfigError::single(&shown, format_args!("cannot be read: {error}; {advice}"))
    };
    let mut bytes = read_regular(path, longest).map_err(unreadable)?;
    String::from_utf8(std::mem::take(&mut bytes)).map(Zeroizing::new).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        ConfigError::single(&shown, format_args!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

/// What most likely went wrong with a name on the command line, or what to do about the file.
fn what_to_do(path: &Path, flag: &str, kind: std::io::ErrorKind) -> String {
    use std::io::ErrorKind;
    match kind {
        ErrorKind::NotFound if path.starts_with("~") => {
            format!("no shell replaces `~` behind `=`; write `{flag} ~/…`, or the home directory out")
        }
        ErrorKind::NotFound if path.is_relative() => match std::env::current_dir() {
            Ok(directory) => format!("looked for in {}; check {flag}", directory.display()),
            Err(_) => format!("the working directory is not there either; check {flag}"),
        },
        ErrorKind::IsADirectory => "name the file in it".to_owned(),
        ErrorKind::PermissionDenied => "let that user read it and enter the directories above it".to_owned(),
        _ => format!("check {flag}"),
    }
}

/// Where the relative file names of a file start.
fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
