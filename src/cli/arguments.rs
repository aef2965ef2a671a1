//! What may be said on the command line, with the names that Prometheus users know.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Something is broken? `check` asks once, as the exporter would, and says what it means and what to do.
Served: / (links), /metrics, /metrics?target=NAME, /-/healthy, /-/ready; POST /-/reload.
Signals: SIGTERM and SIGINT end it; SIGHUP has the configuration loaded anew, as POST /-/reload does. A secret's file is
read anew every time.
Exit codes: 0: it worked; 1: a check failed, or it could not run; 2: wrong arguments or configuration.";

/// Probes APIs that are protected by OAuth 2.0 client credentials and exports what it finds to Prometheus.
///
/// Without a configuration file, one target is made from the environment variables AUTHORIZATION_SERVER,
/// RESOURCE_SERVER, PARTNER_OA_CLIENT_ID and PARTNER_OA_SECRET (or PARTNER_OA_SECRET_FILE).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) serve: ServeArguments,
}

impl Arguments {
    /// Those of this process, which ends here if they are wrong.
    #[must_use]
    pub fn of_process() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        if let Some(problem) = misplaced(&command, &matches) {
            command.error(ErrorKind::ArgumentConflict, problem).exit();
        }
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Flags of `serve` may be written without its name. Before the name of a command they would be read and forgotten,
/// and who asked for loopback would get every address of the machine.
fn misplaced(command: &clap::Command, matches: &ArgMatches) -> Option<String> {
    let name = matches.subcommand_name()?;
    let given = |flag: &&clap::Arg| matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
    let flag = command.get_arguments().filter(|flag| !flag.is_global_set()).find(given)?.get_long()?;
    let known = command.find_subcommand(name)?.get_arguments().any(|other| other.get_long() == Some(flag));
    let advice = if known { format!("write it after '{name}'") } else { format!("'{name}' has no such flag") };
    Some(format!("'--{flag}' before '{name}' would be ignored; {advice}"))
}

/// What to do; `serve` if nothing is said.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Probe all targets on their schedules and serve the metrics (the default).
    Serve(ServeArguments),
    /// Ask for a token and call the API once, and say for a person how each step went.
    ///
    /// Findings go to standard output. Exit code 0: all of it works; 1: something does not; 2: wrong arguments or
    /// configuration.
    Check(CheckArguments),
    /// Show everything against an embedded server whose faults come and go; needs no account.
    Demo(DemoArguments),
    /// Ask a running exporter whether it is healthy, for containers without a shell.
    Healthcheck(HealthcheckArguments),
}

/// For every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// YAML file with the targets; without it, one target is made from the environment.
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    pub(super) config_file: Option<PathBuf>,
    /// Least severe messages to log.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info", global = true)]
    pub(super) log_level: LogLevel,
    /// Form of the log.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt", global = true)]
    pub(super) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Logfmt,
    Json,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ServeArguments {
    /// Check the configuration, print what would run, and exit.
    #[arg(long = "config.check")]
    pub(super) config_check: bool,
    /// Address to listen on, as HOST:PORT, or as :PORT for all of the machine's; repeatable.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10917")]
    pub(super) listen_addresses: Vec<String>,
    /// YAML file that gives the exporter's own port TLS, passwords and more (docs/web-configuration.md).
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) web_config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) paths: WebPaths,
}

/// Where things are served.
#[derive(Clone, Debug, Args)]
pub(super) struct WebPaths {
    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics")]
    pub(super) telemetry_path: String,
    /// Prefix of all paths, for a reverse proxy that does not strip it.
    #[arg(long = "web.route-prefix", value_name = "PATH", default_value = "/")]
    pub(super) route_prefix: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CheckArguments {
    /// Names of the targets to check; all if none is given.
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,
    /// Form of the findings.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub(super) struct DemoArguments {
    /// Address to listen on, as HOST:PORT, or as :PORT for all of the machine's; repeatable.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10917")]
    pub(super) listen_addresses: Vec<String>,
    #[command(flatten)]
    pub(super) paths: WebPaths,
}

#[derive(Clone, Debug, Args)]
pub(super) struct HealthcheckArguments {
    /// Address on which the exporter listens.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10917")]
    pub(super) listen_address: String,
    /// Not read: whether TLS is spoken shows at once. It may stand here so that the flags can be those of serve.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) _web_config_file: Option<PathBuf>,
    /// Prefix of all paths.
    #[arg(long = "web.route-prefix", value_name = "PATH", default_value = "/")]
    pub(super) route_prefix: String,
}
