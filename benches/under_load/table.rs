//! What the measurements add up to: the table, and whether this project keeps what it promises.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Bounds, Quantiles};
use crate::observer::{Measured, Pings};
use crate::server::{PatientServer, Truth};

/// The first ones of every target come while all of them fetch their tokens.
const WARM_UP: usize = 3;
/// Of measured less true durations, in milliseconds.
const MEDIAN_BOUND: f64 = 0.3;
const P99_BOUND: f64 = 2.0;

const HEADING: &str = "\
| milliseconds | median | p99 | worst |
| --- | --: | --: | --: |";

/// All in milliseconds.
pub(crate) struct Table {
    pings: usize,
    /// Targets with a ping that failed, of which nothing is counted.
    troubled: usize,
    duration: Quantiles,
    answer: Quantiles,
    bare: Quantiles,
    lags: Quantiles,
    timers: Quantiles,
}

impl Table {
    /// Of our pings by target, and the durations of the bare ones, which come after the last target at the server.
    pub(crate) fn of(pings: &[Arc<Pings>], bare: &[Duration], server: &PatientServer) -> Self {
        let (mut pairs, mut lags, mut troubled) = (Vec::new(), Vec::new(), 0);
        for (number, pings) in pings.iter().enumerate() {
            let measured = pings.measured.lock().unwrap();
            if measured.iter().any(|ping| !ping.succeeded) {
                troubled += 1;
                continue;
            }
            // One ping of a target follows the other, so that both sides have them in the same order.
            pairs.extend(measured.iter().copied().zip(server.truths(number)).skip(WARM_UP));
            lags.extend(pings.lags.lock().unwrap().iter().skip(WARM_UP).map(Duration::as_secs_f64));
        }
        let bare = bare.iter().zip(server.truths(pings.len())).skip(WARM_UP);
        let of_pairs = |value: fn(&(Measured, Truth)) -> f64| Quantiles::of(pairs.iter().map(value).collect());
        Self {
            pings: pairs.len(),
            troubled,
            duration: of_pairs(|(measured, truth)| milliseconds_more(measured.duration, truth.took)),
            answer: of_pairs(|(measured, truth)| milliseconds_more(measured.answer, truth.took)),
            bare: Quantiles::of(bare.map(|(measured, truth)| milliseconds_more(*measured, truth.took)).collect()),
            lags: Quantiles::of(lags.into_iter().map(|lag| lag * 1e3).collect()),
            timers: of_pairs(|(_, truth)| milliseconds_more(truth.took, truth.told)),
        }
    }

    /// What this project promises.
    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        bounds.at_most(MEDIAN_BOUND, " ms", "measured less true duration, median", self.duration.median);
        bounds.at_most(P99_BOUND, " ms", "measured less true duration, p99", self.duration.p99);
        bounds.at_most(0.0, "", "targets with a ping that failed", self.troubled as f64);
        bounds
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} pings.\n\n{HEADING}", self.pings)?;
        for (what, Quantiles { median, p99, worst, .. }) in [
            ("measured less true duration", &self.duration),
            ("processing and transfer less true duration", &self.answer),
            ("bare system calls: measured less true duration", &self.bare),
            ("start lag", &self.lags),
            ("lateness of the server's timers", &self.timers),
        ] {
            writeln!(f, "| {what} | {median:.2} | {p99:.2} | {worst:.2} |")?;
        }
        Ok(())
    }
}

fn milliseconds_more(measured: Duration, truth: Duration) -> f64 {
    (measured.as_secs_f64() - truth.as_secs_f64()) * 1e3
}
