//! How exact measured durations are while a thousand targets are pinged every second.
//!
//! `cargo bench --bench under_load`; docs/benchmarks.md says how it is meant and what came of it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod observer;
#[path = "../../tests/reports/mod.rs"]
mod reports;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
#[path = "../../tests/targets/mod.rs"]
mod targets;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use oauth_probe_exporter::client::{ClientPool, HttpWire};
use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::probe::{Fleet, Job, ProbeThreads};
use oauth_probe_exporter::telemetry::Metrics;
use tokio::runtime::Builder;
use tokio::time::sleep;

use common::Surroundings;
use observer::{Pings, Recorder};
use server::PatientServer;
use table::Table;

const INTERVAL: Duration = Duration::from_secs(1);

/// How exact measured durations are under load.
#[derive(Parser)]
struct Options {
    /// Targets, each of which is pinged every second.
    #[arg(long, default_value_t = 1000)]
    targets: usize,
    /// How long they are, from the first second on.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if !common::is_asked_for("under_load") {
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let surroundings = Surroundings::note();
    // The server has a thread of its own, so that it does not wait for those that the client runs on.
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = serving.block_on(PatientServer::start(options.targets + 1));
    let bare = bare::start(server.address(options.targets), options.targets, Duration::from_secs(options.seconds));
    // The exporter's own threads do the probing; this one only waits for them.
    let probing = Builder::new_current_thread().enable_all().build().unwrap();
    let pings = probing.block_on(probe(&options, &server));
    let table = Table::of(&pings, &bare.join().unwrap(), &server);
    surroundings.print(&[]);
    println!("\n{table}");
    table.bounds().verdict()
}

/// Has the exporter's own scheduler, engine and client probe all targets, and its metrics record what comes of it.
async fn probe(options: &Options, server: &PatientServer) -> Vec<Arc<Pings>> {
    let targets: Vec<Target> = (0..options.targets).map(|number| target(number, server)).collect();
    let started = BootClock.now();
    let metrics = Arc::new(Metrics::new(&reports::config(targets.clone()), started));
    let (mut fleet, mut pool, mut all) = (Fleet::on(ProbeThreads::start().unwrap()), ClientPool::new(), Vec::new());
    for target in targets.into_iter().map(Arc::new) {
        let pings = Arc::new(Pings::default());
        let observer = Recorder::new(Arc::clone(&metrics), metrics.target(&target.name).unwrap(), Arc::clone(&pings));
        let wire = HttpWire::new(Arc::clone(&target), &mut pool).unwrap();
        fleet.spawn(Job { target, wire, observer, random: fastrand::Rng::new() }, BootClock, started.moment);
        all.push(pings);
    }
    tokio::select! {
        died = fleet.watch() => panic!("{died}"),
        () = sleep(Duration::from_secs(options.seconds)) => all,
    }
}

/// Its pings tell the server whose they are.
fn target(number: usize, server: &PatientServer) -> Target {
    let mut target = targets::target(&format!("http://{}", server.address(number)));
    target.name = format!("target-{number}");
    (target.interval, target.token.policy.interval, target.timeout) = (INTERVAL, INTERVAL, INTERVAL);
    target.ping.endpoint.set_path(&format!("/{number}"));
    target
}
