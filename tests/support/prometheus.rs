//! Debian's Prometheus, to see what a real one makes of the exporter.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::http;
use super::process::{Process, test_dep};

const START: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Becomes the program in its arguments, and stops it when stdin closes.
const STOP_WITH_STDIN: &str = r#"exec 3<&0
(cat <&3; kill $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

/// A running Prometheus with an empty database.
#[derive(Debug)]
pub(crate) struct Prometheus {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    process: Process,
    _stdout: ChildStdout,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts it on a free port of loopback with this `prometheus.yml`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with its log, which says what is wrong with the configuration.
    pub(crate) async fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("the configuration can be written");

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", STOP_WITH_STDIN, "sh"])
            .arg(test_dep("bin/prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0");
        let (mut process, stdout) = Process::spawn(command);
        let started = timeout(START, async {
            loop {
                if let Some(url) = listening(&process.log())
                    && let Ok(answer) = http::exchange("GET", &format!("{url}/-/ready"), &[], "").await
                    && answer.status == 200
                {
                    return Some(url);
                }
                if process.has_ended() {
                    return None;
                }
                sleep(POLL).await;
            }
        });
        match started.await {
            Ok(Some(url)) => Self { url, process, _stdout: stdout, _dir: dir },
            Ok(None) => panic!("prometheus ended:\n{}", process.log()),
            Err(_) => panic!("prometheus is not ready after {START:?}:\n{}", process.log()),
        }
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

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// Where it listens, as told by its log: port 0 was asked for, so that no two tests can meet at one port.
fn listening(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let port: String = line.split("127.0.0.1:").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("http://127.0.0.1:{port}"))
}
