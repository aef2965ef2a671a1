//! How the servers of the Prometheus project are started: they take the same flags, say in the same words where they
//! listen, and know `/-/ready`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::http;
use super::process::{Process, test_dep};

const START: Duration = Duration::from_secs(30);
pub(super) const POLL: Duration = Duration::from_millis(50);

/// Becomes the program in its arguments, and stops it when stdin closes.
const STOP_WITH_STDIN: &str = r#"exec 3<&0
(cat <&3; kill $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

/// One of them, with an empty database.
#[derive(Debug)]
pub(super) struct MonitoringServer {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    process: Process,
    _stdout: ChildStdout,
    _dir: TempDir,
}

impl MonitoringServer {
    /// Starts `.test-deps/bin/NAME` on a free port of loopback with this configuration, and waits until it is ready.
    /// `flags` makes those of this program alone from a directory for its data.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with its log, which says what is wrong with the configuration.
    pub(super) async fn start(name: &str, config: &str, flags: fn(&Path) -> Vec<String>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file: PathBuf = dir.path().join("config.yml");
        std::fs::write(&file, config).expect("the configuration can be written");

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", STOP_WITH_STDIN, "sh"])
            .arg(test_dep(&format!("bin/{name}")))
            .arg(format!("--config.file={}", file.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(flags(&dir.path().join("data")));
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
            Ok(None) => panic!("{name} ended:\n{}", process.log()),
            Err(_) => panic!("{name} is not ready after {START:?}:\n{}", process.log()),
        }
    }

    /// Its process id: the shell that it was started by became the program.
    pub(super) fn pid(&self) -> u32 {
        self.process.id().expect("nobody has waited for its end")
    }

    /// What it has logged so far.
    pub(super) fn log(&self) -> String {
        self.process.log()
    }
}

/// Where it listens, as told by its log: port 0 was asked for, so that no two tests can meet at one port.
fn listening(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let port: String = line.split("127.0.0.1:").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("http://127.0.0.1:{port}"))
}
