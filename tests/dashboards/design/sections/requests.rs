//! Errors and latency of each of the two requests.

use serde_json::json;

use super::super::panel::Panel;
use super::super::{Layout, OF_TARGET};

pub(super) fn section(layout: &mut Layout) {
    let mut lines = Vec::new();
    // Durations are asked for in both forms, of which a Prometheus has one: classic histograms, or else native ones.
    for (id, request, title) in [(210, "token", "Token request"), (220, "ping", "Ping")] {
        let of_request = format!(r#"{OF_TARGET}, request="{request}""#);
        let errors = Panel::bars(
            id + 1,
            &format!("{title}: failed attempts by fault"),
            "Share of attempts that failed, by whose fault it was, over all chosen targets. No point: no attempt.",
        )
        .width(8)
        .query(
            &format!(
                "sum by (fault) (rate(oauth_probe_request_failures_total{{{of_request}}}[$__rate_interval]))\n\
                 / on () group_left ()\n\
                 sum(rate(oauth_probe_requests_total{{{of_request}}}[$__rate_interval]))"
            ),
            "{{fault}}",
        )
        .unit("percentunit")
        .range(0.0, 1.0)
        .fault_colours();

        let mut latency = Panel::lines(
            id + 2,
            &format!("{title}: latency"),
            "Quantiles of the duration of every request that was sent, timeouts included, over all chosen targets; \
             dashed, the configured objective. Few requests make coarse quantiles.",
        )
        .width(8)
        .custom(json!({ "showPoints": "always", "spanNulls": true }))
        .unit("s")
        .zero_based()
        .dashed("^objective$", "red");
        for (quantile, name) in [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")] {
            latency = latency.query(
                &format!(
                    "histogram_quantile({quantile}, sum by (le) \
                     (rate(oauth_probe_request_duration_seconds_bucket{{{of_request}}}[$__rate_interval])))\n\
                     or\n\
                     histogram_quantile({quantile}, sum\
                     (rate(oauth_probe_request_duration_seconds{{{of_request}}}[$__rate_interval])))"
                ),
                name,
            );
        }
        let latency =
            latency.query(&format!("min(oauth_probe_latency_objective_seconds{{{of_request}}})"), "objective");

        let heatmap = Panel::heatmap(
            id + 3,
            &format!("{title}: durations"),
            "How many requests took how long. Two bands are two kinds of answer, for instance from a cache and not.",
        )
        .width(8)
        .unit("short")
        .buckets(&format!(
            "sum by (le) (increase(oauth_probe_request_duration_seconds_bucket{{{of_request}}}[$__rate_interval]))\n\
             or on ()\n\
             sum(increase(oauth_probe_request_duration_seconds{{{of_request}}}[$__rate_interval]))"
        ));
        lines.push((8, vec![errors, latency, heatmap]));
    }

    let status = Panel::states(
        231,
        "HTTP status of the last attempt",
        "Status of each target's last answer, by request. None: there was no answer. Where exporters that probe the \
         same target disagree, the greatest. A target without a token makes no pings: its last answer stands.",
    )
    .width(24)
    .query(
        &format!("max by (job, target, request) (oauth_probe_http_status_code{{{OF_TARGET}}})"),
        "{{target}} {{request}}",
    )
    .unit("none")
    .values(&[(0, "none", "red")])
    .thresholds("red", &[(200.0, "green"), (300.0, "yellow"), (400.0, "purple"), (500.0, "orange")]);
    lines.push((11, vec![status]));
    layout.section(200, "Requests: errors and latency", false, lines);
}
