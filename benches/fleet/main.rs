//! What the whole process needs for one target, and for ten thousand: time, memory, lag, scrapes and reloads.
//!
//! `cargo bench --bench fleet`; docs/benchmarks.md says how it is meant and what came of it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

mod blackbox;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../tests/exporter/mod.rs"]
mod exporter;
mod lag;
mod life;
mod scrape;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::{Builder, Handle};

use common::Surroundings;
use life::Life;
use table::Table;

/// Cycles that a target keeps unless it is told otherwise.
const HISTORY: u32 = 200;

/// What the whole process needs, by the number of targets.
#[derive(Parser)]
struct Options {
    /// How many targets; one life of the process for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,10000")]
    targets: Vec<usize>,
    /// Their interval. The bounds are meant for 10 s.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How many intervals are measured, after one to begin with.
    #[arg(long, default_value_t = 6)]
    cycles: u32,
    /// As many cycles as a history holds, for the largest number of targets alone. It takes more than half an hour.
    #[arg(long, conflicts_with = "quick")]
    long: bool,
    /// The interval at which the histories of the largest number of targets are filled.
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    filled_at: Duration,
    /// Two cycles, and nothing said of full histories.
    #[arg(long)]
    quick: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn of_process() -> Self {
        let mut options = Self::parse();
        if options.long {
            options.targets = options.targets.iter().copied().max().into_iter().collect();
            options.cycles = HISTORY;
        }
        if options.quick {
            options.cycles = 2;
        }
        options
    }

    /// What is lived, one after the other.
    fn lives(&self) -> impl Iterator<Item = Life> {
        self.targets.iter().map(|&targets| Life { targets, interval: self.interval, cycles: self.cycles })
    }

    /// The largest number of targets once more, until their histories are full: at a shorter interval, since a history
    /// holds cycles, however far they are apart.
    fn with_full_histories(&self) -> Option<Life> {
        let targets = self.targets.iter().copied().max().filter(|_| !self.long && !self.quick)?;
        Some(Life { targets, interval: self.filled_at, cycles: HISTORY })
    }
}

fn main() -> ExitCode {
    if !common::is_asked_for("fleet") {
        return ExitCode::SUCCESS;
    }
    let options = Options::of_process();
    let surroundings = Surroundings::note();
    // The server has a thread of its own, so that it does not wait for those that watch.
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let watching = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let table = watching.block_on(measure(&options, serving.handle()));
    surroundings.print(&[support::Blackbox::version()]);
    println!("\n{table}");
    table.bounds(options.interval).verdict()
}

async fn measure(options: &Options, serving: &Handle) -> Table {
    let mut lives = Vec::new();
    for life in options.lives() {
        lives.push(life.live(serving).await);
    }
    let filled = match options.with_full_histories() {
        Some(life) => Some(life.live(serving).await),
        None => None,
    };
    let program = std::fs::metadata(program()).unwrap().len();
    Table { lives, filled, blackbox: blackbox::memory().await, program }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_oauth-probe-exporter"))
}
