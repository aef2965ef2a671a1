//! How much of the objective is kept, and who spends the error budget.

use serde_json::json;

use super::super::panel::{Panel, thresholds};
use super::super::{Layout, OF_TARGET};
use super::{OBJECTIVE, budget_left, coloured_text, failed};

pub(super) fn section(layout: &mut Layout) {
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
