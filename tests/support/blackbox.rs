//! Debian's blackbox_exporter, to compare with.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::http;
use super::monitoring::MonitoringServer;
use super::process::test_dep;

/// A running blackbox_exporter.
#[derive(Debug)]
pub(crate) struct Blackbox {
    server: MonitoringServer,
}

/// What one probe gave.
#[derive(Debug)]
pub(crate) struct Probe(String);

impl Blackbox {
    /// Starts it on a free port of loopback with this `blackbox.yml`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with its log, which says what is wrong with the configuration.
    pub(crate) async fn start(config: &str) -> Self {
        Self { server: MonitoringServer::start("blackbox_exporter", config, |_data| Vec::new()).await }
    }

    /// Has it probe `target` as `module` says.
    pub(crate) async fn probe(&self, target: &str, module: &str) -> Probe {
        Probe(http::get(&self.probe_url(target, module), &[]).await.body)
    }

    /// What is asked to have it probe `target` as `module` says.
    pub(crate) fn probe_url(&self, target: &str, module: &str) -> String {
        let target = utf8_percent_encode(target, NON_ALPHANUMERIC);
        format!("{}/probe?target={target}&module={module}", self.server.url)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// What it says of its version.
    pub(crate) fn version() -> String {
        let output = std::process::Command::new(test_dep("bin/blackbox_exporter")).arg("--version").output();
        let output = output.expect("it can be run");
        // Which of the two it writes on has changed between versions.
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        said.lines().next().unwrap_or_default().to_owned()
    }
}

impl Probe {
    /// The value of a series, written as in the answer.
    ///
    /// # Panics
    ///
    /// When there is none: with the whole answer.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let found = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or_else(|| panic!("no {series} in:\n{}", self.0))
    }
}
