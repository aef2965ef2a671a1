//! How exact measured phases are: this project's and blackbox_exporter's, against what the server itself measured.
//!
//! `cargo bench --bench exactness`; docs/benchmarks.md says how it is meant and what came of it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to print a table")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

#[path = "../../tests/raw_server/authority.rs"]
mod authority;
#[path = "../common/mod.rs"]
mod common;
mod probers;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
#[path = "../../tests/targets/mod.rs"]
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use oauth_probe_exporter::model::fault::Request;
use tokio::runtime::Builder;
use tokio::time::timeout;

use authority::{Authority, tls_config};
use common::Surroundings;
use probers::{Prober, Probers, Reading};
use server::{Delays, Scheme, SlowServer, Truth};
use table::Table;

/// Of each kind of request, by each prober.
const REQUESTS: usize = 400;
/// The first handshake of a process, for one, takes longer than any other.
const WARM_UP: usize = DELAYS.len();
/// Milliseconds before the headers and before the body, taken in turn.
const DELAYS: [(u64, u64); 10] = [(0, 0), (5, 0), (20, 0), (0, 10), (50, 0), (0, 0), (5, 10), (0, 0), (2, 0), (0, 0)];
/// On a quiet machine it takes three quarters of a minute.
const LONGEST: Duration = Duration::from_secs(180);

/// What a prober and the server measured of one request.
struct Measurement {
    prober: Prober,
    scheme: Scheme,
    request: Request,
    reading: Reading,
    truth: Truth,
}

fn main() -> ExitCode {
    if !common::is_asked_for("exactness") {
        return ExitCode::SUCCESS;
    }
    let surroundings = Surroundings::note();
    // The server has threads of its own, so that it does not wait for those that the client runs on.
    let served = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let authority = Authority::new();
    let server = served.block_on(SlowServer::start(tls_config(&authority.issue("localhost", |_| {}), None)));
    // As the exporter's threads for probing are.
    let probing = Builder::new_current_thread().enable_all().build().unwrap();
    let ca_file = authority.ca_file();
    let measuring = async {
        let probers = Probers::of(&server, &ca_file).await;
        measure(&probers, server).await
    };
    let measuring = async { timeout(LONGEST, measuring).await.expect("it ends") };
    let table = Table::of(&probing.block_on(measuring));
    surroundings.print(&[support::Blackbox::version()]);
    println!("{table}");
    table.bounds().verdict()
}

/// One request after the other, so that the server's truths come in their order.
async fn measure(probers: &Probers, mut server: SlowServer) -> Vec<Measurement> {
    let mut measurements = Vec::new();
    for round in 0..WARM_UP + REQUESTS {
        let (before_headers, before_body) = DELAYS[round % DELAYS.len()];
        server.delay_by(Delays {
            before_headers: Duration::from_millis(before_headers),
            before_body: Duration::from_millis(before_body),
        });
        for (scheme, request, prober) in turn(round) {
            let reading = probers.probe(prober, &server, scheme, request).await;
            let truth = server.truth().await;
            assert_eq!(truth.request, request);
            if round >= WARM_UP {
                measurements.push(Measurement { prober, scheme, request, reading, truth });
            }
        }
    }
    measurements
}

/// Every kind of request by both probers. Each begins as often as the other, with every delay.
fn turn(round: usize) -> impl Iterator<Item = (Scheme, Request, Prober)> {
    let mut probers = Prober::ALL;
    probers.rotate_left(round / DELAYS.len() % 2);
    Scheme::ALL.into_iter().flat_map(move |scheme| {
        Request::ALL.into_iter().flat_map(move |request| probers.map(|prober| (scheme, request, prober)))
    })
}
