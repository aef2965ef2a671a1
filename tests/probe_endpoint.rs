//! `/probe` through real sockets: what is answered, how long that is waited for, and who is asked for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Counts, Fault, Server, Settings, Simulator, StatusCode, Whom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use exporter::{Exporter, Response, http};
use reports::Scrape;

const SECRET: &str = "canary-secret";
const ONCE: Counts = Counts {
    token_requests: 1,
    tokens_issued: 1,
    tokens_reissued: 0,
    bad_credentials: 0,
    ping_requests: 1,
    pings_accepted: 1,
    pings_refused: 0,
    expired_tokens_seen: 0,
};

async fn simulator(clients: &[&str]) -> Simulator {
    let clients = clients.iter().map(|id| ClientSettings::new(id, SECRET)).collect();
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

/// Targets that nothing schedules; a target's name is its client's.
fn configuration(simulator: &Simulator, targets: &[(&str, &str)]) -> String {
    let mut text = format!(
        "vantage: here\ndefaults:\n  authorization_server: {}\n  resource_server: {}\n  client_secret: {SECRET}\n  \
         schedule: off\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    for (name, more) in targets {
        writeln!(text, "  - {{ name: {name}, client_id: {name}, {more} }}").unwrap();
    }
    text
}

/// One target, and who it probes.
async fn stage(more: &str) -> (Exporter, Simulator) {
    let simulator = simulator(&["acme"]).await;
    let exporter = Exporter::start(&configuration(&simulator, &[("acme", more)])).await;
    (exporter, simulator)
}

fn cycles(scrape: &Scrape, result: &str) -> f64 {
    scrape.one("cycles_total", &[("target", "acme"), ("result", result)])
}

async fn probe(exporter: &Exporter, headers: &str) -> Response {
    http(&exporter.address, "GET", "/probe?target=acme", headers).await
}

async fn until_pinged(simulator: &Simulator, times: u64) {
    while simulator.control().counts("acme").ping_requests < times {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn answer_is_the_targets_metrics_after_its_cycle_with_build_info() {
    let simulator = simulator(&["acme", "other"]).await;
    let exporter = Exporter::start(&configuration(&simulator, &[("other", ""), ("acme", "labels: { a: b }")])).await;
    let answer = probe(&exporter, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let scrape = Scrape::of(&answer.text());
    assert_eq!((cycles(&scrape, "success"), cycles(&scrape, "failure")), (1.0, 0.0));
    assert_eq!(scrape.one("success", &[("target", "acme"), ("a", "b"), ("vantage", "here")]), 1.0);
    assert_eq!(scrape.one("build_info", &[]), 1.0);
    assert!(scrape.lacks("targets", &[]) && scrape.lacks("target_info", &[("target", "other")]));
    assert_eq!(simulator.control().counts("acme"), ONCE);
    assert_eq!(simulator.control().counts("other"), Counts::default());
    // What is asked for by /probe alone is in no scrape of all targets.
    assert!(Scrape::of(&exporter.metrics().await).lacks("target_info", &[]));
}

#[tokio::test]
async fn every_answer_tells_of_one_more_cycle() {
    let (exporter, simulator) = stage("interval: 1s, timeout: 1s").await;
    for count in 1..=4 {
        let scrape = Scrape::of(&probe(&exporter, "").await.text());
        assert_eq!(cycles(&scrape, "success"), f64::from(count));
    }
    assert_eq!(simulator.control().counts("acme"), Counts { ping_requests: 4, pings_accepted: 4, ..ONCE });
}

#[tokio::test]
async fn failed_probe_is_answered_like_any_other() {
    let (exporter, simulator) = stage("").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::status(StatusCode::SERVICE_UNAVAILABLE)]);
    let answer = probe(&exporter, "").await;
    assert_eq!(answer.status, 200);
    let scrape = Scrape::of(&answer.text());
    assert_eq!((cycles(&scrape, "failure"), scrape.one("success", &[])), (1.0, 0.0));
    assert_eq!(scrape.one("cycle_failure_info", &[("reason", "server_error"), ("fault", "resource_server")]), 1.0);
}

#[tokio::test]
async fn exactly_one_target_must_be_named_and_must_be_configured() {
    let (exporter, simulator) = stage("").await;
    for query in ["", "?", "?module=acme", "?target=acme&target=acme", "?target=acme&target=other"] {
        let answer = exporter.get(&format!("/probe{query}")).await;
        let text = "name exactly one target: /probe?target=NAME (/metrics takes several)\n";
        assert_eq!((answer.status, answer.text().as_str()), (400, text), "{query}");
    }
    let address = simulator.resource_server().to_string();
    for name in ["", "Acme", "acme%20", "..%2F", "%0A", "127.0.0.1", &address] {
        let answer = exporter.get(&format!("/probe?target={name}")).await;
        assert_eq!(answer.status, 404, "{name}");
        assert!(answer.text().contains("a name from the configuration is wanted, not an address"), "{}", answer.text());
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(http(&exporter.address, method, "/probe?target=acme", "").await.status, 405, "{method}");
    }
    let control = simulator.control();
    assert_eq!(control.counts("acme"), Counts::default());
    assert_eq!(control.connections(Server::Api) + control.connections(Server::Authorization), 0, "nobody was asked");
}

#[tokio::test]
async fn other_parameters_are_passed_over_and_head_is_a_probe_too() {
    let (exporter, simulator) = stage("").await;
    let answer = exporter.get("/probe?module=http_2xx&target=acme&debug=true").await;
    assert_eq!(cycles(&Scrape::of(&answer.text()), "success"), 1.0);
    let head = http(&exporter.address, "HEAD", "/probe?target=acme", "").await;
    assert_eq!((head.status, head.header("content-type")), (200, answer.header("content-type")));
    assert!(head.body.is_empty());
    assert_eq!(simulator.control().counts("acme").ping_requests, 2);
}

#[tokio::test]
async fn answer_is_compressed_for_who_asks_for_it() {
    let (exporter, _simulator) = stage("").await;
    let answer = probe(&exporter, "Accept-Encoding: gzip\r\n").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
    assert_eq!(cycles(&Scrape::of(&text), "success"), 1.0);
}

#[tokio::test]
async fn scrape_timeout_ends_the_wait_and_not_the_cycle() {
    let (exporter, simulator) = stage("timeout: 5s").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    let early = probe(&exporter, "X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n").await;
    assert_eq!(early.status, 200);
    let early = Scrape::of(&early.text());
    assert_eq!((cycles(&early, "success"), cycles(&early, "failure")), (0.0, 0.0), "it tells of no cycle yet");
    assert!(early.lacks("success", &[]));
    // Who has more patience, or says nothing that can be understood, joins the cycle that still runs.
    let patient = ["60", "", "soon", "-1", "0", "NaN", "1e300", "\u{fc}"].map(|seconds| {
        let address = exporter.address.clone();
        let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {seconds}\r\n");
        async move { http(&address, "GET", "/probe?target=acme", &header).await }
    });
    let mut patient: JoinSet<_> = patient.into_iter().collect();
    while let Some(answer) = patient.join_next().await {
        let late = Scrape::of(&answer.unwrap().text());
        assert_eq!(cycles(&late, "failure"), 1.0);
        assert_eq!(late.one("cycle_failure_info", &[("reason", "response_timeout")]), 1.0);
    }
    assert_eq!(simulator.control().counts("acme").ping_requests, 1);
}

#[tokio::test]
async fn offset_is_taken_off_the_scrape_timeout() {
    let simulator = simulator(&["acme"]).await;
    let text = configuration(&simulator, &[("acme", "")]);
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Delay(Duration::from_secs(4))]);
    let exporter = Exporter::start_with(&text, &["--timeout-offset=4500ms"], &[]).await;
    // With the usual offset the answer would come after the cycle.
    let answer = probe(&exporter, "X-Prometheus-Scrape-Timeout-Seconds: 6\r\n").await;
    assert_eq!(cycles(&Scrape::of(&answer.text()), "success"), 0.0);
}

#[tokio::test]
async fn client_that_goes_away_ends_no_cycle_and_loses_no_token() {
    let (exporter, simulator) = stage("timeout: 5s").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    let mut stream = TcpStream::connect(&exporter.address).await.unwrap();
    stream.write_all(b"GET /probe?target=acme HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until_pinged(&simulator, 1).await;
    drop(stream);
    let scrape = Scrape::of(&probe(&exporter, "").await.text());
    assert_eq!((cycles(&scrape, "failure"), scrape.one("token_held", &[])), (1.0, 1.0));
    assert_eq!(simulator.control().counts("acme").ping_requests, 1);
    simulator.control().clear_faults();
    let scrape = Scrape::of(&probe(&exporter, "").await.text());
    assert_eq!((cycles(&scrape, "success"), cycles(&scrape, "failure")), (1.0, 1.0));
    assert_eq!(simulator.control().counts("acme").token_requests, 1);
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_cycle() {
    let (exporter, simulator) = stage("").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Delay(Duration::from_secs(5))]);
    let mut asked = JoinSet::new();
    for _ in 0..300 {
        let address = exporter.address.clone();
        asked.spawn(async move { http(&address, "GET", "/probe?target=acme", "").await });
    }
    while let Some(answer) = asked.join_next().await {
        assert_eq!(cycles(&Scrape::of(&answer.unwrap().text()), "success"), 1.0);
    }
    assert_eq!(simulator.control().counts("acme"), ONCE);
}

#[tokio::test]
async fn scheduled_target_can_be_probed_too() {
    let simulator = simulator(&["acme"]).await;
    let text = configuration(&simulator, &[("acme", "schedule: on, interval: 1h")]);
    let exporter = Exporter::start(&text).await;
    let scrape = Scrape::of(&probe(&exporter, "").await.text());
    assert_eq!((cycles(&scrape, "success"), scrape.one("skipped_cycles_total", &[])), (1.0, 0.0));
    assert_eq!(cycles(&Scrape::of(&exporter.metrics().await), "success"), 1.0);
}

#[tokio::test]
async fn reload_answers_who_waits_for_a_target_that_it_changed_or_took_away() {
    let (exporter, simulator) = stage("timeout: 30s").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    for (round, targets, status) in [(1, &[("acme", "timeout: 29s")][..], 200), (2, &[], 404)] {
        let address = exporter.address.clone();
        let waiting = tokio::spawn(async move { http(&address, "GET", "/probe?target=acme", "").await });
        until_pinged(&simulator, round).await;
        let targets = [&[("other", "client_id: acme")][..], targets].concat();
        exporter.write_configuration(&configuration(&simulator, &targets).replace("client_id: other, ", ""));
        assert_eq!(exporter.reload().await.status, 200);
        assert_eq!(waiting.await.unwrap().status, status);
    }
    assert_eq!(probe(&exporter, "").await.status, 404);
    assert_eq!(simulator.control().counts("acme").token_requests, 1, "the changed one went on with the token");
}

#[tokio::test]
async fn exporter_that_stops_answers_with_what_it_knows_and_does_not_wait_for_the_cycle() {
    let (exporter, simulator) = stage("interval: 10m, timeout: 10m").await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    let mut stream = TcpStream::connect(&exporter.address).await.unwrap();
    stream.write_all(b"GET /probe?target=acme HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until_pinged(&simulator, 1).await;
    // It ends long before the cycle would.
    assert_eq!(exporter.terminate().await.0, Some(0));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("oauth_probe_target_info{"), "{answer}");
}
