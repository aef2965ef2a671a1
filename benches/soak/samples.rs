//! What the process held at many moments, and whether that stayed the same.

use std::fmt;
use std::time::Duration;

use crate::common::{Bounds, Watched};

/// Lines of the table.
const SPANS: usize = 12;

/// What was held at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Since the start.
    pub(crate) at: Duration,
    /// Bytes of memory.
    pub(crate) resident: f64,
    pub(crate) descriptors: f64,
    pub(crate) threads: f64,
    /// Time of the processor that was used so far.
    pub(crate) cpu: Duration,
}

impl Sample {
    pub(crate) fn of(process: &Watched, at: Duration) -> Self {
        Self {
            at,
            resident: process.memory().now,
            descriptors: process.descriptors() as f64,
            threads: process.threads(),
            cpu: process.cpu(),
        }
    }
}

/// How much more the last quarter may hold than the second one, in the median: a share of it, and something for what
/// comes and goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    pub(crate) share: f64,
    pub(crate) megabytes: f64,
    pub(crate) descriptors: f64,
    pub(crate) threads: f64,
}

impl Tolerance {
    /// Of an hour.
    #[allow(dead_code, reason = "the test has one of its own")]
    pub(crate) const OF_AN_HOUR: Self = Self { share: 0.03, megabytes: 0.5, descriptors: 20.0, threads: 4.0 };
}

/// Oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// "Flat": the last quarter holds no more than the second. The first is there for histories to become full and for
    /// everything to have been in use once.
    pub(crate) fn bounds(&self, tolerance: Tolerance) -> Bounds {
        let mut bounds = Bounds::default();
        let mut bound = |what: &str, unit, room: f64, value: fn(&Sample) -> f64| {
            let (second, last) = (median(self.quarter(1), value), median(self.quarter(3), value));
            let most = second * (1.0 + tolerance.share) + room;
            bounds.at_most((most * 10.0).round() / 10.0, unit, format!("{what}, by {second:.1} before"), last);
        };
        bound("resident", " MB", tolerance.megabytes, |sample| sample.resident / 1e6);
        bound("descriptors", "", tolerance.descriptors, |sample| sample.descriptors);
        bound("threads", "", tolerance.threads, |sample| sample.threads);
        bounds
    }

    fn quarter(&self, number: usize) -> &[Sample] {
        let of = |quarters| self.0.len() * quarters / 4;
        &self.0[of(number)..of(number + 1)]
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| until, s | resident, MB | descriptors | threads | share of a core, % |")?;
        writeln!(f, "| --: | --: | --: | --: | --: |")?;
        for span in self.0.chunks(self.0.len().div_ceil(SPANS).max(2)) {
            let (first, last) = (span[0], span[span.len() - 1]);
            let elapsed = (last.at - first.at).as_secs_f64();
            let share = (last.cpu.saturating_sub(first.cpu)).as_secs_f64() / elapsed * 100.0;
            writeln!(
                f,
                "| {} | {:.1} | {} | {} | {share:.1} |",
                last.at.as_secs(),
                median(span, |sample| sample.resident / 1e6),
                median(span, |sample| sample.descriptors),
                median(span, |sample| sample.threads),
            )?;
        }
        Ok(())
    }
}

fn median(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
