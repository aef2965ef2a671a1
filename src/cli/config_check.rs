//! `--config.check`: what would run, how often it would ask whom, and what is probably not meant.

use std::fmt::{self, Write as _};
use std::process::ExitCode;

use crate::clock::{BootClock, Clock};
use crate::model::fault::Request;
use crate::model::seen::seen;
use crate::model::target::{ClientAuthentication, Config, ConnectionMode, PingSettings, ScheduleMode, Target};
use crate::probe::Fleet;
use crate::server::{ListenAddress, Security, WebSettings};

use super::arguments::{Common, ServeArguments};
use super::cautions::cautions;
use super::healthcheck::local;
use super::rates::Rates;
use super::secret_file;
use super::setup;
use super::stop::Stop;
use super::supervisor::Supervisor;
use super::web;

/// Up to so many targets are shown whole; of more, a line each, and of many more, the first lines.
const FEW: usize = 3;
const LINES: usize = 20;

pub(super) fn run(common: &Common, arguments: &ServeArguments) -> Result<ExitCode, Stop> {
    let web = arguments.paths.settings()?;
    let config = setup::load_config(common)?;
    let security = web::security(arguments.web_config_file.as_deref())?;
    let served = served(&arguments.listen_addresses, &web, &security, &config);
    let now = BootClock.now();
    let text = describe(&config, &served, &cautions(&config.targets, now.wall));
    // Files are opened too, so that a wrong certificate is found here and not at the start.
    Supervisor::new(now, Fleet::default()).prepare(config).map_err(Stop::usage)?;
    setup::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Where page and metrics would be, once for each address, and how that is protected.
fn served(addresses: &[ListenAddress], web: &WebSettings, security: &Security, config: &Config) -> String {
    let root = |address: &ListenAddress| format!("{}://{}", security.scheme(), local(&address.to_string()));
    let roots: Vec<_> = addresses.iter().map(root).collect();
    let urls = |path: &str| roots.iter().map(|root| format!("{root}{path}")).collect::<Vec<_>>().join(" and ");
    let metrics = urls(&web.metrics_path());
    let mut text = match web.page_path() {
        Some(page) => format!("Status page at {}, metrics at {metrics}\n  ", urls(&page)),
        None => format!("Metrics at {metrics}\n  "),
    };
    text.push_str(&security.summary());
    if config.targets.iter().any(|target| target.schedule == ScheduleMode::Off) {
        let (probe, discovery) = (web.at("/probe"), web.at("/sd"));
        let _ = write!(
            text,
            "\n  targets with schedule: off are probed by {probe}?target=NAME; {discovery}?schedule=off lists them"
        );
    }
    text
}

fn describe(config: &Config, served: &str, cautions: &[String]) -> String {
    let mut text = "The configuration is valid. This would run:\n\n".to_owned();
    // Writing to a string cannot fail.
    let _ = write_targets(&mut text, config);
    let _ = write_rates(&mut text, config);
    let _ = writeln!(text, "\n{served}");
    if !cautions.is_empty() {
        let _ = writeln!(text, "\nIs this meant?\n  {}", cautions.join("\n  "));
    }
    text
}

fn write_targets(text: &mut String, config: &Config) -> fmt::Result {
    if let Some(vantage) = &config.vantage {
        writeln!(text, "vantage {}", seen(vantage))?;
    }
    if config.targets.len() <= FEW {
        return config.targets.iter().try_for_each(|target| write_whole(text, target));
    }
    for target in config.targets.iter().take(LINES) {
        let (token, ping) = (target.authorization_host(), target.resource_host());
        let (name, client, rhythm) = (seen(&target.name), seen(&target.token.client_id), rhythm(target));
        writeln!(text, "{name}: client {client}, {rhythm}, token from {token}, ping to {ping}")?;
    }
    match config.targets.len().checked_sub(LINES) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(text, "… and {more} more, {} in all", config.targets.len()),
    }
}

fn write_whole(text: &mut String, target: &Target) -> fmt::Result {
    let (token, ping) = (target.shown_url(Request::Token), target.shown_url(Request::Ping));
    let (method, connection) = (&target.ping.method, connection(&target.ping));
    let timeout = humantime::format_duration(target.timeout);
    let client = seen(&target.token.client_id);
    writeln!(text, "{}", seen(&target.name))?;
    writeln!(text, "  token   POST {token} as client {client}, {}", authentication(target))?;
    writeln!(text, "  ping    {method} {ping}, {}, {connection}", rhythm(target))?;
    writeln!(text, "  good    {} within {timeout}", expectation(&target.ping))?;
    if !target.checks.checks.is_empty() {
        let names: Vec<_> = target.checks.checks.iter().map(|check| check.as_str()).collect();
        writeln!(text, "  checks  {}, in one of {} cycles", names.join(", "), target.checks.every)?;
    }
    if !target.labels.is_empty() {
        let labels: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        writeln!(text, "  labels  {}", labels.join(", "))?;
    }
    Ok(())
}

fn rhythm(target: &Target) -> String {
    match target.schedule {
        ScheduleMode::On => format!("every {}", humantime::format_duration(target.interval)),
        ScheduleMode::Off => "only when /probe is asked".to_owned(),
    }
}

/// How the client proves who it is, and where that with which it does is found.
fn authentication(target: &Target) -> String {
    let authentication = &target.token.authentication;
    let source = match authentication.file() {
        Some(file) => format!(", {} in {}", secret_file::kind(target), file.display()),
        None => String::new(),
    };
    let how = match authentication {
        ClientAuthentication::Basic { .. } => "HTTP Basic",
        ClientAuthentication::Post { .. } => "its secret in the form",
        ClientAuthentication::Assertion(_) => "a signed assertion",
        ClientAuthentication::Tls => "its TLS certificate",
    };
    format!("by {how}{source}")
}

const fn connection(ping: &PingSettings) -> &'static str {
    match ping.connection {
        ConnectionMode::Fresh => "each time on a new connection",
        ConnectionMode::Reuse => "on a connection that is kept",
    }
}

fn expectation(ping: &PingSettings) -> String {
    let status: Vec<_> = ping.expect.status.iter().map(ToString::to_string).collect();
    let pointers: Vec<_> = ping.expect.json.keys().map(String::as_str).collect();
    let body = match &*pointers {
        [] => String::new(),
        pointers => format!(" and JSON with the right {}", pointers.join(", ")),
    };
    format!("status {}{body}", status.join(" or "))
}

fn write_rates(text: &mut String, config: &Config) -> fmt::Result {
    if config.targets.iter().all(|target| target.schedule == ScheduleMode::Off) {
        return writeln!(text, "\nNothing is asked before /probe is.");
    }
    writeln!(text, "\nRequests a minute, more where tokens live shorter than token.max_age:")?;
    Rates::of(&config.targets).write(text)
}
