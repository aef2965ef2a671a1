//! The short form of the soak (`benches/soak/`): two hundred targets whose servers misbehave in every way, for forty
//! seconds, after which the process holds about what it held before.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shared with the benchmark, which prints a table")]

#[path = "../benches/common/mod.rs"]
mod common;
mod exporter;
mod h2_server;
#[path = "../benches/soak/life.rs"]
mod life;
mod raw_server;
#[path = "../benches/soak/samples.rs"]
mod samples;
#[path = "../benches/soak/servers.rs"]
mod servers;
#[path = "../benches/soak/trouble.rs"]
mod trouble;

use std::time::Duration;

use life::Life;
use samples::Tolerance;

/// In so short a time memory has not come to rest: what is noticed is what grows by megabytes, and every descriptor or
/// thread that a failing request would leave behind.
const GENEROUS: Tolerance = Tolerance { share: 0.25, megabytes: 8.0, descriptors: 40.0, threads: 16.0 };

#[tokio::test]
async fn process_whose_servers_misbehave_in_every_way_stays_as_it_is() {
    let life = Life { targets: 200, interval: Duration::from_secs(2), length: Duration::from_secs(40), seed: 7 };
    let seen = life.live().await;
    assert_eq!(seen.samples.bounds(GENEROUS).broken().collect::<Vec<_>>(), [""; 0], "\n{seen}");
    assert_eq!(seen.bugs, [""; 0]);
    assert!(seen.failed > 0.0 && seen.cycles > seen.failed, "\n{seen}");
}
