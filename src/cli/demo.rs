//! `demo`: the embedded servers with faults that come and go, probed by the exporter as it is.

use std::fmt::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use crate::config;
use crate::model::target::Config;
use crate::server::Security;
use crate::simulator::{DemoClient, Script, Settings, Simulator};

use super::arguments::{Common, DemoArguments};
use super::serve::Exporter;
use super::setup;
use super::signals::Signals;
use super::stop::Stop;
use super::supervisor::Source;

pub(super) fn run(common: &Common, arguments: &DemoArguments) -> Result<ExitCode, Stop> {
    if common.config_file.is_some() {
        return Err(Stop::usage("demo brings its own targets; leave --config.file out, or use serve"));
    }
    let _log = setup::logging(common)?;
    setup::block_on(play(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn play(arguments: &DemoArguments) -> Result<(), Stop> {
    let signals = Signals::catch()?;
    let mut simulator = Simulator::start(Settings::demo()).await.map_err(Stop::failed)?;
    let config = demo_config(&simulator)?;
    // Another load finds what was there.
    let source: Source = Arc::new(move || Ok(config.clone()));
    let exporter = Exporter::bind(source, &arguments.listen_addresses, &arguments.paths, Security::none()).await?;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_program(&mut text, &simulator, &exporter);
    setup::print(&text)?;
    simulator.play(Script::demo());
    tokio::select! {
        ended = exporter.run(signals) => ended,
        task = simulator.ended() => Err(Stop::failed(format_args!("the simulator's task {task} died"))),
    }
}

fn write_program(text: &mut String, simulator: &Simulator, exporter: &Exporter) -> fmt::Result {
    writeln!(text, "An authorization server plays at {}", simulator.authorization_server())?;
    writeln!(text, "and an API at                    {}", simulator.resource_server())?;
    writeln!(text, "Every {} s the same happens again:\n", Script::demo().period().as_secs())?;
    for client in DemoClient::all() {
        let when = match client.trouble {
            Some((from, to)) => format!("{:>2}–{} s", from.as_secs(), to.as_secs()),
            None => "always".to_owned(),
        };
        writeln!(text, "  {:<14} {when:<8} {}", client.name, client.story)?;
    }
    let metrics = exporter.metrics_url();
    let page = exporter.page_url().map(|page| (page, "the status page, in a browser"));
    let questions = [
        ("'^oauth_probe_success'", "which targets work"),
        ("cycle_failure_info", "why the others do not, and whose fault it is"),
        ("token_expires_in", "how long the tokens still live"),
    ];
    let commands = questions.map(|(lines, answer)| (format!("curl -s {metrics} | grep {lines}"), answer));
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    writeln!(text, "\nWhere to look:")?;
    for (what, answer) in page.into_iter().chain(commands) {
        writeln!(text, "  {what:<width$}    # {answer}")?;
    }
    writeln!(text, "The log below has a line for each change. Ctrl-C ends it.\n")
}

/// The configuration as its user would write it.
fn demo_config(simulator: &Simulator) -> Result<Config, Stop> {
    let mut text = format!(
        "defaults:\n  authorization_server: {}\n  resource_server: {}\n  interval: {}\n  timeout: {}\n  \
         labels: {{ environment: demo }}\n  token: {{ max_age: 1m }}\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server(),
        humantime::format_duration(DemoClient::INTERVAL),
        humantime::format_duration(DemoClient::TIMEOUT),
    );
    for DemoClient { name, client_id, secret, checks, .. } in DemoClient::all() {
        let checks = checks.join(", ");
        let _ = writeln!(
            text,
            "  - {{ name: {name}, client_id: {client_id}, client_secret: '{secret}', checks: [{checks}] }}"
        );
    }
    config::parse(&text, "demo", &|_| None).map_err(Stop::failed)
}
