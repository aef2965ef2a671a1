//! The whole program against servers that nobody here wrote, and a real Prometheus that scrapes it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod support;

use std::path::Path;
use std::time::Duration;

use exporter::Exporter;
use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, StatusCode, Whom};
use support::{Prometheus, RealServer};

/// `E2E_SECONDS=120 cargo test --test end_to_end` runs the long ones for as long as the figures in the notes were taken.
fn length() -> Duration {
    let seconds = std::env::var("E2E_SECONDS").map_or(15, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// A file with one target of a real server, probed every second.
fn configuration(server: &RealServer, client_id: &str, more: &str, secret_file: &Path) -> String {
    format!(
        "targets:\n  - name: real\n    authorization_server: {}\n    resource_server: {}\n    client_id: '{client_id}'\n    \
         client_secret_file: {}\n    interval: 1s\n{more}",
        server.authorization_server,
        server.resource_server,
        secret_file.display(),
    )
}

/// The secret in a file as people leave it: with a byte-order mark and a line end.
fn secret_file(directory: &tempfile::TempDir, secret: &str) -> std::path::PathBuf {
    let path = directory.path().join("secret");
    std::fs::write(&path, format!("\u{feff}{secret}\r\n")).unwrap();
    path
}

/// The value of the series that `metrics` has under this name and these labels.
fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test]
async fn oidc_provider_with_five_second_tokens_sees_no_401_and_as_many_requests_as_the_policy_says() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::oidc_provider(Duration::from_secs(5)).await;
    let file = secret_file(&directory, server.secret);
    let exporter = Exporter::start(&configuration(&server, "basic", "    token: { path: /token }\n", &file)).await;
    exporter.until_well("real").await;
    tokio::time::sleep(length()).await;
    let metrics = exporter.metrics().await;
    exporter.terminate().await;
    let stats = server.stats().await;
    println!("{} s: {stats:?}", length().as_secs());
    assert_eq!(value(&metrics, "oauth_probe_cycles_total{target=\"real\",result=\"failure\"}"), Some(0.0), "{metrics}");
    assert_eq!(stats.pings_refused, 0);
    assert_eq!(stats.expired_tokens_seen, 0);
    // Half of five seconds before expiry, in whole cycles of a second: every third one asks.
    let expected = stats.pings_accepted.div_ceil(3);
    assert!(stats.token_requests.abs_diff(expected) <= 1, "{stats:?}, expected {expected}");
}

#[tokio::test]
async fn oidc_provider_revokes_and_the_same_cycle_heals() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::oidc_provider(Duration::from_secs(600)).await;
    let file = secret_file(&directory, server.secret);
    let exporter = Exporter::start(&configuration(&server, "acme:eu/1", "    token: { path: /token }\n", &file)).await;
    exporter.until_well("real").await;
    server.revoke().await;
    exporter.until("oauth_probe_token_rejected_early_total{target=\"real\"} 1").await;
    let metrics = exporter.metrics().await;
    assert_eq!(value(&metrics, "oauth_probe_token_refreshes_total{target=\"real\",trigger=\"rejected\"}"), Some(1.0));
    assert_eq!(value(&metrics, "oauth_probe_cycles_total{target=\"real\",result=\"failure\"}"), Some(0.0));
    assert_eq!(server.stats().await.pings_refused, 1);
}

#[tokio::test]
async fn rotated_secret_is_invalid_client_until_the_file_follows() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::oidc_provider(Duration::from_secs(2)).await;
    let file = secret_file(&directory, server.secret);
    let exporter = Exporter::start(&configuration(&server, "basic", "    token: { path: /token }\n", &file)).await;
    exporter.until_well("real").await;
    server.change_secret("basic", "the new one").await;
    let failure =
        "oauth_probe_cycle_failure_info{target=\"real\",request=\"token\",reason=\"invalid_client\",fault=\"auth\"} 1";
    exporter.until(failure).await;
    std::fs::write(&file, "the new one").unwrap();
    exporter.until_well("real").await;
    let metrics = exporter.metrics().await;
    assert_eq!(metrics.matches("oauth_probe_cycle_failure_info{").count(), 0);
}

#[tokio::test]
async fn oidc_provider_takes_the_secret_in_the_form() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::oidc_provider(Duration::from_secs(60)).await;
    let file = secret_file(&directory, server.secret);
    let more =
        "    token: { path: /token, auth: post, scopes: [auth-service], expected_scopes: [auth-service, other] }\n";
    let exporter = Exporter::start(&configuration(&server, "post", more, &file)).await;
    exporter.until_well("real").await;
    let metrics = exporter.metrics().await;
    assert_eq!(value(&metrics, "oauth_probe_token_scopes_missing{target=\"real\"}"), Some(1.0), "{metrics}");
}

#[tokio::test]
async fn key_that_goes_bad_is_an_early_warning_while_the_token_lives_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::oidc_provider(Duration::from_secs(600)).await;
    let (key, file) = (rcgen::KeyPair::generate().unwrap(), directory.path().join("key.pem"));
    std::fs::write(&file, key.serialize_pem()).unwrap();
    let keys = serde_json::json!([{ "pem": key.public_key_pem() }]);
    let method = "private_key_jwt";
    let client = serde_json::json!({ "client_id": "key", "keys": keys, "token_endpoint_auth_method": method });
    server.change_client(&client).await;
    let more = format!(
        "    token: {{ path: /token, max_age: 1s, auth: {method}, jwt: {{ key_file: {} }} }}\n",
        file.display()
    );
    let exporter = Exporter::start(&configuration(&server, "key", &more, Path::new("/no/such/secret"))).await;
    exporter.until_well("real").await;
    std::fs::write(&file, "no key").unwrap();
    let failure = "oauth_probe_request_failure_info{target=\"real\",request=\"token\",reason=\"secret_unavailable\",fault=\"exporter\"} 1";
    exporter.until(failure).await;
    exporter.until_well("real").await;
    std::fs::write(&file, key.serialize_pem()).unwrap();
    exporter.until("oauth_probe_request_success{target=\"real\",request=\"token\"} 1").await;
    let metrics = exporter.metrics().await;
    assert_eq!(value(&metrics, "oauth_probe_cycles_total{target=\"real\",result=\"failure\"}"), Some(0.0), "{metrics}");
    let log = exporter.terminate_and_read_log().await;
    let named = format!("secret_file={}", file.display());
    assert!(log.lines().any(|line| line.contains("cannot be refreshed") && line.contains(&named)), "{log}");
}

#[tokio::test]
async fn authlib_takes_basic_raw_and_form_encoded() {
    let directory = tempfile::tempdir().unwrap();
    let server = RealServer::authlib(Duration::from_secs(60)).await;
    let file = secret_file(&directory, server.secret);
    for encoding in ["raw", "form"] {
        let more = format!("    token: {{ path: /token, basic_encoding: {encoding} }}\n");
        let exporter = Exporter::start(&configuration(&server, "basic", &more, &file)).await;
        exporter.until_well("real").await;
    }
}

#[tokio::test]
async fn server_that_does_not_decode_basic_wants_it_raw() {
    let settings = Settings {
        clients: vec![ClientSettings::new("acme", "s=c+r e/t")],
        basic: oauth_probe_exporter::simulator::BasicDecoding::Raw,
        ..Settings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let form = simulated(&simulator, "interval: 1s").replace("client_secret: secret", "client_secret: s=c+r e/t");
    let raw = format!("{form}    token: {{ basic_encoding: raw }}\n");
    Exporter::start(&raw).await.until("oauth_probe_success{target=\"simulated\",environment=\"test\"} 1").await;
    Exporter::start(&form).await.until(&refused("simulated")).await;
}

/// The series of a target whose client is not accepted.
fn refused(target: &str) -> String {
    format!(
        "oauth_probe_cycle_failure_info{{target=\"{target}\",environment=\"test\",request=\"token\",\
         reason=\"invalid_client\",fault=\"auth\"}} 1"
    )
}

#[tokio::test]
async fn legacy_server_is_asked_a_bounded_number_of_times_at_the_end_of_a_token() {
    use oauth_probe_exporter::simulator::Issuing;
    let lifetime = Duration::from_secs(5);
    let client = ClientSettings { issuing: Issuing::Legacy, lifetime, ..ClientSettings::new("acme", "secret") };
    let simulator = Simulator::start(Settings { clients: vec![client], ..Settings::default() }).await.unwrap();
    let exporter = Exporter::start(&simulated(&simulator, "interval: 2s")).await;
    exporter.until("oauth_probe_success{target=\"simulated\",environment=\"test\"} 1").await;
    tokio::time::sleep(length()).await;
    let metrics = exporter.metrics().await;
    exporter.terminate().await;
    let counts = simulator.control().counts("acme");
    println!("{} s: {counts:?}", length().as_secs());
    assert_eq!(
        value(&metrics, "oauth_probe_cycles_total{target=\"simulated\",environment=\"test\",result=\"failure\"}"),
        Some(0.0)
    );
    assert_eq!(counts.pings_refused, 0);
    assert!(counts.token_requests <= 3 * counts.tokens_issued + 1, "{counts:?}");
    assert!(counts.tokens_reissued > 0, "{counts:?}");
}

#[tokio::test]
async fn prometheus_scrapes_it_and_its_query_api_returns_the_series() {
    let simulator =
        Simulator::start(Settings { clients: vec![ClientSettings::new("acme", "secret")], ..Settings::default() })
            .await
            .unwrap();
    let exporter = Exporter::start(&simulated(&simulator, "interval: 500ms")).await;
    let prometheus = Prometheus::start(&format!(
        "global: {{ scrape_interval: 500ms, scrape_timeout: 400ms }}\nscrape_configs:\n  - job_name: oauth-probe\n    \
         static_configs: [{{ targets: ['{}'] }}]\n",
        exporter.address
    ))
    .await;
    let patience = Duration::from_secs(30);
    for expression in [
        "up{job=\"oauth-probe\"} == 1",
        "oauth_probe_success{target=\"simulated\", environment=\"test\"} == 1",
        "oauth_probe_token_expires_in_seconds > 3000",
        "rate(oauth_probe_cycles_total{result=\"success\"}[10s]) > 0",
        "histogram_quantile(0.99, sum by (le, request) (rate(oauth_probe_request_duration_seconds_bucket[10s]))) > 0",
        "time() - oauth_probe_last_cycle_timestamp_seconds < 5",
        "oauth_probe_build_info",
        "process_resident_memory_bytes > 0",
    ] {
        prometheus.wait_for(expression, patience).await;
    }
    let unavailable = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    simulator.control().set_faults(Server::Api, Whom::Everyone, [unavailable]);
    let failing =
        "oauth_probe_cycle_failure_info{request=\"ping\", reason=\"server_error\", fault=\"resource_server\"} == 1";
    prometheus.wait_for(failing, patience).await;
    simulator.control().clear_faults();
    prometheus.wait_for("oauth_probe_success == 1", patience).await;
    // Gone at the next scrape, by Prometheus' own marking of what is no longer exposed.
    prometheus.wait_for("absent(oauth_probe_cycle_failure_info)", patience).await;
}

fn simulated(simulator: &Simulator, more: &str) -> String {
    format!(
        "targets:\n  - name: simulated\n    authorization_server: {}\n    resource_server: {}\n    client_id: acme\n    \
         client_secret: secret\n    labels: {{ environment: test }}\n    {more}\n",
        simulator.authorization_server(),
        simulator.resource_server()
    )
}
