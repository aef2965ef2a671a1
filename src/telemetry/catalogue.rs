//! Every metric family: name, type, further labels, help, and where its samples are read.

use crate::model::check::{Check, CheckResult};
use crate::model::fault::{Cause, Fault, Request};
use crate::model::token::Trigger;

use super::family::{Family, Kind, PerTarget, counter, gauge, histogram, own_gauge};
use super::samples::{Samples, Value};
use super::view::{seconds, timestamp};

/// All families of this exporter, in the order in which they are shown; `process_*` are the `prometheus` crate's.
pub fn families() -> impl Iterator<Item = &'static Family> {
    PER_TARGET.iter().map(|declared| &declared.family).chain(OWN)
}

/// The families of which every target has samples.
pub(super) static PER_TARGET: &[PerTarget] = &[
    gauge(
        "oauth_probe_target_info",
        &["authorization_server", "resource_server"],
        "Hosts that the target's requests go to; always 1.",
        |view, out| {
            out.put(&[&view.constants.authorization_server, &view.constants.resource_server], Value::Count(1));
        },
    ),
    gauge(
        "oauth_probe_success",
        &[],
        "Whether the last cycle's ping was accepted with a live token (1) or not (0).",
        |view, out| out.put(&[], view.success()),
    ),
    counter("oauth_probe_cycles_total", &["result"], "Cycles that ended, by result.", |view, out| {
        out.put(&["success"], Value::Count(view.readings.cycles_succeeded));
        out.put(&["failure"], view.cycles_failed());
    }),
    counter(
        "oauth_probe_cycle_failures_total",
        &["fault"],
        "Failed cycles by whose fault it was; those that failed while backing off are counted too.",
        |view, out| Fault::ALL.iter().for_each(|&fault| out.put(&[fault.as_str()], view.cycle_failures(fault))),
    ),
    gauge(
        "oauth_probe_cycle_fault",
        &["fault"],
        "Whose fault the last cycle's failure was: one of the series is 1 if it failed, none if it did not.",
        |view, out| Fault::ALL.iter().for_each(|&fault| out.put(&[fault.as_str()], view.cycle_fault(fault))),
    ),
    gauge(
        "oauth_probe_cycle_failure_info",
        &["request", "reason", "fault"],
        "Root cause of the last cycle's failure; always 1, absent if it did not fail.",
        |view, out| put_cause(out, view.cycle_failure()),
    ),
    counter(
        "oauth_probe_skipped_cycles_total",
        &[],
        "Cycles that were not started because the one before still ran or the machine slept.",
        |view, out| out.put(&[], Value::Count(view.readings.cycles_skipped)),
    ),
    gauge(
        "oauth_probe_last_cycle_timestamp_seconds",
        &[],
        "When the last cycle ended, in seconds since the Unix epoch; until one has, when probing the target began.",
        |view, out| out.put(&[], view.last_cycle()),
    ),
    gauge(
        "oauth_probe_last_success_timestamp_seconds",
        &[],
        "When the last successful cycle ended, in seconds since the Unix epoch.",
        |view, out| out.put(&[], view.last_success()),
    ),
    gauge("oauth_probe_interval_seconds", &[], "Configured time between the starts of two cycles.", |view, out| {
        out.put(&[], seconds(view.constants.interval));
    }),
    gauge("oauth_probe_timeout_seconds", &[], "Configured bound on one whole HTTP request.", |view, out| {
        out.put(&[], seconds(view.constants.timeout));
    }),
    gauge(
        "oauth_probe_request_success",
        &["request"],
        "Whether the last attempt succeeded (1) or failed (0); of ping absent if the last cycle made none.",
        |view, out| each_request(|request| out.put(&[request.as_str()], view.request_success(request))),
    ),
    gauge(
        "oauth_probe_request_failure_info",
        &["request", "reason", "fault"],
        "Why the last attempt failed; always 1, absent if it did not fail.",
        |view, out| each_request(|request| put_cause(out, view.request_failure(request))),
    ),
    counter(
        "oauth_probe_requests_total",
        &["request"],
        "Attempts at a request, including those that failed before anything was sent.",
        |view, out| each_request(|request| out.put(&[request.as_str()], Value::Count(view.request(request).attempts))),
    ),
    counter(
        "oauth_probe_request_failures_total",
        &["request", "fault"],
        "Failed attempts at a request by whose fault it was.",
        |view, out| {
            each_request(|request| {
                for fault in request.faults() {
                    let count = view.request(request).failures[fault.index()];
                    out.put(&[request.as_str(), fault.as_str()], Value::Count(count));
                }
            });
        },
    ),
    counter(
        "oauth_probe_sent_requests_total",
        &["request"],
        "Requests that were sent: those whose duration is observed.",
        |view, out| {
            each_request(|request| {
                out.put(&[request.as_str()], Value::Count(view.request(request).duration.count()));
            });
        },
    ),
    counter(
        "oauth_probe_slow_requests_total",
        &["request"],
        "Requests that were sent and took longer than latency_objective.",
        |view, out| each_request(|request| out.put(&[request.as_str()], Value::Count(view.request(request).slow))),
    ),
    gauge(
        "oauth_probe_request_last_success_timestamp_seconds",
        &["request"],
        "When the last successful attempt ended, in seconds since the Unix epoch.",
        |view, out| {
            each_request(|request| {
                out.put(&[request.as_str()], view.request_last_success(request));
            });
        },
    ),
    histogram(
        "oauth_probe_request_duration_seconds",
        &["request"],
        "Duration of every request that was sent, from its start to the end of the answer's body or to the failure.",
        |view, out| {
            each_request(|request| out.put_histogram(&[request.as_str()], &view.request(request).duration));
        },
    ),
    gauge(
        "oauth_probe_latency_objective_seconds",
        &["request"],
        "Configured duration above which a request is slow.",
        |view, out| each_request(|request| out.put(&[request.as_str()], seconds(view.constants.latency_objective))),
    ),
    gauge(
        "oauth_probe_phase_duration_seconds",
        &["request", "phase"],
        "Duration of each phase of the last attempt; a phase that did not happen is absent.",
        |view, out| {
            each_request(|request| {
                for (phase, duration) in view.phases(request) {
                    out.put(&[request.as_str(), phase.as_str()], seconds(duration));
                }
            });
        },
    ),
    gauge(
        "oauth_probe_http_status_code",
        &["request"],
        "HTTP status of the last attempt's answer; 0: no answer.",
        |view, out| each_request(|request| out.put(&[request.as_str()], view.http_status(request))),
    ),
    gauge(
        "oauth_probe_clock_skew_seconds",
        &["request"],
        "Server's clock less ours by the Date of the last attempt's answer, good to half a second; absent without one.",
        |view, out| each_request(|request| out.put(&[request.as_str()], view.clock_skew(request))),
    ),
    counter("oauth_probe_connections_opened_total", &["request"], "Connections opened for a request.", |view, out| {
        each_request(|request| {
            out.put(&[request.as_str()], Value::Count(view.request(request).connections_opened));
        });
    }),
    gauge(
        "oauth_probe_token_held",
        &[],
        "Whether a token that has not expired is held (1) or not (0), at the time of the scrape.",
        |view, out| out.put(&[], view.token_held()),
    ),
    gauge(
        "oauth_probe_token_age_seconds",
        &[],
        "Time since the token that is held was first issued, at the time of the scrape.",
        |view, out| out.put(&[], view.token_age()),
    ),
    gauge(
        "oauth_probe_token_expires_in_seconds",
        &[],
        "Time to expiry of the token that is held, at the time of the scrape; negative once it has expired.",
        |view, out| out.put(&[], view.token_expires_in()),
    ),
    gauge(
        "oauth_probe_token_issued_timestamp_seconds",
        &[],
        "When the token that is held was first issued, in seconds since the Unix epoch.",
        |view, out| out.put(&[], view.token_issued()),
    ),
    gauge(
        "oauth_probe_token_expiry_timestamp_seconds",
        &[],
        "When the token that is held expires, in seconds since the Unix epoch.",
        |view, out| out.put(&[], view.token_expiry()),
    ),
    gauge(
        "oauth_probe_token_lifetime_seconds",
        &[],
        "Lifetime of the token that is held, as the server stated it or as assumed.",
        |view, out| out.put(&[], view.token_lifetime()),
    ),
    gauge(
        "oauth_probe_token_refresh_margin_seconds",
        &[],
        "How long before the expiry of the token that is held the next one is asked for.",
        |view, out| out.put(&[], view.token_margin()),
    ),
    gauge(
        "oauth_probe_token_max_age_seconds",
        &[],
        "Configured time after which the token endpoint is asked again at the latest; absent if off.",
        |view, out| out.put(&[], view.constants.token_max_age.map(seconds)),
    ),
    counter(
        "oauth_probe_token_refreshes_total",
        &["trigger"],
        "New tokens obtained, by why they were asked for.",
        |view, out| {
            for trigger in Trigger::ALL {
                out.put(&[trigger.as_str()], Value::Count(view.readings.token_refreshes[trigger.index()]));
            }
        },
    ),
    counter(
        "oauth_probe_token_unchanged_total",
        &[],
        "Answers of the token endpoint that carried the token already held.",
        |view, out| out.put(&[], Value::Count(view.readings.token_unchanged)),
    ),
    counter(
        "oauth_probe_token_rejected_early_total",
        &[],
        "Tokens that the API refused with 401 before their expiry.",
        |view, out| out.put(&[], Value::Count(view.readings.token_rejected_early)),
    ),
    gauge(
        "oauth_probe_token_expires_in_missing",
        &[],
        "Whether the last answer of the token endpoint had no expires_in (1) or had one (0).",
        |view, out| out.put(&[], view.token_expires_in_missing()),
    ),
    gauge(
        "oauth_probe_token_scopes_missing",
        &[],
        "How many expected scopes the last answer of the token endpoint did not grant.",
        |view, out| out.put(&[], view.token_scopes_missing()),
    ),
    gauge(
        "oauth_probe_next_token_request_timestamp_seconds",
        &[],
        "When the token endpoint is to be asked next, in seconds since the Unix epoch; it shows a back-off.",
        |view, out| out.put(&[], view.next_token_request()),
    ),
    gauge(
        "oauth_probe_client_secret_expiry_timestamp_seconds",
        &[],
        "When the client secret expires according to the configuration, in seconds since the Unix epoch.",
        |view, out| out.put(&[], view.constants.client_secret_expires.map(Value::Millis)),
    ),
    gauge(
        "oauth_probe_client_certificate_expiry_timestamp_seconds",
        &[],
        "When the client certificate or another of its chain expires first, in seconds since the Unix epoch.",
        |view, out| out.put(&[], view.client_certificate_expiry()),
    ),
    gauge(
        "oauth_probe_tls_certificate_expiry_timestamp_seconds",
        &["request", "certificate"],
        "When the server's own certificate and the first of its chain expire, in seconds since the Unix epoch.",
        |view, out| {
            each_request(|request| {
                if let Some(chain) = view.server_chain(request) {
                    out.put(&[request.as_str(), "leaf"], timestamp(chain.leaf));
                    out.put(&[request.as_str(), "earliest"], timestamp(chain.earliest));
                }
            });
        },
    ),
    gauge(
        "oauth_probe_check_result",
        &["check", "result"],
        "How the API took a check the last time; one of the results is 1, all are absent until it was made.",
        |view, out| {
            for check in Check::ALL {
                for result in CheckResult::ALL {
                    out.put(&[check.as_str(), result.as_str()], view.check_result(check, result));
                }
            }
        },
    ),
];

pub(super) const BUILD_INFO: Family = Family {
    name: "oauth_probe_build_info",
    kind: Kind::Gauge,
    labels: &["version", "revision", "rustversion"],
    help: "Version and revision of the exporter and the compiler that built it; always 1.",
};

pub(super) const CONFIG_SUCCESSFUL: Family = own_gauge(
    "oauth_probe_config_last_reload_successful",
    "Whether the last attempt to load the configuration succeeded (1) or failed (0).",
);

pub(super) const CONFIG_LOADED: Family = own_gauge(
    "oauth_probe_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was loaded, in seconds since the Unix epoch.",
);

pub(super) const SCHEDULE_LAG: Family = Family {
    name: "oauth_probe_schedule_lag_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "How much later than scheduled cycles started.",
};

pub(super) const TARGETS: Family = own_gauge("oauth_probe_targets", "Configured targets.");

pub(super) const HOSTS: Family = own_gauge("oauth_probe_hosts", "Distinct hosts that are probed.");

/// The exporter's own families; they have no target.
static OWN: &[Family] = &[BUILD_INFO, CONFIG_SUCCESSFUL, CONFIG_LOADED, SCHEDULE_LAG, TARGETS, HOSTS];

fn each_request(act: impl FnMut(Request)) {
    Request::ALL.into_iter().for_each(act);
}

fn put_cause(out: &mut Samples<'_>, cause: Option<Cause>) {
    if let Some(cause) = cause {
        let labels = [cause.request.as_str(), cause.reason.as_str(), cause.fault().as_str()];
        out.put(&labels, Value::Count(1));
    }
}
