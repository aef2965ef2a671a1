//! Debian's Alertmanager, to see where a real one sends what.

use std::path::Path;

use serde_json::Value;

use super::http;
use super::monitoring::MonitoringServer;

/// A running Alertmanager that knows no alert yet.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    server: MonitoringServer,
}

impl Alertmanager {
    /// Starts it on a free port of loopback with this `alertmanager.yml`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with its log, which says what is wrong with the configuration.
    pub(crate) async fn start(config: &str) -> Self {
        // No cluster: it would listen on every interface.
        let flags =
            |data: &Path| vec![format!("--storage.path={}", data.display()), "--cluster.listen-address=".to_owned()];
        let server = MonitoringServer::start("alertmanager", config, flags).await;
        Self { url: server.url.clone(), server }
    }

    /// Hands it alerts as Prometheus does: an array of objects with `labels`, and `startsAt`, `endsAt`, `annotations`
    /// as needed. An alert whose `endsAt` has passed is resolved.
    pub(crate) async fn post(&self, alerts: &Value) {
        let url = format!("{}/api/v2/alerts", self.url);
        let answer = http::request("POST", &url, &[("Content-Type", "application/json")], &alerts.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The alerts that it holds, each with its `labels` and its `status` (`state`, `inhibitedBy`, `silencedBy`).
    pub(crate) async fn alerts(&self) -> Value {
        http::get(&format!("{}/api/v2/alerts", self.url), &[]).await.json()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}
