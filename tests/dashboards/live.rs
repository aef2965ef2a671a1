//! Every query of the dashboard, asked of a real Prometheus with the shipped rules while things go wrong.
//!
//! `PREVIEW_SECONDS=330 cargo test --test dashboards preview` plays the demo for that long and leaves a page with what
//! the dashboard then shows; README's picture is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use oauth_probe_exporter::simulator::{DemoClient, Script, Settings, Simulator};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::exporter::Exporter;
use super::preview::{self, Window};
use super::support::{Pace, Prometheus};
use super::{known, lint, promql, shipped};

const PATIENCE: Duration = Duration::from_secs(90);

/// The demo's servers, the exporter that probes them, and Prometheus.
struct Stage {
    simulator: Simulator,
    _exporter: Exporter,
    prometheus: Prometheus,
    _rules: NamedTempFile,
    scrape_interval: u64,
}

impl Stage {
    async fn set(scrape_interval: u64) -> Self {
        // The rules' shortest range must span more than one scrape.
        let pace = Pace { minute: Duration::from_secs(scrape_interval + 1) };
        let simulator = Simulator::start(Settings::demo()).await.unwrap();
        let exporter = Exporter::start(&configuration(&simulator)).await;
        let mut rules = NamedTempFile::new().unwrap();
        rules.write_all(pace.rules().as_bytes()).unwrap();
        let prometheus = Prometheus::start(&format!(
            "global: {{ scrape_interval: {scrape_interval}s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: ['{}']\nscrape_configs:\n  - job_name: oauth-probe\n    static_configs: [{{ targets: ['{}'] }}]\n",
            rules.path().display(),
            exporter.address
        ))
        .await;
        Self { simulator, _exporter: exporter, prometheus, _rules: rules, scrape_interval }
    }

    fn window(&self, length: u64) -> Window {
        Window { length, step: self.scrape_interval, scrape_interval: self.scrape_interval }
    }

    /// Every fault of the demo at once, for good.
    fn break_everything(&self) {
        let script = Script::demo();
        for act in script.active_at(Duration::from_secs(40)) {
            self.simulator.control().set_faults(act.server, act.whom.clone(), [act.fault.clone()]);
        }
    }
}

/// The demo's targets, one with what only a configuration can say.
fn configuration(simulator: &Simulator) -> String {
    #[expect(clippy::disallowed_methods, reason = "a date in the configuration is wall time")]
    let expires = SystemTime::now() + Duration::from_secs(20 * 86_400);
    let mut text = format!(
        "defaults:\n  authorization_server: {}\n  resource_server: {}\n  interval: {}\n  timeout: {}\n  \
         labels: {{ environment: demo }}\n  token: {{ max_age: 1m }}\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server(),
        humantime::format_duration(DemoClient::INTERVAL),
        humantime::format_duration(DemoClient::TIMEOUT),
    );
    for DemoClient { name, client_id, secret, .. } in DemoClient::all() {
        let more = if name == "legacy" {
            let expires = humantime::format_rfc3339_seconds(expires);
            format!(", client_secret_expires: {expires}, token: {{ expected_scopes: [auth-service, billing] }}")
        } else {
            String::new()
        };
        text.push_str(&format!("  - {{ name: {name}, client_id: {client_id}, client_secret: '{secret}'{more} }}\n"));
    }
    text
}

/// Everything to be asked, by where it stands: every query that names an exported metric, and every such selector.
fn questions(dashboard: &Value, window: Window) -> BTreeMap<String, String> {
    let mut questions = BTreeMap::new();
    for panel in lint::panels(dashboard) {
        for target in lint::list(panel, "targets") {
            let expression = target["expr"].as_str().unwrap();
            let query = promql::read(expression).unwrap();
            let exported: Vec<_> =
                query.selectors.iter().filter(|selector| known::is_exported(&selector.metric)).collect();
            for selector in &exported {
                questions.insert(format!("selector {}", selector.text), window.substitute(&selector.text));
            }
            if !exported.is_empty() {
                let place = format!("panel {} {} {}", panel["id"], panel["title"], target["refId"]);
                questions.insert(place, window.substitute(expression));
            }
        }
    }
    questions
}

fn has_numbers(result: &Value) -> bool {
    let series = result.as_array().unwrap();
    series.iter().any(|series| series["value"][1].as_str().is_some_and(|value| value != "NaN"))
}

#[tokio::test]
async fn every_query_and_every_selector_returns_data_from_a_real_prometheus() {
    let stage = Stage::set(1).await;
    stage.prometheus.wait_for("count(oauth_probe_success == 1) > 6", PATIENCE).await;
    stage.break_everything();
    let mut open = questions(&shipped(), stage.window(60));
    assert!(open.len() > 100, "{}", open.len());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut answered = BTreeSet::new();
        for (place, question) in &open {
            if has_numbers(&stage.prometheus.query(question).await) {
                answered.insert(place.clone());
            }
        }
        open.retain(|place, _| !answered.contains(place));
        if open.is_empty() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "no data: {open:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn preview_holds_data_of_every_panel() {
    let length = std::env::var("PREVIEW_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let mut stage = Stage::set(if length < 100 { 1 } else { 5 }).await;
    if length < 100 {
        stage.break_everything();
    } else {
        stage.simulator.play(Script::demo());
    }
    tokio::time::sleep(Duration::from_secs(length)).await;
    let dashboard = shipped();
    let data = preview::collect(&stage.prometheus.url, &dashboard, stage.window(length)).await;
    for panel in lint::panels(&dashboard) {
        let exported = lint::list(panel, "targets").iter().any(|target| {
            let query = promql::read(target["expr"].as_str().unwrap()).unwrap();
            query.selectors.iter().any(|selector| known::is_exported(&selector.metric))
        });
        let answers = data["answers"][panel["id"].to_string()].as_object().unwrap();
        let shown = answers.values().any(|series| series.as_array().is_some_and(|series| !series.is_empty()));
        assert!(shown || !exported, "{} {}", panel["id"], panel["title"]);
    }
    let page = preview::page(&dashboard, &data);
    assert!(page.contains("\"title\":\"OAuth probe\"") && !page.contains("/*DATA*/"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard-preview.html");
    std::fs::write(&path, page).unwrap();
    println!("{}", path.display());
}
