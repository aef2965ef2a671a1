//! How long requests took: a latency histogram, and the bounds of its buckets.

use std::time::Duration;

use crate::model::histograms::Histograms;

use super::native::NativeBuckets;

/// The upper bounds of a latency histogram's buckets, and how they are written.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Ascending, without the infinite one.
    seconds: Box<[f64]>,
    /// As many and one more: `+Inf`.
    rendered: Box<[Box<str>]>,
    /// One of them: what takes longer is slow.
    pub(super) objective: Duration,
    /// Whether native buckets are kept, too.
    pub(super) histograms: Histograms,
}

impl Bounds {
    /// The bounds that are configured, with the objective among them.
    pub(super) fn new(configured: &[f64], objective: Duration, histograms: Histograms) -> Self {
        let mut seconds: Vec<f64> = configured.iter().copied().filter(|bound| bound.is_finite()).collect();
        seconds.push(objective.as_secs_f64());
        seconds.sort_by(f64::total_cmp);
        seconds.dedup();
        let rendered = seconds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let rendered = rendered.map(String::into_boxed_str).collect();
        Self { rendered, seconds: seconds.into(), objective, histograms }
    }

    /// All but the infinite one.
    pub(super) fn seconds(&self) -> impl Iterator<Item = f64> {
        self.seconds.iter().copied()
    }

    /// The values of the label `le`.
    pub(super) fn rendered(&self) -> impl Iterator<Item = &str> {
        self.rendered.iter().map(|bound| &**bound)
    }
}

/// How many observations fell into each bucket, and their sum.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    /// Not cumulative; the last one is the infinite bucket.
    counts: Box<[u64]>,
    sum: f64,
    /// The same observations in other buckets. Boxed, as most exporters have none.
    native: Option<Box<NativeBuckets>>,
}

impl Histogram {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let native = match bounds.histograms {
            Histograms::Classic => None,
            Histograms::Native => Some(Box::default()),
        };
        Self { counts: vec![0; bounds.rendered.len()].into(), sum: 0.0, native }
    }

    pub(super) fn observe(&mut self, duration: Duration, bounds: &Bounds) {
        let seconds = duration.as_secs_f64();
        self.counts[bounds.seconds.partition_point(|&bound| bound < seconds)] += 1;
        self.sum += seconds;
        if let Some(native) = &mut self.native {
            native.observe(seconds);
        }
    }

    /// Observations in each bucket alone, the infinite one last.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().copied()
    }

    /// All observations.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of all observations, in seconds.
    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// The native buckets, if they are kept.
    pub(super) fn native(&self) -> Option<&NativeBuckets> {
        self.native.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objective_is_always_a_bound_and_only_once() {
        let rendered = |objective| {
            let bounds = Bounds::new(&[0.1, 1.0, 10.0], Duration::from_millis(objective), Histograms::Classic);
            bounds.rendered().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(rendered(1000), ["0.1", "1", "10", "+Inf"]);
        assert_eq!(rendered(750), ["0.1", "0.75", "1", "10", "+Inf"]);
        assert_eq!(rendered(60_000), ["0.1", "1", "10", "60", "+Inf"]);
    }

    #[test]
    fn observation_on_a_bound_belongs_to_it() {
        let bounds = Bounds::new(&[0.1], Duration::from_secs(1), Histograms::Classic);
        let mut histogram = Histogram::new(&bounds);
        for millis in [100, 101, 1000, 1001] {
            histogram.observe(Duration::from_millis(millis), &bounds);
        }
        assert_eq!(histogram.counts().collect::<Vec<_>>(), [1, 2, 1]);
    }
}
