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
use super::raw_server::{Authority, RawServer, answer, tls_config};
use super::support::{Pace, Prometheus};
use super::{lint, promql, shipped};

const PATIENCE: Duration = Duration::from_secs(90);

/// Of the first client, whose target has all checks.
const API_KEY: &str = "demo-key";

/// The demo's servers and one that speaks TLS, the exporter that probes them, and Prometheus.
struct Stage {
    simulator: Simulator,
    _mutual: Mutual,
    _exporters: Vec<Exporter>,
    prometheus: Prometheus,
    _rules: NamedTempFile,
    scrape_interval: u64,
}

impl Stage {
    /// Beside the exporter of the demo there can be others.
    async fn set(scrape_interval: u64, others: &[fn(&Simulator) -> String]) -> Self {
        // The rules' shortest range must span more than one scrape.
        let pace = Pace { minute: Duration::from_secs(scrape_interval + 1) };
        let mut servers = Settings::demo();
        servers.clients[0].api_key = Some(API_KEY.to_owned());
        let simulator = Simulator::start(servers).await.unwrap();
        let mutual = Mutual::start().await;
        let mut exporters = vec![Exporter::start(&(configuration(&simulator) + &mutual.target())).await];
        for configuration in others {
            exporters.push(Exporter::start(&configuration(&simulator)).await);
        }
        let addresses: Vec<_> = exporters.iter().map(|exporter| &*exporter.address).collect();
        let mut rules = NamedTempFile::new().unwrap();
        rules.write_all(pace.rules().as_bytes()).unwrap();
        let prometheus = Prometheus::start_native(&format!(
            "global: {{ scrape_interval: {scrape_interval}s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: ['{}']\nscrape_configs:\n  - job_name: oauth-probe\n    static_configs: [{{ targets: {addresses:?} }}]\n",
            rules.path().display()
        ))
        .await;
        Self { simulator, _mutual: mutual, _exporters: exporters, prometheus, _rules: rules, scrape_interval }
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

/// A server of both kinds that demands a client certificate.
struct Mutual {
    authority: Authority,
    server: RawServer,
}

impl Mutual {
    async fn start() -> Self {
        let authority = Authority::new();
        let both = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60,"info":"pong","status":1}"#;
        let config = tls_config(&authority.issue("127.0.0.1", |_| {}), Some(&authority));
        Self { server: RawServer::tls(answer(200, "", both), config).await, authority }
    }

    fn target(&self) -> String {
        let (certificate, key) = self.authority.files("client", &self.authority.issue("client", |_| {}));
        format!(
            "  - {{ name: mutual, client_id: mutual, token: {{ auth: tls }}, authorization_server: 'https://{address}', \
             resource_server: 'https://{address}', tls: {{ ca_file: {ca}, cert_file: {certificate}, key_file: {key} }} }}\n",
            address = self.server.address,
            ca = self.authority.ca_file().display(),
            certificate = certificate.display(),
            key = key.display(),
        )
    }
}

/// The demo's targets, two with what only a configuration can say.
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
        let more = match name {
            "healthy" => format!(", checks: [no_token, bad_token, expired_token, api_key], api_key: {API_KEY}"),
            "legacy" => {
                let expires = humantime::format_rfc3339_seconds(expires);
                format!(", client_secret_expires: {expires}, token: {{ expected_scopes: [auth-service, billing] }}")
            }
            _ => String::new(),
        };
        text.push_str(&format!("  - {{ name: {name}, client_id: {client_id}, client_secret: '{secret}'{more} }}\n"));
    }
    text
}

/// Everything to be asked, by where it stands: every query, and every selector of one.
fn questions(dashboard: &Value, window: Window) -> BTreeMap<String, String> {
    let mut questions = BTreeMap::new();
    for panel in lint::panels(dashboard) {
        for target in lint::list(panel, "targets") {
            let expression = target["expr"].as_str().unwrap();
            for selector in promql::read(expression).unwrap().selectors {
                questions.insert(format!("selector {}", selector.text), window.substitute(&selector.text));
            }
            let place = format!("panel {} {} {}", panel["id"], panel["title"], target["refId"]);
            questions.insert(place, window.substitute(expression));
        }
    }
    questions
}

/// One target, whose latencies are native histograms.
fn native(simulator: &Simulator) -> String {
    let DemoClient { client_id, secret, .. } = &DemoClient::all()[0];
    format!(
        "metrics: {{ histograms: native }}\ntargets:\n  - {{ name: native, client_id: {client_id}, \
         client_secret: '{secret}', authorization_server: '{}', resource_server: '{}', interval: 1s, timeout: 1s }}\n",
        simulator.authorization_server(),
        simulator.resource_server()
    )
}

fn has_numbers(result: &Value) -> bool {
    let is_number = |series: &Value| series["value"][1].as_str().is_some_and(|value| value != "NaN");
    result.as_array().unwrap().iter().any(|series| is_number(series) || series["histogram"].is_array())
}

#[tokio::test]
async fn every_query_and_every_selector_returns_data_from_a_real_prometheus() {
    let stage = Stage::set(1, &[native]).await;
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
    let mut stage = Stage::set(if length < 100 { 1 } else { 5 }, &[]).await;
    if length < 100 {
        stage.break_everything();
    } else {
        stage.simulator.play(Script::demo());
    }
    tokio::time::sleep(Duration::from_secs(length)).await;
    let dashboard = shipped();
    let data = preview::collect(&stage.prometheus.url, &dashboard, stage.window(length)).await;
    for panel in lint::panels(&dashboard) {
        let answers = data["answers"][panel["id"].to_string()].as_object().unwrap();
        let shown = answers.values().any(|series| series.as_array().is_some_and(|series| !series.is_empty()));
        assert!(shown || lint::list(panel, "targets").is_empty(), "{} {}", panel["id"], panel["title"]);
    }
    let page = preview::page(&dashboard, &data);
    assert!(page.contains("\"title\":\"OAuth probe\"") && !page.contains("/*DATA*/"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard-preview.html");
    std::fs::write(&path, page).unwrap();
    println!("{}", path.display());
}
