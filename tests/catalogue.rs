//! Every metric family as it is promised: name, type, labels beside the target's own, help.
//!
//! Alerts and dashboards are written against this table. A change to it is a change of the contract.

use std::collections::BTreeSet;

use oauth_probe_exporter::telemetry::catalogue::families;

const PROMISED: &[(&str, &str, &[&str], &str)] = &[
    (
        "oauth_probe_target_info",
        "gauge",
        &["authorization_server", "resource_server"],
        "Hosts that the target's requests go to; always 1.",
    ),
    (
        "oauth_probe_success",
        "gauge",
        &[],
        "Whether the last cycle's ping was accepted with a live token (1) or not (0).",
    ),
    ("oauth_probe_cycles_total", "counter", &["result"], "Cycles that ended, by result."),
    (
        "oauth_probe_cycle_failures_total",
        "counter",
        &["fault"],
        "Failed cycles by whose fault it was; those that failed while backing off are counted too.",
    ),
    (
        "oauth_probe_cycle_fault",
        "gauge",
        &["fault"],
        "Whose fault the last cycle's failure was: one of the series is 1 if it failed, none if it did not.",
    ),
    (
        "oauth_probe_cycle_failure_info",
        "gauge",
        &["request", "reason", "fault"],
        "Root cause of the last cycle's failure; always 1, absent if it did not fail.",
    ),
    (
        "oauth_probe_skipped_cycles_total",
        "counter",
        &[],
        "Cycles that were not started because the one before still ran or the machine slept.",
    ),
    (
        "oauth_probe_last_cycle_timestamp_seconds",
        "gauge",
        &[],
        "When the last cycle ended, in seconds since the Unix epoch; until one has, when probing the target began.",
    ),
    (
        "oauth_probe_last_success_timestamp_seconds",
        "gauge",
        &[],
        "When the last successful cycle ended, in seconds since the Unix epoch.",
    ),
    ("oauth_probe_interval_seconds", "gauge", &[], "Configured time between the starts of two cycles."),
    ("oauth_probe_timeout_seconds", "gauge", &[], "Configured bound on one whole HTTP request."),
    (
        "oauth_probe_request_success",
        "gauge",
        &["request"],
        "Whether the last attempt succeeded (1) or failed (0); of ping absent if the last cycle made none.",
    ),
    (
        "oauth_probe_request_failure_info",
        "gauge",
        &["request", "reason", "fault"],
        "Why the last attempt failed; always 1, absent if it did not fail.",
    ),
    (
        "oauth_probe_requests_total",
        "counter",
        &["request"],
        "Attempts at a request, including those that failed before anything was sent.",
    ),
    (
        "oauth_probe_request_failures_total",
        "counter",
        &["request", "fault"],
        "Failed attempts at a request by whose fault it was.",
    ),
    (
        "oauth_probe_sent_requests_total",
        "counter",
        &["request"],
        "Requests that were sent: those whose duration is observed.",
    ),
    (
        "oauth_probe_slow_requests_total",
        "counter",
        &["request"],
        "Requests that were sent and took longer than latency_objective.",
    ),
    (
        "oauth_probe_request_last_success_timestamp_seconds",
        "gauge",
        &["request"],
        "When the last successful attempt ended, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_request_duration_seconds",
        "histogram",
        &["request"],
        "Duration of every request that was sent, from its start to the end of the answer's body or to the failure.",
    ),
    (
        "oauth_probe_latency_objective_seconds",
        "gauge",
        &["request"],
        "Configured duration above which a request is slow.",
    ),
    (
        "oauth_probe_phase_duration_seconds",
        "gauge",
        &["request", "phase"],
        "Duration of each phase of the last attempt; a phase that did not happen is absent.",
    ),
    ("oauth_probe_http_status_code", "gauge", &["request"], "HTTP status of the last attempt's answer; 0: no answer."),
    (
        "oauth_probe_clock_skew_seconds",
        "gauge",
        &["request"],
        "Server's clock less ours by the Date of the last attempt's answer, good to half a second; absent without one.",
    ),
    ("oauth_probe_connections_opened_total", "counter", &["request"], "Connections opened for a request."),
    (
        "oauth_probe_token_held",
        "gauge",
        &[],
        "Whether a token that has not expired is held (1) or not (0), at the time of the scrape.",
    ),
    (
        "oauth_probe_token_age_seconds",
        "gauge",
        &[],
        "Time since the token that is held was first issued, at the time of the scrape.",
    ),
    (
        "oauth_probe_token_expires_in_seconds",
        "gauge",
        &[],
        "Time to expiry of the token that is held, at the time of the scrape; negative once it has expired.",
    ),
    (
        "oauth_probe_token_issued_timestamp_seconds",
        "gauge",
        &[],
        "When the token that is held was first issued, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_token_expiry_timestamp_seconds",
        "gauge",
        &[],
        "When the token that is held expires, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_token_lifetime_seconds",
        "gauge",
        &[],
        "Lifetime of the token that is held, as the server stated it or as assumed.",
    ),
    (
        "oauth_probe_token_refresh_margin_seconds",
        "gauge",
        &[],
        "How long before the expiry of the token that is held the next one is asked for.",
    ),
    (
        "oauth_probe_token_max_age_seconds",
        "gauge",
        &[],
        "Configured time after which the token endpoint is asked again at the latest; absent if off.",
    ),
    ("oauth_probe_token_refreshes_total", "counter", &["trigger"], "New tokens obtained, by why they were asked for."),
    (
        "oauth_probe_token_unchanged_total",
        "counter",
        &[],
        "Answers of the token endpoint that carried the token already held.",
    ),
    (
        "oauth_probe_token_rejected_early_total",
        "counter",
        &[],
        "Tokens that the API refused with 401 before their expiry.",
    ),
    (
        "oauth_probe_token_expires_in_missing",
        "gauge",
        &[],
        "Whether the last answer of the token endpoint had no expires_in (1) or had one (0).",
    ),
    (
        "oauth_probe_token_scopes_missing",
        "gauge",
        &[],
        "How many expected scopes the last answer of the token endpoint did not grant.",
    ),
    (
        "oauth_probe_next_token_request_timestamp_seconds",
        "gauge",
        &[],
        "When the token endpoint is to be asked next, in seconds since the Unix epoch; it shows a back-off.",
    ),
    (
        "oauth_probe_client_secret_expiry_timestamp_seconds",
        "gauge",
        &[],
        "When the client secret expires according to the configuration, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_client_certificate_expiry_timestamp_seconds",
        "gauge",
        &[],
        "When the client certificate or another of its chain expires first, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_tls_certificate_expiry_timestamp_seconds",
        "gauge",
        &["request", "certificate"],
        "When the server's own certificate and the first of its chain expire, in seconds since the Unix epoch.",
    ),
    (
        "oauth_probe_check_result",
        "gauge",
        &["check", "result"],
        "How the API took a check the last time; one of the results is 1, all are absent until it was made.",
    ),
    (
        "oauth_probe_build_info",
        "gauge",
        &["version", "revision", "rustversion"],
        "Version and revision of the exporter and the compiler that built it; always 1.",
    ),
    (
        "oauth_probe_config_last_reload_successful",
        "gauge",
        &[],
        "Whether the last attempt to load the configuration succeeded (1) or failed (0).",
    ),
    (
        "oauth_probe_config_last_reload_success_timestamp_seconds",
        "gauge",
        &[],
        "When the configuration in force was loaded, in seconds since the Unix epoch.",
    ),
    ("oauth_probe_schedule_lag_seconds", "histogram", &[], "How much later than scheduled cycles started."),
    ("oauth_probe_targets", "gauge", &[], "Configured targets."),
    ("oauth_probe_hosts", "gauge", &[], "Distinct hosts that are probed."),
];

#[test]
fn families_are_the_promised_ones() {
    let mut declared = families();
    for &(name, kind, labels, help) in PROMISED {
        let family = declared.next().unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((family.name, family.kind.as_str(), family.labels, family.help), (name, kind, labels, help));
    }
    assert_eq!(declared.next(), None);
}

#[test]
fn names_begin_alike_and_are_distinct() {
    let names: BTreeSet<_> = families().map(|family| family.name).collect();
    assert_eq!(names.len(), families().count());
    assert!(names.iter().all(|name| name.starts_with("oauth_probe_")));
}

#[test]
fn help_needs_no_escaping_and_is_a_sentence() {
    for family in families() {
        assert!(!family.help.contains(['\\', '\n', '"']), "{}", family.name);
        assert!(family.help.ends_with('.') && family.help.starts_with(char::is_uppercase), "{}", family.name);
    }
}

#[test]
fn names_in_seconds_say_so_and_counters_end_in_total() {
    for family in families() {
        assert_eq!(family.kind.as_str() == "counter", family.name.ends_with("_total"), "{}", family.name);
        assert!(!family.name.contains("timestamp") || family.name.ends_with("_timestamp_seconds"), "{}", family.name);
    }
}
