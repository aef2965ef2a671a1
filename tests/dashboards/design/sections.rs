//! The sections of the dashboard from top to bottom: first what is broken and whose it is, then why.

use serde_json::json;

use super::panel::{FAULT_COLOURS, Panel, coloured_cells, fixed, thresholds, value_mapping};
use super::{Layout, OF_ALERTS, OF_EXPORTER, OF_TARGET};

/// A success of this share of cycles is the objective.
const OBJECTIVE: &str = "0.995";

pub(super) fn all(layout: &mut Layout) {
    status(layout);
    requests(layout);
    token(layout);
    phases_and_certificates(layout);
    objective(layout);
    exporter(layout);
}

/// Text and colour of the numbers that [`whose_fault`] gives.
const STATES: [(i64, &str, &str); 6] = [
    (0, "works", "green"),
    (1, "exporter", FAULT_COLOURS[4].1),
    (2, "network", FAULT_COLOURS[3].1),
    (3, "resource_server", FAULT_COLOURS[2].1),
    (4, "authorization_server", FAULT_COLOURS[1].1),
    (5, "auth", FAULT_COLOURS[0].1),
];

/// The number of the fault of each target's last cycle; where exporters disagree, the greatest.
fn whose_fault() -> String {
    let each: Vec<_> = STATES[1..]
        .iter()
        .map(|(number, fault, _)| format!(r#"{number} * oauth_probe_cycle_fault{{{OF_TARGET}, fault="{fault}"}}"#))
        .collect();
    format!("max by (job, target) (\n  {}\n)", each.join("\n  or "))
}

/// Success by target: between 0 and 1 when exporters disagree.
fn success() -> String {
    format!("avg by (job, target) (oauth_probe_success{{{OF_TARGET}}})")
}

/// Time left of everything that somebody must renew by hand, by target and `what`.
fn renewals() -> String {
    let left = |metric: &str, matchers: &str, by: &str, what: &str, from: &str| {
        format!(
            "label_replace(\n  min by ({by}) (oauth_probe_{metric}_expiry_timestamp_seconds{{{OF_TARGET}{matchers}}}) - time(),\n  \
             \"what\", \"{what}\", \"{from}\", \"(.*)\"\n)"
        )
    };
    [
        left(
            "tls_certificate",
            r#", certificate="earliest""#,
            "job, target, request",
            "server certificate, $1",
            "request",
        ),
        left("client_certificate", "", "job, target", "client certificate", ""),
        left("client_secret", "", "job, target", "client secret", ""),
    ]
    .join("\nor ")
}

fn alerts(more: &str) -> String {
    format!(r#"ALERTS{{alertstate="firing", {more}, {OF_ALERTS}}}"#)
}

const DAY: f64 = 86_400.0;
const RENEWAL_STEPS: [(f64, &str); 3] = [(3.0 * DAY, "orange"), (14.0 * DAY, "yellow"), (30.0 * DAY, "green")];

const HOW_TO_READ: &str = "\
| whose fault | look at |
| --- | --- |
| **auth** | client id, secret, scopes, certificate: revoked or rotated? |
| **authorization_server** | the token endpoint: down, slow, or answering nonsense |
| **resource_server** | the API: down, slow, or answering nonsense; tokens are issued |
| **network** | name resolution, connection, TLS, proxy |
| **exporter** | the probe itself: secret unreadable, out of descriptors |

Only the *request* fails: an older token still works, until it expires. By hand: `oauth-probe-exporter check TARGET`.";

fn status(layout: &mut Layout) {
    let availability = Panel::stat(
        101,
        "Availability",
        "Share of cycles (get a token if needed, call the API) that succeeded in the time range, over all chosen \
         targets. The objective is 99.5 %.",
    )
    .width(4)
    .instant(
        &format!(
            "sum(increase(oauth_probe_cycles_total{{{OF_TARGET}, result=\"success\"}}[$__range]))\n/ \
             sum(increase(oauth_probe_cycles_total{{{OF_TARGET}}}[$__range]))"
        ),
        "availability",
    )
    .unit("percentunit")
    .decimals(2)
    .range(0.0, 1.0)
    .thresholds("red", &[(0.99, "orange"), (0.995, "green")]);

    let budget = Panel::gauge(
        102,
        "Error budget left",
        "What is left of the failures that 99.5 % allows in the time range, over all chosen targets; at 0 % it is \
         spent. Choose 30 days for the budget that the burn-rate alerts defend.",
    )
    .width(4)
    .instant(&format!("clamp_min({}, 0)", budget_left("", "$__range")), "budget left")
    .unit("percentunit")
    .decimals(0)
    .range(0.0, 1.0)
    .thresholds("red", &[(0.25, "orange"), (0.5, "green")]);

    let token = Panel::stat(
        103,
        "Least time to token expiry",
        "Time to expiry of the token that runs out first. Legacy servers let tokens run down to 0 by design; below 0 a \
         target has no live token.",
    )
    .width(4)
    .instant(&format!("min(oauth_probe_token_expires_in_seconds{{{OF_TARGET}}})"), "least time to expiry")
    .unit("s")
    .no_value("no token")
    .thresholds("red", &[(0.0, "yellow"), (60.0, "green")]);

    let renewal = Panel::stat(
        104,
        "Least time to renewal",
        "Time to expiry of the certificate or client secret that runs out first: someone has to renew it. Alerts come \
         at 30 days (secret), 14 days (certificates) and 3 days.",
    )
    .width(4)
    .instant(&format!("min(\n{}\n)", renewals()), "least time to renewal")
    .unit("s")
    .no_value("no expiry is known")
    .thresholds("red", &RENEWAL_STEPS);

    let firing = Panel::stat(
        105,
        "Firing alerts",
        "Alerts of this exporter's rules that fire now: critical ones page, warnings are tickets.",
    )
    .width(4)
    .instant(&format!("count({}) or vector(0)", alerts(r#"severity="critical""#)), "critical")
    .instant(&format!("count({}) or vector(0)", alerts(r#"severity="warning""#)), "warning")
    .unit("short")
    .thresholds("green", &[(1.0, "red")])
    .field("warning", &[("thresholds", thresholds("green", &[(1.0, "orange")]))]);

    let exporters = Panel::stat(
        106,
        "Exporters down",
        "Exporters seen in the time range that Prometheus cannot scrape now. What they probe is unknown until they are back.",
    )
    .width(4)
    .instant(
        &format!(
            "sum(\n  (1 - min by (job, instance) (up{{{OF_EXPORTER}}}))\n  and on (job, instance) \
             last_over_time(oauth_probe_build_info{{{OF_EXPORTER}}}[$__range])\n)"
        ),
        "down",
    )
    .unit("short")
    .no_value("no exporter")
    .thresholds("green", &[(1.0, "red")]);

    let up = Panel::stat(
        111,
        "Up or down",
        "Whether each target's last cycle succeeded. Partly: exporters that probe the same target disagree. A click \
         shows that target alone.",
    )
    .width(6)
    .options(json!({ "textMode": "value_and_name" }))
    .instant(&success(), "{{target}}")
    .unit("short")
    .values(&[(0, "down", "red"), (1, "up", "green")])
    .values_between(0.001, 0.999, "partly", "orange")
    .thresholds("red", &[(1.0, "green")])
    .link_to_target();

    let failing = Panel::table(
        112,
        "Failing now",
        "Root cause of each failing cycle, and each request that fails while cycles still succeed with an older token \
         (request only: the early warning). Longest failing first; the reasons are explained in the exporter's README.",
    )
    .width(11)
    .rows(&failing_now())
    .columns(
        &[
            ("target", "Target"),
            ("effect", "What fails"),
            ("fault", "Whose fault"),
            ("request", "Request"),
            ("reason", "Reason"),
            ("Value", "No success for"),
        ],
        &["Time", "job", "instance"],
    )
    .unit("s")
    .no_value("no failure is reported")
    .field("No success for", &[("mappings", json!([value_mapping(&[(-1, "never", "red")])]))])
    .field("Whose fault", &[("mappings", fault_mapping()), coloured_cells(), column_width(150)])
    .field("What fails", &[column_width(100)])
    .field("Request", &[column_width(70)])
    .field("Reason", &[column_width(140)])
    .sorted_by("No success for", true);

    let firing_table = Panel::table(
        113,
        "Alerts firing now",
        "Each firing alert with the time since its condition began. A click on the name opens its runbook.",
    )
    .width(7)
    .rows(&format!(
        "(time() - ALERTS_FOR_STATE{{{OF_ALERTS}}})\nand ignoring (alertstate)\n{}",
        alerts(r#"severity=~"critical|warning""#)
    ))
    .columns(
        &[("alertname", "Alert"), ("severity", "Severity"), ("target", "Target"), ("Value", "For")],
        &["Time", "job", "instance"],
    )
    .unit("s")
    .no_value("no alert is reported")
    .field(
        "Alert",
        &[("links", json!([{ "targetBlank": true, "title": "Runbook", "url": "${runbooks}/${__value.raw}.md" }]))],
    )
    .field(
        "Severity",
        &[("mappings", json!([text_mapping(&[("critical", "red"), ("warning", "orange")])])), coloured_cells()],
    )
    .sorted_by("Severity", false);

    let timeline = Panel::states(
        121,
        "What failed, and whose fault it was",
        "The fault of each target's cycles over time. Where exporters that probe the same target disagree, the one \
         nearest to the credentials is shown.",
    )
    .width(16)
    .query(&whose_fault(), "{{target}}")
    .unit("short")
    .values(&STATES)
    .link_to_target();

    let reading =
        Panel::text(122, "How to read this", "What each fault means and where to look first.", HOW_TO_READ).width(8);

    layout.section(
        100,
        "Status",
        false,
        vec![
            (4, vec![availability, budget, token, renewal, firing, exporters]),
            (8, vec![up, failing, firing_table]),
            (9, vec![timeline, reading]),
        ],
    );
}

/// The value is the time since the cycle's or the request's last success; -1: there was none.
fn failing_now() -> String {
    let failing = |info: &str, effect: &str, by: &str, last_success: &str, always_there: &str| {
        format!(
            "label_replace(oauth_probe_{info}_failure_info{{{OF_TARGET}}}, \"effect\", \"{effect}\", \"\", \"\")\n\
             * on (job, instance, target{by}) group_left ()\n(\n  \
             time() - oauth_probe_{last_success}_timestamp_seconds{{{OF_TARGET}}}\n  \
             or 0 * oauth_probe_{always_there}_seconds{{{OF_TARGET}}} - 1\n)"
        )
    };
    format!(
        "{}\nor ignoring (effect)\n{}",
        failing("cycle", "cycles", "", "last_success", "interval"),
        failing("request", "request only", ", request", "request_last_success", "latency_objective"),
    )
}

fn fault_mapping() -> serde_json::Value {
    json!([text_mapping(&FAULT_COLOURS)])
}

fn text_mapping(texts: &[(&str, &str)]) -> serde_json::Value {
    let options: serde_json::Value = texts
        .iter()
        .enumerate()
        .map(|(index, (text, colour))| ((*text).to_owned(), json!({ "color": colour, "index": index })))
        .collect();
    json!({ "options": options, "type": "value" })
}

fn requests(layout: &mut Layout) {
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

fn token(layout: &mut Layout) {
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

fn column_width(pixels: u64) -> (&'static str, serde_json::Value) {
    ("custom.width", json!(pixels))
}

fn coloured_text() -> (&'static str, serde_json::Value) {
    ("custom.cellOptions", json!({ "type": "color-text" }))
}

fn phases_and_certificates(layout: &mut Layout) {
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

/// Share of failed cycles.
fn failed(by: &str, window: &str) -> String {
    format!(
        "sum{by}(increase(oauth_probe_cycles_total{{{OF_TARGET}, result=\"failure\"}}[{window}]))\n  / \
         sum{by}(increase(oauth_probe_cycles_total{{{OF_TARGET}}}[{window}]))"
    )
}

fn budget_left(by: &str, window: &str) -> String {
    format!("1 - (\n  {}\n) / (1 - {OBJECTIVE})", failed(by, window))
}

fn objective(layout: &mut Layout) {
    let by = " by (job, target) ";
    let burn = |id, title: &str, description: &str, windows: &[&str], steps: &[(f64, &str)]| {
        let panel = Panel::lines(id, title, description)
            .width(8)
            .unit("none")
            .decimals(1)
            .zero_based()
            .thresholds("green", steps)
            .threshold_lines();
        windows.iter().fold(panel, |panel, window| {
            panel.query(&format!("max(\n  {}\n) / (1 - {OBJECTIVE})", failed(by, window)), window)
        })
    };
    let paging = burn(
        501,
        "Burn rate: pages",
        "How many times faster than 99.5 % allows the worst of the chosen targets fails. A page needs 14.4 over 1 h and \
         5 min, or 6 over 6 h and 30 min (dashed). Here every exporter's cycles count; the alerts count a majority.",
        &["5m", "1h", "30m", "6h"],
        &[(6.0, "orange"), (14.4, "red")],
    );
    let tickets = burn(
        502,
        "Burn rate: tickets",
        "The same for slow burns. A ticket needs 3 over 1 d and 2 h, or 1 over 3 d and 6 h (dashed).",
        &["2h", "1d", "6h", "3d"],
        &[(1.0, "yellow"), (3.0, "orange")],
    );
    let faults = Panel::bars(
        503,
        "Failed cycles by fault",
        "Share of all cycles that failed, by whose fault it was: who spends the error budget.",
    )
    .width(8)
    .query(
        &format!(
            "sum by (fault) (rate(oauth_probe_cycle_failures_total{{{OF_TARGET}}}[$__rate_interval]))\n\
             / on () group_left ()\n\
             sum(rate(oauth_probe_cycles_total{{{OF_TARGET}}}[$__rate_interval]))"
        ),
        "{{fault}}",
    )
    .unit("percentunit")
    .range(0.0, 1.0)
    .fault_colours();

    let table = Panel::table(
        511,
        "Availability and error budget by target",
        "In the time range. Budget left: 100 % if no cycle failed, below 0 % if more failed than 99.5 % allows.",
    )
    .width(24)
    .rows(&format!("1 - {}", failed(by, "$__range")))
    .rows(&budget_left(by, "$__range"))
    .rows(&format!("sum{by}(increase(oauth_probe_cycles_total{{{OF_TARGET}, result=\"failure\"}}[$__range]))"))
    .rows(&format!("sum{by}(increase(oauth_probe_cycles_total{{{OF_TARGET}}}[$__range]))"))
    .columns(
        &[
            ("job", "Job"),
            ("target", "Target"),
            ("Value #A", "Availability"),
            ("Value #B", "Error budget left"),
            ("Value #C", "Failed cycles"),
            ("Value #D", "Cycles"),
        ],
        &["Time"],
    )
    .unit("short")
    .decimals(0)
    .field(
        "Availability",
        &[
            ("unit", json!("percentunit")),
            ("decimals", json!(2)),
            ("thresholds", thresholds("red", &[(0.99, "orange"), (0.995, "green")])),
            coloured_text(),
        ],
    )
    .field(
        "Error budget left",
        &[
            ("unit", json!("percentunit")),
            ("thresholds", thresholds("red", &[(0.25, "orange"), (0.5, "green")])),
            coloured_text(),
        ],
    )
    .sorted_by("Error budget left", false);

    layout.section(
        500,
        "Objective: 99.5 % of cycles",
        false,
        vec![(8, vec![paging, tickets, faults]), (9, vec![table])],
    );
}

fn exporter(layout: &mut Layout) {
    let own =
        |expression: &str| format!("{expression}\nand on (job, instance) oauth_probe_build_info{{{OF_EXPORTER}}}");
    let versions =
        Panel::table(601, "Exporters", "Each exporter with its version, and whether Prometheus can scrape it.")
            .width(8)
            .rows(&format!(
                "min by (job, instance) (up{{{OF_EXPORTER}}})\n* on (job, instance) group_left (version, revision)\n\
             max by (job, instance, version, revision) \
             (last_over_time(oauth_probe_build_info{{{OF_EXPORTER}}}[$__range]))"
            ))
            .columns(
                &[
                    ("job", "Job"),
                    ("instance", "Instance"),
                    ("version", "Version"),
                    ("revision", "Revision"),
                    ("Value", "Scrape"),
                ],
                &["Time"],
            )
            .unit("none")
            .field(
                "Value",
                &[
                    ("mappings", json!([value_mapping(&[(0, "fails", "red"), (1, "works", "green")])])),
                    coloured_cells(),
                ],
            );

    let configuration = Panel::stat(
        602,
        "Configuration",
        "Whether the last load of the configuration succeeded; if not, the one before is in force.",
    )
    .width(4)
    .instant(&format!("min(oauth_probe_config_last_reload_successful{{{OF_EXPORTER}}})"), "last load")
    .instant(
        &format!("time() - min(oauth_probe_config_last_reload_success_timestamp_seconds{{{OF_EXPORTER}}})"),
        "in force for",
    )
    .unit("s")
    .field("last load", &[("mappings", json!([value_mapping(&[(0, "refused", "red"), (1, "in force", "green")])]))]);

    let size = Panel::stat(603, "Targets and hosts", "Configured targets and the distinct hosts that are probed.")
        .width(4)
        .options(json!({ "colorMode": "none" }))
        .instant(&format!("sum(oauth_probe_targets{{{OF_EXPORTER}}})"), "targets")
        .instant(&format!("sum(oauth_probe_hosts{{{OF_EXPORTER}}})"), "hosts")
        .unit("short");

    let stalled = Panel::lines(
        604,
        "Time since the last cycle, in intervals",
        "By target. Above 3 cycles no longer end: the exporter hangs, or its machine sleeps.",
    )
    .width(8)
    .query(
        &format!(
            "max by (job, target) (\n  (time() - oauth_probe_last_cycle_timestamp_seconds{{{OF_TARGET}}})\n  \
             / oauth_probe_interval_seconds{{{OF_TARGET}}}\n)"
        ),
        "{{target}}",
    )
    .unit("none")
    .decimals(1)
    .zero_based()
    .thresholds("green", &[(3.0, "red")])
    .threshold_lines();

    let mut lag = Panel::lines(
        611,
        "Schedule lag",
        "How much later than scheduled cycles start: more than a few milliseconds says that the machine is too busy.",
    )
    .width(8)
    .unit("s")
    .zero_based();
    for (quantile, name) in [("0.5", "p50"), ("0.99", "p99")] {
        lag = lag.query(
            &format!(
                "histogram_quantile({quantile}, sum by (job, instance, le) \
                 (rate(oauth_probe_schedule_lag_seconds_bucket{{{OF_EXPORTER}}}[$__rate_interval])))"
            ),
            &format!("{{{{instance}}}} {name}"),
        );
    }

    let cycles = Panel::lines(
        612,
        "Cycles and requests",
        "Cycles that ended, cycles left out because the one before still ran, requests, and connections opened for \
         them, each second.",
    )
    .width(8)
    .query(&format!("sum(rate(oauth_probe_cycles_total{{{OF_TARGET}}}[$__rate_interval]))"), "cycles")
    .query(&format!("sum(rate(oauth_probe_skipped_cycles_total{{{OF_TARGET}}}[$__rate_interval]))"), "skipped cycles")
    .query(
        &format!("sum by (request) (rate(oauth_probe_requests_total{{{OF_TARGET}}}[$__rate_interval]))"),
        "{{request}} requests",
    )
    .query(
        &format!("sum by (request) (rate(oauth_probe_connections_opened_total{{{OF_TARGET}}}[$__rate_interval]))"),
        "{{request}} connections",
    )
    .unit("cps")
    .zero_based()
    .field("skipped cycles", &[fixed("red")]);

    let processor = Panel::lines(613, "Processor", "Processor time used, in cores.")
        .width(8)
        .query(&own(&format!("rate(process_cpu_seconds_total{{{OF_EXPORTER}}}[$__rate_interval])")), "{{instance}}")
        .unit("none")
        .decimals(3)
        .zero_based();

    let memory = Panel::lines(621, "Memory", "Resident memory.")
        .width(8)
        .query(&own(&format!("process_resident_memory_bytes{{{OF_EXPORTER}}}")), "{{instance}}")
        .unit("bytes")
        .zero_based();

    let descriptors = Panel::lines(
        622,
        "Open file descriptors",
        "Share of the file descriptors that the process may open; at 100 % requests fail with local_error.",
    )
    .width(8)
    .query(&own(&format!("process_open_fds{{{OF_EXPORTER}}} / process_max_fds{{{OF_EXPORTER}}}")), "{{instance}}")
    .unit("percentunit")
    .zero_based();

    let running = Panel::lines(623, "Running for", "Time since the process began; a drop to 0 is a restart.")
        .width(8)
        .query(&own(&format!("time() - process_start_time_seconds{{{OF_EXPORTER}}}")), "{{instance}}")
        .unit("s")
        .zero_based();

    layout.section(
        600,
        "The exporter itself",
        true,
        vec![
            (7, vec![versions, configuration, size, stalled]),
            (8, vec![lag, cycles, processor]),
            (8, vec![memory, descriptors, running]),
        ],
    );
}
