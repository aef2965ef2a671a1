//! Servers that mean harm in HTTP/2: whatever frames they send without end, and though they read none, a request ends in
//! time, costs bounded memory, and leaves no connection behind. One test: it counts the sockets of the whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod flood;
mod raw_server;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{Transport, Verification};

use flood::{Flood, floods};
use targets::target;

/// Whoever waits longer has found a leak, or a flood that only the timeout ends.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of this process, the servers included, in KiB. Interim answers alone, taken without a bound, fill more in a second.
const MOST_MEMORY: u64 = 100_000;

fn wire(server: &Flood) -> HttpWire {
    let mut target = target(&format!("https://{}", server.address));
    target.timeout = PATIENCE;
    target.ping.transport = Transport { verification: Verification::Skip, ..Transport::default() };
    target.token.transport = target.ping.transport.clone();
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

fn open_sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

async fn until_closed(before: usize, name: &str) {
    let waiting = async {
        while open_sockets() > before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let left = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(left.is_ok(), "{name}: {} sockets stay open, {before} were", open_sockets());
}

/// The most memory that this process ever had, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_end_long_before_the_timeout_fill_no_memory_and_leave_no_connection_open() {
    let token = AccessToken::parse("abc".to_owned()).unwrap();
    let before = open_sockets();
    for (name, start, again) in floods() {
        let server = Flood::start(start, &again);
        let wire = wire(&server);
        let ping = tokio::time::timeout(PATIENCE * 2, wire.ping(&token, PATIENCE)).await.expect(name);
        let reason = ping.result.expect_err(name).reason;
        // The first reset already ends the stream, unless the flood is noticed before that is.
        let first_one = name == "resets" && reason == Reason::ConnectionClosed;
        assert!(first_one || reason == Reason::ProtocolError, "{name}: {reason:?}");
        drop(wire);
        // All but the one that listens.
        until_closed(before + 1, name).await;
        assert!(most_memory() < MOST_MEMORY, "{name}: {} KiB", most_memory());
    }
}
