//! Rules for dashboards: those of Grafana's dashboard-linter, and some that keep this one honest about its metrics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::known;
use super::promql::{self, DURATIONS, Query};

/// Panel types that Grafana has and that this dashboard needs; `graph`, `singlestat` and the like were removed.
const PANEL_TYPES: [&str; 8] = ["gauge", "heatmap", "row", "stat", "state-timeline", "table", "text", "timeseries"];
/// Units in Grafana's list that make sense here.
const UNITS: [&str; 17] = [
    "none",
    "short",
    "percent",
    "percentunit",
    "s",
    "ms",
    "m",
    "h",
    "d",
    "dtdurations",
    "bytes",
    "cpm",
    "cps",
    "ops",
    "reqps",
    "rps",
    "dateTimeAsIso",
];
/// Columns that Grafana's tables have beside the labels.
const TABLE_COLUMNS: [&str; 4] = ["Time", "Value", "Metric", "__name__"];
/// Functions that turn what only rises into something to look at.
const OVER_COUNTERS: [&str; 3] = ["increase", "irate", "rate"];

/// What breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// Everything in the dashboard that breaks a rule.
pub(crate) fn lint(dashboard: &Value) -> Vec<Finding> {
    let mut linter = Linter::default();
    linter.whole(dashboard);
    linter.variables(dashboard);
    linter.annotations(dashboard);
    linter.ids_and_grid(dashboard);
    for panel in panels(dashboard) {
        linter.panel(panel);
        for target in list(panel, "targets") {
            linter.target(panel, target, dashboard);
        }
        linter.columns(panel);
    }
    linter.findings
}

/// All rules, each of which must be proven.
pub(crate) const RULES: [&str; 27] = [
    "annotation-datasource",
    "annotation-promql",
    "collapsed-row",
    "column-known",
    "dashboard-described",
    "dashboard-schema",
    "dashboard-uneditable",
    "legend-label-known",
    "panel-datasource",
    "panel-grid",
    "panel-id-unique",
    "panel-no-targets",
    "panel-title-description",
    "panel-type",
    "panel-unit",
    "target-counter-agg",
    "target-datasource",
    "target-instance",
    "target-job",
    "target-known-label",
    "target-known-metric",
    "target-promql",
    "target-rate-interval",
    "template-datasource",
    "template-job-instance",
    "template-promql",
    "template-reload",
];

/// The panels, those inside collapsed rows too.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "panels").iter().flat_map(|panel| std::iter::once(panel).chain(list(panel, "panels"))).collect()
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn is_the_variable(datasource: &Value) -> bool {
    datasource["type"] == "prometheus" && datasource["uid"] == "${datasource}"
}

#[derive(Default)]
struct Linter {
    findings: Vec<Finding>,
}

impl Linter {
    fn expect(&mut self, rule: &'static str, holds: bool, what: impl FnOnce() -> String) {
        debug_assert!(RULES.contains(&rule), "{rule}");
        if !holds {
            self.findings.push(Finding { rule, what: what() });
        }
    }

    fn whole(&mut self, dashboard: &Value) {
        self.expect("dashboard-uneditable", dashboard["editable"] == false, || "editable".to_owned());
        self.expect("dashboard-schema", dashboard["schemaVersion"] == 42 && dashboard["id"].is_null(), || {
            format!("schemaVersion {}, id {}: 42 and null", dashboard["schemaVersion"], dashboard["id"])
        });
        for key in ["title", "uid", "description"] {
            self.expect("dashboard-described", !text(dashboard, key).is_empty(), || format!("no {key}"));
        }
    }

    fn variables(&mut self, dashboard: &Value) {
        let variables = list(&dashboard["templating"], "list");
        let named = |name: &str| variables.iter().find(|variable| variable["name"] == name);

        let source = named("datasource");
        let right = source.is_some_and(|variable| {
            variable["type"] == "datasource" && variable["query"] == "prometheus" && variable["label"] == "Data source"
        });
        self.expect("template-datasource", right, || format!("{source:?}"));

        for (name, label) in [("job", "Job"), ("instance", "Instance"), ("target", "Target")] {
            let variable = named(name);
            let right = variable.is_some_and(|variable| {
                variable["type"] == "query"
                    && variable["label"] == label
                    && variable["multi"] == true
                    && variable["includeAll"] == true
                    && variable["allValue"] == ".+"
                    && is_the_variable(&variable["datasource"])
            });
            self.expect("template-job-instance", right, || format!("{name}: {variable:?}"));
        }

        for variable in variables.iter().filter(|variable| variable["type"] == "query") {
            let name = text(variable, "name");
            self.expect("template-reload", variable["refresh"] == 2, || {
                format!("{name} is not read at each time range")
            });
            let definition = text(variable, "definition");
            let arguments = definition.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let selected = arguments.and_then(|arguments| arguments.rsplit_once(", ")).and_then(|(selector, label)| {
                let query = promql::read(selector).ok()?;
                let metric = known::metric(&query.selectors.first()?.metric)?;
                Some(metric.labels.contains(label) && variable["query"]["query"] == definition)
            });
            self.expect("template-promql", selected == Some(true), || format!("{name}: {definition}"));
        }
    }

    fn annotations(&mut self, dashboard: &Value) {
        let ours = list(&dashboard["annotations"], "list").iter().filter(|annotation| annotation["builtIn"] != 1);
        for annotation in ours {
            let name = text(annotation, "name");
            let right = is_the_variable(&annotation["datasource"]);
            self.expect("annotation-datasource", right, || format!("{name}: {}", annotation["datasource"]));
            let expression = text(annotation, "expr");
            let selectors = promql::read(expression).map(|query| query.selectors).unwrap_or_default();
            let known = |name: &str| known::metric(name).is_some();
            let right = !selectors.is_empty()
                && selectors.iter().all(|selector| known(&selector.metric))
                && annotation["target"]["expr"] == expression;
            self.expect("annotation-promql", right, || format!("{name}: {expression}"));
        }
    }

    fn ids_and_grid(&mut self, dashboard: &Value) {
        let mut ids = BTreeSet::new();
        let mut taken: BTreeMap<(u64, u64), String> = BTreeMap::new();
        for panel in panels(dashboard) {
            let title = text(panel, "title");
            let fresh = panel["id"].as_u64().is_some_and(|id| id > 0 && ids.insert(id));
            self.expect("panel-id-unique", fresh, || format!("{title}: id {}", panel["id"]));

            let [x, y, width, height] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap_or(99));
            let fits = width > 0 && height > 0 && height <= 40 && x + width <= 24;
            self.expect("panel-grid", fits, || format!("{title} is outside the grid: {}", panel["gridPos"]));
            if !fits {
                continue;
            }
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                if let Some(other) = taken.insert(cell, title.to_owned()) {
                    self.expect("panel-grid", false, || format!("{title} overlaps {other}"));
                    break;
                }
            }
        }
        for row in list(dashboard, "panels").iter().filter(|panel| panel["type"] == "row") {
            let right = row["collapsed"] == Value::Bool(!list(row, "panels").is_empty());
            self.expect("collapsed-row", right, || {
                format!("{}: collapsed rows alone have panels inside", text(row, "title"))
            });
        }
    }

    fn panel(&mut self, panel: &Value) {
        let (title, kind) = (text(panel, "title"), text(panel, "type"));
        self.expect("panel-type", PANEL_TYPES.contains(&kind), || format!("{title}: {kind}"));
        if kind == "row" {
            self.expect("panel-title-description", !title.is_empty(), || "a row has no title".to_owned());
            return;
        }
        let described = !title.is_empty() && !text(panel, "description").is_empty();
        self.expect("panel-title-description", described, || format!("title or description: {}", panel["id"]));
        if kind == "text" {
            return;
        }
        let right = is_the_variable(&panel["datasource"]);
        self.expect("panel-datasource", right, || format!("{title}: {}", panel["datasource"]));
        self.expect("panel-no-targets", !list(panel, "targets").is_empty(), || title.to_owned());

        let field = &panel["fieldConfig"];
        let overridden = list(field, "overrides").iter().flat_map(|entry| list(entry, "properties"));
        let units = overridden.filter(|property| property["id"] == "unit").map(|property| &property["value"]);
        for unit in units.chain([&field["defaults"]["unit"]]) {
            let known = unit.as_str().is_some_and(|unit| UNITS.contains(&unit));
            self.expect("panel-unit", known, || format!("{title}: {unit}"));
        }
    }

    fn target(&mut self, panel: &Value, target: &Value, dashboard: &Value) {
        let expression = text(target, "expr");
        let place = || format!("{} {}: {expression}", text(panel, "title"), target["refId"]);
        self.expect("target-datasource", is_the_variable(&target["datasource"]), place);

        let query = match promql::read(expression) {
            Ok(query) => query,
            Err(error) => {
                self.expect("target-promql", false, || format!("{}: {error}", place()));
                return;
            }
        };
        let variables = list(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name"));
        let variables: Vec<_> = variables.chain(DURATIONS.map(|(name, ..)| &name[1..])).collect();
        for name in variables_in(expression) {
            self.expect("target-promql", variables.contains(&name), || format!("{}: ${name}", place()));
        }
        self.expect("target-promql", query.subqueries == 0, || format!("{}: a subquery", place()));

        for selector in &query.selectors {
            let at = || format!("{}: {}", place(), selector.text);
            // Not each alert is about one exporter.
            let instance = if selector.metric.starts_with("ALERTS") { "$instance|" } else { "$instance" };
            self.expect("target-job", selector.regex("job") == Some("$job"), at);
            self.expect("target-instance", selector.regex("instance") == Some(instance), at);

            let Some(metric) = known::metric(&selector.metric) else {
                self.expect("target-known-metric", false, at);
                continue;
            };
            if metric.cumulative {
                let right =
                    selector.range.is_some() && selector.function.is_some_and(|name| OVER_COUNTERS.contains(&name));
                self.expect("target-counter-agg", right, at);
            }
            if matches!(selector.function, Some("rate" | "irate")) {
                self.expect("target-rate-interval", selector.range == Some(DURATIONS[0].2), at);
            }
            for matcher in &selector.matchers {
                self.expect("target-known-label", metric.labels.contains(matcher.name.as_str()), at);
            }
        }
        let all = labels(&query);
        for label in &query.named {
            self.expect("target-known-label", all.contains(label.as_str()), || format!("{}: {label}", place()));
        }
        for label in legend_labels(text(target, "legendFormat")) {
            self.expect("legend-label-known", all.contains(label), || format!("{}: {label}", place()));
        }
    }

    /// The columns that a table names must be those of its queries.
    fn columns(&mut self, panel: &Value) {
        let mut columns: BTreeSet<String> = TABLE_COLUMNS.map(str::to_owned).into();
        for target in list(panel, "targets") {
            columns.insert(format!("Value #{}", text(target, "refId")));
            let query = promql::read(text(target, "expr")).unwrap_or_default();
            columns.extend(labels(&query).into_iter().map(str::to_owned));
        }
        for step in list(panel, "transformations").iter().filter(|step| step["id"] == "organize") {
            for part in ["excludeByName", "indexByName", "renameByName"] {
                for column in step["options"][part].as_object().into_iter().flat_map(|map| map.keys()) {
                    self.expect("column-known", columns.contains(column), || {
                        format!("{}: {column}", text(panel, "title"))
                    });
                }
            }
        }
    }
}

/// The labels that the series of a query can have.
fn labels(query: &Query) -> BTreeSet<&str> {
    let metrics = query.selectors.iter().filter_map(|selector| known::metric(&selector.metric));
    metrics.flat_map(|metric| metric.labels).chain(query.made.iter().map(String::as_str)).collect()
}

/// The names in a legend's `{{…}}`.
fn legend_labels(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim())
}

/// The names after `$`; `$1` is a regular expression's group.
fn variables_in(expression: &str) -> impl Iterator<Item = &str> {
    expression.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty())
    })
}
