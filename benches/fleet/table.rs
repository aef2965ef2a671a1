//! What was seen, a column for each number of targets, and the bounds.

use std::fmt;
use std::time::Duration;

use crate::common::{Bounds, Memory};
use crate::life::Seen;
use crate::scrape::Scrapes;

/// The bounds are meant for targets that are probed this often.
const BOUNDED_INTERVAL: Duration = Duration::from_secs(10);

pub(crate) struct Table {
    pub(crate) lives: Vec<Seen>,
    /// The life in which histories became full, if there was one.
    pub(crate) filled: Option<Seen>,
    pub(crate) blackbox: Memory,
    /// Bytes of the program.
    pub(crate) program: u64,
}

type Cell = fn(&Seen) -> String;

const ROWS: [(&str, Cell); 20] = [
    ("start to ready, ms", |seen| format!("{:.0}", milliseconds(seen.ready_after))),
    ("cycles seen", |seen| seen.steady.pings.to_string()),
    ("CPU per cycle, µs", |seen| format!("{:.0}", seen.steady.cpu.as_secs_f64() * 1e6 / seen.steady.pings as f64)),
    ("share of a core, %", |seen| {
        format!("{:.2}", seen.steady.cpu.as_secs_f64() / seen.steady.length.as_secs_f64() * 100.0)
    }),
    ("start lag, ms: median", |seen| format!("{:.2}", seen.steady.lags.quantile(0.5))),
    ("start lag, ms: p99", |seen| format!("{:.2}", seen.steady.lags.quantile(0.99))),
    ("start lag, ms: all", |seen| format!("≤ {}", seen.steady.lags.at_most())),
    ("cycles skipped", |seen| seen.skipped.to_string()),
    ("cycles failed", |seen| seen.failed.to_string()),
    ("resident after the first cycle, MB", |seen| megabytes(seen.steady.memory_before.now)),
    ("resident at the end, MB", |seen| megabytes(seen.steady.memory_after.now)),
    ("peak before reloads, MB", |seen| megabytes(seen.steady.memory_after.peak)),
    ("peak after reloads, MB", |seen| megabytes(seen.memory_after_reloads.peak)),
    ("descriptors, threads", |seen| format!("{}, {}", seen.steady.descriptors, seen.steady.threads)),
    ("`/metrics` plain, ms (MB)", |seen| scraped(&seen.plain)),
    ("lag meanwhile, ms", |seen| seen.plain.lags.to_string()),
    ("`/metrics` gzip, ms (MB)", |seen| scraped(&seen.gzip)),
    ("lag meanwhile, ms", |seen| seen.gzip.lags.to_string()),
    ("reload, nothing changed, ms", |seen| format!("{:.0}", milliseconds(seen.reload_of_nothing))),
    ("reload, all changed, ms", |seen| format!("{:.0}", milliseconds(seen.reload_of_everything))),
];

impl Table {
    /// What this project promises, as far as it was measured.
    pub(crate) fn bounds(&self, interval: Duration) -> Bounds {
        let mut bounds = Bounds::default();
        let of = |targets| self.lives.iter().find(|seen| seen.life.targets == targets);
        if let Some(seen) = of(1) {
            let own = seen.steady.memory_after.now / 1e6;
            bounds.at_most(15.0, " MB", "1 target: resident", own);
        }
        if let Some(seen) = of(10) {
            bounds.at_most(1.0, " ms", "10 targets: `/metrics`, median", seen.plain.milliseconds.median);
        }
        if let Some(seen) = of(10_000)
            && interval == BOUNDED_INTERVAL
        {
            self.bound_ten_thousand(&mut bounds, seen);
        }
        bounds.at_most(12.0, " MB", "program", self.program as f64 / 1e6);
        bounds
    }

    fn bound_ten_thousand(&self, bounds: &mut Bounds, seen: &Seen) {
        let mut bound = |most, unit, what: &str, measured| {
            bounds.at_most(most, unit, format!("10,000 targets: {what}"), measured);
        };
        bound(0.0, "", "cycles skipped", seen.skipped);
        bound(0.0, "", "cycles failed", seen.failed);
        bound(10.0, " ms", "start lag, p99", seen.steady.lags.quantile(0.99));
        bound(10.0, " ms", "start lag while scraped, worst", seen.plain.lags.at_most());
        bound(10.0, " ms", "start lag while scraped with gzip, worst", seen.gzip.lags.at_most());
        let (what, resident) = match &self.filled {
            Some(filled) => ("resident, full histories", filled.steady.memory_after),
            None => ("resident at the end", seen.steady.memory_after),
        };
        bound(200.0, " MB", what, resident.now / 1e6);
        bound(250.0, " ms", "`/metrics`, median", seen.plain.milliseconds.median);
        bound(1000.0, " ms", "start to ready", milliseconds(seen.ready_after));
        bound(1000.0, " ms", "reload, nothing changed", milliseconds(seen.reload_of_nothing));
        bound(1000.0, " ms", "reload, all changed", milliseconds(seen.reload_of_everything));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.lives.iter().map(|seen| seen.life.targets.to_string()).collect();
        writeln!(f, "| targets | {} |", numbers.join(" | "))?;
        writeln!(f, "| --- |{}", " --: |".repeat(numbers.len()))?;
        for (name, cell) in ROWS {
            let cells: Vec<_> = self.lives.iter().map(cell).collect();
            writeln!(f, "| {name} | {} |", cells.join(" | "))?;
        }
        let Memory { now, peak } = self.blackbox;
        writeln!(f, "\nThe program has {} MB on disk.", megabytes(self.program as f64))?;
        if let Some(filled) = &self.filled {
            write_filled(f, filled)?;
        }
        writeln!(f, "blackbox_exporter: {} MB resident, {} MB at its peak.", megabytes(now), megabytes(peak))
    }
}

fn write_filled(f: &mut fmt::Formatter<'_>, filled: &Seen) -> fmt::Result {
    let Seen { life, steady, memory_after_reloads, .. } = filled;
    writeln!(
        f,
        "Full histories, by {} cycles of {} targets at {:?} ({} skipped): {:.1} kB each; {} MB resident, {} MB at the \
         peak before reloads, {} MB at the peak over reloads.",
        steady.pings,
        life.targets,
        life.interval,
        filled.skipped,
        steady.growth() / life.targets as f64 / 1e3,
        megabytes(steady.memory_after.now),
        megabytes(steady.memory_after.peak),
        megabytes(memory_after_reloads.peak),
    )
}

fn scraped(scrapes: &Scrapes) -> String {
    let Scrapes { milliseconds, bytes, .. } = scrapes;
    format!("{:.1} ({:.2})", milliseconds.median, *bytes as f64 / 1e6)
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1}", bytes / 1e6)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
