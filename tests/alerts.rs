//! The shipped alerting, judged by the tools that will run it: `promtool` and `amtool`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oauth_probe_exporter::telemetry::catalogue::families;

/// Metrics of the contract that alerts are written for and that are not exported yet.
const TO_COME: [&str; 2] =
    ["oauth_probe_client_certificate_expiry_timestamp_seconds", "oauth_probe_tls_certificate_expiry_timestamp_seconds"];

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

fn files_in(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

/// The names behind `- alert:` in the rules, each once.
fn alert_names() -> Vec<String> {
    let rules = fs::read_to_string(root("alerts/rules.yml")).unwrap();
    let mut names: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert:"))
        .map(|name| name.trim().to_owned())
        .collect();
    names.dedup();
    names.sort();
    names.dedup();
    names
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
    std::thread::scope(|scope| {
        let runs: Vec<_> = files_in("alerts/tests")
            .into_iter()
            .map(|file| scope.spawn(move || judge("promtool", &["test", "rules"], &[file])))
            .collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let mut runbooks: Vec<_> =
        files_in("alerts/runbooks").iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    runbooks.sort();
    assert_eq!(alert_names(), runbooks);
}

#[test]
fn every_metric_that_is_named_exists() {
    let known: Vec<_> = families().map(|family| family.name).chain(TO_COME).collect();
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
