//! The text of a scrape, judged by `promtool` and by the `prometheus` crate; its chunks, escapes and filters.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod awkward;
mod judge;
mod reports;
mod support;
mod targets;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use awkward::{AWKWARD, awkward_config, awkward_metrics, made, named, past};
use oauth_probe_exporter::model::target::Config;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::catalogue::families;
use reports::{Sample, Scrape, at, config, join, text};

/// Lines that compare equal whatever the order of samples and of labels.
fn canonical(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(|line| if line.starts_with('#') { line.to_owned() } else { format!("{:?}", Sample::parse(line)) })
        .collect()
}

#[test]
fn promtool_finds_nothing_to_object_to() {
    let text = text(&awkward_metrics(), at(150.0));
    let mut promtool = Command::new(support::test_dep("bin/promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|stream| String::from_utf8(stream).unwrap()).concat();
    assert_eq!(said, "");
    assert!(output.status.success());
}

#[test]
fn targets_are_written_as_the_prometheus_crate_writes_them() {
    let now = at(150.125);
    let metrics = awkward_metrics();
    let ours = join(metrics.exposition(now, Some(&AWKWARD)));
    // The exporter's own families are the crate's work already.
    let own = ours.find("# HELP oauth_probe_build_info").unwrap();
    let expected = judge::encode(&awkward_config(), &past, &made, now);
    assert_eq!(canonical(&ours[..own]), canonical(&expected));
}

#[test]
fn every_family_has_samples_here_and_they_stand_together() {
    let text = text(&awkward_metrics(), at(150.0));
    let introduced: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let distinct: BTreeSet<_> = introduced.iter().collect();
    assert_eq!(distinct.len(), introduced.len());
    let mut family = "";
    for line in text.lines() {
        match line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")) {
            Some(header) => family = header.split(' ').next().unwrap(),
            None => assert!(line.starts_with(family), "{line} under {family}"),
        }
    }
    for family in families() {
        assert!(introduced.contains(&&*format!("{} {}", family.name, family.kind.as_str())), "{}", family.name);
    }
}

#[test]
fn families_without_samples_are_left_out() {
    let text = text(&Metrics::new(&config(vec![targets::target("http://[::1]")]), at(0.0)), at(0.0));
    assert!(text.contains("oauth_probe_cycles_total"));
    assert!(!text.contains("oauth_probe_success"));
    assert!(!text.contains("oauth_probe_client_secret_expiry"));
}

#[test]
fn label_values_read_back_as_they_were_configured() {
    let scrape = Scrape::of(&text(&awkward_metrics(), at(150.0)));
    for name in AWKWARD {
        let labels = [("target", name), ("environment", &format!("of {name}")), ("vantage", "rack \"7\"")];
        assert_eq!(scrape.one("token_unchanged_total", &labels), scrape.one("token_unchanged_total", &labels[..1]));
    }
}

#[test]
fn vantage_is_on_every_series() {
    let with = Scrape::of(&text(&awkward_metrics(), at(150.0)));
    assert!(with.0.iter().all(|sample| sample.labels.get("vantage").is_some_and(|vantage| vantage == "rack \"7\"")));
    assert!(with.0.iter().any(|sample| sample.name == "process_resident_memory_bytes"));
    let without = Scrape::of(&text(&Metrics::new(&config(vec![named("a")]), at(0.0)), at(0.0)));
    assert!(without.0.iter().all(|sample| !sample.labels.contains_key("vantage")));
}

#[test]
fn filter_gives_the_named_targets_once_with_build_info_alone() {
    let vantage = Some("here".to_owned());
    let metrics = Metrics::new(&Config { vantage, ..config(["a", "b", "c"].map(named).into()) }, at(0.0));
    let text = join(metrics.exposition(at(1.0), Some(&["c", "a", "c", "unknown"])));
    let scrape = Scrape::of(&text);
    let names: Vec<_> = scrape.0.iter().filter_map(|sample| sample.labels.get("target")).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 2);
    assert!(scrape.lacks("cycles_total", &[("target", "b")]));
    assert_eq!(scrape.all("target_info", &[("target", "c")]), [1.0]);
    let build = [("version", env!("CARGO_PKG_VERSION")), ("vantage", "here")];
    assert_eq!(scrape.all("build_info", &build), [1.0]);
    assert!(!text.contains("process_") && !text.contains("oauth_probe_targets"));
}

#[test]
fn report_that_comes_during_a_scrape_is_no_part_of_it() {
    let metrics = Metrics::new(&config(vec![named("a")]), at(0.0));
    let scrape = metrics.exposition(at(1.0), None);
    past(1).iter().for_each(|report| metrics.target("a").unwrap().record(report));
    assert_eq!(Scrape::of(&join(scrape)).all("cycles_total", &[]), [0.0, 0.0]);
    assert_eq!(Scrape::of(&text(&metrics, at(1.0))).all("cycles_total", &[]), [1.0, 0.0]);
}

#[test]
fn ten_thousand_targets_come_in_chunks_of_whole_lines() {
    let targets: Vec<_> = (0..10_000).map(|number| named(&format!("target-{number:05}"))).collect();
    let metrics = Metrics::new(&config(targets), at(0.0));
    for number in 0..10_000 {
        past(number % 5)
            .iter()
            .for_each(|report| metrics.target(&format!("target-{number:05}")).unwrap().record(report));
    }
    let (mut successes, mut chunks) = (0, 0);
    for chunk in metrics.exposition(at(150.0), None) {
        assert!(chunk.len() < 72 * 1024 && chunk.ends_with(b"\n"), "{}", chunk.len());
        let chunk = std::str::from_utf8(&chunk).unwrap();
        successes += chunk.lines().filter(|line| line.starts_with("oauth_probe_success{")).count();
        chunks += 1;
    }
    assert_eq!(successes, 8_000);
    assert!(chunks > 1_000);
}
