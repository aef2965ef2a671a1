//! The exporter and the servers that it probes, whose faults are switched while people look at the page.

use std::fmt::Write as _;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Control, Fault, Server, Settings, Simulator, StatusCode, Whom};

use rustix::process::Signal;
use tokio::net::TcpStream;

use super::exporter::Exporter;

const SECRET: &str = "s3cr3t-that-nobody-sees";

/// Both, running.
pub(crate) struct Stage {
    simulator: Simulator,
    pub(crate) exporter: Exporter,
    configuration: String,
}

impl Stage {
    /// With a target for each name, all of which work.
    pub(crate) async fn set(names: &[&str], arguments: &[&str]) -> Self {
        Self::set_with(names, "{ environment: production }", arguments).await
    }

    /// The same with these labels.
    pub(crate) async fn set_with(names: &[&str], labels: &str, arguments: &[&str]) -> Self {
        let clients = names.iter().map(|name| ClientSettings::new(name, SECRET)).collect();
        let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
        let mut configuration = "defaults: { interval: 1s, token: { max_age: 2s } }\ntargets:\n".to_owned();
        for name in names {
            write!(
                configuration,
                "  - name: {name}\n    authorization_server: {}\n    resource_server: {}\n    client_id: {name}\n    \
                 client_secret: {SECRET}\n    labels: {labels}\n    \
                 checks: [no_token, bad_token]\n    checks_every: 1\n",
                simulator.authorization_server(),
                simulator.resource_server(),
            )
            .unwrap();
        }
        let exporter = Exporter::start_with(&configuration, arguments, &[]).await;
        Self { simulator, exporter, configuration }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.exporter.address)
    }

    pub(crate) fn control(&self) -> &Control {
        self.simulator.control()
    }

    /// From now on its API answers 503.
    pub(crate) fn break_api_of(&self, name: &str) {
        let fault = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
        self.control().set_faults(Server::Api, Whom::client(name), [fault]);
    }

    pub(crate) fn mend_api_of(&self, name: &str) {
        self.control().set_faults(Server::Api, Whom::client(name), []);
    }

    /// The same exporter again, at the same address.
    pub(crate) async fn restart(&mut self) {
        let configuration = self.configuration.clone();
        self.exporter.restart(&configuration).await;
    }

    /// Once it has a token, it gets no further one: the secret is another from now on.
    pub(crate) async fn refuse_secret_of(&self, name: &str) {
        self.until_success_is(name, 1).await;
        self.control().set_faults(Server::Authorization, Whom::client(name), [Fault::RefuseSecret]);
        let failed = [&format!("target=\"{name}\""), "oauth_probe_request_success", "request=\"token\""];
        self.exporter.until_matching(&failed, |value| value == 0.0).await;
    }

    /// Waits until a target works (1), or fails (0).
    pub(crate) async fn until_success_is(&self, name: &str, value: u8) {
        let series = [&format!("target=\"{name}\""), "oauth_probe_success{"];
        self.exporter.until_matching(&series, |found| found == f64::from(value)).await;
    }

    /// Ends the exporter.
    pub(crate) async fn stop(&self) {
        self.exporter.send(Signal::TERM);
        while TcpStream::connect(&self.exporter.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
