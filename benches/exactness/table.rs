//! What the measurements add up to: the table, and whether this project keeps what it promises.

use std::fmt;
use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::fault::Request;

use crate::Measurement;
use crate::probers::Prober;
use crate::server::Scheme;
use crate::support::Blackbox;

/// Neither the 99th percentile of processing's error nor that of the unaccounted time may be over this, in milliseconds.
const BOUND: f64 = 1.0;

const HEADING: &str = "\
| request | prober | processing: median | p99 | worst | transfer: median | p99 | worst | sum: median | p99 | worst |
| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |";

/// All rows, and how late the server's timers were.
pub(crate) struct Table {
    rows: Vec<Row>,
    timers: Quantiles,
}

/// One prober's measurements of one kind of request.
struct Row {
    scheme: Scheme,
    request: Request,
    prober: Prober,
    /// Phase measured less the truth, without sign.
    processing: Quantiles,
    transfer: Quantiles,
    /// Duration less the sum of the phases, without sign.
    unaccounted: Quantiles,
}

/// Of many values in milliseconds.
struct Quantiles {
    median: f64,
    p99: f64,
    worst: f64,
}

impl Table {
    pub(crate) fn of(measurements: &[Measurement]) -> Self {
        let mut rows = Vec::new();
        for scheme in Scheme::ALL {
            for request in Request::ALL {
                for prober in Prober::ALL {
                    rows.push(Row::of(measurements, scheme, request, prober));
                }
            }
        }
        let waited = measurements.iter().filter(|one| !one.truth.told.before_headers.is_zero());
        let timers = Quantiles::of(
            waited.map(|one| milliseconds_apart(one.truth.processing, one.truth.told.before_headers)).collect(),
        );
        Self { rows, timers }
    }

    /// What this project promises and did not keep, in words.
    pub(crate) fn broken_bounds(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for row in self.rows.iter().filter(|row| row.prober == Prober::Ours) {
            let bounded = [("processing against the truth", &row.processing), ("sum of phases", &row.unaccounted)];
            for (what, Quantiles { p99, .. }) in bounded.into_iter().filter(|(_, quantiles)| quantiles.p99 > BOUND) {
                broken.push(format!("{}: {what}: p99 is {p99:.2} ms, over {BOUND} ms", row.kind()));
            }
        }
        broken
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quantiles { median, p99, worst } = self.timers;
        writeln!(
            f,
            "The server's timers were late by {median:.2} ms (median), {p99:.2} ms (p99), {worst:.2} ms (worst).\n"
        )?;
        writeln!(f, "{HEADING}")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

impl Row {
    fn of(measurements: &[Measurement], scheme: Scheme, request: Request, prober: Prober) -> Self {
        let (mut processing, mut transfer, mut unaccounted) = (Vec::new(), Vec::new(), Vec::new());
        for Measurement { reading, truth, .. } in
            measurements.iter().filter(|one| (one.scheme, one.request, one.prober) == (scheme, request, prober))
        {
            processing.push(milliseconds_apart(reading.processing, truth.processing));
            transfer.push(milliseconds_apart(reading.transfer, truth.transfer));
            unaccounted.push(milliseconds_apart(reading.duration, reading.sum));
        }
        Self {
            scheme,
            request,
            prober,
            processing: Quantiles::of(processing),
            transfer: Quantiles::of(transfer),
            unaccounted: Quantiles::of(unaccounted),
        }
    }

    fn kind(&self) -> String {
        format!("{}, {}", self.request.as_str(), self.scheme.as_str())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} |", self.kind(), self.prober.as_str())?;
        for Quantiles { median, p99, worst } in [&self.processing, &self.transfer, &self.unaccounted] {
            write!(f, " {median:.2} | {p99:.2} | {worst:.2} |")?;
        }
        Ok(())
    }
}

impl Quantiles {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        // The smallest value that so many of a hundred do not exceed.
        let percentile = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
        Self { median: percentile(50), p99: percentile(99), worst: percentile(100) }
    }
}

/// Where and when it was measured.
pub(crate) struct Surroundings {
    date: String,
    load: String,
}

impl Surroundings {
    /// Before anything is measured.
    pub(crate) fn note() -> Self {
        Self { date: httpdate::fmt_http_date(BootClock.now().wall), load: load() }
    }

    /// After everything was.
    pub(crate) fn print(&self) {
        println!("{}", self.date);
        println!("{} {}, {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), Blackbox::version());
        let cores = available_parallelism().map_or(0, usize::from);
        println!("{cores} cores ({}), Linux {}", processor(), read("/proc/sys/kernel/osrelease"));
        println!("Load average (1, 5, 15 min) before {}, after {}.", self.load, load());
    }
}

fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let information = read("/proc/cpuinfo");
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn milliseconds_apart(a: Duration, b: Duration) -> f64 {
    a.abs_diff(b).as_secs_f64() * 1e3
}
