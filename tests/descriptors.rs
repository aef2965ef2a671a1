//! The program out of file descriptors and back: it blames itself, answers whoever is connected, and does not spin.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use exporter::{Exporter, http, one_target};
use reports::Scrape;

const CYCLES: f64 = 20.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// No more than it has.
const NONE_LEFT: u64 = 3;
const PLENTY: u64 = 1024;

fn allow(pid: Pid, descriptors: u64) {
    // As ours: it was inherited.
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(descriptors), maximum }).unwrap();
}

/// One that is kept, as Prometheus does.
struct Connection(TcpStream);

impl Connection {
    async fn get(&mut self, path: &str) -> String {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: exporter\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            assert!(self.0.read_buf(&mut answer).await.unwrap() > 0, "the connection is kept");
        }
        String::from_utf8(answer).unwrap()
    }

    /// The lines of the metrics; those that give the lengths of pieces are no samples.
    async fn scrape(&mut self) -> Scrape {
        let answer = self.get("/metrics").await;
        let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("oauth_probe_")).collect();
        Scrape::of(&lines.join("\n"))
    }
}

/// By its length, or by its last piece.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    match head.to_lowercase().split_once("content-length: ") {
        Some((_, rest)) => body.len() >= rest.lines().next().unwrap().parse().unwrap(),
        None => body.ends_with("0\r\n\r\n"),
    }
}

#[tokio::test]
async fn program_out_of_descriptors_blames_itself_answers_who_is_connected_and_recovers() {
    let (_simulator, configuration) = one_target("interval: 100ms").await;
    let exporter = Exporter::start(&configuration).await;
    exporter.until_well("x").await;
    let mut kept = Connection(TcpStream::connect(&exporter.address).await.unwrap());
    assert!(kept.get("/-/healthy").await.starts_with("HTTP/1.1 200"));

    let pid = exporter.pid().unwrap();
    allow(pid, NONE_LEFT);
    let ran_out = Instant::now();
    let address = exporter.address.clone();
    let newcomer = tokio::spawn(async move { http(&address, "GET", "/-/healthy", "").await.status });
    let failures = |scrape: &Scrape| scrape.one("cycle_failures_total", &[("fault", "exporter")]);
    let failing = async {
        while failures(&kept.scrape().await) < CYCLES {
            assert!(kept.get("/-/healthy").await.starts_with("HTTP/1.1 200"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failing).await.expect("cycles fail");
    let scrape = kept.scrape().await;
    let why = [("request", "ping"), ("reason", "local_error"), ("fault", "exporter")];
    assert_eq!(scrape.one("cycle_failure_info", &why), 1.0);
    assert!(!newcomer.is_finished(), "nobody new is let in");
    let lasted = ran_out.elapsed();

    allow(pid, PLENTY);
    assert_eq!(newcomer.await.unwrap(), 200, "who waited is let in");
    exporter.until_well("x").await;
    drop(kept);
    let log = exporter.terminate_and_read_log().await;
    let refusals = log.matches("cannot accept connections").count() as u64;
    // A try a second, and one at either end.
    assert!((1..=lasted.as_secs() + 2).contains(&refusals), "{refusals} tries in {lasted:?}");
}
