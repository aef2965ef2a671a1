//! This project: the built program as a child process, on its own schedule.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{interval, sleep};

use crate::common::{self, PingServer, Port, Watched};
pub(crate) use crate::exporter::PROGRAM;
use crate::exporter::{Exporter, http};
use crate::stage::{RATE, Stage, Turn};

/// How it is made to ping.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) port: &'a Port,
    /// `ping.connection`
    pub(crate) connection: &'static str,
    pub(crate) scrapes: Scrapes,
}

/// Who reads its metrics meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scrapes {
    None,
    EverySecond,
}

pub(crate) async fn turn(stage: &Stage, manner: Manner<'_>) -> Turn {
    let server = stage.server(manner.port).await;
    let exporter = Exporter::start_with(&configuration(stage, &server, manner.connection), &[], &[]).await;
    let address = exporter.address.clone();
    let scraping = (manner.scrapes == Scrapes::EverySecond).then(|| tokio::spawn(scrape_every_second(address)));
    let mut turn = stage.watch(&watched(&exporter), &server).await;
    if let Some(scraping) = scraping {
        scraping.abort();
    }
    let metrics = exporter.metrics().await;
    let count = |family| common::sum(&metrics, family) as u64;
    turn.failed = count("oauth_probe_cycle_failures_total") + count("oauth_probe_skipped_cycles_total");
    exporter.terminate().await;
    turn
}

/// Has `perf` sample fresh pings into `file`.
pub(crate) async fn profile(stage: &Stage, file: &Path) {
    let server = stage.server(&stage.http).await;
    let exporter = Exporter::start_with(&configuration(stage, &server, "fresh"), &[], &[]).await;
    sleep(stage.warm_up).await;
    let pid = exporter.pid().expect("it runs").as_raw_nonzero().to_string();
    let seconds = stage.window.as_secs().to_string();
    // An odd frequency, so that no rhythm of the program is that of the samples.
    let flags = ["record", "-F", "2999", "-g", "-p", &pid, "-o"];
    let recorded = Command::new("perf").args(flags).arg(file).args(["--", "sleep", &seconds]).status().await;
    assert!(recorded.expect("perf is installed: Debian's linux-perf").success(), "perf failed");
    exporter.terminate().await;
}

async fn scrape_every_second(address: String) {
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        http(&address, "GET", "/metrics", "").await;
    }
}

pub(crate) fn watched(exporter: &Exporter) -> Watched {
    let pid = exporter.pid().expect("it runs").as_raw_nonzero().get();
    Watched::process(pid.unsigned_abs())
}

/// As many targets as there are pings a second, each of them pinged every second.
pub(crate) fn configuration(stage: &Stage, server: &PingServer, connection: &str) -> String {
    let (url, ca_file) = (&server.urls()[0], stage.ca_file.display());
    let mut text = format!(
        "defaults:\n  authorization_server: {url}\n  resource_server: {url}\n  client_id: acme\n  \
         client_secret: secret\n  interval: 1s\n  timeout: 1s\n  ping: {{ connection: {connection} }}\n  \
         tls: {{ ca_file: '{ca_file}' }}\ntargets:\n"
    );
    for number in 0..RATE {
        writeln!(text, "  - name: target-{number}").unwrap();
    }
    text
}
