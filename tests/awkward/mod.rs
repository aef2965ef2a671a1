//! Targets whose names need escaping, each with a different past.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use oauth_probe_exporter::model::check::{Check, CheckOutcome};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed, TokenUnchanged};
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::telemetry::Metrics;

use crate::reports::{answered, at, cause, checked, config, cycle, failed, held, unsent};
use crate::targets;

pub const AWKWARD: [&str; 5] = ["plain", "quote\"d", "back\\slash\\n", "two\nlines", "größe 東京 \u{1F600}"];

pub fn named(name: &str) -> Target {
    Target {
        name: name.to_owned(),
        labels: [("environment".to_owned(), format!("of {name}"))].into(),
        client_secret_expires: Some(at(1e6).wall),
        latency_objective: Duration::from_millis(250),
        ..targets::target("https://auth.example.com")
    }
}

/// One target for each awkward name, each with a different past; the first has none.
pub fn awkward_config() -> Config {
    Config { vantage: Some("rack \"7\"".to_owned()), ..config(AWKWARD.map(named).into()) }
}

pub fn past(target: usize) -> Vec<CycleReport> {
    let good = |started: f64| {
        let token = answered(Token, TokenRefreshed(Trigger::Initial), started, 0.123_456_789);
        let ping = answered(Ping, Ponged, started + 0.25, 0.04);
        cycle(started, started + 0.5, Ok(()), vec![token, ping], held(started, 600.0))
    };
    let rejected = || {
        let mut early = failed(Ping, Reason::TokenRejected, Some(401), 60.0, 0.02);
        early.rejected_early = true;
        let again = answered(Token, TokenUnchanged, 60.1, 6.0);
        let view = TokenView {
            expires_in_missing: Some(true),
            scopes_missing: Some(["a", "b"].map(str::to_owned).into()),
            ..held(0.0, 30.0)
        };
        cycle(60.0, 67.0, Err(cause(Ping, Reason::TokenRejected)), vec![early, again], view)
    };
    let unresolved = || {
        let attempt = unsent(Token, Reason::Dns, 90.0, 0.7);
        cycle(90.0, 90.7, Err(cause(Token, Reason::Dns)), vec![attempt], TokenView::default())
    };
    match target {
        0 => Vec::new(),
        1 => vec![good(0.0)],
        2 => vec![good(0.0), good(30.0), rejected()],
        3 => vec![good(0.0), rejected(), unresolved()],
        _ => vec![unresolved(), unresolved(), good(120.0)],
    }
}

/// The checks of each target: none, and one more for each that follows.
pub fn made(target: usize) -> Vec<CheckOutcome> {
    let statuses = [Some(401), None, Some(403), Some(200)];
    Check::ALL.into_iter().zip(statuses).map(|(check, status)| checked(check, status)).take(target).collect()
}

pub fn awkward_metrics() -> Metrics {
    metrics_of(&awkward_config())
}

/// The same in this form.
pub fn metrics_in(histograms: Histograms) -> Metrics {
    metrics_of(&Config { histograms, ..awkward_config() })
}

fn metrics_of(config: &Config) -> Metrics {
    let metrics = Metrics::new(config, at(0.0));
    for (index, name) in AWKWARD.into_iter().enumerate() {
        past(index).iter().for_each(|report| metrics.target(name).unwrap().record(report));
        metrics.target(name).unwrap().record_skipped(index as u64);
        made(index).iter().for_each(|outcome| metrics.target(name).unwrap().record_check(outcome));
    }
    metrics
}
