//! The sections of the dashboard from top to bottom: first what is broken and whose it is, then why. Here is what several
//! of them show.

mod exporter;
mod objective;
mod phases;
mod requests;
mod status;
mod token;

use serde_json::json;

use super::{Layout, OF_TARGET};

pub(super) fn all(layout: &mut Layout) {
    status::section(layout);
    requests::section(layout);
    token::section(layout);
    phases::section(layout);
    objective::section(layout);
    exporter::section(layout);
}

/// A success of this share of cycles is the objective.
const OBJECTIVE: &str = "0.995";

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

const DAY: f64 = 86_400.0;
const RENEWAL_STEPS: [(f64, &str); 3] = [(3.0 * DAY, "orange"), (14.0 * DAY, "yellow"), (30.0 * DAY, "green")];

fn coloured_text() -> (&'static str, serde_json::Value) {
    ("custom.cellOptions", json!({ "type": "color-text" }))
}
