//! Where requests spend their time, what expires, and what the checks found.

use super::super::panel::{Panel, coloured_cells, thresholds};
use super::super::{Layout, OF_TARGET};
use super::{RENEWAL_STEPS, renewals};

pub(super) fn section(layout: &mut Layout) {
    let phases = |id, request, title: &str| {
        Panel::areas(
            id,
            title,
            "Where the last attempts spent their time, on average over the chosen targets. A phase that did not happen \
             (a connection that was kept, plain HTTP) is not there.",
        )
        .width(12)
        .query(
            &format!(r#"avg by (phase) (oauth_probe_phase_duration_seconds{{{OF_TARGET}, request="{request}"}})"#),
            "{{phase}}",
        )
        .unit("s")
        .zero_based()
    };

    let renewal = Panel::table(
        411,
        "Certificates and secrets by time left",
        "When certificates that the servers send (the earliest of the chain), our client certificates and client \
         secrets with a known date run out.",
    )
    .width(8)
    .rows(&renewals())
    .columns(&[("target", "Target"), ("what", "What"), ("Value", "Time left")], &["Time", "job", "request"])
    .unit("s")
    .no_value("no expiry is known")
    .field("Time left", &[("thresholds", thresholds("red", &RENEWAL_STEPS)), coloured_cells()])
    .sorted_by("Time left", false);

    let skew = Panel::lines(
        412,
        "Clock skew",
        "The servers' clocks less the exporter's. Their resolution is one second; several seconds make tokens and \
         signed assertions fail near their ends.",
    )
    .width(8)
    .query(
        &format!("avg by (job, target, request) (oauth_probe_clock_skew_seconds{{{OF_TARGET}}})"),
        "{{target}} {{request}}",
    )
    .unit("s");

    let checks = Panel::states(
        413,
        "Is authentication enforced?",
        "Outcome of the checks: requests without, with a bad and with an expired token must be refused, the API key \
         must be accepted.",
    )
    .width(8)
    .query(
        &format!(
            "max by (job, target, check) (\n  2 * oauth_probe_check_result{{{OF_TARGET}, check!=\"api_key\", result=\"accepted\"}}\n  \
             or 2 * oauth_probe_check_result{{{OF_TARGET}, check=\"api_key\", result=\"refused\"}}\n  \
             or oauth_probe_check_result{{{OF_TARGET}, result=\"inconclusive\"}}\n)"
        ),
        "{{target}} {{check}}",
    )
    .unit("short")
    .values(&[(0, "as it must be", "green"), (1, "inconclusive", "yellow"), (2, "wrong", "red")]);

    layout.section(
        400,
        "Phases, certificates and checks",
        false,
        vec![
            (8, vec![phases(401, "token", "Token request: phases"), phases(402, "ping", "Ping: phases")]),
            (8, vec![renewal, skew, checks]),
        ],
    );
}
