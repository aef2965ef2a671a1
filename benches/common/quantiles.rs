//! Many values of one kind, summed up.

/// Of many values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) worst: f64,
}

impl Quantiles {
    /// # Panics
    ///
    /// When there is no value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        // The smallest value that so many of a hundred do not exceed.
        let percentile = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
        Self { least: values[0], median: percentile(50), p99: percentile(99), worst: percentile(100) }
    }
}
