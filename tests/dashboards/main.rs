//! The shipped dashboard: made from `design`, held to rules, and asked of a real Prometheus.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod design;
#[path = "../exporter/mod.rs"]
mod exporter;
mod known;
mod lint;
mod live;
#[path = "../../examples/dashboard_preview/preview.rs"]
mod preview;
mod promql;
#[path = "../raw_server/mod.rs"]
mod raw_server;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use support::http;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/oauth-probe.json")
}

fn designed() -> String {
    serde_json::to_string_pretty(&design::dashboard()).unwrap() + "\n"
}

/// As all tests read it; written before, if it is to be.
fn shipped_text() -> &'static str {
    static SHIPPED: OnceLock<String> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        if std::env::var_os("UPDATE_DASHBOARDS").is_some() {
            fs::write(path(), designed()).unwrap();
        }
        fs::read_to_string(path()).unwrap()
    })
}

fn shipped() -> serde_json::Value {
    serde_json::from_str(shipped_text()).unwrap()
}

#[test]
fn shipped_dashboard_is_the_designed_one() {
    assert!(shipped_text() == designed(), "UPDATE_DASHBOARDS=1 cargo test --test dashboards");
}

#[test]
fn shipped_dashboard_breaks_no_rule() {
    let findings = lint::lint(&shipped());
    let lines: Vec<_> = findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.what)).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
