//! A Chromium of our own, driven by Debian's chromedriver in the words of W3C WebDriver.

use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

use super::support::{Process, test_dep};

/// A browser's start on a busy machine, with much to spare.
const PATIENCE: Duration = Duration::from_secs(60);

/// Becomes the driver, and ends it and its browser when stdin closes: they are alone in their process group.
const STOP_WITH_STDIN: &str = r#"exec 3<&0
(cat <&3; kill -KILL -- -$$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A session with a driver and a browser, both of which end with it.
pub(crate) struct Driver {
    session: String,
    client: Client<HttpConnector, Body>,
    group: Option<Pid>,
    _process: Process,
    _stdout: BufReader<ChildStdout>,
    /// Removed after the browser has ended.
    _profile: TempDir,
}

impl Driver {
    pub(crate) async fn start() -> Self {
        // It takes one port for IPv4 and IPv6, and ends when the free one that it found is taken in the other of them.
        for _ in 0..5 {
            if let Some(driver) = Self::try_to_start().await {
                return driver;
            }
        }
        panic!("chromedriver ends as soon as it starts");
    }

    async fn try_to_start() -> Option<Self> {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", STOP_WITH_STDIN, "sh"]).arg(test_dep("bin/chromedriver")).arg("--port=0");
        command.as_std_mut().process_group(0);
        let (process, stdout) = Process::spawn(command);
        let mut stdout = BufReader::new(stdout);
        let port = timeout(PATIENCE, port(&mut stdout)).await.expect("chromedriver says something")?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut driver = Self {
            session: format!("http://127.0.0.1:{port}/session"),
            client,
            group: process.id().and_then(|id| Pid::from_raw(i32::try_from(id).expect("a process id"))),
            _process: process,
            _stdout: stdout,
            _profile: profile,
        };
        let begun = driver.command("POST", "", driver.capabilities()).await;
        driver.session += &format!("/{}", begun["sessionId"].as_str().expect("a session"));
        Some(driver)
    }

    fn capabilities(&self) -> Value {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let flags: Vec<_> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
        let options = json!({ "binary": test_dep("bin/chromium"), "args": flags });
        let wanted = json!({ "goog:loggingPrefs": { "browser": "ALL" }, "goog:chromeOptions": options });
        json!({ "capabilities": { "alwaysMatch": wanted } })
    }

    /// What a command gives.
    ///
    /// # Panics
    ///
    /// When it fails: with what the driver says.
    pub(crate) async fn command(&self, method: &str, path: &str, body: Value) -> Value {
        self.try_command(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, for what may fail.
    pub(crate) async fn try_command(&self, method: &str, path: &str, body: Value) -> Result<Value, Value> {
        let body = if method == "POST" { Body::from(body.to_string()) } else { Body::empty() };
        let request = Request::builder().method(method).uri(format!("{}{path}", self.session)).body(body);
        let exchange = async {
            let answer = self.client.request(request.expect("a request")).await.expect("an answer");
            let status = answer.status();
            let body = to_bytes(Body::new(answer.into_body()), usize::MAX).await.expect("a whole answer");
            let mut json: Value = serde_json::from_slice(&body).expect("JSON");
            if status.is_success() { Ok(json["value"].take()) } else { Err(json["value"].take()) }
        };
        timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{method} {path}: no answer in {PATIENCE:?}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver alone would leave its browser behind.
        if let Some(group) = self.group {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The one on which it listens; `None` if it has ended.
async fn port(stdout: &mut BufReader<ChildStdout>) -> Option<u16> {
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).await.expect("output") == 0 {
            return None;
        }
        if let Some((_, rest)) = line.split_once("successfully on port ") {
            return rest.trim().trim_end_matches('.').parse().ok();
        }
    }
}
