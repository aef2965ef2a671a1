//! Past cycles and past failures, and how many of them are kept.

use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::Ping;
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::Seconds;

use super::reports::{Scrape, at, cause, config, cycle, held, text, unsent};
use super::{bad, details, good, target, time};

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
    let scrape = Scrape::of(&text(&metrics, at(100.0)));
    assert_eq!(scrape.one("cycles_total", &[("result", "success")]), 13.0, "the numbers went on");
}
