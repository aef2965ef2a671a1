//! One life of the process: started, watched for some cycles, scraped, reloaded, ended.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::common::{self, Memory, PingServer, Port, Watched};
use crate::exporter::Exporter;
use crate::lag::Lags;
use crate::scrape::{Encoding, Scrapes, scrape};

const SCRAPES: usize = 5;
/// So that no port has too many connections that were closed a while ago.
const SERVER_PORTS: usize = 8;
/// Shares of the interval.
const FIRST_TIMEOUT: f64 = 0.9;
/// Each in a reload of its own, right after the other: what one leaves behind is there when the next one takes as much.
const OTHER_TIMEOUTS: [f64; 3] = [0.8, 0.7, 0.6];

/// What is lived.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub(crate) targets: usize,
    pub(crate) interval: Duration,
    /// How many are measured, after the first.
    pub(crate) cycles: u32,
}

/// What was seen of it.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) life: Life,
    /// From the start of the process to its first answer that it is ready.
    pub(crate) ready_after: Duration,
    pub(crate) steady: Steady,
    pub(crate) skipped: f64,
    pub(crate) failed: f64,
    pub(crate) plain: Scrapes,
    pub(crate) gzip: Scrapes,
    pub(crate) reload_of_nothing: Duration,
    /// The longest of several.
    pub(crate) reload_of_everything: Duration,
    pub(crate) memory_after_reloads: Memory,
}

/// The time between the start and all that disturbs.
#[derive(Clone, Copy)]
pub(crate) struct Steady {
    pub(crate) length: Duration,
    pub(crate) cpu: Duration,
    pub(crate) pings: u64,
    pub(crate) lags: Lags,
    /// After the first cycle of each target.
    pub(crate) memory_before: Memory,
    pub(crate) memory_after: Memory,
    pub(crate) threads: f64,
    /// The most that were seen.
    pub(crate) descriptors: usize,
}

impl Steady {
    /// Bytes of resident memory that were added.
    pub(crate) fn growth(&self) -> f64 {
        self.memory_after.now - self.memory_before.now
    }
}

impl Life {
    pub(crate) async fn live(self, serving: &Handle) -> Seen {
        eprintln!("{} targets: {:?} to go", self.targets, self.interval * (self.cycles + 1));
        let server = PingServer::start(serving, &Port::Http, SERVER_PORTS).await;
        let started = Instant::now();
        let exporter = Exporter::start_with(&self.configuration(&server, FIRST_TIMEOUT), &[], &[]).await;
        while exporter.get("/-/ready").await.status != 200 {}
        let ready_after = started.elapsed();
        let watched = Watched::process(exporter.pid().expect("it runs").as_raw_nonzero().get().unsigned_abs());
        // All targets have had their first cycle then, with its token request.
        sleep(self.interval + Duration::from_secs(1)).await;
        let steady = self.watch(&exporter, &server, &watched).await;
        let plain = Scrapes::make(&exporter.address, Encoding::Plain, SCRAPES).await;
        let gzip = Scrapes::make(&exporter.address, Encoding::Gzip, SCRAPES).await;
        let metrics = exporter.metrics().await;
        let reload_of_nothing = self.reload(&exporter, "0 changed").await;
        let mut reload_of_everything = Duration::ZERO;
        for timeout in OTHER_TIMEOUTS {
            exporter.write_configuration(&self.configuration(&server, timeout));
            reload_of_everything = reload_of_everything.max(self.reload(&exporter, "0 unchanged").await);
        }
        let memory_after_reloads = watched.memory();
        exporter.terminate().await;
        Seen {
            life: self,
            ready_after,
            steady,
            skipped: common::sum(&metrics, "oauth_probe_skipped_cycles_total"),
            failed: common::sum(&metrics, "oauth_probe_cycle_failures_total"),
            plain,
            gzip,
            reload_of_nothing,
            reload_of_everything,
            memory_after_reloads,
        }
    }

    async fn watch(&self, exporter: &Exporter, server: &PingServer, watched: &Watched) -> Steady {
        let lags_before = scrape(&exporter.address, Encoding::Plain).await.lags();
        let memory_before = watched.memory();
        let (begun, cpu, pings) = (Instant::now(), watched.cpu(), server.pings());
        let mut descriptors = 0;
        for _ in 0..self.cycles {
            sleep(self.interval).await;
            descriptors = descriptors.max(watched.descriptors());
        }
        let (length, cpu, pings) = (begun.elapsed(), watched.cpu() - cpu, server.pings() - pings);
        let (memory_after, threads) = (watched.memory(), watched.threads());
        let lags = scrape(&exporter.address, Encoding::Plain).await.lags().since(lags_before);
        Steady { length, cpu, pings, lags, memory_before, memory_after, threads, descriptors }
    }

    async fn reload(&self, exporter: &Exporter, expected: &str) -> Duration {
        let asked = Instant::now();
        let answer = exporter.reload().await.text();
        let took = asked.elapsed();
        assert!(answer.contains(expected), "{answer}");
        took
    }

    /// With a timeout of that share of the interval.
    fn configuration(&self, server: &PingServer, timeout: f64) -> String {
        let interval = humantime::format_duration(self.interval);
        let timeout = humantime::format_duration(self.interval.mul_f64(timeout));
        let mut text = format!(
            "defaults:\n  client_id: acme\n  client_secret: secret\n  interval: {interval}\n  timeout: {timeout}\ntargets:\n"
        );
        for (number, url) in (0..self.targets).zip(server.urls().iter().cycle()) {
            writeln!(
                text,
                "  - {{ name: target-{number}, labels: {{ environment: \"production\", team: \"team-{}\" }}, \
                 authorization_server: \"{url}\", resource_server: \"{url}\" }}",
                number % 20
            )
            .unwrap();
        }
        text
    }
}
