//! Whether the process stays as it is: a thousand targets whose servers misbehave in every way there is, scrapes and
//! reloads, for an hour.
//!
//! `cargo bench --bench soak`; docs/benchmarks.md says how it is meant and what came of it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../tests/exporter/mod.rs"]
mod exporter;
#[path = "../../tests/h2_server/mod.rs"]
mod h2_server;
mod life;
#[path = "../../tests/raw_server/mod.rs"]
mod raw_server;
mod samples;
mod servers;
mod trouble;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Builder;

use common::Surroundings;
use life::Life;
use samples::Tolerance;

/// Whether memory, descriptors and threads stay where they are.
#[derive(Parser)]
struct Options {
    /// How many targets.
    #[arg(long, default_value_t = 1000)]
    targets: usize,
    /// Their interval.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How long.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Of the faults.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if !common::is_asked_for("soak") {
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let surroundings = Surroundings::note();
    let life = Life {
        targets: options.targets,
        interval: options.interval,
        length: Duration::from_secs(options.seconds),
        seed: options.seed,
    };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let seen = runtime.block_on(life.live());
    surroundings.print(&[]);
    println!("\n{seen}");
    seen.samples.bounds(Tolerance::OF_AN_HOUR).verdict()
}
