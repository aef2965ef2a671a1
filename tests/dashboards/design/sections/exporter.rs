//! The exporters themselves: version, configuration, rhythm and resources.

use serde_json::json;

use super::super::panel::{Panel, coloured_cells, fixed, value_mapping};
use super::super::{Layout, OF_EXPORTER, OF_TARGET};

pub(super) fn section(layout: &mut Layout) {
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
