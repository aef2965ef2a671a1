//! Each rule catches a dashboard that breaks it, and lets pass the one that does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::lint::{RULES, lint};

/// A small dashboard that breaks no rule.
fn good() -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let variable = |name: &str, label: &str, query: &str| {
        json!({
            "allValue": ".+", "datasource": source, "definition": query, "includeAll": true, "label": label,
            "multi": true, "name": name, "query": { "query": query }, "refresh": 2, "type": "query",
        })
    };
    let query = r#"sum by (target) (rate(oauth_probe_cycles_total{job=~"$job", instance=~"$instance", result="failure"}[$__rate_interval]))"#;
    json!({
        "annotations": { "list": [
            { "builtIn": 1, "datasource": "-- Grafana --" },
            { "datasource": source, "expr": "ALERTS", "name": "Alerts", "target": { "expr": "ALERTS" } },
        ] },
        "description": "what", "editable": false, "id": null, "schemaVersion": 42, "title": "title", "uid": "uid",
        "panels": [
            { "collapsed": false, "gridPos": { "h": 1, "w": 24, "x": 0, "y": 0 }, "id": 1, "panels": [], "title": "row",
              "type": "row" },
            {
                "datasource": source, "description": "what", "fieldConfig": { "defaults": { "unit": "s" } },
                "gridPos": { "h": 8, "w": 12, "x": 0, "y": 1 }, "id": 2, "title": "title", "type": "timeseries",
                "targets": [{ "datasource": source, "expr": query, "legendFormat": "{{target}}", "refId": "A" }],
            },
            { "collapsed": true, "gridPos": { "h": 1, "w": 24, "x": 0, "y": 9 }, "id": 3, "title": "row", "type": "row",
              "panels": [{
                "datasource": source, "description": "what", "fieldConfig": { "defaults": { "unit": "short" } },
                "gridPos": { "h": 8, "w": 12, "x": 0, "y": 10 }, "id": 4, "title": "title", "type": "table",
                "targets": [{
                    "datasource": source, "refId": "A",
                    "expr": r#"oauth_probe_success{job=~"$job", instance=~"$instance"}"#,
                }],
                "transformations": [{ "id": "organize", "options": { "renameByName": { "Value": "Up", "target": "T" } } }],
              }] },
        ],
        "templating": { "list": [
            { "label": "Data source", "name": "datasource", "query": "prometheus", "type": "datasource" },
            variable("job", "Job", "label_values(oauth_probe_build_info, job)"),
            variable("instance", "Instance", r#"label_values(oauth_probe_build_info{job=~"$job"}, instance)"#),
            variable("target", "Target", "label_values(oauth_probe_success, target)"),
        ] },
    })
}

#[test]
fn good_dashboard_breaks_no_rule() {
    assert_eq!(lint(&good()), []);
}

/// The rule that is broken when the value at the pointer is replaced.
fn bad_values() -> Vec<(&'static str, &'static str, Value)> {
    let query = |text: &str| json!(text);
    const EXPR: &str = "/panels/1/targets/0/expr";
    vec![
        ("annotation-datasource", "/annotations/list/1/datasource/uid", json!("prometheus")),
        ("annotation-promql", "/annotations/list/1/expr", json!("ALERTS{")),
        ("annotation-promql", "/annotations/list/1/expr", json!("ALARMS")),
        ("annotation-promql", "/annotations/list/1/target/expr", json!("up")),
        ("collapsed-row", "/panels/2/collapsed", json!(false)),
        ("collapsed-row", "/panels/0/collapsed", json!(true)),
        (
            "column-known",
            "/panels/2/panels/0/transformations/0/options/renameByName",
            json!({ "trigger": "not a label of this metric" }),
        ),
        ("dashboard-described", "/title", json!("")),
        ("dashboard-described", "/uid", Value::Null),
        ("dashboard-schema", "/schemaVersion", json!(39)),
        ("dashboard-schema", "/id", json!(17)),
        ("dashboard-uneditable", "/editable", json!(true)),
        ("legend-label-known", "/panels/1/targets/0/legendFormat", json!("{{target}} {{trigger}}")),
        ("panel-datasource", "/panels/1/datasource", json!("Prometheus")),
        ("panel-datasource", "/panels/2/panels/0/datasource/uid", json!("P1809F7CD0C75ACF3")),
        ("panel-grid", "/panels/1/gridPos/w", json!(25)),
        ("panel-grid", "/panels/1/gridPos/h", json!(0)),
        ("panel-grid", "/panels/1/gridPos/y", json!(0)),
        ("panel-grid", "/panels/2/gridPos/y", json!(8)),
        ("panel-grid", "/panels/1/gridPos", Value::Null),
        ("panel-id-unique", "/panels/2/panels/0/id", json!(2)),
        ("panel-id-unique", "/panels/1/id", Value::Null),
        ("panel-no-targets", "/panels/1/targets", json!([])),
        ("panel-title-description", "/panels/1/description", json!("")),
        ("panel-title-description", "/panels/1/title", Value::Null),
        ("panel-title-description", "/panels/0/title", json!("")),
        ("panel-type", "/panels/1/type", json!("graph")),
        ("panel-unit", "/panels/1/fieldConfig/defaults/unit", Value::Null),
        ("panel-unit", "/panels/1/fieldConfig/defaults/unit", json!("seconds")),
        (
            "panel-unit",
            "/panels/1/fieldConfig",
            json!({ "defaults": { "unit": "s" }, "overrides": [{ "properties": [{ "id": "unit", "value": "sec" }] }] }),
        ),
        ("target-counter-agg", EXPR, query(r#"oauth_probe_cycles_total{job=~"$job", instance=~"$instance"}"#)),
        (
            "target-counter-agg",
            EXPR,
            query(r#"delta(oauth_probe_cycles_total{job=~"$job", instance=~"$instance"}[$__rate_interval])"#),
        ),
        (
            "target-counter-agg",
            EXPR,
            query(r#"sum(oauth_probe_request_duration_seconds_count{job=~"$job", instance=~"$instance"})"#),
        ),
        ("target-datasource", "/panels/1/targets/0/datasource", Value::Null),
        ("target-instance", EXPR, query(r#"oauth_probe_success{job=~"$job"}"#)),
        ("target-instance", EXPR, query(r#"oauth_probe_success{job=~"$job", instance="$instance"}"#)),
        ("target-instance", EXPR, query(r#"oauth_probe_success{job=~"$job", instance=~"$instance|"}"#)),
        ("target-job", EXPR, query(r#"oauth_probe_success{job=~"oauth-probe", instance=~"$instance"}"#)),
        (
            "target-job",
            EXPR,
            query(r#"oauth_probe_success{job=~"$job", instance=~"$instance"} * oauth_probe_token_held"#),
        ),
        (
            "target-known-label",
            EXPR,
            query(r#"oauth_probe_success{job=~"$job", instance=~"$instance", request="ping"}"#),
        ),
        (
            "target-known-label",
            EXPR,
            query(r#"oauth_probe_targets{job=~"$job", instance=~"$instance", target=~"$target"}"#),
        ),
        (
            "target-known-label",
            EXPR,
            query(r#"sum by (reason) (oauth_probe_success{job=~"$job", instance=~"$instance"})"#),
        ),
        ("target-known-metric", EXPR, query(r#"oauth_probe_succes{job=~"$job", instance=~"$instance"}"#)),
        ("target-known-metric", EXPR, query(r#"go_goroutines{job=~"$job", instance=~"$instance"}"#)),
        ("target-promql", EXPR, query("sum(")),
        ("target-promql", EXPR, query("")),
        (
            "target-promql",
            EXPR,
            query(r#"oauth_probe_success{job=~"$job", instance=~"$instance", target=~"$targets"}"#),
        ),
        (
            "target-promql",
            EXPR,
            query(r#"max_over_time(oauth_probe_success{job=~"$job", instance=~"$instance"}[1h:1m])"#),
        ),
        (
            "target-rate-interval",
            EXPR,
            query(r#"rate(oauth_probe_cycles_total{job=~"$job", instance=~"$instance"}[5m])"#),
        ),
        (
            "target-rate-interval",
            EXPR,
            query(r#"rate(oauth_probe_cycles_total{job=~"$job", instance=~"$instance"}[$__interval])"#),
        ),
        ("template-datasource", "/templating/list/0/name", json!("DS_PROMETHEUS")),
        ("template-datasource", "/templating/list/0/query", json!("loki")),
        ("template-job-instance", "/templating/list/1/allValue", json!(".*")),
        ("template-job-instance", "/templating/list/1/label", json!("job")),
        ("template-job-instance", "/templating/list/2/multi", json!(false)),
        ("template-job-instance", "/templating/list/2/name", json!("server")),
        ("template-job-instance", "/templating/list/2/datasource/uid", json!("$source")),
        ("template-promql", "/templating/list/1/definition", json!("label_values(oauth_probe_build_info{, job)")),
        ("template-promql", "/templating/list/3/definition", json!("label_values(oauth_probe_build_info, target)")),
        ("template-promql", "/templating/list/1/query/query", json!("label_values(up, job)")),
        ("template-reload", "/templating/list/1/refresh", json!(1)),
    ]
}

#[test]
fn each_bad_dashboard_breaks_its_rule() {
    for (rule, pointer, value) in bad_values() {
        let mut bad = good();
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let broken: BTreeSet<_> = lint(&bad).into_iter().map(|finding| finding.rule).collect();
        assert!(broken.contains(rule), "{rule} does not catch {pointer} = {}", bad.pointer(pointer).unwrap());
    }
}

#[test]
fn each_rule_has_a_dashboard_that_breaks_it() {
    let proven: BTreeSet<_> = bad_values().into_iter().map(|(rule, ..)| rule).collect();
    assert_eq!(proven, BTreeSet::from(RULES));
}
