//! The shipped alerting, judged by the tools that will run it: `promtool` and `amtool`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod conventions;
#[allow(dead_code, reason = "shared with the dashboard's tests")]
#[path = "../dashboards/known.rs"]
mod known;
mod mutants;
mod mutations;
#[path = "../dashboards/promql.rs"]
mod promql;
mod routing;
mod rules;
mod runbooks;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use oauth_probe_exporter::telemetry::catalogue::families;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a tool that `tests/run.sh` sets up, and gives what it said if it was not content.
fn judge(tool: &str, arguments: &[&str], files: &[PathBuf]) -> Result<(), String> {
    let program = root(".test-deps/bin").join(tool);
    assert!(program.exists(), "{} is missing: run tests/run.sh --only-setup", program.display());
    let output = Command::new(program).args(arguments).args(files).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

/// Works through a queue with as many threads as there are processors.
fn side_by_side<T>(queue: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

/// The names of the alerts, each once.
fn alert_names() -> BTreeSet<String> {
    let groups = rules::shipped();
    let rules = groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.is_alert()).map(|rule| rule.name().to_owned()).collect()
}

#[test]
fn rules_are_valid() {
    assert_eq!(judge("promtool", &["check", "rules"], &[root("alerts/rules.yml")]), Ok(()));
}

#[test]
fn routing_is_valid() {
    assert_eq!(judge("amtool", &["check-config"], &[root("alerts/alertmanager.example.yml")]), Ok(()));
}

#[test]
fn rules_fire_when_they_must_and_only_then() {
    side_by_side(files_in("alerts/tests").into_iter(), |file| {
        assert_eq!(judge("promtool", &["test", "rules"], &[file]), Ok(()));
    });
}

#[test]
fn every_metric_that_is_named_exists() {
    let known: Vec<_> = families().map(|family| family.name).collect();
    let files = [vec![root("alerts/rules.yml"), root("alerts/alertmanager.example.yml")], files_in("alerts/runbooks")];
    for file in files.concat() {
        let text = fs::read_to_string(&file).unwrap();
        let mut before = ' ';
        for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let (name, end) =
                word.split_at(word.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).len());
            // What is recorded has a colon before or behind it.
            let is_recorded = before == ':' || end.starts_with(':');
            before = end.chars().next().unwrap_or(' ');
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            if name.starts_with("oauth_probe_") && name != "oauth_probe_exporter" && !is_recorded {
                assert!(known.contains(&name) || known.contains(&family), "{} names {name}", file.display());
            }
        }
    }
}
