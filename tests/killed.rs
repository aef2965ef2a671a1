//! Killed at any moment and started again: it starts each time, at the same port at once, and restarts without end ask no
//! more of the servers in any second than one start does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod simulated;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::probe::{Fleet, Job};
use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use tokio::net::TcpStream;

use exporter::Exporter;
use simulated::{Issuing, SimWire, World, minutes, seconds, target};

/// What a shared machine can do in a few seconds.
const KILLS: usize = 25;
const LONGEST_LIFE_MILLIS: u64 = 250;
const TARGETS: usize = 50;
/// At most, before the one that is waited for.
const STARTS_BROKEN_OFF: usize = 4;

#[tokio::test]
async fn program_that_is_killed_at_any_moment_starts_again_at_the_same_port_at_once() {
    let clients = (0..TARGETS).map(|number| ClientSettings::new(&format!("x-{number}"), "secret")).collect();
    let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
    let targets: String =
        (0..TARGETS).map(|number| format!("  - {{ name: x-{number}, client_id: x-{number} }}\n")).collect();
    let configuration = format!(
        "defaults: {{ interval: 200ms, client_secret: secret, authorization_server: '{}', resource_server: '{}' }}\n\
         targets:\n{targets}",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    let mut random = fastrand::Rng::with_seed(7);
    let mut exporter = Exporter::start(&configuration).await;
    for _ in 0..KILLS {
        // Clients of every kind are there when it dies: one that scrapes, one that reloads, one that says nothing.
        let scraping = tokio::spawn(raw(exporter.address.clone(), "GET /metrics"));
        let reloading = tokio::spawn(raw(exporter.address.clone(), "POST /-/reload"));
        let idle = TcpStream::connect(&exporter.address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random.u64(..LONGEST_LIFE_MILLIS))).await;
        for _ in 0..random.usize(..STARTS_BROKEN_OFF) {
            exporter.kill_and_begin_again(Duration::from_millis(random.u64(..20))).await;
        }
        exporter.kill_and_restart(&configuration).await;
        assert_eq!(exporter.get("/-/healthy").await.status, 200);
        drop((scraping.await, reloading.await, idle));
    }
    exporter.until("oauth_probe_success{target=\"x-0\"} 1").await;
    exporter.until("oauth_probe_config_last_reload_successful 1").await;
    assert_eq!(exporter.terminate().await.0, Some(0));
}

/// Whose answer may be cut off anywhere.
async fn raw(address: String, request: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    let _ = stream.write_all(format!("{request} HTTP/1.0\r\nHost: exporter\r\n\r\n").as_bytes()).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

const FLEET: usize = 500;
const INTERVAL: Duration = seconds(30);
/// Starts fall like five hundred dice into thirty seconds: 17 in each, and by chance some more.
const CEILING: usize = 35;

/// The most token requests in any second while a fleet lives for these spans of time, one after the other.
async fn restarted(lives: impl Iterator<Item = Duration>) -> usize {
    let world = Arc::new(World::new(Issuing::Fresh, minutes(60)));
    let targets: Vec<_> =
        (0..FLEET).map(|number| Arc::new(Target { name: format!("target-{number}"), ..target(INTERVAL) })).collect();
    for life in lives {
        let mut fleet = Fleet::default();
        for target in &targets {
            let wire = SimWire(Arc::clone(&world));
            let random = fastrand::Rng::with_seed(7);
            let job = Job { target: Arc::clone(target), wire: wire.clone(), observer: wire, random };
            fleet.spawn(job, world.clock.clone(), world.clock.now().moment);
        }
        tokio::time::sleep(life).await;
    }
    let requests = world.books().token_requests.clone();
    // In every second that begins with a request.
    let within = |first: usize| requests[first..].partition_point(|at| *at < requests[first] + seconds(1));
    (0..requests.len()).map(within).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn restarts_without_end_make_no_burst_of_token_requests() {
    let mut random = fastrand::Rng::with_seed(7);
    let once = restarted([minutes(2)].into_iter()).await;
    assert!(once <= CEILING, "{once} token requests in a second after one start");
    for period in [1, 10, 45] {
        let regular = restarted((0..30).map(|_| seconds(period))).await;
        assert!(regular <= once, "{regular} in a second, restarted every {period} s");
    }
    let irregular = restarted((0..100).map(|_| Duration::from_millis(random.u64(1..5000)))).await;
    // What is left of one second of the grid, and the beginning of the next life's.
    assert!(irregular <= 2 * once, "{irregular} in a second, restarted at random");
}
