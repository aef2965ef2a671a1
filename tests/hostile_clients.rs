//! Clients that mean harm, all at once, on every route of the built program: the schedule goes on as if they were not
//! there, and memory stays bounded. What each of them meets is in tests/server_*.rs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod raw_server;
mod reports;
mod served;
mod targets;

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use exporter::{Exporter, one_target};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use served::{Files, HANGS, raise_descriptor_limit, try_exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CYCLES: f64 = 6.0;
/// Resident, in kilobytes, of a debug build. Without anybody it takes a fifth.
const MOST_MEMORY: u64 = 150_000;

const ROUTES: [&str; 14] = [
    "/",
    "/targets/",
    "/targets/x",
    "/assets/style.css",
    "/metrics",
    "/probe?target=x",
    "/sd",
    "/api/v1/targets",
    "/api/v1/targets/x",
    "/config",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/nothing",
];

// RFC 9113 §6.
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const UNKNOWN: u8 = 42;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Floods that need no answer: much of one frame, over and over. The stream's number grows where it has to.
fn floods() -> Vec<Vec<u8>> {
    let initial_window = [0, 4, 0, 0, 255, 255];
    let reset_at_once = (0..2000).flat_map(|number| {
        let stream = 2 * number + 1;
        let get = [0x82, 0x87, 0x84, 0x41, 1, b'x'];
        [frame(HEADERS, 5, stream, &get), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    });
    vec![
        frame(PING, 0, 0, &[0; 8]).repeat(1000),
        frame(SETTINGS, 0, 0, &initial_window).repeat(1000),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]).repeat(1000),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(1000),
        frame(UNKNOWN, 0, 0, &[0; 1000]).repeat(100),
        reset_at_once.collect(),
    ]
}

#[derive(Clone)]
struct Door {
    address: String,
    client: Arc<ClientConfig>,
    /// How often a client of one kind has been let in and has sent something.
    entered: Arc<AtomicUsize>,
}

impl Door {
    /// The same, for clients of another kind.
    fn another(&self) -> Self {
        Self { entered: Arc::default(), ..self.clone() }
    }

    fn has_let_in(&self) -> bool {
        self.entered.load(SeqCst) > 0
    }

    async fn greet(&self, protocol: &str) -> io::Result<TlsStream<TcpStream>> {
        let mut client = ClientConfig::clone(&self.client);
        client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(&self.address).await?;
        TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    async fn get(&self, path: &str) -> String {
        let stream = self.greet("http/1.1").await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = try_exchange(stream, &request).await.unwrap();
        assert_eq!(answer.status, 200, "a scrape goes through whatever else happens");
        answer.body
    }
}

/// Frames without end, of which no answer is read.
async fn flood(door: Door, frames: Vec<u8>) -> io::Result<()> {
    let mut stream = door.greet("h2").await?;
    stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..]].concat()).await?;
    loop {
        tokio::time::timeout(Duration::from_secs(2), stream.write_all(&frames)).await??;
        door.entered.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
    }
}

/// A body without end.
async fn pour(door: Door, path: &'static str) -> io::Result<()> {
    let mut stream = door.greet("http/1.1").await?;
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let chunk = [b"8000\r\n", &[b'x'; 0x8000][..], b"\r\n"].concat();
    loop {
        tokio::time::timeout(Duration::from_secs(2), stream.write_all(&chunk)).await??;
        door.entered.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Requests in one go, of whose answers next to nothing is read.
async fn sip(door: Door, path: &'static str) -> io::Result<()> {
    let mut stream = door.greet("http/1.1").await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(100).as_bytes()).await?;
    for _ in 0..10 {
        stream.read_u8().await?;
        door.entered.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Reloads, one after the other.
async fn reload(door: Door) -> io::Result<()> {
    let stream = door.greet("http/1.1").await?;
    let request = "POST /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(try_exchange(stream, request).await?.status, 500);
    door.entered.fetch_add(1, SeqCst);
    Ok(())
}

/// Again and again, whatever comes of it.
fn for_ever<F: Future<Output = io::Result<()>> + Send + 'static>(
    attackers: &mut JoinSet<()>,
    attack: impl Fn() -> F + Send + 'static,
) {
    attackers.spawn(async move {
        loop {
            let _ = attack().await;
            tokio::task::yield_now().await;
        }
    });
}

fn value(text: &str, series: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{series} in\n{text}")).parse().unwrap()
}

fn most_memory_so_far(exporter: &Exporter) -> u64 {
    let path = format!("/proc/{}/status", exporter.pid().unwrap().as_raw_nonzero());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_together_disturb_no_cycle_and_fill_no_memory() {
    raise_descriptor_limit(4000);
    let (_simulator, configuration) = one_target("interval: 1s").await;
    let files = Files::new();
    let flag = format!("--web.config.file={}", files.web_config("", "").display());
    let exporter = Exporter::start_with(&configuration, &[&flag], &[]).await;
    let bad = (0..2000).fold("targets:\n".to_owned(), |mut text, number| {
        writeln!(text, "  - {{ name: t{number}, intervall: 1s }}").unwrap();
        text
    });
    exporter.write_configuration(&bad);

    let door = Door { address: exporter.address.clone(), client: Arc::new(files.client()), entered: Arc::default() };
    let [flooding, pouring, sipping, reloading] = [door.another(), door.another(), door.another(), door.another()];
    let mut attackers = JoinSet::new();
    for frames in floods() {
        let door = flooding.clone();
        for_ever(&mut attackers, move || flood(door.clone(), frames.clone()));
    }
    for path in ROUTES {
        let [pouring, sipping] = [pouring.clone(), sipping.clone()];
        for_ever(&mut attackers, move || pour(pouring.clone(), path));
        for_ever(&mut attackers, move || sip(sipping.clone(), path));
    }
    for _ in 0..4 {
        let door = reloading.clone();
        for_ever(&mut attackers, move || reload(door.clone()));
    }

    let cycles = "oauth_probe_cycles_total{target=\"x\",result=\"success\"}";
    // Until there were enough cycles, and clients of every kind came in meanwhile.
    let all = [flooding, pouring, sipping, reloading];
    let probing = async {
        while value(&door.get("/metrics").await, cycles) < CYCLES || !all.iter().all(Door::has_let_in) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(HANGS, probing).await.expect("probes go on, and so do they");
    let text = door.get("/metrics").await;
    assert_eq!(value(&text, "oauth_probe_skipped_cycles_total{target=\"x\"}"), 0.0);
    assert_eq!(value(&text, "oauth_probe_cycles_total{target=\"x\",result=\"failure\"}"), 0.0);
    let memory = most_memory_so_far(&exporter);
    assert!(memory < MOST_MEMORY, "{memory} kB");
    println!("{memory} kB");
    assert!(attackers.try_join_next().is_none(), "they go on to the end");
}
