//! Which metrics and labels a query may name.

use std::collections::BTreeSet;

use oauth_probe_exporter::telemetry::catalogue::families;

/// Families of the exporter itself: they have no target.
const OF_EXPORTER: [&str; 6] = [
    "oauth_probe_build_info",
    "oauth_probe_config_last_reload_successful",
    "oauth_probe_config_last_reload_success_timestamp_seconds",
    "oauth_probe_schedule_lag_seconds",
    "oauth_probe_targets",
    "oauth_probe_hosts",
];

/// What Prometheus and the `prometheus` crate make.
const BUILT_IN: [(&str, &str, &[&str]); 10] = [
    ("up", "gauge", &[]),
    ("ALERTS", "gauge", &["alertname", "alertstate", "severity", "target"]),
    ("ALERTS_FOR_STATE", "gauge", &["alertname", "severity", "target"]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_max_fds", "gauge", &[]),
    ("process_open_fds", "gauge", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
    ("process_threads", "gauge", &[]),
    ("process_virtual_memory_bytes", "gauge", &[]),
];

/// What is known of a metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Only rises, so that nothing but its increase means anything.
    pub(crate) cumulative: bool,
    pub(crate) labels: BTreeSet<&'static str>,
}

/// `None`: there is no such metric.
pub(crate) fn metric(name: &str) -> Option<Metric> {
    for family in families() {
        let of_target = !OF_EXPORTER.contains(&family.name);
        if let Some(metric) = sample_of(name, family.name, family.kind.as_str(), family.labels, of_target) {
            return Some(metric);
        }
    }
    BUILT_IN.iter().find_map(|&(family, kind, labels)| sample_of(name, family, kind, labels, false))
}

fn sample_of(name: &str, family: &str, kind: &str, labels: &[&'static str], of_target: bool) -> Option<Metric> {
    let suffix = name.strip_prefix(family)?;
    let bucket = match (kind, suffix) {
        ("histogram", "_bucket") => Some("le"),
        ("histogram", "_sum" | "_count") | ("counter" | "gauge", "") => None,
        // Those of the targets are there as native histograms, too, if the exporter is told so.
        ("histogram", "") if of_target => None,
        _ => return None,
    };
    let mut all: BTreeSet<_> = ["job", "instance"].into_iter().chain(labels.iter().copied()).chain(bucket).collect();
    if of_target {
        all.extend(["target", "vantage"]);
    }
    Some(Metric { cumulative: kind != "gauge", labels: all })
}

#[test]
fn families_without_a_target_exist() {
    for name in OF_EXPORTER {
        assert!(families().any(|family| family.name == name), "{name}");
    }
}

#[test]
fn samples_of_a_histogram_are_its_buckets_sum_and_count_and_itself_if_it_can_be_native() {
    let base = "oauth_probe_request_duration_seconds";
    assert!(metric(&format!("{base}_bucket")).unwrap().labels.contains("le"));
    assert!(metric(&format!("{base}_count")).unwrap().cumulative);
    assert!(metric(base).unwrap().cumulative);
    assert_eq!(metric("oauth_probe_schedule_lag_seconds"), None);
    assert_eq!(metric("oauth_probe_success_bucket"), None);
}
