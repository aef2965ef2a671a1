//! Targets whose servers mean harm beside one whose servers are good, in the built program: memory stays bounded, every
//! request ends in time and for the right reason, and the good one notices nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod flood;
mod raw_server;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use exporter::Exporter;
use flate2::Compression;
use flate2::write::GzEncoder;
use flood::{Flood, floods};
use raw_server::{Authority, Behaviour, RawServer, answer, bytes, tls_config};

const GOOD: &str = r#"{"info":"pong","status":1,"access_token":"abc","expires_in":60}"#;
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
/// Over what it is without them, in KiB. Three dozen servers have an answer under way, of a few MiB at most.
const MOST_MORE_MEMORY: u64 = 200_000;
/// Of each target.
const CYCLES: f64 = 3.0;

fn repeated(start: &str, again: &str) -> Behaviour {
    let again = again.repeat((64 * 1024 / again.len()).max(1));
    Behaviour::Repeat(start.as_bytes().into(), again.as_bytes().into())
}

/// A hundred megabytes of spaces, packed.
fn bomb() -> Behaviour {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let spaces = vec![b' '; 1024 * 1024];
    for _ in 0..100 {
        packed.write_all(&spaces).unwrap();
    }
    let packed = packed.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    bytes(&[head.as_bytes(), &packed].concat())
}

/// A name, what the server does in the clear, and how the ping ends.
fn in_the_clear() -> Vec<(&'static str, Behaviour, &'static str)> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let slow = Behaviour::Trickle(
        format!("{ok}Content-Length: 9\r\n\r\n{GOOD}").as_bytes().into(),
        Duration::from_millis(200),
    );
    vec![
        ("body", repeated(&format!("{ok}\r\n"), " "), "bad_response"),
        ("header", repeated(&format!("{ok}X: "), "x"), "protocol_error"),
        ("headers", repeated(ok, "X: x\r\n"), "protocol_error"),
        ("trailers", repeated(&format!("{ok}Transfer-Encoding: chunked\r\n\r\n0\r\n"), "X: x\r\n"), "protocol_error"),
        ("interim", repeated("", INTERIM), "protocol_error"),
        ("slow", slow, "response_timeout"),
        ("stalled", Behaviour::Stall(format!("{ok}Content-Length: 9\r\n\r\n").as_bytes().into()), "response_timeout"),
        ("bomb", bomb(), "bad_response"),
        ("no-text", bytes(&[ok.as_bytes(), b"\r\n\"\xff\xfe\xc0\x80\""].concat()), "bad_response"),
        ("deep", answer(200, "", &"[".repeat(1_000_000)), "bad_response"),
    ]
}

struct Hostile {
    servers: Vec<RawServer>,
    floods: Vec<Flood>,
    /// The name, where it is, and how its pings end.
    targets: Vec<(String, String, &'static str)>,
}

impl Hostile {
    async fn start(authority: &Authority) -> Self {
        let mut hostile = Self { servers: Vec::new(), floods: Vec::new(), targets: Vec::new() };
        for (name, behaviour, reason) in in_the_clear() {
            let server = RawServer::plain(behaviour).await;
            hostile.add(name, "http", server.address, reason);
            hostile.servers.push(server);
        }
        let interim = repeated("", INTERIM);
        let server = RawServer::tls(interim, tls_config(&authority.issue("127.0.0.1", |_| {}), None)).await;
        hostile.add("interim-tls", "https", server.address, "protocol_error");
        hostile.servers.push(server);
        for (name, start, again) in floods() {
            let flood = Flood::start(start, &again);
            // Whether the first of them or their number is noticed first is left to chance.
            let reason = if name == "resets" { "" } else { "protocol_error" };
            hostile.add(&format!("h2-{}", name.replace(' ', "-")), "https", flood.address, reason);
            hostile.floods.push(flood);
        }
        hostile
    }

    fn add(&mut self, name: &str, scheme: &str, address: SocketAddr, reason: &'static str) {
        self.targets.push((name.to_owned(), format!("{scheme}://{address}"), reason));
    }
}

/// The most memory that the program ever had, in KiB.
fn most_memory(exporter: &Exporter) -> u64 {
    let path = format!("/proc/{}/status", exporter.pid().unwrap().as_raw_nonzero());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_servers_harm_neither_memory_nor_other_targets() {
    let authority = Authority::new();
    let good = RawServer::plain(answer(200, "", GOOD)).await;
    let hostile = Hostile::start(&authority).await;
    let target = |name: &str, api: &str| {
        format!("  - {{ name: {name}, authorization_server: 'http://{}', resource_server: '{api}' }}\n", good.address)
    };
    let mut configuration = "defaults: { interval: 4s, timeout: 2s, client_id: a, client_secret: b, tls: { \
                             insecure_skip_verify: true } }\ntargets:\n"
        .to_owned()
        + &target("good", &format!("http://{}", good.address));
    let exporter = Exporter::start(&configuration).await;
    exporter.until_matching(&["cycles_total", "\"good\"", "success"], |count| count >= 1.0).await;
    let before = most_memory(&exporter);
    for (name, api, _) in &hostile.targets {
        configuration += &target(name, api);
    }
    exporter.write_configuration(&configuration);
    assert_eq!(exporter.reload().await.status, 200);
    for (name, _, reason) in &hostile.targets {
        let label = format!("target=\"{name}\"");
        exporter.until_matching(&["cycles_total", &label, "failure"], |count| count >= CYCLES).await;
        let failure = ["request_failure_info", &label, "\"ping\"", &format!("reason=\"{reason}")];
        exporter.until_matching(&failure, |value| value == 1.0).await;
        exporter.until_matching(&["skipped_cycles_total", &label], |count| count == 0.0).await;
    }
    exporter.until_matching(&["cycles_total", "\"good\"", "success"], |count| count >= CYCLES).await;
    exporter.until_matching(&["cycles_total", "\"good\"", "failure"], |count| count == 0.0).await;
    exporter.until_matching(&["skipped_cycles_total", "\"good\""], |count| count == 0.0).await;
    let most = most_memory(&exporter);
    assert!(most < before + MOST_MORE_MEMORY, "{most} KiB, {before} before");
    assert!(!exporter.terminate_and_read_log().await.contains("panicked"));
}
