//! The rules as Prometheus has them, and what of them the faults have shown.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::promql;
use super::record::Record;
use super::stage::Stage;
use super::support::http;

/// Its windows are hours long.
const BY_PROMTOOL: &str = "OAuthProbeErrorBudgetBurn";
/// Goes elsewhere than the others, and is counted there.
const WATCHDOG: &str = "OAuthProbeWatchdog";

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    query: String,
    /// Of an alert.
    pub(crate) severity: Option<String>,
    /// `for`
    pub(crate) wait: Duration,
}

pub(crate) async fn all(stage: &Stage) -> Vec<Rule> {
    let answer = http::get(&format!("{}/api/v1/rules", stage.prometheus.url), &[]).await.json();
    let groups = answer["data"]["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).map(rule).collect()
}

fn rule(json: &Value) -> Rule {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Rule {
        name: text(&json["name"]).unwrap(),
        query: text(&json["query"]).unwrap(),
        severity: text(&json["labels"]["severity"]),
        wait: Duration::from_secs_f64(json["duration"].as_f64().unwrap_or_default()),
    }
}

/// Selectors that have matched nothing all the time: misspelt, or not shown by any fault.
pub(crate) async fn unmatched_selectors(stage: &Stage, rules: &[Rule]) -> Vec<String> {
    let queries = rules.iter().map(|rule| promql::read(&rule.query).unwrap());
    let selectors: BTreeSet<_> =
        queries.flat_map(|query| query.selectors.into_iter().map(|selector| selector.text)).collect();
    assert!(selectors.len() > 50, "{selectors:?}");
    let mut unmatched = Vec::new();
    for selector in selectors {
        if stage.prometheus.query(&format!("count_over_time({selector}[10m])")).await == Value::Array(Vec::new()) {
            unmatched.push(format!("a selector that matched nothing: {selector}"));
        }
    }
    unmatched
}

/// Alerts that nobody has seen.
pub(crate) fn unseen_alerts(record: &Record, rules: &[Rule]) -> Vec<String> {
    let seen: BTreeSet<_> = record.events.values().flatten().map(|event| event.alert().to_owned()).collect();
    let alerts: BTreeSet<_> =
        rules.iter().filter(|rule| rule.severity.is_some()).map(|rule| rule.name.as_str()).collect();
    let unseen = alerts.into_iter().filter(|name| !seen.contains(*name) && ![BY_PROMTOOL, WATCHDOG].contains(name));
    unseen.map(|name| format!("an alert that never arrived: {name}")).collect()
}
