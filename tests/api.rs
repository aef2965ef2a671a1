//! The JSON API and `/config` through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;
mod targets;

use std::sync::Arc;

use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::token::Trigger;
use oauth_probe_exporter::server::{App, Bound, WebSettings};
use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, Whom};
use oauth_probe_exporter::telemetry::Metrics;
use serde_json::{Value, json};

use exporter::{Exporter, Response, http};
use reports::{answered, at, cause, config, cycle, failed, held};

const SECRET: &str = "canary-secret";

/// Names that a URL cannot hold as they are, or that mean something in one.
const ODD_NAMES: [&str; 7] = ["a b", "a/b", "ä?&#", "100%", "%2F", "\"q\" \\", "..."];

/// A server whose numbers the test makes.
struct Served {
    address: String,
    metrics: Arc<Metrics>,
}

impl Served {
    async fn start(names: &[&str], route_prefix: &str) -> Self {
        let named = |name: &&str| Target { name: (*name).to_owned(), ..targets::target("https://auth.example.com") };
        let metrics = Arc::new(Metrics::new(&config(names.iter().map(named).collect()), at(0.0)));
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = bound.addresses()[0].to_string();
        let app = App {
            metrics: Arc::clone(&metrics),
            now: Arc::new(|| at(100.0)),
            reload: Arc::new(|| Box::pin(std::future::ready(Ok(String::new())))),
            probe: Arc::new(|_name| None),
            settings: WebSettings::new(route_prefix, "/metrics").unwrap(),
        };
        tokio::spawn(bound.serve(app, std::future::pending()));
        Self { address, metrics }
    }

    async fn get(&self, path: &str) -> Response {
        http(&self.address, "GET", path, "").await
    }

    /// The data of a good answer.
    async fn data(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
        let mut answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["status"], "success");
        answer["data"].take()
    }
}

fn names(data: &Value) -> Vec<&str> {
    data["targets"].as_array().unwrap().iter().map(|target| target["target"].as_str().unwrap()).collect()
}

/// The message of a refusal, in the form of Prometheus' API.
fn refusal(answer: &Response, kind: &str) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&body["status"], &body["errorType"]), (&json!("error"), &json!(kind)));
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn list_has_those_that_fail_first_and_says_how_many_there_are() {
    let served = Served::start(&["b", "a", "c"], "/").await;
    let ping = failed(Ping, Reason::ServerError, Some(503), 1.0, 0.25);
    let report = cycle(1.0, 2.0, Err(cause(Ping, Reason::ServerError)), vec![ping], held(0.0, 600.0));
    served.metrics.target("c").unwrap().record(&report);
    let data = served.data("/api/v1/targets").await;
    assert_eq!((names(&data), &data["matching"], &data["offset"]), (vec!["c", "a", "b"], &json!(3), &json!(0)));
    assert_eq!(data["fleet"]["counts"]["failing"], 1);
    let failing = &data["targets"][0];
    assert_eq!((&failing["state"], &failing["since"]), (&json!("failing"), &json!("2025-11-24T02:06:41.000Z")));
    let failure = &failing["failure"];
    let told = [&failure["request"], &failure["reason"], &failure["fault"], &failure["status"]];
    assert_eq!(told, [&json!("ping"), &json!("server_error"), &json!("resource_server"), &json!(503)]);
    assert_eq!(failing["requests"]["ping"]["duration_seconds"], 0.25);
    let page = served.data("/api/v1/targets?offset=1&limit=1&state=pending").await;
    assert_eq!((names(&page), &page["matching"], &page["offset"]), (vec!["b"], &json!(2), &json!(1)));
    assert_eq!(names(&served.data("/api/v1/targets?limit=0").await), Vec::<&str>::new());
}

#[tokio::test]
async fn list_of_many_targets_is_whole_and_compressed_when_asked_for() {
    let many: Vec<_> = (0..3000).map(|number| format!("t{number:04}")).collect();
    let served = Served::start(&many.iter().map(String::as_str).collect::<Vec<_>>(), "/").await;
    let data = served.data("/api/v1/targets").await;
    assert_eq!(names(&data), many);
    let compressed = http(&served.address, "GET", "/api/v1/targets", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*compressed.body), &mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["data"], data);
}

#[tokio::test]
async fn one_target_has_its_history_and_its_configuration() {
    let served = Served::start(&["tested"], "/").await;
    let token = answered(Token, TokenRefreshed(Trigger::Initial), 1.0, 0.5);
    let ping = answered(Ping, Ponged, 1.5, 0.25);
    served.metrics.target("tested").unwrap().record(&cycle(1.0, 2.0, Ok(()), vec![token, ping], held(1.0, 600.0)));
    let data = served.data("/api/v1/targets/tested").await;
    assert_eq!((&data["target"], &data["state"]), (&json!("tested"), &json!("working")));
    let expected = json!([{
        "ended": "2025-11-24T02:06:42.000Z",
        "failure": null,
        "attempts": [
            { "request": "token", "duration_seconds": 0.5, "status": 200, "reason": null, "phase": null,
              "phases_seconds": { "connect": 0.002 } },
            { "request": "ping", "duration_seconds": 0.25, "status": 200, "reason": null, "phase": null,
              "phases_seconds": { "connect": 0.002 } },
        ],
    }]);
    assert_eq!(data["cycles"], expected);
    assert_eq!(data["configuration"]["client_secret"], "<secret>");
    assert_eq!(data["servers"][1]["clock_skew_seconds"], -1.25);
}

#[tokio::test]
async fn target_is_found_by_its_name_however_odd() {
    let served = Served::start(&ODD_NAMES, "/").await;
    for name in ODD_NAMES {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(served.data(&format!("/api/v1/targets/{encoded}")).await["target"], name);
    }
    assert_eq!(served.data("/api/v1/targets/a/b").await["target"], "a/b");
}

#[tokio::test]
async fn what_is_not_there_or_means_nothing_is_refused_as_prometheus_does() {
    let served = Served::start(&["tested"], "/").await;
    let unknown = served.get("/api/v1/targets/no%20such").await;
    assert_eq!((unknown.status, refusal(&unknown, "not_found")), (404, "no target is named \"no such\"".to_owned()));
    let invalid = served.get("/api/v1/targets?limit=many").await;
    assert_eq!((invalid.status, refusal(&invalid, "bad_data")), (400, "limit=\"many\" is no whole number".to_owned()));
    let misspelt = served.get("/api/v1/targets?sate=failing").await;
    assert_eq!((misspelt.status, refusal(&misspelt, "bad_data").ends_with("did you mean state?")), (400, true));
    let no_text = served.get("/api/v1/targets/%FF").await;
    assert_eq!((no_text.status, refusal(&no_text, "bad_data").contains("UTF-8")), (400, true));
}

#[tokio::test]
async fn everything_moves_with_the_prefix() {
    let served = Served::start(&["tested"], "/probes").await;
    assert_eq!(names(&served.data("/probes/api/v1/targets").await), ["tested"]);
    assert_eq!(served.data("/probes/api/v1/targets/tested").await["target"], "tested");
    assert_eq!(served.get("/probes/config").await.status, 200);
    assert_eq!(served.get("/config").await.status, 404);
}

#[tokio::test]
async fn program_shows_what_it_probes_and_a_reload_changes_how_much_it_keeps() {
    let clients = vec![ClientSettings::new("acme", SECRET)];
    let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
    let configuration = |history: usize| {
        format!(
            "history: {history}\ntargets:\n  - name: one\n    authorization_server: {}\n    resource_server: {}\n    \
             client_id: acme\n    client_secret: {SECRET}\n    interval: 100ms\n",
            simulator.authorization_server(),
            simulator.resource_server()
        )
    };
    let exporter = Exporter::start(&configuration(5)).await;
    let cycles = || exporter.until_matching(&["cycles_total{", "success"], |count| count >= 6.0);
    cycles().await;
    let target = || async { serde_json::from_slice::<Value>(&exporter.get("/api/v1/targets/one").await.body).unwrap() };
    let before = target().await;
    assert_eq!(before["data"]["cycles"].as_array().unwrap().len(), 5);
    let shown = exporter.get("/config").await;
    assert!(shown.text().contains("history: 5\n") && shown.text().contains("client_secret: <secret>\n"));
    assert_eq!(shown.header("content-type"), Some("text/plain; charset=utf-8"));

    exporter.write_configuration(&configuration(0));
    assert_eq!(exporter.reload().await.text(), "configuration reloaded: 0 added, 0 removed, 0 changed, 1 unchanged\n");
    let after = target().await;
    assert_eq!(
        (after["data"]["cycles"].as_array().unwrap().len(), &after["data"]["since"]),
        (0, &before["data"]["since"])
    );
    assert!(exporter.get("/config").await.text().contains("history: 0\n"));

    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Close]);
    exporter.until_matching(&["cycle_failure_info{", "connection_closed"], |value| value > 0.0).await;
    assert_eq!(target().await["data"]["failure"]["owner"], "the API (the provider)");
}
