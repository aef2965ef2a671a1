//! What the measurements add up to: the table, and whether this project keeps what it promises.

use std::fmt;
use std::time::Duration;

use oauth_probe_exporter::model::fault::Request;

use crate::Measurement;
use crate::common::{Bounds, Quantiles};
use crate::probers::Prober;
use crate::server::Scheme;

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

    /// What this project promises.
    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        for row in self.rows.iter().filter(|row| row.prober == Prober::Ours) {
            for (what, quantiles) in [("processing", &row.processing), ("sum of phases", &row.unaccounted)] {
                bounds.at_most(BOUND, " ms", format!("{}: error of {what}, p99", row.kind()), quantiles.p99);
            }
        }
        bounds
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quantiles { median, p99, worst, .. } = self.timers;
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
        for Quantiles { median, p99, worst, .. } in [&self.processing, &self.transfer, &self.unaccounted] {
            write!(f, " {median:.2} | {p99:.2} | {worst:.2} |")?;
        }
        Ok(())
    }
}

fn milliseconds_apart(a: Duration, b: Duration) -> f64 {
    a.abs_diff(b).as_secs_f64() * 1e3
}
