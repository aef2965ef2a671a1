//! What the metrics say of cycle reports: present at 0, absent until observed, computed at the scrape.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod reports;
mod targets;

use std::time::Duration;

use oauth_probe_exporter::model::check::Check;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed, TokenUnchanged};
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::telemetry::Metrics;
use reports::{EPOCH, Scrape, answered, at, cause, checked, config, cycle, failed, held, text, unsent};

fn target() -> Target {
    targets::target("https://auth.example.com")
}

fn scrape_of(target: Target, reports: &[CycleReport], now: f64) -> Scrape {
    let name = target.name.clone();
    let metrics = Metrics::new(&config(vec![target]), at(0.0));
    for report in reports {
        metrics.target(&name).unwrap().record(report);
    }
    Scrape::of(&text(&metrics, at(now)))
}

fn scrape(reports: &[CycleReport], now: f64) -> Scrape {
    scrape_of(target(), reports, now)
}

fn good_cycle(started: f64) -> CycleReport {
    let token = answered(Token, TokenRefreshed(Trigger::Initial), started, 0.125);
    let ping = answered(Ping, Ponged, started + 0.25, 0.05);
    cycle(started, started + 0.5, Ok(()), vec![token, ping], held(started, 600.0))
}

fn refused_token_request(started: f64) -> CycleReport {
    let token = failed(Token, Reason::InvalidClient, Some(401), started, 0.1);
    cycle(started, started + 0.1, Err(cause(Token, Reason::InvalidClient)), vec![token], TokenView::default())
}

#[test]
fn counters_and_histograms_are_there_at_zero_from_the_first_scrape() {
    let scrape = scrape(&[], 0.0);
    for (name, series) in [
        ("cycles_total", 2),
        ("cycle_failures_total", 5),
        ("skipped_cycles_total", 1),
        ("requests_total", 2),
        ("request_failures_total", 8),
        ("sent_requests_total", 2),
        ("slow_requests_total", 2),
        ("connections_opened_total", 2),
        ("token_refreshes_total", 5),
        ("token_unchanged_total", 1),
        ("token_rejected_early_total", 1),
        ("request_duration_seconds_sum", 2),
        ("request_duration_seconds_count", 2),
        ("request_duration_seconds_bucket", 2 * 6),
    ] {
        assert_eq!(scrape.all(name, &[]), vec![0.0; series], "{name}");
    }
}

#[test]
fn check_has_its_three_series_once_it_was_made_and_keeps_the_last_result() {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    let numbers = metrics.target("tested").unwrap();
    let scrape = || Scrape::of(&text(&metrics, at(1.0)));
    let results = |check: &str| {
        let scrape = scrape();
        ["refused", "accepted", "inconclusive"]
            .map(|result| scrape.all("check_result", &[("check", check), ("result", result)]))
    };
    const NONE: [Vec<f64>; 3] = [const { Vec::new() }; 3];
    assert_eq!(results("no_token"), NONE);
    for (status, expected) in [(Some(401), [1.0, 0.0, 0.0]), (Some(200), [0.0, 1.0, 0.0]), (None, [0.0, 0.0, 1.0])] {
        numbers.record_check(&checked(Check::NoToken, status));
        assert_eq!(results("no_token"), expected.map(|value| vec![value]), "{status:?}");
    }
    numbers.record(&good_cycle(0.0));
    assert_eq!(results("no_token").concat(), [0.0, 0.0, 1.0]);
    assert_eq!(results("api_key"), NONE);
    assert_eq!(scrape().all("requests_total", &[]), [1.0, 1.0], "checks are not counted");
}

#[test]
fn what_was_not_observed_yet_is_absent() {
    let scrape = scrape(&[], 0.0);
    let present: std::collections::BTreeSet<_> = scrape
        .0
        .iter()
        .filter(|sample| sample.labels.contains_key("target") && sample.value != "0")
        .map(|sample| sample.name.trim_start_matches("oauth_probe_"))
        .collect();
    let expected = [
        "interval_seconds",
        "last_cycle_timestamp_seconds",
        "latency_objective_seconds",
        "target_info",
        "timeout_seconds",
        "token_max_age_seconds",
    ];
    assert_eq!(present.into_iter().collect::<Vec<_>>(), expected);
    for absent in ["success", "cycle_fault", "request_success", "http_status_code", "token_held"] {
        assert!(scrape.lacks(absent, &[]), "{absent}");
    }
}

#[test]
fn constants_come_from_the_configuration() {
    let mut target = target();
    target.token.policy.max_age = None;
    target.client_secret_expires = Some(at(1000.0).wall);
    target.ping.endpoint = "https://api.example.com:8443/ping".parse().unwrap();
    let scrape = scrape_of(target, &[], 0.0);
    assert_eq!(scrape.one("interval_seconds", &[]), 30.0);
    assert_eq!(scrape.one("timeout_seconds", &[]), 10.0);
    assert_eq!(scrape.all("latency_objective_seconds", &[]), [1.0, 1.0]);
    assert!(scrape.lacks("token_max_age_seconds", &[]));
    assert_eq!(scrape.one("client_secret_expiry_timestamp_seconds", &[]), EPOCH + 1000.0);
    let hosts = [("authorization_server", "auth.example.com"), ("resource_server", "api.example.com:8443")];
    assert_eq!(scrape.one("target_info", &hosts), 1.0);
    assert_eq!(scrape.one("targets", &[]), 1.0);
    assert_eq!(scrape.one("hosts", &[]), 2.0);
}

#[test]
fn certificates_are_absent_until_seen_and_stay_those_of_the_last_handshake() {
    let tls = "tls_certificate_expiry_timestamp_seconds";
    assert!(scrape(&[], 0.0).lacks(tls, &[]));
    let on_a_connection_used_again = || {
        let mut report = good_cycle(30.0);
        report.attempts.iter_mut().for_each(|attempt| attempt.trace.server_chain = None);
        report
    };
    assert!(scrape(&[on_a_connection_used_again()], 40.0).lacks(tls, &[]));
    let scrape = scrape(&[good_cycle(0.0), on_a_connection_used_again()], 40.0);
    for request in ["token", "ping"] {
        assert_eq!(scrape.one(tls, &[("request", request), ("certificate", "leaf")]), EPOCH + 3e6);
        assert_eq!(scrape.one(tls, &[("request", request), ("certificate", "earliest")]), EPOCH + 2e6);
    }
}

#[test]
fn of_two_client_certificates_the_first_to_expire_is_shown() {
    let client = "client_certificate_expiry_timestamp_seconds";
    let mut report = good_cycle(0.0);
    report.attempts[1].trace.client_certificate_expiry = Some(at(5e5).wall);
    assert_eq!(scrape(&[report.clone()], 40.0).one(client, &[]), EPOCH + 5e5);
    report.attempts.iter_mut().for_each(|attempt| attempt.trace.client_certificate_expiry = None);
    assert!(scrape(&[report], 40.0).lacks(client, &[]));
}

#[test]
fn last_cycle_is_the_start_of_the_target_until_one_has_ended() {
    assert_eq!(scrape(&[], 7.0).one("last_cycle_timestamp_seconds", &[]), EPOCH);
    assert_eq!(scrape(&[good_cycle(30.0)], 40.0).one("last_cycle_timestamp_seconds", &[]), EPOCH + 30.5);
}

#[test]
fn good_cycle_shows_success_and_no_failure() {
    let scrape = scrape(&[good_cycle(30.0)], 40.0);
    assert_eq!(scrape.one("success", &[]), 1.0);
    assert_eq!(scrape.one("cycles_total", &[("result", "success")]), 1.0);
    assert_eq!(scrape.all("cycle_fault", &[]), [0.0; 5]);
    assert!(scrape.lacks("cycle_failure_info", &[]));
    assert!(scrape.lacks("request_failure_info", &[]));
    assert_eq!(scrape.all("request_success", &[]), [1.0, 1.0]);
    assert_eq!(scrape.all("http_status_code", &[]), [200.0, 200.0]);
    assert_eq!(scrape.one("last_success_timestamp_seconds", &[]), EPOCH + 30.5);
    let ended = scrape.one("request_last_success_timestamp_seconds", &[("request", "token")]);
    assert_eq!(ended, EPOCH + 30.125);
    assert_eq!(scrape.all("connections_opened_total", &[]), [1.0, 1.0]);
}

#[test]
fn failed_cycle_has_exactly_one_root_cause_and_one_fault() {
    let scrape = scrape(&[good_cycle(0.0), refused_token_request(30.0)], 40.0);
    assert_eq!(scrape.one("success", &[]), 0.0);
    assert_eq!(scrape.one("cycle_failure_info", &[]), 1.0);
    let labels = [("request", "token"), ("reason", "invalid_client"), ("fault", "auth")];
    assert_eq!(scrape.one("cycle_failure_info", &labels), 1.0);
    assert_eq!(scrape.one("request_failure_info", &labels), 1.0);
    assert_eq!(scrape.one("cycle_fault", &[("fault", "auth")]), 1.0);
    assert_eq!(scrape.all("cycle_fault", &[]).iter().sum::<f64>(), 1.0);
    assert_eq!(scrape.one("cycle_failures_total", &[("fault", "auth")]), 1.0);
    assert_eq!(scrape.one("request_failures_total", &[("request", "token"), ("fault", "auth")]), 1.0);
    assert_eq!(scrape.one("last_success_timestamp_seconds", &[]), EPOCH + 0.5);
}

#[test]
fn ping_of_an_earlier_cycle_is_no_statement_about_the_last_one() {
    let failed_ping = failed(Ping, Reason::ServerError, Some(500), 0.0, 0.1);
    let pinged = cycle(0.0, 1.0, Err(cause(Ping, Reason::ServerError)), vec![failed_ping], held(0.0, 600.0));
    let ping = [("request", "ping")];
    assert_eq!(scrape(std::slice::from_ref(&pinged), 2.0).one("request_failure_info", &ping), 1.0);

    let scrape = scrape(&[pinged, refused_token_request(30.0)], 40.0);
    assert!(scrape.lacks("request_success", &ping));
    assert!(scrape.lacks("request_failure_info", &ping));
    assert_eq!(scrape.one("http_status_code", &ping), 500.0);
}

#[test]
fn token_request_of_an_earlier_cycle_still_says_how_the_last_one_went() {
    let only_ping = cycle(60.0, 60.1, Ok(()), vec![answered(Ping, Ponged, 60.0, 0.1)], held(0.0, 600.0));
    let scrape = scrape(&[good_cycle(0.0), refused_token_request(30.0), only_ping], 70.0);
    assert_eq!(scrape.one("request_success", &[("request", "token")]), 0.0);
    assert_eq!(scrape.one("request_failure_info", &[("request", "token")]), 1.0);
    assert_eq!(scrape.one("request_success", &[("request", "ping")]), 1.0);
    assert!(scrape.lacks("cycle_failure_info", &[]));
}

#[test]
fn cycle_that_failed_in_back_off_is_counted_without_an_attempt() {
    let cause = cause(Token, Reason::ServerError);
    let scrape = scrape(&[cycle(0.0, 0.0, Err(cause), Vec::new(), TokenView::default())], 1.0);
    assert_eq!(scrape.one("cycle_failures_total", &[("fault", "authorization_server")]), 1.0);
    assert_eq!(scrape.all("requests_total", &[]), [0.0, 0.0]);
    assert_eq!(scrape.one("token_held", &[]), 0.0);
    assert!(scrape.lacks("request_success", &[]));
}

#[test]
fn request_without_an_answer_has_status_zero() {
    let attempt = unsent(Token, Reason::Dns, 0.0, 0.2);
    let report = cycle(0.0, 0.2, Err(cause(Token, Reason::Dns)), vec![attempt], TokenView::default());
    let scrape = scrape(&[report], 1.0);
    assert_eq!(scrape.one("http_status_code", &[("request", "token")]), 0.0);
    assert!(scrape.lacks("http_status_code", &[("request", "ping")]));
}

#[test]
fn target_that_is_not_scheduled_is_shown_only_where_it_is_named() {
    let off = Target { schedule: ScheduleMode::Off, ..target() };
    let name = off.name.clone();
    let metrics = Metrics::new(&config(vec![off]), at(0.0));
    let shown = |only| metrics.exposition(at(1.0), only).flatten().collect::<Vec<u8>>();
    let has_target = |text: Vec<u8>| String::from_utf8(text).unwrap().contains("oauth_probe_interval_seconds");
    assert!(!has_target(shown(None)));
    assert!(has_target(shown(Some(&[name.as_str()]))));
}

#[test]
fn only_requests_that_were_sent_have_a_duration() {
    let timed_out = failed(Ping, Reason::ResponseTimeout, None, 1.0, 10.0);
    let attempts = vec![unsent(Token, Reason::Connect, 0.0, 0.2), timed_out];
    let scrape =
        scrape(&[cycle(0.0, 11.0, Err(cause(Ping, Reason::ResponseTimeout)), attempts, held(0.0, 60.0))], 12.0);
    assert_eq!(scrape.one("request_duration_seconds_count", &[("request", "token")]), 0.0);
    assert_eq!(scrape.one("requests_total", &[("request", "token")]), 1.0);
    assert_eq!(scrape.one("request_duration_seconds_sum", &[("request", "ping")]), 10.0);
    assert_eq!(scrape.one("request_duration_seconds_bucket", &[("request", "ping"), ("le", "+Inf")]), 1.0);
    assert_eq!(scrape.one("request_duration_seconds_bucket", &[("request", "ping"), ("le", "5")]), 0.0);
}

#[test]
fn slow_is_what_was_sent_and_took_longer_than_the_objective() {
    let mut target = target();
    target.latency_objective = Duration::from_millis(300);
    let pings = [0.3, 0.301].map(|duration| answered(Ping, Ponged, 0.0, duration));
    let timed_out = failed(Ping, Reason::ResponseTimeout, None, 1.0, 10.0);
    let attempts = [pings.into(), vec![timed_out, unsent(Ping, Reason::ConnectTimeout, 0.0, 10.0)]].concat();
    let verdict = Err(cause(Ping, Reason::ConnectTimeout));
    let scrape = scrape_of(target, &[cycle(0.0, 22.0, verdict, attempts, held(0.0, 60.0))], 22.0);
    let counts = ["requests_total", "sent_requests_total", "slow_requests_total"];
    assert_eq!(counts.map(|name| scrape.one(name, &[("request", "ping")])), [4.0, 3.0, 2.0]);
}

#[test]
fn buckets_are_cumulative_and_the_objective_is_one_of_them() {
    let mut target = target();
    target.latency_objective = Duration::from_millis(300);
    let pings = [0.3, 0.301, 0.05].map(|duration| answered(Ping, Ponged, 0.0, duration));
    let scrape = scrape_of(target, &[cycle(0.0, 1.0, Ok(()), pings.into(), held(0.0, 60.0))], 1.0);
    let counts = scrape.all("request_duration_seconds_bucket", &[("request", "ping")]);
    assert_eq!(counts, [0.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
    assert_eq!(scrape.one("request_duration_seconds_bucket", &[("request", "ping"), ("le", "0.3")]), 2.0);
}

#[test]
fn token_age_and_time_to_expiry_are_computed_at_the_scrape() {
    let ages = |now| {
        let scrape = scrape(&[good_cycle(0.0)], now);
        ["token_held", "token_age_seconds", "token_expires_in_seconds"].map(|name| scrape.one(name, &[]))
    };
    assert_eq!(ages(10.25), [1.0, 10.25, 589.75]);
    assert_eq!(ages(599.999), [1.0, 599.999, 0.001]);
    assert_eq!(ages(600.0), [0.0, 600.0, 0.0]);
    assert_eq!(ages(612.5), [0.0, 612.5, -12.5]);
}

#[test]
fn series_of_an_expired_token_stay() {
    let scrape = scrape(&[good_cycle(0.0)], 10_000.0);
    assert_eq!(scrape.one("token_issued_timestamp_seconds", &[]), EPOCH);
    assert_eq!(scrape.one("token_expiry_timestamp_seconds", &[]), EPOCH + 600.0);
    assert_eq!(scrape.one("token_lifetime_seconds", &[]), 600.0);
    assert_eq!(scrape.one("token_refresh_margin_seconds", &[]), 60.0);
    assert_eq!(scrape.one("next_token_request_timestamp_seconds", &[]), EPOCH + 300.0);
}

#[test]
fn series_of_a_dropped_token_are_absent() {
    let dropped = TokenView { held: None, ..held(0.0, 600.0) };
    let attempts = vec![failed(Ping, Reason::TokenRejected, Some(401), 30.0, 0.1)];
    let report = cycle(30.0, 31.0, Err(cause(Ping, Reason::TokenRejected)), attempts, dropped);
    let scrape = scrape(&[good_cycle(0.0), report], 40.0);
    assert_eq!(scrape.one("token_held", &[]), 0.0);
    for absent in ["age", "expires_in", "issued_timestamp", "expiry_timestamp", "lifetime", "refresh_margin"] {
        assert!(scrape.lacks(&format!("token_{absent}_seconds"), &[]), "{absent}");
    }
    assert_eq!(scrape.one("token_expires_in_missing", &[]), 0.0);
    assert_eq!(scrape.one("token_scopes_missing", &[]), 0.0);
}

#[test]
fn token_attempts_are_refreshes_and_unchanged_and_failures() {
    let token = |result| answered(Token, result, 0.0, 0.1);
    let mut early = failed(Ping, Reason::TokenRejected, Some(401), 0.0, 0.1);
    early.rejected_early = true;
    let attempts = vec![
        token(TokenRefreshed(Trigger::Initial)),
        token(TokenRefreshed(Trigger::Age)),
        token(TokenUnchanged),
        early,
        token(TokenRefreshed(Trigger::Rejected)),
        failed(Token, Reason::BadResponse, Some(200), 0.0, 0.1),
        unsent(Token, Reason::SecretUnavailable, 0.0, 0.0),
        unsent(Token, Reason::Dns, 0.0, 0.0),
    ];
    let scrape = scrape(&[cycle(0.0, 1.0, Ok(()), attempts, held(0.0, 60.0))], 1.0);
    let sum = |name, labels: &[_]| scrape.all(name, labels).iter().sum::<f64>();
    assert_eq!(sum("token_refreshes_total", &[]), 3.0);
    assert_eq!(sum("token_unchanged_total", &[]), 1.0);
    let failures = sum("request_failures_total", &[("request", "token")]);
    assert_eq!(failures, 3.0);
    assert_eq!(sum("requests_total", &[("request", "token")]), 3.0 + 1.0 + failures);
    assert_eq!(sum("token_rejected_early_total", &[]), 1.0);
}

#[test]
fn skipped_cycles_and_schedule_lag_are_counted() {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    metrics.target("tested").unwrap().record_skipped(3);
    metrics.observe_schedule_lag(Duration::from_millis(3));
    let scrape = Scrape::of(&text(&metrics, at(1.0)));
    assert_eq!(scrape.one("skipped_cycles_total", &[]), 3.0);
    assert_eq!(scrape.one("schedule_lag_seconds_bucket", &[("le", "0.005")]), 1.0);
    assert_eq!(scrape.one("schedule_lag_seconds_bucket", &[("le", "0.0025")]), 0.0);
    assert_eq!(scrape.one("config_last_reload_successful", &[]), 1.0);
    assert_eq!(scrape.one("config_last_reload_success_timestamp_seconds", &[]), EPOCH);
}

#[test]
fn next_configuration_shows_as_a_whole_with_the_counts_of_what_it_keeps() {
    let named = |name: &str| Target { name: name.to_owned(), ..target() };
    let metrics = Metrics::new(&config(["kept", "changed", "removed"].map(named).into()), at(0.0));
    for name in ["kept", "changed", "removed"] {
        metrics.target(name).unwrap().record(&good_cycle(0.0));
    }
    let before = text(&metrics, at(1.0));
    let next = config(["new", "changed", "kept"].map(named).into());
    let shown = metrics.renewed(&next, at(2.0), |target| target.name == "kept");
    shown.target("new").unwrap().record(&good_cycle(1.0));
    let of_targets = |text: &str| text.split_once("# HELP oauth_probe_build_info").unwrap().0.to_owned();
    assert_eq!(of_targets(&text(&metrics, at(1.0))), of_targets(&before));

    metrics.load_failed();
    assert_eq!(Scrape::of(&text(&metrics, at(2.0))).one("config_last_reload_successful", &[]), 0.0);
    metrics.show(shown);
    let scrape = Scrape::of(&text(&metrics, at(2.0)));
    let cycles = |name| scrape.all("cycles_total", &[("target", name), ("result", "success")]);
    assert_eq!(["kept", "changed", "removed", "new"].map(cycles), [vec![1.0], vec![0.0], vec![], vec![1.0]]);
    let last_cycle = |name| scrape.one("last_cycle_timestamp_seconds", &[("target", name)]);
    assert_eq!(["kept", "changed"].map(last_cycle), [EPOCH + 0.5, EPOCH + 2.0]);
    assert_eq!(scrape.one("config_last_reload_successful", &[]), 1.0);
    assert_eq!(scrape.one("config_last_reload_success_timestamp_seconds", &[]), EPOCH + 2.0);
    assert_eq!(metrics.target("changed").is_some(), metrics.target("removed").is_none());
}
