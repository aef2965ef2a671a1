//! What people are shown of cycle reports: states, failures in words, warnings, tokens, history, and in which order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod history;
mod listing;
#[path = "../reports/mod.rs"]
mod reports;
#[path = "../targets/mod.rs"]
mod targets;
mod warnings;

use std::time::Duration;

use oauth_probe_exporter::model::advice::advice_on;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed};
use oauth_probe_exporter::model::report::{CertificateDefect, CycleReport, Phase};
use oauth_probe_exporter::model::schedule::Schedule;
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::{Seconds, State, TargetDetails, TargetSummary, Timestamp};
use reports::{answered, at, cause, config, cycle, failed, held, unsent};

fn target() -> Target {
    targets::target("https://auth.example.com")
}

fn named(name: &str) -> Target {
    Target { name: name.to_owned(), ..target() }
}

fn time(seconds: f64) -> Timestamp {
    at(seconds).wall.into()
}

fn details_of(target: Target, reports: &[CycleReport], now: f64) -> TargetDetails {
    let name = target.name.clone();
    let metrics = Metrics::new(&config(vec![target]), at(0.0));
    for report in reports {
        metrics.target(&name).unwrap().record(report);
    }
    metrics.status(at(now)).details(&name).unwrap()
}

fn details(reports: &[CycleReport], now: f64) -> TargetDetails {
    details_of(target(), reports, now)
}

fn summary(reports: &[CycleReport], now: f64) -> TargetSummary {
    details(reports, now).summary
}

fn good(started: f64) -> CycleReport {
    let token = answered(Token, TokenRefreshed(Trigger::Initial), started, 0.125);
    let ping = answered(Ping, Ponged, started + 0.25, 0.05);
    cycle(started, started + 0.5, Ok(()), vec![token, ping], held(started, 1e6))
}

fn bad(started: f64) -> CycleReport {
    let ping = failed(Ping, Reason::ServerError, Some(503), started, 0.2);
    cycle(started, started + 0.5, Err(cause(Ping, Reason::ServerError)), vec![ping], held(0.0, 1e6))
}

/// Its certificates expire after more than two weeks.
fn quiet(mut report: CycleReport) -> CycleReport {
    for attempt in &mut report.attempts {
        attempt.trace.client_certificate_expiry = None;
    }
    report
}

/// Of its warnings, but for the one that nobody looks: that has tests of its own.
fn kinds(summary: &TargetSummary) -> Vec<&'static str> {
    summary.warnings.iter().map(|warning| warning.kind.as_str()).filter(|kind| *kind != "stalled").collect()
}

fn is_stalled(summary: &TargetSummary) -> bool {
    summary.warnings.iter().any(|warning| warning.kind.as_str() == "stalled")
}

#[test]
fn target_is_pending_until_a_cycle_has_ended() {
    let summary = summary(&[], 20.0);
    assert_eq!((summary.state, summary.since, summary.last_cycle), (State::Pending, time(0.0), None));
    assert_eq!((summary.failure, summary.token, summary.warnings.len()), (None, None, 0));
}

#[test]
fn state_began_with_the_first_cycle_that_ended_so_and_outlives_the_history() {
    let mut reports = vec![good(30.0), bad(60.0)];
    reports.extend((3..500).map(|place| bad(30.0 * f64::from(place))));
    let failing = details(&reports, 15_000.0);
    assert_eq!((failing.summary.state, failing.summary.since), (State::Failing, time(60.0)));
    assert_eq!(failing.summary.last_success, Some(time(30.5)));
    assert_eq!(failing.cycles.len(), 200);
    reports.push(good(15_000.0));
    let working = summary(&reports, 15_001.0);
    assert_eq!((working.state, working.since, working.failure), (State::Working, time(15_000.0), None));
}

#[test]
fn failure_is_told_in_the_words_of_check() {
    let mut attempt = unsent(Ping, Reason::Certificate, 0.0, 0.1);
    attempt.trace.certificate_defect = Some(CertificateDefect::WrongName);
    attempt.trace.broke_off_in = Some(Phase::Tls);
    let because = cause(Ping, Reason::Certificate);
    let advice = advice_on(because, &target(), Some(&attempt));
    let failure = summary(&[cycle(0.0, 0.1, Err(because), vec![attempt], held(0.0, 600.0))], 1.0).failure.unwrap();
    assert_eq!((failure.meaning, failure.remedy, failure.owner), (advice.meaning, advice.remedy, because.owner()));
    assert_eq!((failure.phase, failure.status), (Some(Phase::Tls), None));
    assert_eq!(failure.certificate_defect, Some(CertificateDefect::WrongName));
    assert_eq!(failure.duration_seconds, Some(Seconds(0.1)));
    assert_eq!(failure.url, "https://auth.example.com/api/v1/deliveryexperience/ping");
}

#[test]
fn cycle_in_back_off_fails_with_what_is_known_of_the_attempt_that_caused_it() {
    let because = cause(Token, Reason::ServerError);
    let attempt = failed(Token, Reason::ServerError, Some(502), 0.0, 0.1);
    let asked = cycle(0.0, 0.1, Err(because), vec![attempt], TokenView::default());
    let waited = cycle(30.0, 30.0, Err(because), Vec::new(), TokenView::default());
    let failure = summary(&[asked, waited], 31.0).failure.unwrap();
    assert_eq!((failure.blame, failure.status), (because.into(), Some(502)));
}

#[test]
fn url_is_shown_without_its_query() {
    let mut target = target();
    target.ping.endpoint = "https://api.example.com/ping?key=s3cret".parse().unwrap();
    let details = details_of(target, &[bad(0.0)], 1.0);
    assert_eq!(details.summary.failure.as_ref().unwrap().url, "https://api.example.com/ping");
    assert!(!serde_json::to_string(&details).unwrap().contains("s3cret"));
}

#[test]
fn token_and_next_steps_are_counted_from_now() {
    let shown = summary(&[good(0.0)], 60.0);
    let token = shown.token.unwrap();
    assert_eq!((token.issued, token.expires, token.refresh), (time(0.0), time(1e6), time(9e5)));
    assert_eq!((token.age_seconds, token.expires_in_seconds), (Seconds(60.0), Seconds(999_940.0)));
    assert_eq!(shown.next_token_request, Some(time(300.0)));
    let schedule = Schedule::spread(at(0.0).moment, Duration::from_secs(30), "tested");
    let next = schedule.next_from(at(60.0).moment);
    assert_eq!(shown.next_cycle, Some(at(60.0).wall_at(next).into()));
    let off = Target { schedule: ScheduleMode::Off, ..target() };
    assert_eq!(details_of(off, &[], 0.0).summary.next_cycle, None);
}

#[test]
fn failed_load_shows_and_a_good_one_ends_it() {
    let config = config(vec![target()]);
    let metrics = Metrics::new(&config, at(0.0));
    let fleet = |now| serde_json::to_value(metrics.status(at(now)).fleet()).unwrap();
    assert_eq!(fleet(1.0)["last_reload"], "successful");
    metrics.load_failed();
    assert_eq!((&fleet(2.0)["last_reload"], &fleet(2.0)["config_loaded"]), (&"failed".into(), &fleet(0.0)["started"]));
    metrics.show(metrics.renewed(&config, at(3.0), |_target| true));
    let loaded = serde_json::to_value(time(3.0)).unwrap();
    assert_eq!((&fleet(4.0)["last_reload"], &fleet(4.0)["config_loaded"]), (&"successful".into(), &loaded));
}
