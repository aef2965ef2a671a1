//! A page for every alert, with the same four sections, and queries that can be asked.

use std::collections::BTreeSet;
use std::fs;

use super::{alert_names, files_in, known, promql, root, rules};

/// Labels that scraping and configuration add.
const ADDED: [&str; 8] = ["job", "instance", "vantage", "pod", "node", "target", "environment", "le"];

/// What runbooks leave open.
const PLACEHOLDERS: [&str; 5] = ["CONFIG_FILE", "FILE", "INSTANCE", "POD", "TARGET"];

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let names = files_in("alerts/runbooks");
    let names: BTreeSet<_> = names.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, alert_names());
}

#[test]
fn every_runbook_says_what_it_means_what_it_does_how_to_look_and_what_to_do() {
    for file in files_in("alerts/runbooks") {
        let text = fs::read_to_string(&file).unwrap();
        let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, ["Meaning", "Impact", "Diagnosis", "Mitigation"], "{}", file.display());
        for section in text.split("\n## ").skip(1) {
            assert!(section.lines().skip(1).any(|line| !line.trim().is_empty()), "{}: {section}", file.display());
        }
    }
}

/// It says most of what the other commands do, and needs no way to the machine.
#[test]
fn every_diagnosis_begins_with_the_status_page() {
    for file in files_in("alerts/runbooks") {
        let text = fs::read_to_string(&file).unwrap();
        let diagnosis = text.split("\n## Diagnosis\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let first = diagnosis.trim_start().lines().next().unwrap();
        let is_of_one = diagnosis.contains("check TARGET") && !diagnosis.contains("instance=\"INSTANCE\"");
        let page = if is_of_one { "`http://INSTANCE/targets/TARGET`" } else { "`http://INSTANCE/" };
        assert!(first.contains(page), "{}: {first}", file.display());
    }
}

/// What a reader puts in the place of a word in capitals stands in one place; no file has a fixed one.
#[test]
fn placeholders_of_runbooks_are_explained_and_stand_for_every_place() {
    let readme = fs::read_to_string(root("alerts/README.md")).unwrap();
    let explained = |word: &str| readme.contains(&format!("| `{word}` |"));
    let mut used = BTreeSet::new();
    for file in files_in("alerts/runbooks") {
        let text = fs::read_to_string(&file).unwrap();
        for fixed in ["oauth-probe.yml", ":10917"] {
            assert!(!text.contains(fixed), "{}: {fixed} is elsewhere in most deployments", file.display());
        }
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            used.extend(PLACEHOLDERS.into_iter().filter(|&placeholder| placeholder == word));
        }
    }
    assert_eq!(used, PLACEHOLDERS.into());
    for word in PLACEHOLDERS {
        assert!(explained(word), "alerts/README.md explains {word}");
    }
}

#[test]
fn every_query_of_a_runbook_can_be_asked() {
    let mut asked = 0;
    for file in files_in("alerts/runbooks") {
        let text = fs::read_to_string(&file).unwrap();
        for block in text.split("```promql\n").skip(1) {
            // One query a line, each with what it shows behind it.
            for query in block.split("```").next().unwrap().lines() {
                if let Err(error) = can_be_asked(query) {
                    panic!("{}: {error} in\n{query}", file.display());
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 0);
}

/// Whether an expression is PromQL and names nothing but what there is.
pub(super) fn can_be_asked(text: &str) -> Result<(), String> {
    let query = promql::read(text)?;
    let groups = rules::shipped();
    let is_recorded = |name: &str| groups.iter().flat_map(|group| &group.rules).any(|rule| rule.name() == name);
    let mut labels: BTreeSet<&str> = ADDED.into();
    for selector in &query.selectors {
        match known::metric(&selector.metric) {
            Some(metric) => {
                let wrong = |name: &&str| !metric.labels.contains(name) && !ADDED.contains(name);
                if let Some(label) = selector.matchers.iter().map(|matcher| matcher.name.as_str()).find(wrong) {
                    return Err(format!("{} has no label {label}", selector.metric));
                }
                labels.extend(metric.labels);
            }
            None if is_recorded(&selector.metric) => labels.extend(["request", "fault", "check", "certificate"]),
            None => return Err(format!("there is no metric {}", selector.metric)),
        }
    }
    labels.extend(query.made.iter().map(String::as_str));
    match query.named.iter().find(|label| !labels.contains(label.as_str())) {
        Some(label) => Err(format!("nothing has a label {label}")),
        None => Ok(()),
    }
}

#[test]
fn wrong_queries_cannot_be_asked() {
    for wrong in [
        "sum(",
        "oauth_probe_succes",
        r#"oauth_probe_success{request="ping"}"#,
        "sum by (reason) (oauth_probe_success)",
        "target:oauth_probe_errors:ratio7m",
    ] {
        assert!(can_be_asked(wrong).is_err(), "{wrong}");
    }
}
