//! The two forms of histograms that Prometheus has.

/// In which form latencies are kept and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Histograms {
    /// Buckets with configured bounds, a series each.
    #[default]
    Classic,
    /// Prometheus' native histograms, one series each, beside the classic ones: which of them are read is the scraper's
    /// choice.
    Native,
}

impl Histograms {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Native];

    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Native => "native",
        }
    }
}
