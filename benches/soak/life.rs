//! One long life of the process: probing, scraped, reloaded, and looked at all the while.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::common::{self, Watched};
use crate::exporter::{Exporter, http};
use crate::samples::{Sample, Samples};
use crate::servers::{SECRET, Servers, name};
use crate::trouble::stir;

/// Looks at the process.
const SAMPLES: u32 = 360;
/// Between two scrapes there are so many looks, between two reloads so many scrapes.
const LOOKS_PER_SCRAPE: u32 = 2;
const SCRAPES_PER_RELOAD: u32 = 5;
/// What else is asked for, in turn with the metrics.
const PATHS: [&str; 5] =
    ["/metrics", "/", "/metrics?target=soak-1", "/api/v1/targets?limit=50", "/probe?target=soak-0"];
const LONGEST_HISTORY: u32 = 200;

/// What is lived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) targets: usize,
    pub(crate) interval: Duration,
    pub(crate) length: Duration,
    pub(crate) seed: u64,
}

/// What was seen of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) life: Life,
    pub(crate) samples: Samples,
    pub(crate) cycles: f64,
    pub(crate) failed: f64,
    pub(crate) skipped: f64,
    pub(crate) answers: u32,
    pub(crate) reloads: u32,
    pub(crate) refused_reloads: u32,
    /// Lines of the log that should never be there.
    pub(crate) bugs: Vec<String>,
}

impl Life {
    pub(crate) async fn live(self) -> Seen {
        let servers = Arc::new(Servers::start(self.targets).await);
        let directory = tempfile::tempdir().unwrap();
        let secret_file = directory.path().join("secret");
        std::fs::write(&secret_file, SECRET).unwrap();
        let configuration = |number| self.configuration(&servers, &secret_file, number);
        let exporter = Exporter::start_with(&configuration(0), &[], &[]).await;
        let stirring = tokio::spawn(stir(Arc::clone(&servers), self.targets, self.timeout(), self.seed));
        let mut seen = self.watch(&exporter, configuration).await;
        stirring.abort();
        let log = exporter.terminate_and_read_log().await;
        let is_bug = |line: &&str| line.contains("bug of the exporter") || line.contains("panicked");
        seen.bugs = log.lines().filter(is_bug).map(str::to_owned).collect();
        seen
    }

    async fn watch(&self, exporter: &Exporter, configuration: impl Fn(u32) -> String) -> Seen {
        let process = Watched::process(exporter.pid().expect("it runs").as_raw_nonzero().get().unsigned_abs());
        let mut seen = Seen {
            life: *self,
            samples: Samples::default(),
            cycles: 0.0,
            failed: 0.0,
            skipped: 0.0,
            answers: 0,
            reloads: 0,
            refused_reloads: 0,
            bugs: Vec::new(),
        };
        let begun = Instant::now();
        let mut looks = interval(self.length / SAMPLES);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 1.. {
            looks.tick().await;
            if begun.elapsed() >= self.length {
                break;
            }
            seen.samples.0.push(Sample::of(&process, begun.elapsed()));
            if look % LOOKS_PER_SCRAPE == 0 {
                seen.scrape(exporter).await;
            }
            if look % (LOOKS_PER_SCRAPE * SCRAPES_PER_RELOAD) == 0 {
                seen.reload(exporter, &configuration).await;
            }
        }
        // Counters begin anew where a target was changed: these are those of the last configurations.
        let metrics = exporter.metrics().await;
        seen.cycles = common::sum(&metrics, "oauth_probe_cycles_total");
        seen.failed = common::sum(&metrics, "oauth_probe_cycle_failures_total");
        seen.skipped = common::sum(&metrics, "oauth_probe_skipped_cycles_total");
        seen
    }

    fn timeout(&self) -> Duration {
        self.interval / 4
    }

    /// Number `number`: a tenth of the targets have another label in each, some are there in every second one.
    fn configuration(&self, servers: &Servers, secret_file: &std::path::Path, number: u32) -> String {
        // Full before the second quarter begins: what is added to it later takes the place of what was there.
        let cycles = self.length.as_secs_f64() / 4.0 / self.interval.as_secs_f64();
        let history = LONGEST_HISTORY.min((cycles * 0.9) as u32).max(1);
        let mut text = format!(
            "history: {history}\ndefaults:\n  interval: {}\n  timeout: {}\n  checks_every: 3\n  token: {{ max_age: {} }}\n\
             targets:\n",
            humantime::format_duration(self.interval),
            humantime::format_duration(self.timeout()),
            humantime::format_duration(self.interval * 4),
        );
        for target in 0..self.targets {
            let turn = target / 10 % 10;
            if turn == 9 && !number.is_multiple_of(2) {
                continue;
            }
            let label = if turn == number as usize % 9 { number } else { 0 };
            let (name, settings) = (name(target), servers.settings(target, secret_file));
            writeln!(text, "  - {{ name: {name}, client_id: {name}, labels: {{ turn: '{label}' }}, {settings} }}")
                .unwrap();
        }
        text
    }
}

impl Seen {
    async fn scrape(&mut self, exporter: &Exporter) {
        let encoding = if self.answers.is_multiple_of(2) { "Accept-Encoding: gzip\r\n" } else { "" };
        for path in ["/metrics", PATHS[self.answers as usize / 2 % PATHS.len()]] {
            let answer = http(&exporter.address, "GET", path, encoding).await;
            assert_eq!(answer.status, 200, "{path}");
            self.answers += 1;
        }
    }

    /// Every seventh is no configuration at all.
    async fn reload(&mut self, exporter: &Exporter, configuration: impl Fn(u32) -> String) {
        self.reloads += 1;
        let is_bad = self.reloads.is_multiple_of(7);
        let text = if is_bad { "targets: [".to_owned() } else { configuration(self.reloads) };
        exporter.write_configuration(&text);
        let status = exporter.reload().await.status;
        assert_eq!(status, if is_bad { 500 } else { 200 });
        self.refused_reloads += u32::from(is_bad);
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { life, samples, cycles, failed, skipped, answers, reloads, refused_reloads, bugs } = self;
        let Life { targets, interval, length, seed } = life;
        writeln!(f, "{targets} targets every {interval:?}, for {length:?}, seed {seed}.")?;
        writeln!(
            f,
            "{answers} answers, {reloads} reloads, of which {refused_reloads} were refused as they should be."
        )?;
        writeln!(f, "At the end the counters stood at {cycles} cycles, {failed} failed, {skipped} skipped.")?;
        writeln!(f, "Lines of the log that tell of a bug: {}.\n", bugs.len())?;
        bugs.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{samples}")
    }
}
