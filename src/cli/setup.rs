//! What several commands share: the configuration, the runtime, and how they say what they found.

use std::io::{self, Write as _};

use tokio::runtime::{Builder, Runtime};

use tracing::Level;

use crate::config;
use crate::model::target::Config;
use crate::telemetry::logging;

use super::arguments::{Common, LogFormat, LogLevel};
use super::stop::Stop;

/// The configuration from the file that is named, else from the environment.
pub(super) fn load_config(common: &Common) -> Result<Config, Stop> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = match &common.config_file {
        Some(path) => config::load(path, &environment),
        None => config::from_environment(&environment),
    };
    loaded.map_err(Stop::usage)
}

pub(super) fn runtime() -> Result<Runtime, Stop> {
    Builder::new_multi_thread().enable_all().thread_name("oauth-probe").build().map_err(Stop::failed)
}

/// Sets up the log as it was asked for.
pub(super) fn logging(common: &Common) -> Result<(), Stop> {
    let format = match common.log_format {
        LogFormat::Logfmt => logging::LogFormat::Logfmt,
        LogFormat::Json => logging::LogFormat::Json,
    };
    let level = match common.log_level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    logging::init(format, level).map_err(Stop::failed)
}

/// To standard output. That nobody reads on (`check | head`) is no failure: the exit code says the rest.
pub(super) fn print(text: &str) -> Result<(), Stop> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::failed(format_args!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
