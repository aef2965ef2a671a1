//! The token's life: age, expiry, and what the token endpoint answered.

use serde_json::json;

use super::super::panel::{Panel, coloured_cells, fixed, thresholds, value_mapping};
use super::super::{Layout, OF_TARGET};
use super::coloured_text;

pub(super) fn section(layout: &mut Layout) {
    let by_target = |function: &str, metric: &str| {
        format!("{function} by (job, target) (oauth_probe_token_{metric}_seconds{{{OF_TARGET}}})")
    };

    let expiry = Panel::lines(
        301,
        "Time to expiry",
        "A saw-tooth: each new token lifts it to its lifetime (dashed), and it is renewed at the margin (dotted) at the \
         latest. A line that crosses the margin and goes on falling is the early warning: refreshes fail. Legacy \
         servers, which repeat a token until it expires, let it fall to 0 by design.",
    )
    .width(12)
    .query(&by_target("min", "expires_in"), "{{target}}")
    .query(&by_target("max", "lifetime"), "{{target}} lifetime")
    .query(&by_target("max", "refresh_margin"), "{{target}} margin")
    .unit("s")
    .custom(json!({ "showPoints": "never" }))
    .backdrop(" lifetime$", "dash")
    .backdrop(" margin$", "dot");

    let age = Panel::lines(
        302,
        "Age",
        "Time since the token that is held was first issued. The token endpoint is asked at the configured maximum age \
         (dashed) at the latest, so that a revoked secret is noticed long before the token expires.",
    )
    .width(12)
    .query(&by_target("max", "age"), "{{target}}")
    .query(&by_target("min", "max_age"), "{{target}} maximum")
    .unit("s")
    .zero_based()
    .custom(json!({ "showPoints": "never" }))
    .backdrop(" maximum$", "dash");

    let refreshes = Panel::bars(
        311,
        "Answers of the token endpoint",
        "Each minute: new tokens by why they were asked for, answers that repeated the token held (unchanged), and failures. All \
         attempts are in one of them.",
    )
    .width(8)
    .query(
        &format!("60 * sum by (trigger) (rate(oauth_probe_token_refreshes_total{{{OF_TARGET}}}[$__rate_interval]))"),
        "{{trigger}}",
    )
    .query(&format!("60 * sum(rate(oauth_probe_token_unchanged_total{{{OF_TARGET}}}[$__rate_interval]))"), "unchanged")
    .query(
        &format!(
            "60 * sum(rate(oauth_probe_request_failures_total{{{OF_TARGET}, request=\"token\"}}[$__rate_interval]))"
        ),
        "failed",
    )
    .unit("cpm")
    .zero_based()
    .field("unchanged", &[fixed("text")])
    .field("failed", &[fixed("red")])
    .field("rejected", &[fixed("purple")]);

    let rejected = Panel::bars(
        312,
        "Tokens refused early",
        "Each minute: tokens that the API refused with 401 although they should still have lived: revoked, or a key was rotated. \
         Each token counts once.",
    )
    .width(8)
    .query(
        &format!(
            "60 * sum by (job, target) (rate(oauth_probe_token_rejected_early_total{{{OF_TARGET}}}[$__rate_interval]))"
        ),
        "{{target}}",
    )
    .unit("cpm")
    .zero_based();

    let next = Panel::lines(
        313,
        "Next token request in",
        "How long until the token endpoint is asked next. It rises with each failure: that is the back-off.",
    )
    .width(8)
    .query(
        &format!("min by (job, target) (oauth_probe_next_token_request_timestamp_seconds{{{OF_TARGET}}}) - time()"),
        "{{target}}",
    )
    .unit("s")
    .custom(json!({ "showPoints": "never" }));

    let now = Panel::table(
        321,
        "Tokens now",
        "What each target holds. Lifetime assumed: the server does not say how long its tokens live. Scopes missing: \
         how many of the expected scopes were not granted.",
    )
    .width(24)
    .rows(&format!("min by (job, target) (oauth_probe_token_held{{{OF_TARGET}}})"))
    .rows(&by_target("min", "expires_in"))
    .rows(&by_target("max", "age"))
    .rows(&by_target("max", "lifetime"))
    .rows(&by_target("max", "refresh_margin"))
    .rows(&format!("max by (job, target) (oauth_probe_token_expires_in_missing{{{OF_TARGET}}})"))
    .rows(&format!("max by (job, target) (oauth_probe_token_scopes_missing{{{OF_TARGET}}})"))
    .columns(
        &[
            ("job", "Job"),
            ("target", "Target"),
            ("Value #A", "Live token"),
            ("Value #B", "Time to expiry"),
            ("Value #C", "Age"),
            ("Value #D", "Lifetime"),
            ("Value #E", "Refresh margin"),
            ("Value #F", "Lifetime assumed"),
            ("Value #G", "Scopes missing"),
        ],
        &["Time"],
    )
    .unit("s")
    .field(
        "Live token",
        &[
            ("unit", json!("none")),
            ("mappings", json!([value_mapping(&[(0, "none", "red"), (1, "held", "green")])])),
            coloured_cells(),
        ],
    )
    .field(
        "Lifetime assumed",
        &[("unit", json!("none")), ("mappings", json!([value_mapping(&[(0, "no", "text"), (1, "yes", "yellow")])]))],
    )
    .field(
        "Scopes missing",
        &[("unit", json!("none")), ("thresholds", thresholds("text", &[(1.0, "orange")])), coloured_text()],
    )
    .sorted_by("Target", false);

    layout.section(
        300,
        "Token",
        false,
        vec![(10, vec![expiry, age]), (8, vec![refreshes, rejected, next]), (9, vec![now])],
    );
}
