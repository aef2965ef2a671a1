//! What may be said on the command line, with the names that Prometheus users know.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::server::{ExternalUrl, ListenAddress, TimeoutOffset, WebSettings};

use super::stop::Stop;

const AFTER_HELP: &str = "\
Something is broken? `check` asks once, as the exporter would, and says what it means and what to do.
Served: / (status page), /targets/NAME, /api/v1/targets, /api/v1/targets/NAME, /config, /metrics,
/metrics?target=NAME, /probe?target=NAME, /sd, /-/healthy, /-/ready; POST /-/reload.
Signals: SIGTERM and SIGINT end it; SIGHUP has the configuration loaded anew, as POST /-/reload does. A secret's file is
read anew every time.
`completions bash` (or zsh, fish) and `man` print what their names say.
Exit codes: 0: it worked; 1: a check failed, or it could not run; 2: wrong arguments or configuration.";

/// Probes APIs that are protected by OAuth 2.0 client credentials and exports what it finds to Prometheus.
///
/// Without a configuration file, one target is made from the environment variables AUTHORIZATION_SERVER,
/// RESOURCE_SERVER, PARTNER_OA_CLIENT_ID and PARTNER_OA_SECRET (or PARTNER_OA_SECRET_FILE).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, subcommand_value_name = "COMMAND", after_help = AFTER_HELP)]
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
    /// Print completions for a shell.
    #[command(hide = true)]
    Completions { shell: Shell },
    /// Print the manual page, in roff.
    #[command(hide = true)]
    Man,
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
    pub(super) listen_addresses: Vec<ListenAddress>,
    /// YAML file that gives the exporter's own port TLS, passwords and more (docs/web-configuration.md).
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) web_config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) paths: WebPaths,
}

/// Where things are served, and where others find them.
#[derive(Clone, Debug, Args)]
pub(super) struct WebPaths {
    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics")]
    telemetry_path: String,
    /// URL under which Prometheus reaches the exporter, where that is not the Host of its requests: behind a reverse
    /// proxy. /sd tells it.
    #[arg(long = "web.external-url", value_name = "URL")]
    external_url: Option<String>,
    /// Prefix of all paths, for a reverse proxy that does not strip it [default: the path of --web.external-url, or /].
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    route_prefix: Option<String>,
    /// How much before Prometheus' scrape timeout /probe answers, also if its cycle still runs.
    #[arg(long = "timeout-offset", value_name = "DURATION", default_value_t)]
    timeout_offset: TimeoutOffset,
}

impl WebPaths {
    /// # Errors
    /// When nothing can be served under one of them, or reached.
    pub(super) fn settings(&self) -> Result<WebSettings, Stop> {
        // Not by clap, which would show a password in it.
        let external: Option<ExternalUrl> = match self.external_url.as_deref().map(str::parse).transpose() {
            Ok(url) => url,
            Err(problem) => return Err(Stop::usage(format_args!("--web.external-url: {problem}"))),
        };
        let usual_prefix = external.as_ref().map_or("/", ExternalUrl::path);
        let prefix = self.route_prefix.as_deref().unwrap_or(usual_prefix);
        let settings = WebSettings::new(prefix, &self.telemetry_path).map_err(Stop::usage)?;
        Ok(settings.with_external_url(external).with_timeout_offset(self.timeout_offset))
    }
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

/// Accepted as everywhere, and not shown where it is not read.
#[derive(Clone, Debug, Args)]
pub(super) struct UnreadConfigFile {
    #[arg(id = "config_file", long = "config.file", value_name = "FILE", hide = true)]
    _file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct DemoArguments {
    /// Address to listen on, as HOST:PORT, or as :PORT for all of the machine's; repeatable.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:10917")]
    pub(super) listen_addresses: Vec<ListenAddress>,
    #[command(flatten)]
    pub(super) paths: WebPaths,
    #[command(flatten)]
    _config_file: UnreadConfigFile,
}

#[derive(Clone, Debug, Args)]
pub(super) struct HealthcheckArguments {
    /// Address on which the exporter listens.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10917")]
    pub(super) listen_address: ListenAddress,
    /// Not read: whether TLS is spoken shows at once. It may stand here so that the flags can be those of serve.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) web_config_file: Option<PathBuf>,
    /// Prefix of all paths.
    #[arg(long = "web.route-prefix", value_name = "PATH", default_value = "/")]
    pub(super) route_prefix: String,
    #[command(flatten)]
    _config_file: UnreadConfigFile,
}
