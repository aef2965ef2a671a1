//! The status page in a real Chromium, as people use it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod browser;
mod driver;
mod made_up;
mod pictures;
#[path = "../reports/mod.rs"]
mod reports;
#[path = "../support/mod.rs"]
mod support;
#[path = "../targets/mod.rs"]
mod targets;
