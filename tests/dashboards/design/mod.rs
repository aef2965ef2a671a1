//! What `dashboards/oauth-probe.json` is made from: `UPDATE_DASHBOARDS=1 cargo test --test dashboards` writes it anew.
//!
//! Panels keep their ids: links from outside name them.

mod panel;
mod sections;

use serde_json::{Value, json};

use panel::{Panel, data_source};

/// Matchers of a metric that every target has.
const OF_TARGET: &str = r#"job=~"$job", instance=~"$instance", target=~"$target""#;
/// Matchers of a metric of the exporter itself.
const OF_EXPORTER: &str = r#"job=~"$job", instance=~"$instance""#;
/// Matchers of alerts: not each of them is about one exporter or one target.
const OF_ALERTS: &str = r#"alertname=~"OAuthProbe.+", alertname!="OAuthProbeWatchdog", job=~"$job", instance=~"$instance|", target=~"$target|""#;

/// The whole dashboard.
pub(crate) fn dashboard() -> Value {
    let mut layout = Layout::default();
    sections::all(&mut layout);
    json!({
        "annotations": { "list": [grafana_annotations(), alert_annotations()] },
        "description": "Whether APIs behind OAuth 2.0 work, how fast, how long their tokens live, and whose fault it is \
                        when they fail. Data: oauth-probe-exporter.",
        "editable": false,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": null,
        "links": [{
            "asDropdown": false,
            "icon": "doc",
            "includeVars": false,
            "keepTime": false,
            "tags": [],
            "targetBlank": true,
            "title": "Runbooks",
            "tooltip": "What to do about each alert",
            "type": "link",
            "url": "${runbooks}",
        }],
        "liveNow": false,
        "panels": layout.panels,
        "refresh": "30s",
        "schemaVersion": 42,
        "tags": ["oauth", "oauth-probe-exporter"],
        "templating": { "list": variables() },
        "time": { "from": "now-3h", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "title": "OAuth probe",
        "uid": "oauth-probe",
        "version": 1,
        "weekStart": "",
    })
}

/// Places rows of panels one below the other.
#[derive(Default)]
struct Layout {
    panels: Vec<Value>,
    y: u64,
}

impl Layout {
    /// A heading, then lines of panels, each with its height. A collapsed one keeps its panels inside.
    fn section(&mut self, id: u64, title: &str, collapsed: bool, lines: Vec<(u64, Vec<Panel>)>) {
        let heading_y = self.y;
        self.y += 1;
        let mut panels = Vec::new();
        for (height, line) in lines {
            let mut x = 0;
            for panel in line {
                let width = panel.columns_taken();
                panels.push(panel.placed(x, self.y, height));
                x += width;
            }
            self.y += height;
        }
        let inside = if collapsed { std::mem::take(&mut panels) } else { Vec::new() };
        self.panels.push(json!({
            "collapsed": collapsed,
            "gridPos": { "h": 1, "w": 24, "x": 0, "y": heading_y },
            "id": id,
            "panels": inside,
            "title": title,
            "type": "row",
        }));
        self.panels.append(&mut panels);
    }
}

fn grafana_annotations() -> Value {
    json!({
        "builtIn": 1,
        "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    })
}

fn alert_annotations() -> Value {
    let expression = format!(r#"ALERTS{{alertstate="firing", severity=~"critical|warning", {OF_ALERTS}}}"#);
    json!({
        "datasource": data_source(),
        "enable": true,
        "expr": expression,
        "hide": false,
        "iconColor": "red",
        "name": "Alerts",
        "step": "60s",
        "tagKeys": "severity,target",
        "target": { "expr": expression, "interval": "60s", "refId": "Alerts" },
        "textFormat": "{{target}} {{severity}}",
        "titleFormat": "{{alertname}}",
    })
}

fn variables() -> Vec<Value> {
    vec![
        json!({
            "current": {},
            "hide": 0,
            "includeAll": false,
            "label": "Data source",
            "multi": false,
            "name": "datasource",
            "options": [],
            "query": "prometheus",
            "refresh": 1,
            "regex": "",
            "skipUrlSync": false,
            "type": "datasource",
        }),
        label_values("job", "Job", "oauth_probe_build_info, job"),
        label_values("instance", "Instance", r#"oauth_probe_build_info{job=~"$job"}, instance"#),
        label_values("target", "Target", r#"oauth_probe_interval_seconds{job=~"$job", instance=~"$instance"}, target"#),
        json!({
            "baseFilters": [],
            "datasource": data_source(),
            "description": "Any label of the targets, for instance environment or vantage. It applies to every query: \
                            what has no such label (the exporter itself) is then empty.",
            "filters": [],
            "hide": 0,
            "label": "Label filters",
            "name": "filters",
            "skipUrlSync": false,
            "type": "adhoc",
        }),
        json!({
            "description": "Where the runbooks are served: each is a file named after its alert.",
            "hide": 2,
            "name": "runbooks",
            "query": RUNBOOKS,
            "skipUrlSync": true,
            "type": "constant",
        }),
    ]
}

/// Where the runbooks are, until an operator serves them elsewhere.
const RUNBOOKS: &str = "https://runbooks.example.com/oauth-probe";

/// A variable whose values are those of a label.
fn label_values(name: &str, label: &str, arguments: &str) -> Value {
    let query = format!("label_values({arguments})");
    json!({
        "allValue": ".+",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "datasource": data_source(),
        "definition": query,
        "hide": 0,
        "includeAll": true,
        "label": label,
        "multi": true,
        "name": name,
        "options": [],
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 1,
        "type": "query",
    })
}
