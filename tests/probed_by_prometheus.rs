//! Debian's Prometheus, configured as docs/probe-and-discovery.md says, finds targets by `/sd` and probes them by
//! `/probe`: what arrives, under which labels, and that each scrape is one cycle.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use serde_json::Value;

use exporter::Exporter;
use support::{Prometheus, http};

const PATIENCE: Duration = Duration::from_secs(60);

/// The YAML below this heading of the document.
fn block(heading: &str) -> String {
    let text = fs::read_to_string(root("docs/probe-and-discovery.md")).unwrap();
    let (_, section) = text.split_once(&format!("# {heading}\n")).unwrap();
    let (_, block) = section.split_once("```yaml\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// The same as a configuration, on a faster clock and with the exporter where it is.
fn documented(heading: &str, exporter: &Exporter) -> String {
    let faster = [("scrape_interval: 30s", "scrape_interval: 1s"), ("scrape_timeout: 15s", "scrape_timeout: 1s")];
    let replaced = faster.into_iter().chain([("localhost:10917", exporter.address.as_str())]);
    let block = replaced.fold(block(heading), |block, (there, here)| {
        assert!(block.contains(there), "{there} in\n{block}");
        block.replace(there, here)
    });
    let rules = root("alerts/rules.yml");
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files: ['{}']\n{block}",
        rules.display()
    )
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

async fn simulator(clients: impl IntoIterator<Item = String>) -> Simulator {
    let clients = clients.into_iter().map(|id| ClientSettings::new(&id, "secret")).collect();
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

async fn exporter(simulator: &Simulator, targets: &str) -> Exporter {
    let defaults = format!(
        "defaults:\n  authorization_server: {}\n  resource_server: {}\n  client_secret: secret\n  interval: 1s\n",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    Exporter::start(&format!("{defaults}targets:\n{targets}")).await
}

/// What a label of the series is that a query gives.
async fn values(prometheus: &Prometheus, expression: &str, label: &str) -> BTreeSet<String> {
    let value = |series: &Value| series["metric"][label].as_str().unwrap_or_default().to_owned();
    prometheus.query(expression).await.as_array().unwrap().iter().map(value).collect()
}

/// Targets of which the number of cycles is not the number of scrapes, by what Prometheus itself has of both.
async fn with_other_cycles_than_scrapes(prometheus: &Prometheus) -> Value {
    let cycles = "sum by (target) (oauth_probe_cycles_total{target!=\"scheduled\"})";
    prometheus.query(&format!("{cycles} != on (target) count_over_time(up{{target!=\"\"}}[1h])")).await
}

/// Nothing that joins what is known of one exporter meets it twice.
async fn assert_rules_and_dashboard_can_be_computed(prometheus: &Prometheus) {
    let answer = http::get(&format!("{}/api/v1/rules", prometheus.url), &[]).await.json();
    let groups = answer["data"]["groups"].as_array().unwrap();
    let rules: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.iter().any(|rule| rule["health"] == "ok"));
    let broken: Vec<_> = rules.iter().filter(|rule| rule["health"] == "err").collect();
    assert!(broken.is_empty(), "{broken:?}");

    let dashboard = fs::read_to_string(root("dashboards/oauth-probe.json")).unwrap();
    let queries = dashboard.lines().filter_map(|line| line.trim().strip_prefix("\"expr\": ")?.strip_suffix(','));
    let of_exporters: Vec<String> = queries
        .filter(|query| query.contains("build_info"))
        .map(|query| serde_json::from_str(query).unwrap())
        .collect();
    assert!(of_exporters.len() > 2, "{of_exporters:?}");
    for query in of_exporters {
        let query = query
            .replace("$job", ".*")
            .replace("$instance", ".*")
            .replace("$__range", "1h")
            .replace("$__rate_interval", "1m");
        assert_ne!(prometheus.query(&query).await, serde_json::json!([]), "{query}");
    }
}

#[tokio::test]
async fn targets_that_it_discovers_arrive_under_the_right_labels_with_one_cycle_per_scrape() {
    let simulator = simulator(["good", "bad", "scheduled"].map(str::to_owned)).await;
    let targets = "  - { name: 'good & ü/1', client_id: good, schedule: off, labels: { environment: test } }\n  \
                   - { name: bad, client_id: bad, client_secret: wrong, schedule: off }\n  \
                   - { name: scheduled, client_id: scheduled }\n";
    let exporter = exporter(&simulator, targets).await;
    let prometheus = Prometheus::start(&documented("What Prometheus needs", &exporter)).await;
    let here = format!("job=\"oauth-probe\", instance=\"{}\"", exporter.address);
    for expression in [
        format!("up{{{here}, target=\"good & ü/1\"}} == 1"),
        format!("up{{{here}, target=\"bad\"}} == 1"),
        format!("up{{{here}, target=\"\"}} == 1"),
        format!("oauth_probe_success{{{here}, target=\"good & ü/1\", environment=\"test\"}} == 1"),
        format!("oauth_probe_success{{{here}, target=\"bad\"}} == 0"),
        format!("oauth_probe_success{{{here}, target=\"scheduled\"}} == 1"),
        format!("oauth_probe_build_info{{{here}, target=\"good & ü/1\"}} == 1"),
        format!("scrape_duration_seconds{{{here}, target=\"bad\"}} > 0"),
        "min(count_over_time(up{target!=\"\"}[1h])) >= 5".to_owned(),
    ] {
        prometheus.wait_for(&expression, PATIENCE).await;
    }
    assert_eq!(with_other_cycles_than_scrapes(&prometheus).await, serde_json::json!([]));
    for expression in [
        "{exported_target=~\".+\"}",
        "{exported_instance=~\".+\"}",
        "{__name__=~\"oauth_probe_.+|up\", job!=\"oauth-probe\"}",
        "up{target=\"scheduled\"}",
        "count by (target) (oauth_probe_success) != 1",
        "oauth_probe_skipped_cycles_total > 0",
    ] {
        assert_eq!(values(&prometheus, expression, "__name__").await, BTreeSet::new(), "{expression}");
    }
    assert_rules_and_dashboard_can_be_computed(&prometheus).await;
    assert_eq!(simulator.control().counts("good").token_requests, 1, "the token is kept from scrape to scrape");
}

#[tokio::test]
async fn two_that_shard_by_hashmod_share_the_targets_without_a_double_cycle() {
    const TARGETS: usize = 20;
    let names = || (0..TARGETS).map(|number| format!("target-{number}"));
    let simulator = simulator(names()).await;
    let targets = names().fold(String::new(), |mut text, name| {
        writeln!(text, "  - {{ name: {name}, client_id: {name}, schedule: off }}").unwrap();
        text
    });
    let exporter = exporter(&simulator, &targets).await;
    let first = documented("Shards", &exporter);
    assert_eq!(first.matches("regex: \"0\"").count(), 1);
    let second = first.replace("regex: \"0\"", "regex: \"1\"");
    let (first, second) = tokio::join!(Prometheus::start(&first), Prometheus::start(&second));
    let mut seen = BTreeSet::new();
    for prometheus in [&first, &second] {
        prometheus.wait_for("min(count_over_time(up[1h])) >= 5", PATIENCE).await;
        assert_eq!(with_other_cycles_than_scrapes(prometheus).await, serde_json::json!([]));
        let share = values(prometheus, "up == 1", "target").await;
        assert_eq!(share, values(prometheus, "oauth_probe_success == 1", "target").await);
        assert!(!share.is_empty());
        assert!(seen.is_disjoint(&share), "{seen:?} and {share:?}");
        seen.extend(share);
    }
    assert_eq!(seen, names().collect());
}

#[tokio::test]
async fn it_takes_the_interval_of_each_target_from_the_exporter_where_it_is_told_to() {
    let simulator = simulator(["quick", "slow"].map(str::to_owned)).await;
    let targets = "  - { name: quick, client_id: quick, schedule: off }\n  \
                   - { name: slow, client_id: slow, schedule: off, interval: 1h, timeout: 10s }\n";
    let exporter = exporter(&simulator, targets).await;
    let rules = format!("relabel_configs:\n{}", block("Each target at its own interval"));
    let configuration = documented("What Prometheus needs", &exporter)
        .replace("scrape_interval: 1s\n    scrape_timeout: 1s", "scrape_interval: 30m")
        .replace("relabel_configs:\n", &rules);
    let prometheus = Prometheus::start(&configuration).await;
    prometheus.wait_for("count_over_time(up{target=\"quick\"}[1h]) >= 4", PATIENCE).await;
    let of_slow = |target: &&Value| target["labels"]["target"] == "slow";
    let targets = prometheus.targets().await;
    let slow = targets.as_array().unwrap().iter().find(of_slow).unwrap();
    assert_eq!((&slow["scrapeInterval"], &slow["scrapeTimeout"]), (&"3600s".into(), &"3600s".into()), "{slow}");
}
