//! What people are shown of cycle reports: states, failures in words, warnings, tokens, history, and in which order.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod reports;
mod targets;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use oauth_probe_exporter::model::advice::advice_on;
use oauth_probe_exporter::model::check::Check;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed};
use oauth_probe_exporter::model::report::{CertificateDefect, CycleReport, Phase};
use oauth_probe_exporter::model::schedule::Schedule;
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::model::warning::Signs;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::{
    InvalidSelection, Seconds, Selection, Standing, State, TargetDetails, TargetSummary, Timestamp,
};
use reports::{answered, at, cause, checked, config, cycle, failed, held, unsent};

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
    scopes.token.scopes_missing = Some(2);
    assert_eq!(kinds(&summary(&[scopes], 1.0)), ["scopes_missing"]);
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
    let rules = include_str!("../alerts/rules.yml");
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
fn history_has_the_latest_cycles_first_with_their_requests() {
    let details = details(&[good(0.0), bad(30.0)], 60.0);
    let [latest, first] = &*details.cycles else { panic!("{:?}", details.cycles) };
    assert_eq!((latest.ended, latest.failure), (time(30.5), Some(cause(Ping, Reason::ServerError).into())));
    assert_eq!((first.ended, first.failure, first.attempts.len()), (time(0.5), None, 2));
    let ping = &latest.attempts[0];
    assert_eq!((ping.request, ping.status, ping.duration_seconds), (Ping, Some(503), Seconds(0.2)));
    let glances: Vec<_> = details.summary.glances.iter().map(|glance| (glance.failure, glance.attempts)).collect();
    let good = (None, [Some(Ok(Seconds(0.125))), Some(Ok(Seconds(0.05)))]);
    assert_eq!(glances, [good, (Some(Reason::ServerError), [None, Some(Err(Reason::ServerError))])]);
}

#[test]
fn failures_that_are_alike_are_one_until_the_request_succeeds() {
    let dns = |started| {
        let ping = unsent(Ping, Reason::Dns, started, 0.1);
        cycle(started, started + 0.5, Err(cause(Ping, Reason::Dns)), vec![ping], held(0.0, 1e6))
    };
    let mut reports = vec![bad(0.0), bad(30.0), good(60.0), bad(90.0), dns(120.0), dns(150.0), dns(180.0)];
    let shown = |reports: &[CycleReport]| {
        let failures = details(reports, 1000.0).failures;
        failures.iter().map(|past| (past.blame.reason, past.first, past.last, past.count)).collect::<Vec<_>>()
    };
    let (down, unresolved) = (Reason::ServerError, Reason::Dns);
    let expected = [
        (unresolved, time(120.5), time(180.5), 3),
        (down, time(90.5), time(90.5), 1),
        (down, time(0.5), time(30.5), 2),
    ];
    assert_eq!(shown(&reports), expected);
    for place in 0..300 {
        reports.push(good(210.0 + 30.0 * f64::from(place)));
    }
    assert_eq!(shown(&reports), expected, "their cycles are forgotten");
}

#[test]
fn history_is_as_long_as_configured_and_a_new_length_keeps_the_latest() {
    let mut config = config(vec![target()]);
    config.history = 3;
    let metrics = Metrics::new(&config, at(0.0));
    let record = |from: u32, to| {
        (from..to).for_each(|place| metrics.target("tested").unwrap().record(&good(f64::from(place))));
    };
    let ends = || {
        let cycles = metrics.status(at(100.0)).details("tested").unwrap().cycles;
        cycles.iter().map(|cycle| cycle.ended).collect::<Vec<_>>()
    };
    record(0, 5);
    assert_eq!(ends(), [4.5, 3.5, 2.5].map(time));
    for (history, expected) in [(2, vec![6.5, 5.5]), (4, vec![8.5, 7.5, 6.5, 5.5]), (0, vec![]), (1, vec![12.5])] {
        config.history = history;
        metrics.show(metrics.renewed(&config, at(50.0), |_target| true));
        let next = 5 + 2 * u32::try_from([2, 4, 0, 1].iter().position(|&step| step == history).unwrap()).unwrap();
        record(next, next + 2);
        assert_eq!(ends(), expected.into_iter().map(time).collect::<Vec<_>>(), "{history}");
    }
    let scrape = reports::Scrape::of(&reports::text(&metrics, at(100.0)));
    assert_eq!(scrape.one("cycles_total", &[("result", "success")]), 13.0, "the numbers went on");
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

/// One of each rank, named so that the alphabet would order them otherwise.
fn fleet() -> Metrics {
    let labelled = |name: &str, value: &str| {
        let labels = [("environment".to_owned(), value.to_owned())].into();
        Target { labels, ..named(name) }
    };
    let warned = Target { client_secret_expires: Some(at(0.0).wall), ..labelled("b-warned", "test") };
    let targets = vec![
        labelled("a-works", "production"),
        warned,
        named("c-pending"),
        labelled("e-fails", "production"),
        named("d-fails"),
    ];
    let metrics = Metrics::new(&config(targets), at(0.0));
    for (name, report) in
        [("a-works", good(0.0)), ("b-warned", good(0.0)), ("d-fails", bad(0.0)), ("e-fails", bad(0.0))]
    {
        metrics.target(name).unwrap().record(&quiet(report));
    }
    metrics
}

fn listed(query: &str) -> (usize, Vec<String>) {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let selection = Selection::of_query(pairs.map(|(key, value)| (Cow::from(key), Cow::from(value)))).unwrap();
    let listing = fleet().status(at(1.0)).list(&selection);
    (listing.matching, listing.targets().map(|target| target.target).collect())
}

#[test]
fn those_that_need_a_person_come_first_and_equals_by_name() {
    let all = ["d-fails", "e-fails", "b-warned", "c-pending", "a-works"];
    assert_eq!(listed(""), (5, all.map(str::to_owned).to_vec()));
    assert_eq!(listed("offset=1&limit=2"), (5, vec!["e-fails".to_owned(), "b-warned".to_owned()]));
    assert_eq!(listed("offset=9"), (5, vec![]));
    let counts = serde_json::to_value(fleet().status(at(1.0)).fleet().counts).unwrap();
    let expected = serde_json::json!({
        "failing": 2, "pending": 1, "working": 2, "total": 5, "warned": 1, "unscheduled": 0
    });
    assert_eq!(counts, expected);
}

#[test]
fn selection_is_by_state_labels_and_text() {
    let names = |query| listed(query).1.join(" ");
    assert_eq!(names("state=failing"), "d-fails e-fails");
    assert_eq!(names("state=warned"), "b-warned");
    assert_eq!(names("state=working"), "b-warned a-works");
    assert_eq!(names("state=pending&q="), "c-pending");
    assert_eq!(names("reason=server_error"), "d-fails e-fails");
    assert_eq!(names("request=ping&fault=resource_server&label=environment=production"), "e-fails");
    assert_eq!(names("request=token"), "");
    assert_eq!(names("fault=network&state=failing"), "");
    assert_eq!(names("label=environment=production"), "e-fails a-works");
    assert_eq!(names("label=environment=production&label=environment=test"), "");
    assert_eq!(names("q=FAIL"), "d-fails e-fails");
    assert_eq!(names("q=production&state=working"), "a-works");
    assert_eq!(names("q=auth.example.com&limit=1"), "d-fails");
    assert_eq!(names("q=secret"), "", "no setting but those that are shown in the list");
}

#[test]
fn text_is_found_whatever_its_letters_case() {
    let metrics = Metrics::new(&config(vec![named("Öresund"), named("EU-West")]), at(0.0));
    for (text, found) in [("ö", 1), ("RES", 1), ("öR", 1), ("eu-w", 1), ("EU-W", 1), ("y", 0)] {
        let query = [(Cow::from("q"), Cow::from(text))].into_iter();
        let selection = Selection::of_query(query).unwrap();
        assert_eq!(metrics.status(at(0.0)).list(&selection).matching, found, "{text}");
    }
}

#[test]
fn parameter_that_means_nothing_is_refused() {
    let refused = |key: &'static str, value: &'static str| {
        Selection::of_query([(Cow::from(key), Cow::from(value))].into_iter()).unwrap_err()
    };
    assert_eq!(refused("state", "broken"), InvalidSelection::State("broken".to_owned()));
    assert_eq!(refused("label", "environment"), InvalidSelection::Label("environment".to_owned()));
    assert_eq!(refused("limit", "-1"), InvalidSelection::Number { key: "limit", value: "-1".to_owned() });
    let parameter = |name: &'static str| refused(name, "failing").to_string();
    assert_eq!(parameter("sate"), "unknown parameter \"sate\"; did you mean state?");
    assert!(parameter("verbose").ends_with("; there are state, request, reason, fault, label, q, limit, offset"));
    refused("sate", "");
    let said = refused("reason", "broken").to_string();
    assert!(Reason::ALL.iter().all(|reason| said.contains(reason.as_str())), "{said}");
    let said = refused("state", "broken").to_string();
    assert!(Standing::ALL.iter().all(|standing| said.contains(standing.as_str())), "{said}");
}

#[test]
fn numbers_list_and_causes_are_of_one_moment() {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    let numbers = metrics.target("tested").unwrap();
    let status = metrics.status(at(10.0));
    assert_eq!((status.fleet().counts.pending, status.fleet().counts.failing), (1, 0));
    numbers.record(&bad(5.0));
    let failing = Selection { standing: Some(Standing::In(State::Failing)), ..Selection::default() };
    assert_eq!((status.list(&failing).matching, status.causes()), (0, vec![]));
    assert_eq!(metrics.status(at(10.0)).list(&failing).matching, 1);
}

#[test]
fn causes_are_counted_the_most_frequent_first() {
    let metrics = Metrics::new(&config(["a", "b", "c", "d"].map(named).into()), at(0.0));
    let down = cycle(0.0, 0.1, Err(cause(Token, Reason::Dns)), Vec::new(), held(0.0, 600.0));
    for (name, report) in [("a", bad(0.0)), ("b", down.clone()), ("c", down), ("d", good(0.0))] {
        metrics.target(name).unwrap().record(&report);
    }
    let expected = [(cause(Token, Reason::Dns), 2), (cause(Ping, Reason::ServerError), 1)];
    assert_eq!(metrics.status(at(1.0)).causes(), expected);
}
