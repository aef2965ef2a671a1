//! How late cycles start, as the exporter's own histogram tells.

use std::fmt;

const SERIES: &str = "oauth_probe_schedule_lag_seconds_bucket{le=\"";
const BUCKETS: usize = 14;

/// Starts by how late they were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lags {
    /// In milliseconds; the last one is infinite.
    bounds: [f64; BUCKETS],
    /// No later than each.
    starts: [f64; BUCKETS],
}

impl Lags {
    pub(crate) fn of(metrics: &str) -> Self {
        let mut lags = Self { bounds: [f64::INFINITY; BUCKETS], starts: [0.0; BUCKETS] };
        let buckets = metrics.lines().filter_map(|line| line.strip_prefix(SERIES)?.split_once("\"} "));
        let found = buckets.zip(0..).map(|((bound, count), index)| {
            lags.bounds[index] = bound.parse::<f64>().unwrap() * 1e3;
            lags.starts[index] = count.parse().unwrap();
        });
        assert_eq!(found.count(), BUCKETS, "{metrics}");
        lags
    }

    /// Those that came after `earlier`.
    pub(crate) fn since(mut self, earlier: Self) -> Self {
        for (starts, before) in self.starts.iter_mut().zip(earlier.starts) {
            *starts -= before;
        }
        self
    }

    /// How many there were.
    pub(crate) fn count(&self) -> f64 {
        self.starts[BUCKETS - 1]
    }

    /// In milliseconds, as `histogram_quantile` reckons: evenly spread within a bucket.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = self.count() * share;
        let Some(bucket) = self.starts.iter().position(|&starts| starts >= rank && starts > 0.0) else {
            return f64::NAN;
        };
        let (from, before) = if bucket == 0 { (0.0, 0.0) } else { (self.bounds[bucket - 1], self.starts[bucket - 1]) };
        from + (self.bounds[bucket] - from) * (rank - before) / (self.starts[bucket] - before)
    }

    /// No start was later than this, in milliseconds.
    pub(crate) fn at_most(&self) -> f64 {
        let bucket = self.starts.iter().position(|&starts| starts >= self.count());
        bucket.map_or(f64::NAN, |bucket| self.bounds[bucket])
    }
}

impl fmt::Display for Lags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "≤ {} of {}", self.at_most(), self.count())
    }
}
