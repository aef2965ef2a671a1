//! What is broken now, whose fault it is, and what that means.

use serde_json::json;

use super::super::panel::{FAULT_COLOURS, Panel, coloured_cells, thresholds, value_mapping};
use super::super::{Layout, OF_ALERTS, OF_EXPORTER, OF_TARGET};
use super::{RENEWAL_STEPS, budget_left, renewals};

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

fn alerts(more: &str) -> String {
    format!(r#"ALERTS{{alertstate="firing", {more}, {OF_ALERTS}}}"#)
}

const HOW_TO_READ: &str = "\
| whose fault | look at |
| --- | --- |
| **auth** | client id, secret, scopes, certificate: revoked or rotated? |
| **authorization_server** | the token endpoint: down, slow, or answering nonsense |
| **resource_server** | the API: down, slow, or answering nonsense; tokens are issued |
| **network** | name resolution, connection, TLS, proxy |
| **exporter** | the probe itself: secret unreadable, out of descriptors |

Only the *request* fails: an older token still works, until it expires. By hand: `oauth-probe-exporter check TARGET`.";

pub(super) fn section(layout: &mut Layout) {
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

fn column_width(pixels: u64) -> (&'static str, serde_json::Value) {
    ("custom.width", json!(pixels))
}
