//! The built program as a child process, and the little HTTP that tests speak to it.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// No wait of a test is longer.
const PATIENCE: Duration = Duration::from_secs(60);
const ANY_PORT: &str = "127.0.0.1:0";
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_oauth-probe-exporter");

/// What a run that ended by itself left behind.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn everything(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

pub async fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[]).await
}

/// Runs the program to its end, in an environment that has these variables alone.
pub async fn run_with(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("the program ends").unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A simulator that knows the client `acme`, and a configuration of one target there: `x`, with these settings.
pub async fn one_target(settings: &str) -> (Simulator, String) {
    let clients = vec![ClientSettings::new("acme", "secret")];
    let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
    let (authorization, resource) = (simulator.authorization_server(), simulator.resource_server());
    let servers = format!("authorization_server: '{authorization}', resource_server: '{resource}'");
    let configuration =
        format!("targets: [{{ name: x, client_id: acme, client_secret: secret, {servers}, {settings} }}]\n");
    (simulator, configuration)
}

/// A running exporter on a port of its own.
pub struct Exporter {
    pub address: String,
    child: Child,
    log: JoinHandle<String>,
    directory: Arc<tempfile::TempDir>,
}

impl Exporter {
    /// Starts `serve` with this configuration file, and waits until it listens.
    pub async fn start(configuration: &str) -> Self {
        Self::start_with(configuration, &["--log.level=debug"], &[]).await
    }

    /// The same with further arguments, in an environment that has these variables alone.
    pub async fn start_with(configuration: &str, arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self::start_at(ANY_PORT, configuration, arguments, environment, directory).await
    }

    async fn start_at(
        address: &str,
        configuration: &str,
        arguments: &[&str],
        environment: &[(&str, String)],
        directory: Arc<tempfile::TempDir>,
    ) -> Self {
        let path = directory.path().join("probe.yml");
        std::fs::write(&path, configuration).unwrap();
        let file = ["--config.file", path.to_str().unwrap()];
        Self::spawn(&[PROGRAM], address, &[&file, arguments].concat(), environment, directory).await
    }

    /// Another build of the program, with this configuration file.
    pub async fn start_program(program: &Path, configuration: &str) -> Self {
        Self::start_words(&[program.to_str().unwrap()], ANY_PORT, configuration).await
    }

    /// Starts `serve` by way of a command that runs another one in its own place, maybe as another user.
    pub async fn start_by(launcher: &[&str], address: &str, configuration: &str) -> Self {
        Self::start_words(&[launcher, &[PROGRAM]].concat(), address, configuration).await
    }

    async fn start_words(command: &[&str], address: &str, configuration: &str) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let path = directory.path().join("probe.yml");
        std::fs::write(&path, configuration).unwrap();
        Self::spawn(command, address, &["--config.file", path.to_str().unwrap()], &[], directory).await
    }

    /// Starts `serve` without a file.
    pub async fn start_from_environment(environment: &[(&str, String)]) -> Self {
        Self::spawn(&[PROGRAM], ANY_PORT, &[], environment, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts `demo`.
    pub async fn start_demo(arguments: &[&str]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self::spawn(&[PROGRAM], ANY_PORT, &[&["demo"], arguments].concat(), &[], directory).await
    }

    async fn spawn(
        command: &[&str],
        address: &str,
        arguments: &[&str],
        environment: &[(&str, String)],
        directory: Arc<tempfile::TempDir>,
    ) -> Self {
        let words = [command, arguments, &["--web.listen-address", address]].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let listening = async {
            loop {
                let line =
                    lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended before it listened:\n{log}"));
                log.push_str(&line);
                log.push('\n');
                // In either format of the log.
                if let Some((_, rest)) = line.split_once("address=").or_else(|| line.split_once("\"address\":")) {
                    return rest.split([' ', '}', ',']).next().unwrap().trim_matches('"').to_owned();
                }
            }
        };
        let address = tokio::time::timeout(PATIENCE, listening).await.expect("it listens");
        let mut stdout = child.stdout.take().unwrap();
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.push_str(&line);
                log.push('\n');
            }
            stdout.read_to_string(&mut log).await.unwrap();
            log
        });
        Self { address, child, log, directory }
    }

    /// What `--config.check` says of this configuration file.
    pub async fn check_config(configuration: &str) -> Output {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("probe.yml");
        std::fs::write(&path, configuration).unwrap();
        run(&["--config.check", "--config.file", path.to_str().unwrap()]).await
    }

    pub async fn get(&self, path: &str) -> Response {
        http(&self.address, "GET", path, "").await
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.text()
    }

    pub fn configuration_file(&self) -> PathBuf {
        self.directory.path().join("probe.yml")
    }

    /// Puts another configuration in the place of its file's, which it does not know yet.
    pub fn write_configuration(&self, configuration: &str) {
        std::fs::write(self.configuration_file(), configuration).unwrap();
    }

    pub async fn reload(&self) -> Response {
        http(&self.address, "POST", "/-/reload", "").await
    }

    /// Waits until the metrics have this line.
    pub async fn until(&self, line: &str) {
        let waiting = async {
            while !self.metrics().await.lines().any(|found| found == line) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("never saw {line} in\n{}", self.metrics().await);
        }
    }

    /// Waits until a sample whose name and labels have all these parts has a value that is good.
    pub async fn until_matching(&self, parts: &[&str], is_good: impl Fn(f64) -> bool) {
        let waiting = async {
            let is_met = |line: &str| {
                let (name, value) = line.rsplit_once(' ').unwrap_or_default();
                parts.iter().all(|part| name.contains(part)) && value.parse().is_ok_and(&is_good)
            };
            while !self.metrics().await.lines().any(is_met) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("never saw {parts:?} in\n{}", self.metrics().await);
        }
    }

    /// Waits until the last cycle of the target succeeded.
    pub async fn until_well(&self, target: &str) {
        self.until(&format!("oauth_probe_success{{target=\"{target}\"}} 1")).await;
    }

    /// Waits until a failure of the target is told so by `family`, `cycle_failure_info` or `request_failure_info`.
    pub async fn until_blamed(&self, family: &str, target: &str, reason: &str, fault: &str) {
        let labels = [("target", target), ("reason", reason), ("fault", fault)];
        let [target, reason, fault] = labels.map(|(label, value)| format!("{label}=\"{value}\""));
        self.until_matching(&[family, &target, &reason, &fault], |value| value == 1.0).await;
    }

    /// Ends it if it runs, and starts one with this configuration at the same address.
    pub async fn restart(&mut self, configuration: &str) {
        self.send(Signal::TERM);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        *self = Self::start_at(&self.address, configuration, &[], &[], Arc::clone(&self.directory)).await;
    }

    /// Kills it wherever it is, and starts one at the same address at once.
    pub async fn kill_and_restart(&mut self, configuration: &str) {
        self.send(Signal::KILL);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        *self = Self::start_at(&self.address, configuration, &[], &[], Arc::clone(&self.directory)).await;
    }

    /// Kills it, starts another one at the same address, and waits no longer for that than `patience`: it is somewhere in
    /// its start when it is killed next.
    pub async fn kill_and_begin_again(&mut self, patience: Duration) {
        self.send(Signal::KILL);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let file = self.configuration_file();
        self.child = Command::new(PROGRAM)
            .args(["--web.listen-address", &self.address, "--config.file", file.to_str().unwrap()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::time::sleep(patience).await;
    }

    /// Sends a signal, unless it has ended.
    pub fn send(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            rustix::process::kill_process(pid, signal).unwrap();
        }
    }

    /// Of its process, until its end was noticed.
    pub fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).unwrap()))
    }

    /// Sends SIGTERM; gives the exit code and the time it took.
    pub async fn terminate(mut self) -> (Option<i32>, Duration) {
        self.send(Signal::TERM);
        let sent = tokio::time::Instant::now();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        (status.code(), sent.elapsed())
    }

    /// What it wrote on standard error, and then on standard output, when it has ended as it should.
    pub async fn terminate_and_read_log(mut self) -> String {
        self.send(Signal::TERM);
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let log = self.log.await.unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

pub struct Response {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// One that ended with its connection.
    pub fn parse(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: answer[end..].to_vec() }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Head and body as they came.
    pub fn everything(&self) -> String {
        format!("{}{}", self.head, String::from_utf8_lossy(&self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request of HTTP/1.0, whose answer ends with the connection and is never chunked.
pub async fn http(address: &str, method: &str, path: &str, headers: &str) -> Response {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        Response::parse(&answer)
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("no answer to {method} {path}"))
}
