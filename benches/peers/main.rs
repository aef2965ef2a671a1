//! What a ping costs in CPU: this project's, blackbox_exporter's, and what the system calls alone cost.
//!
//! `cargo bench --bench peers`; docs/benchmarks.md says how it is meant and what came of it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

mod against;
#[path = "../../tests/raw_server/authority.rs"]
mod authority;
mod bare;
mod blackbox;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../tests/exporter/mod.rs"]
mod exporter;
mod ours;
mod party;
mod stage;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use common::Surroundings;
use party::Party;
use stage::{Stage, Turn};
use table::Table;

/// What a ping costs in CPU, ours and others'.
#[derive(Parser)]
struct Options {
    /// Turns of each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long a turn is measured.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How long it runs before.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Not the comparison: samples of where the time of our fresh pings goes, taken by `perf record` into this file.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Not the comparison: this program, another build of ours, beside the present one, both at once.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "profile")]
    against: Option<PathBuf>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One turn of one of them.
struct Measurement {
    party: Party,
    turn: Turn,
}

fn main() -> ExitCode {
    if !common::is_asked_for("peers") {
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let surroundings = Surroundings::note();
    // The server has a thread of its own, so that it does not wait for those that drive others.
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let driving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stage = Stage::set(serving.handle().clone(), options.warm_up, options.seconds);
    if let Some(file) = &options.profile {
        driving.block_on(ours::profile(&stage, file));
        return ExitCode::SUCCESS;
    }
    if let Some(program) = &options.against {
        driving.block_on(against::compare(&stage, program, options.rounds));
        return ExitCode::SUCCESS;
    }
    let table = Table::of(&driving.block_on(measure(&stage, options.rounds)));
    surroundings.print(&[support::Blackbox::version()]);
    println!("\n{table}");
    table.bounds().verdict()
}

/// They take turns, so that what else the machine does hits all of them alike; each begins a round as often as another.
async fn measure(stage: &Stage, rounds: usize) -> Vec<Measurement> {
    let mut measurements = Vec::new();
    for round in 0..rounds {
        let mut parties = Party::ALL;
        parties.rotate_left(round % Party::ALL.len());
        for party in parties {
            let turn = party.turn(stage).await;
            eprintln!("round {}: {}: {:.0} µs a ping", round + 1, party.as_str(), turn.microseconds_per_ping());
            measurements.push(Measurement { party, turn });
        }
    }
    measurements
}
