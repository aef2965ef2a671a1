//! The dashboard without Grafana: asks a Prometheus for the last minutes and writes a page to look at in a browser.
//!
//! `cargo run --example dashboard_preview -- http://127.0.0.1:9090 60 15 > preview.html`: the last 60 minutes of a
//! Prometheus that scrapes every 15 s. It is a preview: Grafana draws the same data in its own way.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is the page")]

#[path = "../../tests/support/http.rs"]
#[allow(dead_code, reason = "GET alone is needed")]
mod http;
mod preview;

use std::process::ExitCode;

use preview::Window;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| match arguments.get(at) {
        Some(text) => text.parse().ok().filter(|number| *number > 0),
        None => Some(default),
    };
    let (Some(prometheus), Some(minutes), Some(scrape_interval)) = (arguments.first(), number(1, 60), number(2, 15))
    else {
        eprintln!("usage: dashboard_preview PROMETHEUS_URL [MINUTES [SCRAPE_INTERVAL_SECONDS]]");
        return ExitCode::from(2);
    };
    let dashboard = serde_json::from_str(include_str!("../../dashboards/oauth-probe.json")).expect("it is JSON");
    let length = minutes * 60;
    let window = Window { length, step: (length / 200).max(scrape_interval), scrape_interval };
    let data = preview::collect(prometheus.trim_end_matches('/'), &dashboard, window).await;
    println!("{}", preview::page(&dashboard, &data));
    ExitCode::SUCCESS
}
