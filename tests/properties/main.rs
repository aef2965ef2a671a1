//! Properties that hold for every sequence of answers, secrets and clocks: the pure decisions, and the real scheduler and
//! engine on simulated time. A case that fails is made as small as can be and told as a story.
//! `PROPTEST_CASES=10000 cargo test --release --test properties` looks further.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agenda;
mod back_off;
mod ledger;
mod life;
mod lifetime;
mod record;
mod rules;
#[path = "../simulated/mod.rs"]
mod simulated;
mod stage;
mod story;
#[path = "../targets/mod.rs"]
mod targets;

use std::env;

use proptest::test_runner::{Config, RngSeed};

/// So many cases, the same ones at every run; or as many as `PROPTEST_CASES` says, begun at `PROPTEST_RNG_SEED`. What
/// fails is told and not kept in a file: the story that is printed becomes a test of its own.
fn cases(by_default: u32) -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = by_default;
    }
    if env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}
