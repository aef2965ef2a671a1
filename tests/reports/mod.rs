//! Cycle reports made by hand, and the samples of an exposition read back.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use oauth_probe_exporter::model::check::{Check, CheckOutcome, CheckResult};
use oauth_probe_exporter::model::fault::{Cause, Failure, Reason, Request};
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::report::{Achievement, Attempt, ChainExpiry, CycleReport, HttpVersion, Phases, Trace};
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::model::token::{HeldView, TokenView};
use oauth_probe_exporter::telemetry::Metrics;

/// Wall time of `at(0.0)`, in Unix seconds.
pub const EPOCH: f64 = 1_763_950_000.0;

/// So many seconds after an arbitrary beginning.
pub fn at(seconds: f64) -> Stamp {
    let since = Duration::from_secs_f64(seconds);
    Stamp {
        moment: Moment::since_boot(Duration::from_secs(5000) + since),
        wall: UNIX_EPOCH + Duration::from_secs_f64(EPOCH) + since,
    }
}

pub fn config(targets: Vec<Target>) -> Config {
    let targets = targets.into_iter().map(Arc::new).collect();
    Config {
        vantage: None,
        latency_buckets: vec![0.005, 0.05, 0.5, 5.0],
        histograms: Histograms::Classic,
        history: 200,
        targets,
    }
}

/// A request that was sent and answered with 200.
pub fn answered(request: Request, achievement: Achievement, started: f64, duration: f64) -> Attempt {
    Attempt {
        request,
        trace: Trace {
            started: at(started),
            duration: Duration::from_secs_f64(duration),
            sent: true,
            status: Some(200),
            http_version: Some(HttpVersion::Http11),
            connections_opened: 1,
            phases: Phases { connect: Some(Duration::from_millis(2)), ..Phases::default() },
            broke_off_in: None,
            peer: None,
            clock_skew: Some(-1.25),
            server_chain: Some(ChainExpiry { leaf: at(3e6).wall, earliest: at(2e6).wall }),
            certificate_defect: None,
            client_certificate_expiry: Some(at(1e6).wall),
        },
        result: Ok(achievement),
        rejected_early: false,
    }
}

/// A request that was sent and failed.
pub fn failed(request: Request, reason: Reason, status: Option<u16>, started: f64, duration: f64) -> Attempt {
    let mut attempt = answered(request, Achievement::Ponged, started, duration);
    attempt.trace.status = status;
    attempt.result = Err(Failure::from(reason));
    attempt
}

/// A request for which no connection was made.
pub fn unsent(request: Request, reason: Reason, started: f64, duration: f64) -> Attempt {
    let mut attempt = failed(request, reason, None, started, duration);
    attempt.trace.sent = false;
    attempt.trace.connections_opened = 0;
    attempt.trace.server_chain = None;
    attempt
}

pub fn cause(request: Request, reason: Reason) -> Cause {
    Cause { request, reason }
}

pub fn held(issued: f64, lifetime: f64) -> TokenView {
    let lifetime_span = Duration::from_secs_f64(lifetime);
    TokenView {
        held: Some(HeldView {
            issued: at(issued),
            expiry: at(issued + lifetime),
            lifetime: lifetime_span,
            margin: lifetime_span / 10,
        }),
        next_request: Some(at(issued + 300.0)),
        expires_in_missing: Some(false),
        scopes_missing: Some(Arc::new([])),
    }
}

pub fn cycle(
    started: f64,
    ended: f64,
    verdict: Result<(), Cause>,
    attempts: Vec<Attempt>,
    token: TokenView,
) -> CycleReport {
    CycleReport { started: at(started), ended: at(ended), verdict, attempts, token }
}

/// A check that was answered with this status.
pub fn checked(check: Check, status: Option<u16>) -> CheckOutcome {
    let result = CheckResult::of_status(status);
    CheckOutcome { check, result, status, duration: Duration::from_millis(5), failure: None }
}

pub fn text(metrics: &Metrics, now: Stamp) -> String {
    join(metrics.exposition(now, None))
}

pub fn join(chunks: impl Iterator<Item = bytes::Bytes>) -> String {
    let bytes: Vec<u8> = chunks.flatten().collect();
    String::from_utf8(bytes).unwrap()
}

/// A sample's name, labels and value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: String,
}

impl Sample {
    /// Reads one line; labels are unescaped.
    pub fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, block) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels = BTreeMap::new();
        let mut rest = block;
        while rest != "}" {
            let (label, quoted) = rest.split_once("=\"").unwrap();
            let mut content = String::new();
            let mut characters = quoted.char_indices();
            let end = loop {
                match characters.next().unwrap() {
                    (end, '"') => break end,
                    (_, '\\') => content.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        same @ ('\\' | '"') => same,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, plain) => content.push(plain),
                }
            };
            assert!(labels.insert(label.trim_start_matches(',').to_owned(), content).is_none(), "{line}");
            rest = &quoted[end + 1..];
        }
        Self { name: name.to_owned(), labels, value: value.to_owned() }
    }
}

/// The samples of one exposition.
pub struct Scrape(pub Vec<Sample>);

impl Scrape {
    pub fn of(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).map(Sample::parse).collect())
    }

    /// Values of all series of a family (named without the prefix) that have these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let name = format!("oauth_probe_{name}");
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        self.0.iter().filter(fits).map(|sample| sample.value.parse().unwrap()).collect()
    }

    /// The value of the only series with these labels.
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values = self.all(name, labels);
        assert_eq!(values.len(), 1, "{name} {labels:?}");
        values[0]
    }

    /// Whether no series has these labels.
    pub fn lacks(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.all(name, labels).is_empty()
    }
}
