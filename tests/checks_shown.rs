//! What is shown of the checks: in the metrics, in the log, and by `check`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, StatusCode, Whom};
use serde_json::Value;

use exporter::{Exporter, Output, run};

const KEY: &str = "canary-key";

async fn simulator() -> Simulator {
    let client = ClientSettings { api_key: Some(KEY.to_owned()), ..ClientSettings::new("acme", "canary-secret") };
    Simulator::start(Settings { clients: vec![client], ..Settings::default() }).await.unwrap()
}

const ALL: &str = "    checks: [no_token, bad_token, expired_token, api_key]\n    api_key: canary-key\n";

fn configuration(simulator: &Simulator, more: &str) -> String {
    format!(
        "targets:\n  - name: production\n    authorization_server: {}\n    resource_server: {}\n    client_id: acme\n    \
         client_secret: canary-secret\n    interval: 1s\n    checks_every: 1\n{more}",
        simulator.authorization_server(),
        simulator.resource_server()
    )
}

fn result(check: &str, result: &str, value: u8) -> String {
    format!("oauth_probe_check_result{{target=\"production\",check=\"{check}\",result=\"{result}\"}} {value}")
}

fn unavailable() -> Fault {
    Fault::status(StatusCode::SERVICE_UNAVAILABLE)
}

/// How often a line with all these parts is in the log.
fn count(log: &str, parts: &[&str]) -> usize {
    log.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

#[tokio::test]
async fn checks_have_series_of_their_own_and_are_no_requests() {
    let simulator = simulator().await;
    let exporter = Exporter::start_with(&configuration(&simulator, ALL), &["--log.level=info"], &[]).await;
    for (check, good, others) in [
        ("no_token", "refused", ["accepted", "inconclusive"]),
        ("bad_token", "refused", ["accepted", "inconclusive"]),
        ("api_key", "accepted", ["refused", "inconclusive"]),
    ] {
        exporter.until(&result(check, good, 1)).await;
        for other in others {
            exporter.until(&result(check, other, 0)).await;
        }
    }
    let strangers = simulator.control().counts_of_strangers();
    let metrics = exporter.metrics().await;
    assert!(!metrics.contains("check=\"expired_token\""), "no token has expired:\n{metrics}");
    let log = exporter.terminate_and_read_log().await;
    assert!(strangers.pings_refused >= 2 && strangers.pings_accepted >= 1, "{strangers:?}");
    let pings = metrics.lines().find_map(|line| {
        line.strip_prefix("oauth_probe_requests_total{target=\"production\",request=\"ping\"} ")?.parse::<u64>().ok()
    });
    assert!(pings.unwrap() <= simulator.control().counts("acme").ping_requests, "{metrics}");
    assert_eq!(count(&log, &["check="]), 0, "that all is well is no news:\n{log}");
}

#[tokio::test]
async fn api_that_lets_anybody_in_is_an_error_in_the_log() {
    for (fault, check) in [(Fault::AcceptNoToken, "no_token"), (Fault::AcceptAnyToken, "bad_token")] {
        let simulator = simulator().await;
        let exporter = Exporter::start(&configuration(&simulator, ALL)).await;
        exporter.until(&result(check, "refused", 1)).await;
        simulator.control().set_faults(Server::Api, Whom::Everyone, [fault]);
        exporter.until(&result(check, "accepted", 1)).await;
        exporter.until_well("production").await;
        simulator.control().clear_faults();
        exporter.until(&result(check, "refused", 1)).await;
        let log = exporter.terminate_and_read_log().await;
        let check = format!("check={check}");
        let opened = ["level=error", "target=production", &check, "no valid token", "status=200", "/ping"];
        assert_eq!(count(&log, &opened), 1, "{log}");
        assert_eq!(count(&log, &["level=info", &check, "as it must be again"]), 1, "{log}");
    }
}

#[tokio::test]
async fn control_tells_in_the_log_what_an_outage_is() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [unavailable()]);
    let exporter = Exporter::start(&configuration(&simulator, ALL)).await;
    exporter.until(&result("api_key", "accepted", 1)).await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(count(&log, &["level=warn", "OAuth that is broken, not the API"]), 1, "{log}");

    simulator.control().clear_faults();
    simulator.control().set_faults(Server::Api, Whom::Everyone, [unavailable()]);
    let exporter = Exporter::start(&configuration(&simulator, ALL)).await;
    exporter.until(&result("api_key", "inconclusive", 1)).await;
    exporter.until(&result("no_token", "inconclusive", 1)).await;
    let log = exporter.terminate_and_read_log().await;
    assert_eq!(count(&log, &["level=warn", "it is the API itself"]), 1, "{log}");
    assert_eq!(count(&log, &["level=info", "check=no_token", "a check is inconclusive", "status=503"]), 1, "{log}");
}

#[tokio::test]
async fn key_that_is_refused_or_cannot_be_read_is_one_line() {
    let simulator = simulator().await;
    for (key, parts) in [
        ("api_key: wrong", ["level=warn", "check=api_key", "refuses the API key", "status=401"]),
        ("api_key_file: /no/such", ["level=warn", "check=api_key", "key cannot be read", "api_key_file=/no/such"]),
    ] {
        let checks_before = simulator.control().counts_of_strangers().ping_requests;
        let more = format!("    checks: [no_token, api_key]\n    {key}\n");
        let exporter = Exporter::start(&configuration(&simulator, &more)).await;
        while simulator.control().counts_of_strangers().ping_requests < checks_before + 6 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        exporter.until_well("production").await;
        let log = exporter.terminate_and_read_log().await;
        assert_eq!(count(&log, &parts), 1, "{log}");
        assert_eq!(count(&log, &["level=warn", "check="]), 1, "{log}");
    }
}

async fn check(configuration: &str, form: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, configuration).unwrap();
    let output = run(&["check", "--config.file", path.to_str().unwrap(), "--output", form]).await;
    assert!(!output.everything().contains("canary"), "{output:?}");
    output
}

async fn json(configuration: &str) -> (i32, Value) {
    let output = check(configuration, "json").await;
    (output.code, serde_json::from_str(&output.stdout).unwrap())
}

#[tokio::test]
async fn check_shows_each_check_with_a_mark() {
    let simulator = simulator().await;
    let text = check(&configuration(&simulator, ALL), "text").await;
    assert_eq!(text.code, 0, "{text:?}");
    for line in [
        "✓ no_token      refused: status 401 in ",
        "✓ bad_token     refused: status 401 in ",
        "✓ api_key       accepted: status 200 in ",
        "– expired_token not made: ",
    ] {
        assert!(text.stdout.contains(line), "{line} in\n{}", text.stdout);
    }
    let (code, document) = json(&configuration(&simulator, ALL)).await;
    assert_eq!((code, &document["success"]), (0, &true.into()));
    let checks = document["targets"][0]["checks"].as_array().unwrap();
    let shown: Vec<_> = checks.iter().map(|check| (check["check"].as_str(), check["result"].as_str())).collect();
    assert_eq!(
        shown,
        [
            (Some("api_key"), Some("accepted")),
            (Some("no_token"), Some("refused")),
            (Some("bad_token"), Some("refused"))
        ]
    );
    assert!(
        checks.iter().all(|check| check.get("meaning").is_none() && check["duration_seconds"].as_f64() > Some(0.0))
    );
}

#[tokio::test]
async fn check_fails_where_a_call_that_must_be_refused_is_accepted() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::AcceptNoToken, Fault::AcceptAnyToken]);
    let text = check(&configuration(&simulator, ALL), "text").await;
    assert_eq!(text.code, 1, "{text:?}");
    assert!(text.stdout.contains("✗ no_token      accepted: status 200"), "{}", text.stdout);
    assert!(text.stdout.contains("The API accepts this client's tokens."), "{}", text.stdout);
    assert_eq!(text.stdout.matches("What it means: The API answers calls that carry no valid token").count(), 1);
    let (code, document) = json(&configuration(&simulator, ALL)).await;
    assert_eq!((code, &document["success"], &document["targets"][0]["success"]), (1, &false.into(), &false.into()));
    assert!(document["targets"][0]["checks"][1]["meaning"].is_string(), "{document}");
}

#[tokio::test]
async fn check_fails_for_a_refused_key_and_not_for_an_inconclusive_answer() {
    let simulator = simulator().await;
    let with_key = |key: &str| configuration(&simulator, &format!("    checks: [api_key]\n    {key}\n"));
    let refused = check(&with_key("api_key: wrong"), "text").await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("✗ api_key       refused: status 401"), "{}", refused.stdout);
    let unreadable = check(&with_key("api_key_file: /no/such"), "text").await;
    assert_eq!(unreadable.code, 0, "{unreadable:?}");
    assert!(unreadable.stdout.contains("– api_key       inconclusive: the API key cannot be read: /no/such: No such"));
    let valid = Exporter::check_config(&with_key("api_key_file: /no/such")).await;
    assert!(valid.code == 0 && valid.stdout.contains("the API key cannot be read now: /no/such: "), "{valid:?}");
}

#[tokio::test]
async fn check_says_by_the_control_whether_oauth_or_the_api_is_broken() {
    let simulator = simulator().await;
    simulator.control().change_secret("acme", "another");
    let oauth = check(&configuration(&simulator, ALL), "text").await;
    assert!(oauth.stdout.contains("invalid_client") && oauth.stdout.contains("OAuth that is broken"), "{oauth:?}");
    simulator.control().change_secret("acme", "canary-secret");
    simulator.control().set_faults(Server::Api, Whom::Everyone, [unavailable()]);
    let (code, document) = json(&configuration(&simulator, ALL)).await;
    assert_eq!(code, 1);
    assert!(document["targets"][0]["control"].as_str().unwrap().contains("it is the API itself"), "{document}");
}

#[tokio::test]
async fn expected_scopes_that_were_not_granted_are_named_as_they_are_configured() {
    let simulator = simulator().await;
    for (scope, missing) in [
        (serde_json::json!("c canary b"), "a"),
        (serde_json::json!(["b", "canary", "a"]), "c"),
        (serde_json::json!(["c", "b", "a"]), ""),
        (serde_json::json!(""), "a b c"),
        (serde_json::json!([]), "a b c"),
        // It names none: what was asked for is granted, and here nothing was.
        (Value::Null, "a b c"),
    ] {
        let fault = Fault::Patch(serde_json::json!({ "scope": scope }));
        simulator.control().set_faults(Server::Authorization, Whom::Everyone, [fault]);
        let file = configuration(&simulator, "    token: { expected_scopes: a b c }\n");
        let text = check(&file, "text").await.stdout;
        let expected = format!("not granted of token.expected_scopes: {missing}\n");
        assert_eq!(text.contains(&expected), !missing.is_empty(), "{scope}\n{text}");
        let (_, document) = json(&file).await;
        let named: Vec<_> = missing.split_ascii_whitespace().collect();
        assert_eq!(document["targets"][0]["token"]["scopes_missing"], serde_json::json!(named), "{scope}");
    }
}

#[tokio::test]
async fn scopes_that_were_asked_for_count_as_granted_where_the_answer_names_none() {
    let simulator = simulator().await;
    let unnamed = Fault::Patch(serde_json::json!({ "scope": null }));
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [unnamed]);
    let token = "    token: { scopes: auth-service, expected_scopes: [auth-service, shiptime-service] }\n";
    let (_, document) = json(&configuration(&simulator, token)).await;
    assert_eq!(document["targets"][0]["token"]["scopes_missing"], serde_json::json!(["shiptime-service"]));
}
