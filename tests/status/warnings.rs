//! What is warned of while cycles still succeed, from when, and what of it outlives a reload.

use std::time::{Duration, SystemTime};

use oauth_probe_exporter::model::check::Check;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::Ponged;
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::model::token::TokenView;
use oauth_probe_exporter::model::warning::Signs;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::{Seconds, State, TargetSummary};

use super::reports::{answered, at, cause, checked, config, cycle, failed, held};
use super::{bad, details_of, good, is_stalled, kinds, quiet, summary, target, time};

#[test]
fn refresh_that_fails_is_a_warning_until_a_cycle_fails_for_it() {
    let token = failed(Token, Reason::InvalidClient, Some(401), 300.0, 0.1);
    let report = cycle(300.0, 300.5, Ok(()), vec![token, answered(Ping, Ponged, 300.2, 0.05)], held(0.0, 600.0));
    let reports = [good(0.0), report].map(quiet);
    let warned = summary(&reports, 301.0);
    assert_eq!((warned.state, warned.failure.as_ref(), kinds(&warned)), (State::Working, None, vec!["token_refresh"]));
    let failure = warned.warnings[0].failure.as_ref().unwrap();
    assert_eq!((failure.blame.reason, failure.status), (Reason::InvalidClient, Some(401)));
    assert_eq!(warned.token.unwrap().expires_in_seconds, Seconds(299.0));
    assert!(warned.warnings[0].meaning.contains("still works"));
    let waits = cycle(590.0, 590.5, Ok(()), vec![answered(Ping, Ponged, 590.2, 0.05)], held(0.0, 600.0));
    let reports = [&reports[..], &[quiet(waits)]].concat();
    let expired = summary(&reports, 600.001);
    assert_eq!((expired.state, kinds(&expired)), (State::Working, vec!["token_refresh"]));
    assert!(expired.warnings[0].meaning.contains("has expired"), "{}", expired.warnings[0].meaning);
    let because = cause(Token, Reason::InvalidClient);
    let fails = cycle(610.0, 610.1, Err(because), Vec::new(), held(0.0, 600.0));
    let failing = summary(&[&reports[..], &[fails]].concat(), 611.0);
    assert_eq!((failing.state, failing.failure.as_ref().unwrap().blame), (State::Failing, because.into()));
    assert!(kinds(&failing).is_empty(), "it is told as the failure");
}

#[test]
fn warnings_come_and_go_with_what_they_warn_of() {
    let mut refused = quiet(good(0.0));
    refused.attempts[1].rejected_early = true;
    assert_eq!(kinds(&summary(&[refused.clone()], 3600.0)), ["token_rejected_early"]);
    assert!(kinds(&summary(&[refused], 3601.0)).is_empty());
    let mut scopes = quiet(good(0.0));
    scopes.token.scopes_missing = Some(["read", "write"].map(str::to_owned).into());
    let warned = summary(&[scopes], 1.0);
    assert_eq!(
        (kinds(&warned), &*warned.warnings[0].scopes),
        (vec!["scopes_missing"], &["read", "write"].map(str::to_owned)[..])
    );
    // The chain of the reports' servers expires after 2e6 s, our certificate after 1e6 s.
    let two_weeks = 14.0 * 86_400.0;
    assert!(kinds(&summary(&[quiet(good(0.0))], 2e6 - two_weeks)).is_empty());
    assert_eq!(kinds(&summary(&[quiet(good(0.0))], 2e6 - two_weeks + 1.0)), ["certificate_expiry"; 2]);
    assert_eq!(kinds(&summary(&[good(0.0)], 1.0)), ["client_certificate_expiry"]);
    let month = 30.0 * 86_400.0;
    let secret_expires_in = |seconds| Target { client_secret_expires: Some(at(1.0 + seconds).wall), ..target() };
    assert!(kinds(&details_of(secret_expires_in(month), &[], 1.0).summary).is_empty());
    assert_eq!(kinds(&details_of(secret_expires_in(month - 1.0), &[], 1.0).summary), ["client_secret_expiry"]);
    let expiring = secret_expires_in(3599.0);
    let warned = details_of(expiring, &[], 1.0).summary;
    assert_eq!((kinds(&warned), warned.warnings[0].at), (vec!["client_secret_expiry"], Some(time(3600.0))));
}

/// Whoever follows an alert to the page must find there what it warns of.
#[test]
fn what_expires_is_warned_of_from_the_day_on_which_the_alert_fires() {
    let rules = include_str!("../../alerts/rules.yml");
    let days_of = |what: &str| {
        let condition = format!("target:oauth_probe_{what}:seconds_left < ");
        let days = rules.split(&*condition).skip(1);
        days.filter_map(|rest| rest.split_once(" * 86400")?.0.parse::<u64>().ok()).max().unwrap()
    };
    let certificate = |expiry| Signs { certificates: [Some(expiry), None], ..Signs::default() };
    let own = |expiry| Signs { client_certificate: Some(expiry), ..Signs::default() };
    let secret = |expiry| Signs { client_secret: Some(expiry), ..Signs::default() };
    let table: [(&str, &dyn Fn(SystemTime) -> Signs<'static>); 3] =
        [("tls_certificate", &certificate), ("client_certificate", &own), ("client_secret", &secret)];
    let now = at(0.0).wall;
    for (what, signs) in table {
        let days = days_of(what);
        let left = Duration::from_secs(days * 86_400);
        assert!(signs(now + left).warnings(now).is_empty(), "{what} is warned of earlier than {days} days before");
        let [warning] = signs(now + left - Duration::from_secs(1)).warnings(now)[..] else {
            panic!("{what} is not warned of {days} days before");
        };
        let meaning = warning.advice().meaning;
        assert!(meaning.contains(&format!("within {days} days")), "{meaning}");
    }
}

#[test]
fn target_that_nobody_probes_any_more_is_warned_of_when_the_alert_would_fire() {
    // Three intervals of 30 s and a timeout of 10 s after the last cycle.
    let told = |target: Target, reports: &[CycleReport], now| details_of(target, reports, now).summary;
    assert!(!is_stalled(&told(target(), &[quiet(good(0.0))], 100.5)));
    let stalled = told(target(), &[quiet(good(0.0))], 100.501);
    assert_eq!((stalled.state, stalled.warnings[0].at), (State::Working, Some(time(0.5))));
    assert!(is_stalled(&stalled) && stalled.warnings[0].remedy.contains("restart"), "{:?}", stalled.warnings);
    assert!(is_stalled(&told(target(), &[bad(0.0)], 101.0)), "what is said of a failure is old, too");
    let off = || Target { schedule: ScheduleMode::Off, ..target() };
    let unasked = told(off(), &[quiet(good(0.0))], 101.0);
    assert!(is_stalled(&unasked) && unasked.warnings[0].meaning.contains("/probe"), "{:?}", unasked.warnings);
    assert!(is_stalled(&told(target(), &[], 101.0)), "its first cycle was due long ago");
    assert!(!is_stalled(&told(off(), &[], 101.0)), "it waits to be asked for the first time");
}

/// A target, what its cycles said, and a reload at 400 s that made `changed` of it, with what came after.
fn reloaded(before: &[CycleReport], changed: Target, after: &[CycleReport], now: f64) -> TargetSummary {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    before.iter().for_each(|report| metrics.target("tested").unwrap().record(report));
    metrics.show(metrics.renewed(&config(vec![changed]), at(400.0), |_target| false));
    after.iter().for_each(|report| metrics.target("tested").unwrap().record(report));
    metrics.status(at(now)).details("tested").unwrap().summary
}

fn patient() -> Target {
    Target { timeout: Duration::from_secs(20), ..target() }
}

#[test]
fn early_warning_outlives_a_reload_that_keeps_the_token() {
    let token = failed(Token, Reason::InvalidClient, Some(401), 300.0, 0.1);
    let refused = cycle(300.0, 300.5, Ok(()), vec![token, answered(Ping, Ponged, 300.2, 0.05)], held(0.0, 600.0));
    let before = [good(0.0), refused].map(quiet);
    let waits = quiet(cycle(420.0, 420.5, Ok(()), vec![answered(Ping, Ponged, 420.2, 0.05)], held(0.0, 600.0)));
    for (after, state) in [(&[][..], State::Pending), (&[waits][..], State::Working)] {
        let shown = reloaded(&before, patient(), after, 421.0);
        assert_eq!((shown.state, kinds(&shown)), (state, vec!["token_refresh"]));
        assert_eq!(shown.token.unwrap().expires, time(600.0));
        let token = shown.requests.token;
        assert_eq!((token.last_attempt, token.last_success), (Some(time(300.1)), Some(time(0.125))));
    }
    let mut other = target();
    other.token.client_id = "another".to_owned();
    let shown = reloaded(&before, other, &[], 421.0);
    assert_eq!((kinds(&shown), shown.token, shown.requests.token.last_attempt), (vec![], None, None));
}

#[test]
fn back_off_that_outlives_a_reload_fails_with_what_is_known_of_the_attempt_that_caused_it() {
    let because = cause(Token, Reason::InvalidClient);
    let attempt = failed(Token, Reason::InvalidClient, Some(401), 390.0, 0.1);
    let asked = cycle(390.0, 390.1, Err(because), vec![attempt], TokenView::default());
    let waited = cycle(420.0, 420.0, Err(because), Vec::new(), TokenView::default());
    let shown = reloaded(&[asked], patient(), &[waited], 421.0);
    assert_eq!((shown.failure.unwrap().status, shown.requests.token.status), (Some(401), Some(401)));
}

#[test]
fn third_slow_answer_in_a_row_is_a_warning() {
    let slow = |started| {
        let ping = answered(Ping, Ponged, started, 1.25);
        quiet(cycle(started, started + 1.5, Ok(()), vec![ping], held(0.0, 1e6)))
    };
    assert!(kinds(&summary(&[slow(0.0), slow(30.0)], 60.0)).is_empty());
    assert_eq!(kinds(&summary(&[slow(0.0), slow(30.0), slow(60.0)], 90.0)), ["slow"]);
    assert!(kinds(&summary(&[slow(0.0), slow(30.0), slow(60.0), quiet(good(90.0))], 91.0)).is_empty());
}

#[test]
fn open_api_is_a_warning_and_the_control_explains_failures_since_it_was_made() {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    let numbers = metrics.target("tested").unwrap();
    let summary = || metrics.status(at(100.0)).details("tested").unwrap().summary;
    numbers.record(&quiet(good(0.0)));
    numbers.record_check(&checked(Check::NoToken, Some(200)));
    numbers.record_check(&checked(Check::ApiKey, Some(200)));
    assert_eq!((kinds(&summary()), summary().warnings[0].check), (vec!["check"], Some(Check::NoToken)));
    numbers.record(&quiet(bad(30.0)));
    assert_eq!(summary().failure.unwrap().control, None, "the API key was tried while all was well");
    numbers.record_check(&checked(Check::ApiKey, Some(503)));
    assert!(summary().failure.unwrap().control.unwrap().contains("fails with the API key as well"));
}
