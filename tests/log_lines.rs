//! What the log says of an outage, and what it leaves to the metrics.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, StatusCode, Whom};

use exporter::Exporter;

const SECRET: &str = "canary-secret";

async fn simulator(lifetime: Duration) -> Simulator {
    let clients = vec![ClientSettings { lifetime, ..ClientSettings::new("acme", SECRET) }];
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

fn configuration(simulator: &Simulator, more: &str) -> String {
    format!(
        "targets:\n  - name: production\n    authorization_server: {}\n    resource_server: {}\n    client_id: acme\n    \
         client_secret: {SECRET}\n    interval: 500ms\n{more}",
        simulator.authorization_server(),
        simulator.resource_server()
    )
}

const WORKS: &str = "oauth_probe_success{target=\"production\"} 1";
const FAILS: &str = "oauth_probe_success{target=\"production\"} 0";
const REFRESH_FAILS: &str = "oauth_probe_request_success{target=\"production\",request=\"token\"} 0";
const REFRESH_WORKS: &str = "oauth_probe_request_success{target=\"production\",request=\"token\"} 1";

fn unavailable() -> Fault {
    Fault::status(StatusCode::SERVICE_UNAVAILABLE)
}

#[tokio::test]
async fn log_has_one_line_for_each_change_of_state() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "")).await;
    exporter.until(WORKS).await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::RefuseTokens]);
    exporter.until(FAILS).await;
    let cycles = simulator.control().counts("acme").ping_requests;
    while simulator.control().counts("acme").ping_requests < cycles + 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    simulator.control().clear_faults();
    exporter.until(WORKS).await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(log.matches("target fails").count(), 1, "{log}");
    assert_eq!(log.matches("target works again").count(), 1, "{log}");
    let recovery = log.lines().find(|line| line.contains("target works again")).unwrap();
    assert!(recovery.contains("failing_seconds="), "{recovery}");
    assert!(log.contains("/api/v1/deliveryexperience/ping"), "{log}");
    assert!(log.contains("reason=token_rejected") && log.contains("fault=auth"), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("Invalid access token"), "{log}");
}

#[tokio::test]
async fn refresh_that_fails_while_the_api_is_down_is_logged_too() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "    token: { max_age: 500ms }\n")).await;
    exporter.until(WORKS).await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [unavailable()]);
    exporter.until(FAILS).await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [unavailable()]);
    exporter.until(REFRESH_FAILS).await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, []);
    exporter.until(WORKS).await;
    simulator.control().clear_faults();
    exporter.until(REFRESH_WORKS).await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(log.matches("the token cannot be refreshed").count(), 1, "{log}");
    assert_eq!(log.matches("the token can be refreshed again").count(), 1, "{log}");
    assert_eq!(log.matches("target fails").count(), 1, "{log}");
}

#[tokio::test]
async fn phase_in_which_a_request_broke_off_is_said_of_both_requests() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "    token: { max_age: 500ms }\n")).await;
    exporter.until(WORKS).await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [Fault::StallBody]);
    exporter.until(REFRESH_FAILS).await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    exporter.until(FAILS).await;
    let log = exporter.terminate_and_read_log().await;
    let of = |message: &str| log.lines().find(|line| line.contains(message)).unwrap_or_else(|| panic!("{log}"));
    let refresh = of("cannot be refreshed");
    for part in ["request=token", "reason=response_timeout", "phase=transfer", "status=200", "duration_seconds=0."] {
        assert!(refresh.contains(part), "no {part} in {refresh}");
    }
    for part in ["request=ping", "reason=response_timeout", "phase=processing"] {
        assert!(of("target fails").contains(part), "no {part} in {log}");
    }
}

#[tokio::test]
async fn outage_of_the_token_endpoint_from_the_start_is_two_lines() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [unavailable()]);
    let exporter = Exporter::start(&configuration(&simulator, "")).await;
    exporter.until(FAILS).await;
    simulator.control().clear_faults();
    exporter.until(WORKS).await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(log.matches("target fails").count(), 1, "{log}");
    assert_eq!(log.matches("target works again").count(), 1, "{log}");
    assert!(!log.contains("refreshed"), "{log}");
}

#[tokio::test]
async fn early_rejection_that_a_new_token_heals_is_one_line() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "")).await;
    exporter.until(WORKS).await;
    simulator.control().revoke_tokens("acme");
    exporter.until("oauth_probe_token_rejected_early_total{target=\"production\"} 1").await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(log.matches("the API refused a token that should still live").count(), 1, "{log}");
    assert!(!log.contains("target fails"), "{log}");
}

#[tokio::test]
async fn start_says_where_the_configuration_is_from_and_how_many_targets_only_wait_to_be_asked() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "    schedule: off\n")).await;
    let log = exporter.terminate_and_read_log().await;
    assert!(log.contains("probe.yml"), "{log}");
    let line = log.lines().find(|line| line.contains("schedule is off")).expect("a line");
    assert!(line.contains("level=info") && line.contains("targets=1"), "{line}");
}

#[tokio::test]
async fn token_that_cannot_be_refreshed_is_logged_with_the_status_and_the_time_that_is_left() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let exporter = Exporter::start(&configuration(&simulator, "    token: { max_age: 500ms }\n")).await;
    exporter.until(WORKS).await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [unavailable()]);
    exporter.until(REFRESH_FAILS).await;
    let log = exporter.terminate_and_read_log().await;
    let warning = log.lines().find(|line| line.contains("the token cannot be refreshed")).unwrap();
    assert!(warning.contains("status=503"), "{warning}");
    let left = warning.split("expires_in_seconds=").nth(1).unwrap().split(' ').next().unwrap();
    assert!((1.0..=3600.0).contains(&left.parse::<f64>().unwrap()), "{warning}");
}

#[tokio::test]
async fn secret_file_that_cannot_be_read_is_named() {
    let simulator = simulator(Duration::from_secs(3600)).await;
    let file =
        configuration(&simulator, "").replace(&format!("client_secret: {SECRET}"), "client_secret_file: /no/such");
    let exporter = Exporter::start(&file).await;
    exporter.until(FAILS).await;
    let log = exporter.terminate_and_read_log().await;
    assert!(log.contains("reason=secret_unavailable") && log.contains("secret_file=/no/such"), "{log}");
}
