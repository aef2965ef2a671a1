//! The exposition format that has native histograms: messages `io.prometheus.client.MetricFamily`, each after its length.
//!
//! The `prometheus` crate's data model has no native histograms, and its messages would hold a whole scrape in memory.
//! Fields and their numbers are those of `metrics.proto` in the project `client_model`.

mod metric;
mod own;
mod wire;

use super::family::{Family, Kind};

use super::histogram::{Bounds, Histogram};

use metric::{LABEL, Label, Metric};
use wire::{Length, Message, Out};

pub(super) use own::encode as encode_own;

// Fields of a family.
const NAME: u32 = 1;
const HELP: u32 = 2;
const TYPE: u32 = 3;
const METRIC: u32 = 4;

/// Where the metrics of a family go.
#[derive(Debug)]
pub(super) enum Metrics<'a> {
    Written(&'a mut Vec<u8>),
    /// Nowhere: it is counted how many bytes they would be.
    Counted(&'a mut usize),
}

/// What one metric says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Counter(f64),
    Gauge(f64),
    Histogram(&'a Histogram, &'a Bounds),
}

impl Metrics<'_> {
    /// `labels` are the target's, encoded, `further` the values of the family's further ones.
    pub(super) fn put(&mut self, labels: &[u8], family: &Family, further: &[&str], content: Content<'_>) {
        let metric = Metric { labels, names: family.labels, further, content };
        match self {
            Self::Written(out) => out.message(METRIC, &metric),
            Self::Counted(bytes) => {
                let mut length = Length::default();
                length.message(METRIC, &metric);
                **bytes += length.0;
            }
        }
    }
}

/// Begins a family whose metrics, which are to follow, take so many bytes.
pub(super) fn begin_family(out: &mut Vec<u8>, family: &Family, metrics: usize) {
    let head = Head { name: family.name, help: family.help, kind: family.kind };
    out.varint((head.length() + metrics) as u64);
    head.write(out);
}

/// A target's labels as they stand in each of its metrics.
pub(super) fn encode_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Box<[u8]> {
    let mut encoded = Vec::new();
    labels.into_iter().for_each(|(name, value)| encoded.message(LABEL, &Label { name, value }));
    encoded.into()
}

/// Everything of a family but its metrics.
struct Head<'a> {
    name: &'a str,
    help: &'a str,
    kind: Kind,
}

impl Message for Head<'_> {
    fn write(&self, out: &mut impl Out) {
        out.text(NAME, self.name);
        out.text(HELP, self.help);
        out.integer(TYPE, type_number(self.kind));
    }
}

const fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 4,
    }
}
