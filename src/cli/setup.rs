//! What several commands share: the configuration, the runtime, and how they say what they found.

use std::io::{self, Write as _};
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

use tracing::Level;

use crate::config::{self, ConfigError};
use crate::model::target::Config;
use crate::telemetry::logging::{self, LastLines};

use super::arguments::{Common, LogFormat, LogLevel};
use super::stop::Stop;

/// The configuration from the file that is named, else from the environment.
pub(super) fn load_config(common: &Common) -> Result<Config, Stop> {
    read_config(common.config_file.as_deref()).map_err(Stop::usage)
}

/// The configuration from `file`, else from the environment.
pub(super) fn read_config(file: Option<&Path>) -> Result<Config, ConfigError> {
    let environment = |name: &str| std::env::var_os(name);
    match file {
        Some(path) => config::load(path, &environment),
        None => config::from_environment(&environment),
    }
}

/// Does `work` to its end, and waits for nothing else.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    raise_descriptor_limit();
    let runtime = Builder::new_multi_thread().enable_all().thread_name("oauth-probe").build().map_err(Stop::failed)?;
    let outcome = runtime.block_on(work);
    // Dropping it would wait for threads in which a look-up of a name or the read of a file hangs.
    runtime.shutdown_background();
    outcome
}

/// To what the system allows. The usual 1024 are there for programs that use `select`; scrapes and requests that hang
/// would use them up between them, and every probe would fail for it.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not permitted, things go on as they are; `process_max_fds` shows it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Sets up the log as it was asked for. It is complete when what is returned is dropped.
pub(super) fn logging(common: &Common) -> Result<LastLines, Stop> {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn thread_that_hangs_keeps_no_command_from_ending() {
        let (release, released) = mpsc::channel::<()>();
        let outcome = block_on(async move {
            drop(tokio::task::spawn_blocking(move || released.recv()));
            Ok(())
        });
        assert!(outcome.is_ok());
        // Only now: it hung until here.
        drop(release);
    }

    #[test]
    fn descriptors_are_limited_by_the_system_alone() {
        let limit = getrlimit(Resource::Nofile);
        let low = Rlimit { current: limit.current.map(|current| current.min(1000)), ..limit };
        setrlimit(Resource::Nofile, low).expect("a lower limit is permitted");
        block_on(async { Ok(()) }).expect("nothing fails");
        assert_eq!(getrlimit(Resource::Nofile).current, limit.maximum);
    }
}
