//! A thousand reloads while targets are probed and scraped, and one reload of very many targets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use tokio::task::JoinSet;
use tokio::time::Instant;

use exporter::{Exporter, Response, http};
use reports::Scrape;

const RELOADS: usize = 1000;
const OF_EACH_KIND: usize = 10;
/// After so many reloads everything has been in use that will be.
const WARM: usize = 100;

/// The same in every configuration; there with another label in each; there in every second one.
const KINDS: [&str; 3] = ["kept", "changed", "passing"];

fn names(kind: &str) -> impl Iterator<Item = String> {
    (0..OF_EACH_KIND).map(move |number| format!("{kind}-{number}"))
}

/// Configuration `number` of the thousand.
fn configuration(simulator: &Simulator, certificates: &Path, number: usize) -> String {
    let mut text = format!(
        "defaults:\n  authorization_server: {}\n  resource_server: {}\n  client_secret: secret\n  interval: 100ms\n  \
         token: {{ max_age: off }}\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    let ca_file = certificates.join(format!("{number}.pem")).display().to_string();
    for name in names("kept") {
        writeln!(text, "  - {{ name: {name}, client_id: {name}, interval: 2s }}").unwrap();
    }
    for name in names("changed") {
        let more =
            format!("labels: {{ number: \"{number}\" }}, ping: {{ connection: reuse }}, tls: {{ ca_file: {ca_file} }}");
        writeln!(text, "  - {{ name: {name}, client_id: {name}, {more} }}").unwrap();
    }
    for name in names("passing").filter(|_| number.is_multiple_of(2)) {
        writeln!(text, "  - {{ name: {name}, client_id: {name} }}").unwrap();
    }
    text
}

async fn simulator() -> Simulator {
    let clients = KINDS.into_iter().flat_map(names).map(|name| ClientSettings::new(&name, "secret")).collect();
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

/// Whether a scrape shows the targets of one configuration, whichever, and of no other.
fn assert_of_one_configuration(text: &str) {
    let scrape = Scrape::of(text);
    let values = |label: &str| -> BTreeSet<_> {
        scrape.0.iter().filter_map(|sample| sample.labels.get(label).cloned()).collect()
    };
    let numbers = values("number");
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    let is_even = numbers.first().unwrap().parse::<usize>().unwrap().is_multiple_of(2);
    let kinds = if is_even { &KINDS[..] } else { &KINDS[..2] };
    assert_eq!(values("target"), kinds.iter().flat_map(|kind| names(kind)).collect());
    assert_eq!(scrape.one("targets", &[]), (kinds.len() * OF_EACH_KIND) as f64);
}

fn of_process(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("process_{name} "))).expect(name);
    line.parse().unwrap()
}

#[tokio::test]
async fn a_thousand_reloads_disturb_no_target_that_stays_and_leave_nothing_behind() {
    let simulator = simulator().await;
    let certificates = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
    // In another file each time, so that no client is made of the same settings twice.
    for number in 0..=RELOADS {
        std::fs::write(certificates.path().join(format!("{number}.pem")), certificate.cert.pem()).unwrap();
    }
    let file = |number| configuration(&simulator, certificates.path(), number);
    let exporter = Exporter::start_with(&file(0), &["--log.level=info"], &[]).await;
    until_kept_targets_work(&exporter, |_name| 0.0).await;
    let mut scrapers = JoinSet::new();
    for _ in 0..2 {
        let address = exporter.address.clone();
        scrapers.spawn(async move {
            loop {
                let scrape: Response = http(&address, "GET", "/metrics", "").await;
                assert_of_one_configuration(&scrape.text());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let mut warm = None;
    for number in 1..=RELOADS {
        if number.is_multiple_of(50) {
            exporter.write_configuration("targets: [");
            assert_eq!(exporter.reload().await.status, 500);
        }
        exporter.write_configuration(&file(number));
        let passing = if number.is_multiple_of(2) { "10 added, 0 removed" } else { "0 added, 10 removed" };
        let expected = format!("configuration reloaded: {passing}, 10 changed, 10 unchanged\n");
        assert_eq!(exporter.reload().await.text(), expected);
        if number == WARM {
            warm = Some(exporter.metrics().await);
        }
        if let Some(ended) = scrapers.try_join_next() {
            ended.unwrap();
        }
    }
    scrapers.abort_all();
    while let Some(ended) = scrapers.join_next().await {
        assert!(ended.is_err_and(|end| end.is_cancelled()), "a scrape showed the targets of no configuration");
    }

    let end = exporter.metrics().await;
    assert_nothing_was_left(&warm.unwrap(), &end);
    // They go on after all this, still with their first token.
    let end = Scrape::of(&end);
    let cycles = |name: &str, result| end.one("cycles_total", &[("target", name), ("result", result)]);
    until_kept_targets_work(&exporter, |name| cycles(name, "success")).await;
    for name in names("kept") {
        let counts = simulator.control().counts(&name);
        assert_eq!((counts.token_requests, counts.pings_refused, cycles(&name, "failure")), (1, 0, 0.0), "{name}");
    }
}

/// Waits until each has had more good cycles than that.
async fn until_kept_targets_work(exporter: &Exporter, cycles_before: impl Fn(&str) -> f64) {
    for name in names("kept") {
        let cycles = format!("oauth_probe_cycles_total{{target=\"{name}\",result=\"success\"}}");
        exporter.until_matching(&[&cycles], |value| value > cycles_before(&name)).await;
    }
}

fn assert_nothing_was_left(warm: &str, end: &str) {
    for (name, leaked_by_each) in [("open_fds", 0.1), ("threads", 0.1), ("resident_memory_bytes", 3_500.0)] {
        let (before, after) = (of_process(warm, name), of_process(end, name));
        assert!(after - before < leaked_by_each * (RELOADS - WARM) as f64, "{name}: {before} became {after}");
    }
}

#[tokio::test]
async fn reload_of_ten_thousand_targets_touches_those_that_differ_and_no_other() {
    const TARGETS: usize = 10_000;
    let simulator = simulator().await;
    let file = |defaults: &str, odd_one: &str| {
        let mut text = format!(
            "defaults:\n  authorization_server: {}\n  resource_server: {}\n  client_id: kept-0\n  client_secret: secret\n  \
             interval: 1h\n{defaults}targets:\n",
            simulator.authorization_server(),
            simulator.resource_server()
        );
        for number in 0..TARGETS {
            let more = if number == TARGETS / 2 { odd_one } else { "" };
            writeln!(text, "  - {{ name: target-{number}, labels: {{ number: \"{number}\" }}, {more} }}").unwrap();
        }
        text
    };
    let exporter = Exporter::start_with(&file("", ""), &[], &[]).await;
    for (defaults, odd_one, expected) in [
        ("", "", "0 changed, 10000 unchanged"),
        ("", "timeout: 5s", "1 changed, 9999 unchanged"),
        ("  timeout: 4s\n", "timeout: 5s", "9999 changed, 1 unchanged"),
    ] {
        exporter.write_configuration(&file(defaults, odd_one));
        let asked = Instant::now();
        let answer = exporter.reload().await;
        println!("{expected}: {:?}", asked.elapsed());
        assert_eq!(answer.text(), format!("configuration reloaded: 0 added, 0 removed, {expected}\n"));
    }
    let scrape = Scrape::of(&exporter.metrics().await);
    assert_eq!(scrape.all("timeout_seconds", &[]).iter().filter(|timeout| **timeout == 4.0).count(), TARGETS - 1);
    assert_eq!(scrape.one("timeout_seconds", &[("number", "5000")]), 5.0);
}
