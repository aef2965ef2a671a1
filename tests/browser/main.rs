//! The status page in a real Chromium, as people use it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod accessibility;
mod browser;
mod driver;
#[path = "../exporter/mod.rs"]
mod exporter;
mod finding;
mod made_up;
mod pages;
mod pictures;
mod prefixes;
mod refreshing;
#[path = "../reports/mod.rs"]
mod reports;
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../targets/mod.rs"]
mod targets;
