//! What holds for every alert by its form.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use promql_parser::label::Labels;
use promql_parser::parser::{self, Expr, LabelModifier};

use super::rules::{self, Rule};
use super::{alert_names, files_in, root};

fn all_rules() -> Vec<Rule> {
    rules::shipped().into_iter().flat_map(|group| group.rules).collect()
}

fn alerts() -> impl Iterator<Item = Rule> {
    all_rules().into_iter().filter(Rule::is_alert)
}

#[test]
fn every_alert_has_its_four_annotations_and_a_known_severity() {
    for alert in alerts() {
        let annotations: Vec<_> = alert.entries("annotations").map(|(name, _)| name).collect();
        assert_eq!(annotations, ["summary", "description", "runbook_url", "dashboard_url"], "{}", alert.id());
        let labels: Vec<_> = alert.entries("labels").map(|(name, _)| name).collect();
        assert_eq!(labels, ["severity"], "{}", alert.id());
        assert!(["critical", "warning", "none"].contains(&alert.severity().unwrap()), "{}", alert.id());
        let page = format!("/{}.md", alert.name());
        assert!(alert.entry("annotations", "runbook_url").unwrap().ends_with(&page), "{}", alert.id());
    }
}

#[test]
fn every_summary_is_one_constant_sentence_of_its_own() {
    let mut seen = BTreeSet::new();
    for alert in alerts() {
        let summary = alert.entry("annotations", "summary").unwrap().to_owned();
        assert!(!summary.contains("{{") && summary.ends_with('.'), "{}: {summary}", alert.id());
        assert!(!summary[..summary.len() - 1].contains(". "), "{}: {summary}", alert.id());
        assert!(seen.insert(summary), "{} has the summary of another", alert.id());
    }
}

/// It may change while a fault lasts, and an alert would then be another one. Series may be selected by it.
#[test]
fn reason_is_in_no_label_and_no_join() {
    for rule in all_rules() {
        assert!(!has_reason(&rule.expression()), "{}", rule.id());
    }
    for wrong in [
        "oauth_probe_cycle_failure_info",
        "max without (request) (oauth_probe_cycle_failure_info)",
        "count by (reason) (oauth_probe_cycle_failure_info)",
        "oauth_probe_success == 0 and on (reason) oauth_probe_success",
        "oauth_probe_success * on (target) group_left (reason) oauth_probe_success",
    ] {
        assert!(has_reason(&parser::parse(wrong).unwrap()), "{wrong}");
    }
}

/// Whether the result has the label `reason`, or something on the way to it is joined by that.
fn has_reason(expression: &Expr) -> bool {
    let names_it = |labels: &Labels| labels.labels.iter().any(|label| label == "reason");
    match expression {
        Expr::Aggregate(aggregate) => match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) => names_it(labels),
            Some(LabelModifier::Exclude(labels)) => !names_it(labels) && has_reason(&aggregate.expr),
            None => false,
        },
        Expr::Binary(binary) => {
            let modifier = binary.modifier.as_ref();
            let matching = modifier.and_then(|modifier| modifier.matching.as_ref()).map(LabelModifier::labels);
            let brought = modifier.and_then(|modifier| modifier.card.labels());
            matching.into_iter().chain(brought).any(names_it) || has_reason(&binary.lhs) || has_reason(&binary.rhs)
        }
        Expr::Call(call) => call.args.args.iter().any(|argument| has_reason(argument)),
        Expr::Unary(unary) => has_reason(&unary.expr),
        Expr::Paren(paren) => has_reason(&paren.expr),
        Expr::Subquery(subquery) => has_reason(&subquery.expr),
        Expr::VectorSelector(selector) => selector.name.as_ref().is_none_or(|name| name.ends_with("_failure_info")),
        Expr::MatrixSelector(matrix) => has_reason(&Expr::VectorSelector(matrix.vs.clone())),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

#[test]
fn what_inhibits_waits_no_longer_than_what_it_inhibits_and_ends_with_its_cause() {
    let routing = fs::read_to_string(root("alerts/alertmanager.example.yml")).unwrap();
    let named = |key: &str| -> BTreeSet<String> {
        let lines = routing.lines().filter(|line| line.contains(key));
        let words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
        words.filter(|word| word.starts_with("OAuthProbe")).map(str::to_owned).collect()
    };
    let (sources, targets) = (named("source_matchers"), named("target_matchers"));
    assert!(!sources.is_empty() && sources.is_subset(&alert_names()) && targets.is_subset(&alert_names()));
    let waits = |alert: &Rule| alert.field("for").map_or(0, minutes);
    let source_wait = alerts().filter(|alert| sources.contains(alert.name())).map(|alert| waits(&alert)).max();
    for alert in alerts() {
        assert!(!sources.contains(alert.name()) || alert.field("keep_firing_for").is_none(), "{}", alert.id());
        // It fires before cycles fail and does not wait for what comes then.
        let is_earlier = alert.name() == "OAuthProbeTokenExpiringSoon";
        assert!(!targets.contains(alert.name()) || is_earlier || Some(waits(&alert)) >= source_wait, "{}", alert.id());
    }
}

fn minutes(wait: &str) -> u32 {
    wait.strip_suffix('m').unwrap_or_else(|| panic!("{wait}")).parse().unwrap()
}

/// The window at the end of the name of a rule on the error budget, and its length.
fn window(rule: &Rule) -> Option<(&str, u32)> {
    let name = rule.name().strip_prefix("target:oauth_probe_")?;
    let window = ["errors:ratio", "failed_time:ratio", "cycle_failures:increase"]
        .iter()
        .find_map(|rest| name.strip_prefix(rest))?;
    let (number, unit) = window.split_at(window.len() - 1);
    let unit = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => panic!("{name}"),
    };
    Some((window, number.parse::<u32>().unwrap() * unit))
}

#[test]
fn rules_of_each_burn_window_differ_by_its_length_alone() {
    let rules = all_rules();
    for rule in &rules {
        let Some((window, seconds)) = window(rule) else { continue };
        let hour = rule.name().replace(window, "1h");
        let hour = rules.iter().find(|rule| rule.name() == hour).unwrap_or_else(|| panic!("there is no {hour}"));
        let of_hour = hour.field("expr").unwrap().replace("1h", window).replace("3600", &seconds.to_string());
        assert_eq!(rule.field("expr").unwrap(), of_hour, "{}", rule.name());
    }
}

/// How fast the budget burns, over which long and which short window.
const BURN: [[(&str, &str, &str); 2]; 2] =
    [[("14.4", "1h", "5m"), ("6", "6h", "30m")], [("3", "1d", "2h"), ("1", "3d", "6h")]];

fn burns((factor, long, short): (&str, &str, &str)) -> String {
    format!(
        "(target:oauth_probe_errors:ratio{long} > {factor} * 0.005 and target:oauth_probe_errors:ratio{short} > {factor} * \
         0.005 and target:oauth_probe_failed_time:ratio{long} > {factor} * 0.005 and \
         target:oauth_probe_cycle_failures:increase{long} >= 6)"
    )
}

#[test]
fn conditions_of_each_burn_window_differ_by_factor_and_windows_alone() {
    let alerts: Vec<_> = alerts().filter(|alert| alert.name() == BURN_ALERT).collect();
    assert_eq!(alerts.len(), BURN.len());
    for (alert, [fast, slow]) in alerts.iter().zip(BURN) {
        assert_eq!(alert.expression().to_string(), format!("{} or {}", burns(fast), burns(slow)));
    }
}

/// Whether a mutant is wrong about another window than that of an hour: such as those two tests notice.
pub(super) fn is_wrong_about_another_window(rule: &Rule, mutant: &Rule) -> bool {
    let is_burn_alert = rule.name() == BURN_ALERT && rule.field("expr") != mutant.field("expr");
    let hour = burns(BURN[0][0]);
    let is_about_hour =
        rule.expression().to_string().contains(&hour) && !mutant.expression().to_string().contains(&hour);
    window(rule).is_some_and(|(window, _)| window != "1h") || is_burn_alert && !is_about_hour
}

const BURN_ALERT: &str = "OAuthProbeErrorBudgetBurn";

/// Of each alert that the tests expect, they also expect at some later time of the same case that it is gone.
#[test]
fn every_alert_fires_in_a_test_and_is_gone_in_a_test() {
    let mut missing: BTreeMap<String, &str> = BTreeMap::new();
    let mut fires = BTreeSet::new();
    let mut ends = BTreeSet::new();
    for file in files_in("alerts/tests") {
        let text = fs::read_to_string(file).unwrap();
        for case in text.split("  - name:").skip(1) {
            let mut firing: BTreeSet<String> = BTreeSet::new();
            for step in case.split("      - expr:").skip(1) {
                let now: BTreeSet<_> =
                    step.split("alertname=\"").skip(1).filter(|rest| rest.contains("severity=")).map(id).collect();
                ends.extend(firing.difference(&now).cloned());
                fires.extend(now.iter().cloned());
                firing = now;
            }
        }
    }
    for alert in alerts().filter(|alert| alert.name() != "OAuthProbeWatchdog") {
        if !fires.contains(&alert.id()) {
            missing.insert(alert.id(), "never fires");
        } else if !ends.contains(&alert.id()) {
            missing.insert(alert.id(), "is never gone");
        }
    }
    assert_eq!(missing, BTreeMap::new());
}

/// `NAME", severity="SEVERITY"…` as [`Rule::id`] has it.
fn id(expected: &str) -> String {
    let name = expected.split('"').next().unwrap();
    let severity = expected.split("severity=\"").nth(1).unwrap().split('"').next().unwrap();
    format!("{name} ({severity})")
}
