//! The table of alerts in `alerts/README.md` is that of `rules.yml`, and what README.md says of them is true.
//! `UPDATE_README=1 cargo test --test alerts tables` writes the table anew.

use std::fmt::Write as _;
use std::fs;

use super::root;
use super::rules::{self, Rule};
use super::runbooks::can_be_asked;

const BEGIN: &str = "<!-- alerts -->\n";
const END: &str = "<!-- end of alerts -->";

fn wanted() -> String {
    let mut table = String::from("| alert | severity | when |\n| --- | --- | --- |\n");
    let groups = rules::shipped();
    for alert in groups.iter().flat_map(|group| &group.rules).filter(|rule| Rule::is_alert(rule)) {
        let (name, severity) = (alert.name(), alert.severity().unwrap());
        let when = alert.entry("annotations", "summary").unwrap();
        writeln!(table, "| [{name}](runbooks/{name}.md) | `{severity}` | {when} |").unwrap();
    }
    table
}

#[test]
fn what_the_readme_says_of_paging_can_be_asked_and_waits_as_long() {
    let text = fs::read_to_string(root("README.md")).unwrap();
    let section = text.split("## What pages").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(!rows.is_empty());
    for row in &rows {
        let expression = row.split('`').nth(1).unwrap();
        assert_eq!(can_be_asked(expression), Ok(()), "{row}");
    }
    for (what, name) in [("credentials", "OAuthProbeAuthFailing"), ("any other fault", "OAuthProbeFailing")] {
        let row = rows.iter().find(|row| row.contains(what)).unwrap();
        let groups = rules::shipped();
        let alert = groups.iter().flat_map(|group| &group.rules).find(|rule| rule.name() == name).unwrap();
        let minutes = alert.field("for").unwrap().trim_end_matches('m');
        assert!(row.contains(&format!(" for {minutes} min ")), "{name} waits {minutes} min: {row}");
    }
}

#[test]
fn table_of_alerts_is_that_of_the_rules() {
    let path = root("alerts/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = text.find(END).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{}{}{}", &text[..start], wanted(), &text[end..])).unwrap();
    } else {
        assert_eq!(text[start..end], wanted(), "UPDATE_README=1 cargo test --test alerts tables");
    }
}
