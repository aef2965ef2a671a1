//! What benchmarks share: when they run, where they ran, quantiles and bounds, what a process uses, and a server.
#![allow(dead_code, unused_imports, reason = "each benchmark uses its own part of this module")]

mod asked;
mod bounds;
mod process;
mod quantiles;
mod request;
mod server;
mod surroundings;

pub(crate) use asked::is_asked_for;
pub(crate) use bounds::Bounds;
pub(crate) use process::{Memory, Watched};
pub(crate) use quantiles::Quantiles;
pub(crate) use request::{Received, read_request};
pub(crate) use server::{PingServer, Port};
pub(crate) use surroundings::Surroundings;

/// What a token endpoint answers.
pub(crate) const TOKEN: &str = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;
/// What the API answers.
pub(crate) const PONG: &str = r#"{"info":"pong","status":1}"#;

/// The sum of a family's samples, whatever their labels.
pub(crate) fn sum(scrape: &str, family: &str) -> f64 {
    let value = |line: &str| {
        let labels = line.strip_prefix(family)?;
        let value = || labels.rsplit_once(' ')?.1.parse::<f64>().ok();
        labels.starts_with(['{', ' ']).then(value)?
    };
    scrape.lines().filter_map(value).sum()
}
