//! What the exporter itself does for a cycle, a scrape and a configuration, without any network.
//!
//! `cargo bench --bench hot_paths`; docs/benchmarks.md says what for.
#![allow(clippy::print_stdout, reason = "it is there to print figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

#[path = "common/asked.rs"]
mod asked;
#[path = "../tests/reports/mod.rs"]
mod reports;
#[path = "../tests/targets/mod.rs"]
mod targets;

use std::fmt::Write as _;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::config;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::report::{Achievement::Ponged, Achievement::TokenRefreshed, CycleReport, Trace};
use oauth_probe_exporter::model::response::{judge_ping, judge_token};
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint};
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::token::{TokenState, Trigger};
use oauth_probe_exporter::probe::{Tools, run_cycle};
use oauth_probe_exporter::telemetry::{Metrics, logging};
use reports::{answered, at, cycle, held};

const TOKEN: &[u8] = br#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;
const PONG: &[u8] = br#"{"info":"pong","status":1}"#;

fn main() {
    if !asked::is_asked_for("hot_paths") {
        return;
    }
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    cycle_without_network(&mut criterion);
    answers(&mut criterion);
    record(&mut criterion);
    exposition(&mut criterion);
    log_line(&mut criterion);
    configuration(&mut criterion);
    criterion.final_summary();
}

/// Answers at once.
struct InstantWire;

impl InstantWire {
    fn trace() -> Trace {
        let mut trace = answered(Ping, Ponged, 0.0, 0.04).trace;
        trace.started = BootClock.now();
        trace
    }
}

impl Wire for InstantWire {
    async fn secret(&self, _: Duration) -> Option<Fingerprint> {
        Some(Fingerprint(1))
    }

    async fn request_token(&self, _: Duration) -> TokenExchange {
        TokenExchange {
            trace: Self::trace(),
            secret: Some(Fingerprint(1)),
            result: Ok(judge_token(200, TOKEN).unwrap()),
        }
    }

    async fn ping(&self, _: &AccessToken, _: Duration) -> PingExchange {
        PingExchange { trace: Self::trace(), result: Ok(()) }
    }

    async fn check(&self, _: CheckCredential<'_>, _: Duration) -> CheckExchange {
        CheckExchange { trace: Self::trace(), failure: None }
    }
}

/// The engine on a wire that answers at once: with a token that is held, and with none.
fn cycle_without_network(criterion: &mut Criterion) {
    let target = targets::target("https://api.example.com");
    let mut random = fastrand::Rng::with_seed(7);
    let mut run = |state: &mut TokenState| {
        let deadline = BootClock.now().moment.plus(Duration::from_secs(30));
        let tools = Tools { wire: &InstantWire, clock: &BootClock, random: &mut random };
        at_once(run_cycle(&target, state, deadline, tools))
    };
    criterion.bench_function("cycle: token and ping", |bencher| bencher.iter(|| run(&mut TokenState::default())));
    let mut with_token = TokenState::default();
    run(&mut with_token);
    criterion.bench_function("cycle: ping", |bencher| bencher.iter(|| run(&mut with_token)));
}

/// # Panics
///
/// When it has to wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn answers(criterion: &mut Criterion) {
    let expect = targets::target("https://api.example.com").ping.expect;
    criterion.bench_function("answer: token", |bencher| bencher.iter(|| judge_token(200, black_box(TOKEN)).is_ok()));
    criterion.bench_function("answer: pong", |bencher| bencher.iter(|| judge_ping(200, black_box(PONG), &expect)));
}

fn record(criterion: &mut Criterion) {
    let metrics = metrics(1, Histograms::Classic);
    let (target, report) = (metrics.target("target-0").unwrap(), report());
    criterion.bench_function("record a report", |bencher| bencher.iter(|| target.record(black_box(&report))));
}

fn exposition(criterion: &mut Criterion) {
    let text = metrics(10_000, Histograms::Classic);
    let native = metrics(10_000, Histograms::Native);
    let as_text = || bytes(text.exposition(at(60.0), None));
    let as_protobuf = || bytes(native.protobuf(at(60.0), None).unwrap());
    let mut group = criterion.benchmark_group("exposition");
    group.sample_size(10).throughput(Throughput::Bytes(as_text()));
    group.bench_function("10,000 targets", |bencher| bencher.iter(as_text));
    group.throughput(Throughput::Bytes(as_protobuf()));
    group.bench_function("10,000 targets, protobuf", |bencher| bencher.iter(as_protobuf));
    group.finish();
}

fn bytes(chunks: impl Iterator<Item = Bytes>) -> u64 {
    chunks.map(|chunk| chunk.len() as u64).sum()
}

fn log_line(criterion: &mut Criterion) {
    for (name, format) in
        [("log line: logfmt", logging::LogFormat::Logfmt), ("log line: json", logging::LogFormat::Json)]
    {
        let subscriber = logging::subscriber(format, tracing::Level::INFO, std::io::sink);
        tracing::subscriber::with_default(subscriber, || {
            criterion.bench_function(name, |bencher| bencher.iter(a_line));
        });
    }
}

/// As one of a target that fails.
fn a_line() {
    tracing::warn!(
        target = "production",
        request = "ping",
        reason = "server_error",
        fault = "resource_server",
        url = "https://api.example.com/api/v1/deliveryexperience/ping",
        status = 503,
        duration_seconds = 0.042_125,
        "target fails"
    );
}

fn configuration(criterion: &mut Criterion) {
    const TARGETS: u64 = 1_000;
    let mut text = "defaults:\n  client_id: acme\n  client_secret_file: /run/secrets/acme\ntargets:\n".to_owned();
    for number in 0..TARGETS {
        writeln!(
            text,
            "  - name: target-{number}\n    labels: {{ environment: production, team: team-{} }}\n    \
             authorization_server: https://auth-{number}.example.com\n    \
             resource_server: https://api-{number}.example.com",
            number % 20
        )
        .unwrap();
    }
    let parse = || config::parse(&text, "probe.yml", &|_| None).unwrap().targets.len();
    let mut group = criterion.benchmark_group("configuration");
    group.sample_size(10).throughput(Throughput::Elements(TARGETS));
    group.bench_function("1,000 targets", |bencher| bencher.iter(parse));
    group.finish();
}

/// Of so many targets that have had a cycle.
fn metrics(targets: usize, histograms: Histograms) -> Metrics {
    let named = |number| Target {
        name: format!("target-{number}"),
        labels: [("environment", "production"), ("team", "team-7")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..targets::target("https://api.example.com")
    };
    let metrics = Metrics::new(&Config { histograms, ..reports::config((0..targets).map(named).collect()) }, at(0.0));
    (0..targets).for_each(|number| metrics.target(&format!("target-{number}")).unwrap().record(&report()));
    metrics
}

fn report() -> CycleReport {
    let token = answered(Token, TokenRefreshed(Trigger::Initial), 0.0, 0.123_456_789);
    let ping = answered(Ping, Ponged, 0.25, 0.04);
    cycle(0.0, 0.5, Ok(()), vec![token, ping], held(0.0, 600.0))
}
