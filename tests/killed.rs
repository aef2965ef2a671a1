//! Killed at any moment and started again: it starts each time, at the same port at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use tokio::net::TcpStream;

use exporter::Exporter;

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
