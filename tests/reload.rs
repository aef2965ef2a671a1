//! The configuration is loaded anew while the program runs: all of it or nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::fmt::Write as _;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, Whom};
use rustix::process::Signal;

use exporter::Exporter;
use reports::Scrape;

const SECRET: &str = "canary-secret";

/// Every client that these tests use; a target's name is its client's.
async fn simulator(clients: &[&str]) -> Simulator {
    let clients = clients.iter().map(|id| ClientSettings::new(id, SECRET)).collect();
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

/// A file with these targets, each a name and further keys.
fn configuration(simulator: &Simulator, targets: &[(&str, &str)]) -> String {
    let mut text = format!(
        "defaults:\n  authorization_server: {}\n  resource_server: {}\n  client_secret: {SECRET}\n  interval: 100ms\n  \
         token: {{ max_age: off }}\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    for (name, more) in targets {
        writeln!(text, "  - {{ name: {name}, client_id: {name}, {more} }}").unwrap();
    }
    text
}

async fn scrape(exporter: &Exporter) -> Scrape {
    Scrape::of(&exporter.metrics().await)
}

fn successes(scrape: &Scrape, target: &str) -> f64 {
    scrape.one("cycles_total", &[("target", target), ("result", "success")])
}

async fn until_it_works(exporter: &Exporter, target: &str) {
    exporter
        .until_matching(&["oauth_probe_cycles_total{", &format!("target=\"{target}\""), "success"], |value| value > 0.0)
        .await;
}

#[tokio::test]
async fn unchanged_targets_go_on_changed_ones_begin_anew_removed_ones_are_gone() {
    let simulator = simulator(&["kept", "changed", "removed", "added"]).await;
    let before = configuration(&simulator, &[("kept", ""), ("changed", ""), ("removed", "")]);
    let exporter = Exporter::start(&before).await;
    for target in ["kept", "changed", "removed"] {
        until_it_works(&exporter, target).await;
    }
    let earlier = scrape(&exporter).await;

    let labelled = ("changed", "labels: { team: shipping }");
    exporter.write_configuration(&configuration(&simulator, &[("added", ""), labelled, ("kept", "")]));
    let answer = exporter.reload().await;
    let text = "configuration reloaded: 1 added, 1 removed, 1 changed, 1 unchanged\n";
    assert_eq!((answer.status, answer.text().as_str()), (200, text));

    let later = scrape(&exporter).await;
    assert!(successes(&later, "kept") >= successes(&earlier, "kept"));
    assert!(
        later.one("token_age_seconds", &[("target", "kept")])
            >= earlier.one("token_age_seconds", &[("target", "kept")])
    );
    assert!(!later.0.iter().any(|sample| sample.labels.get("target").is_some_and(|target| target == "removed")));
    let of_changed =
        later.0.iter().filter(|sample| sample.labels.get("target").is_some_and(|target| target == "changed"));
    assert!(of_changed.clone().count() > 0 && of_changed.clone().all(|sample| sample.labels["team"] == "shipping"));
    assert_eq!(later.one("targets", &[]), 3.0);
    let loaded = |scrape: &Scrape| scrape.one("config_last_reload_success_timestamp_seconds", &[]);
    assert!(loaded(&later) > loaded(&earlier));

    for target in ["added", "changed"] {
        until_it_works(&exporter, target).await;
    }
    let removed = simulator.control().counts("removed");
    let kept = successes(&scrape(&exporter).await, "kept");
    exporter.until_matching(&["cycles_total", "kept", "success"], |value| value > kept + 5.0).await;
    assert_eq!(simulator.control().counts("removed"), removed, "it is left alone");
    for target in ["kept", "changed"] {
        assert_eq!(simulator.control().counts(target).token_requests, 1, "{target} is the same client as before");
    }
    let log = exporter.terminate_and_read_log().await;
    let line = log.lines().find(|line| line.contains("configuration reloaded")).expect("a line");
    assert!(line.ends_with("msg=\"configuration reloaded\" added=1 removed=1 changed=1 unchanged=1"), "{line}");
}

#[tokio::test]
async fn bad_file_changes_nothing_and_is_reported_in_answer_log_and_metric() {
    let simulator = simulator(&["kept"]).await;
    let good = configuration(&simulator, &[("kept", "")]);
    let exporter = Exporter::start(&good).await;
    until_it_works(&exporter, "kept").await;
    let earlier = scrape(&exporter).await;

    exporter.write_configuration(&format!("vantage: [\n{good}"));
    assert_eq!(exporter.reload().await.status, 500);
    exporter.write_configuration(&good.replace("interval", "intervall").replace("client_id: kept", "client_id: ''"));
    let answer = exporter.reload().await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().starts_with("failed to reload the configuration; nothing has changed:\n/"),
        "{}",
        answer.text()
    );
    for expected in ["probe.yml:5: ", "did you mean `interval`", "probe.yml:8: ", "client_id"] {
        assert!(answer.text().contains(expected), "{expected} in\n{}", answer.text());
    }
    assert!(!answer.text().contains(SECRET));
    assert_eq!(exporter.get("/-/ready").await.status, 200);

    let later = scrape(&exporter).await;
    assert_eq!(later.one("config_last_reload_successful", &[]), 0.0);
    let loaded = |scrape: &Scrape| scrape.one("config_last_reload_success_timestamp_seconds", &[]);
    assert_eq!(loaded(&later), loaded(&earlier));
    let cycles = successes(&later, "kept");
    exporter.until_matching(&["cycles_total", "kept", "success"], |value| value > cycles + 2.0).await;

    exporter.write_configuration(&good);
    exporter.send(Signal::HUP);
    exporter.until("oauth_probe_config_last_reload_successful 1").await;
    assert_eq!(simulator.control().counts("kept").token_requests, 1);
    let log = exporter.terminate_and_read_log().await;
    let line = log.lines().find(|line| line.contains("did you mean `interval`")).expect("the mistakes are logged");
    assert!(
        line.contains("level=error") && line.contains("nothing has changed") && line.contains("client_id"),
        "{line}"
    );
    assert!(!log.contains(SECRET));
}

#[tokio::test]
async fn target_whose_certificate_cannot_be_read_keeps_all_others_from_changing() {
    let simulator = simulator(&["kept", "added"]).await;
    let exporter = Exporter::start(&configuration(&simulator, &[("kept", "")])).await;
    let no_such = "tls: { ca_file: no-such.pem }";
    let targets = [("added", no_such), ("b", no_such), ("c", no_such), ("d", no_such), ("kept", "timeout: 50ms")];
    exporter.write_configuration(&configuration(&simulator, &targets));
    let answer = exporter.reload().await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("\ntargets added, b, c and 1 more: "), "{}", answer.text());
    assert!(answer.text().contains("no-such.pem: cannot be read as a PEM certificate"), "{}", answer.text());
    let scrape = scrape(&exporter).await;
    assert_eq!((scrape.one("targets", &[]), scrape.one("timeout_seconds", &[])), (1.0, 0.1));
}

#[tokio::test]
async fn another_vantage_or_other_buckets_show_on_every_series() {
    let simulator = simulator(&["kept"]).await;
    let targets = configuration(&simulator, &[("kept", "")]);
    let exporter = Exporter::start(&format!("vantage: here\n{targets}")).await;
    until_it_works(&exporter, "kept").await;
    exporter.write_configuration(&format!("vantage: there\nlatency_buckets: [7ms]\n{targets}"));
    let answer = exporter.reload().await;
    assert!(answer.text().ends_with("1 changed, 0 unchanged\n"), "{}", answer.text());
    let scrape = scrape(&exporter).await;
    let own = |name: &str| name.starts_with("oauth_probe_") || name.starts_with("process_");
    assert!(scrape.0.iter().filter(|sample| own(&sample.name)).all(|sample| sample.labels["vantage"] == "there"));
    assert_eq!(scrape.all("request_duration_seconds_bucket", &[("request", "ping"), ("le", "0.007")]).len(), 1);
    until_it_works(&exporter, "kept").await;
    assert_eq!(simulator.control().counts("kept").token_requests, 1);
}

#[tokio::test]
async fn other_histograms_are_a_change_of_every_target_and_keep_the_token() {
    let simulator = simulator(&["kept"]).await;
    let targets = configuration(&simulator, &[("kept", "")]);
    let exporter = Exporter::start(&targets).await;
    until_it_works(&exporter, "kept").await;
    for changes in ["1 changed, 0 unchanged\n", "0 changed, 1 unchanged\n"] {
        exporter.write_configuration(&format!("metrics: {{ histograms: native }}\n{targets}"));
        let answer = exporter.reload().await;
        assert!(answer.text().ends_with(changes), "{}", answer.text());
    }
    until_it_works(&exporter, "kept").await;
    assert_eq!(simulator.control().counts("kept").token_requests, 1);
}

#[tokio::test]
async fn what_was_read_from_the_environment_is_read_again_and_unchanged() {
    let simulator = simulator(&["acme"]).await;
    let exporter = Exporter::start_from_environment(&[
        ("AUTHORIZATION_SERVER", simulator.authorization_server().to_string()),
        ("RESOURCE_SERVER", simulator.resource_server().to_string()),
        ("PARTNER_OA_CLIENT_ID", "acme".to_owned()),
        ("PARTNER_OA_SECRET", SECRET.to_owned()),
    ])
    .await;
    let answer = exporter.reload().await;
    assert_eq!(answer.text(), "configuration reloaded: 0 added, 0 removed, 0 changed, 1 unchanged\n");
}

#[tokio::test]
async fn target_with_a_cycle_that_hangs_is_replaced_and_removed_at_once() {
    let simulator = simulator(&["kept", "hanging"]).await;
    simulator.control().set_faults(Server::Api, Whom::client("hanging"), [Fault::Hang]);
    let hanging = |timeout: &str| {
        let more = format!("interval: 2s, timeout: {timeout}");
        configuration(&simulator, &[("kept", ""), ("hanging", &more)])
    };
    let exporter = Exporter::start(&hanging("2s")).await;
    for (targets, expected) in [
        (hanging("1900ms"), "0 removed, 1 changed"),
        (hanging("2s"), "0 removed, 1 changed"),
        (configuration(&simulator, &[("kept", "")]), "1 removed, 0 changed"),
    ] {
        let pings = simulator.control().counts("hanging").ping_requests;
        while simulator.control().counts("hanging").ping_requests == pings {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        exporter.write_configuration(&targets);
        let answer = exporter.reload().await;
        assert!(answer.text().contains(expected), "{}", answer.text());
    }
    let (code, _) = exporter.terminate().await;
    assert_eq!(code, Some(0), "a task that is stopped is no task that died");
}

#[tokio::test]
async fn answer_has_the_first_of_two_thousand_mistakes_and_says_how_many_more_there_are() {
    let exporter = Exporter::start("targets:\n  - { name: a, authorization_server: http://127.0.0.1:1, resource_server: http://127.0.0.1:1, client_id: a, client_secret: b }\n").await;
    let targets: String = (0..2_000).map(|number| format!("  - {{ name: t{number}, intervall: 1s }}\n")).collect();
    exporter.write_configuration(&format!("targets:\n{targets}"));
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let address = exporter.address.clone();
        asked.spawn(async move { exporter::http(&address, "POST", "/-/reload", "").await });
    }
    while let Some(answer) = asked.join_next().await {
        let answer = answer.unwrap();
        let text = answer.text();
        assert_eq!((answer.status, text.lines().count()), (500, 1 + 20 + 1), "{text}");
        assert!(text.len() < 5_000 && text.ends_with(" more: --config.check has all\n"), "{text}");
    }
    let log = exporter.terminate_and_read_log().await;
    let loads = log.matches("the configuration is not reloaded").count();
    assert!((1..25).contains(&loads), "they shared {loads} loads");
}
