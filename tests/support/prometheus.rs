//! Debian's Prometheus, to see what a real one makes of the exporter.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::http;
use super::monitoring::{MonitoringServer, POLL};

/// A running Prometheus with an empty database.
#[derive(Debug)]
pub(crate) struct Prometheus {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    server: MonitoringServer,
}

impl Prometheus {
    /// Starts it on a free port of loopback with this `prometheus.yml`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with its log, which says what is wrong with the configuration.
    pub(crate) async fn start(config: &str) -> Self {
        Self::with_flags(config, |data| vec![storage(data)]).await
    }

    /// The same, and it takes native histograms.
    pub(crate) async fn start_native(config: &str) -> Self {
        Self::with_flags(config, |data| vec![storage(data), "--enable-feature=native-histograms".to_owned()]).await
    }

    async fn with_flags(config: &str, flags: fn(&Path) -> Vec<String>) -> Self {
        let server = MonitoringServer::start("prometheus", config, flags).await;
        Self { url: server.url.clone(), server }
    }

    /// The result of an instant query: an array, each member with its `metric` and `value`.
    pub(crate) async fn query(&self, expression: &str) -> Value {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = http::get(&format!("{}/api/v1/query?query={expression}", self.url), &[]).await;
        let mut json = answer.json();
        assert_eq!(json["status"], "success", "{expression}: {json}");
        json["data"]["result"].take()
    }

    /// The result of an instant query as soon as it is not empty.
    ///
    /// # Panics
    ///
    /// When it still is after `patience`: with what Prometheus says about its targets.
    pub(crate) async fn wait_for(&self, expression: &str, patience: Duration) -> Value {
        let found = timeout(patience, async {
            loop {
                let result = self.query(expression).await;
                if result.as_array().is_some_and(|series| !series.is_empty()) {
                    return result;
                }
                sleep(POLL).await;
            }
        });
        match found.await {
            Ok(result) => result,
            Err(_) => panic!("{expression} gave nothing within {patience:?}; targets: {}", self.targets().await),
        }
    }

    /// The active targets as Prometheus sees them, with `health` and `lastError`.
    pub(crate) async fn targets(&self) -> Value {
        let answer = http::get(&format!("{}/api/v1/targets?state=active", self.url), &[]).await;
        answer.json()["data"]["activeTargets"].take()
    }

    /// Waits until the last scrape of this job's only target failed for this reason. One that a busy machine has no time
    /// for fails for another.
    ///
    /// # Panics
    ///
    /// When none has after `patience`: with what Prometheus says about its targets.
    pub(crate) async fn until_last_error(&self, job: &str, reason: &str, patience: Duration) {
        let has_failed = async || {
            let targets = self.targets().await;
            let target = targets.as_array().and_then(|all| all.iter().find(|target| target["scrapePool"] == job));
            target.is_some_and(|target| target["lastError"].as_str().is_some_and(|error| error.contains(reason)))
        };
        let failing = async {
            while !has_failed().await {
                sleep(POLL).await;
            }
        };
        if timeout(patience, failing).await.is_err() {
            panic!("{job} did not fail for {reason} within {patience:?}; targets: {}", self.targets().await);
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

fn storage(data: &Path) -> String {
    format!("--storage.tsdb.path={}", data.display())
}
