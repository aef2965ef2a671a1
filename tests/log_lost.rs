//! A log that nobody takes: a full disk, a reader that is gone, and one that reads no more. The program goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::fs::OpenOptions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use exporter::{http, one_target};
use reports::Scrape;

const CYCLES: f64 = 10.0;
const WRONG_USAGE: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);
/// More than a pipe holds.
const A_LOT: usize = 4 * 1024 * 1024;

/// The program with another standard error than usual.
struct Program {
    child: Child,
    address: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    async fn start(configuration: &std::path::Path, log: impl Into<Stdio>) -> Self {
        // Where it listens cannot be read from its log: at an address of loopback that this process has for itself.
        let address =
            format!("{}:10917", Ipv4Addr::from_bits(Ipv4Addr::new(127, 64, 0, 0).to_bits() | std::process::id()));
        let child = Command::new(env!("CARGO_BIN_EXE_oauth-probe-exporter"))
            .args(["--log.level=debug", "--web.listen-address", &address, "--config.file"])
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(OpenOptions::new().write(true).open("/dev/full").unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let listens = async {
            while TcpStream::connect(&address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("it listens");
        Self { child, address }
    }

    /// Probes and answers, reloads, and ends when it is told to.
    async fn works(mut self) {
        let work = async {
            loop {
                let metrics = http(&self.address, "GET", "/metrics", "").await.text();
                if Scrape::of(&metrics).one("cycles_total", &[("result", "success")]) >= CYCLES {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(http(&self.address, "POST", "/-/reload", "").await.status, 200);
        };
        tokio::time::timeout(PATIENCE, work).await.expect("it goes on");
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap().code());
        assert_eq!(tokio::time::timeout(PATIENCE, ended).await.expect("it ends").unwrap(), Some(0));
    }
}

#[test]
fn exit_code_says_what_cannot_be_written() {
    let full_disk = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_oauth-probe-exporter"))
        .args(["--config.file", "/nonexistent/probe.yml"])
        .stdout(full_disk())
        .stderr(full_disk())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(WRONG_USAGE));
}

#[tokio::test]
async fn program_probes_and_answers_though_its_log_cannot_be_written() {
    let (_simulator, configuration) = one_target("interval: 100ms").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("probe.yml");
    std::fs::write(&file, configuration).unwrap();

    let full_disk = OpenOptions::new().write(true).open("/dev/full").unwrap();
    Program::start(&file, full_disk).await.works().await;

    let (gone, writer) = std::io::pipe().unwrap();
    drop(gone);
    Program::start(&file, writer).await.works().await;

    let (_reads_no_more, writer) = std::io::pipe().unwrap();
    let mut other = writer.try_clone().unwrap();
    // Full, and as soon as there is room again, full again.
    std::thread::spawn(move || other.write_all(&vec![b'x'; A_LOT]));
    Program::start(&file, writer).await.works().await;
}
