//! One metric of a target as a message: its labels, and its value.

use super::super::histogram::{Bounds, Histogram};
use super::super::native::{NativeBuckets, SCHEMA, Span, ZERO_THRESHOLD};
use super::Content;
use super::wire::{Message, Out};

// Fields of a metric …
pub(super) const LABEL: u32 = 1;
pub(super) const GAUGE: u32 = 2;
pub(super) const COUNTER: u32 = 3;
pub(super) const HISTOGRAM: u32 = 7;
// … of a histogram …
pub(super) const SAMPLE_COUNT: u32 = 1;
pub(super) const SAMPLE_SUM: u32 = 2;
pub(super) const BUCKET: u32 = 3;
const NATIVE_SCHEMA: u32 = 5;
const NATIVE_ZERO_THRESHOLD: u32 = 6;
const NATIVE_ZERO_COUNT: u32 = 7;
const POSITIVE_SPAN: u32 = 12;
const POSITIVE_DELTA: u32 = 13;
// … and of what is inside.
const CUMULATIVE_COUNT: u32 = 1;
const UPPER_BOUND: u32 = 2;
const SPAN_OFFSET: u32 = 1;
const SPAN_LENGTH: u32 = 2;

/// A metric of a target.
pub(super) struct Metric<'a> {
    /// The target's labels, encoded.
    pub(super) labels: &'a [u8],
    /// The names of the further labels …
    pub(super) names: &'a [&'a str],
    /// … and their values.
    pub(super) further: &'a [&'a str],
    pub(super) content: Content<'a>,
}

impl Message for Metric<'_> {
    fn write(&self, out: &mut impl Out) {
        out.raw(self.labels);
        for (&name, &value) in self.names.iter().zip(self.further) {
            out.message(LABEL, &Label { name, value });
        }
        match self.content {
            Content::Counter(value) => out.message(COUNTER, &Number(value)),
            Content::Gauge(value) => out.message(GAUGE, &Number(value)),
            Content::Histogram(histogram, bounds) => out.message(HISTOGRAM, &Latency { histogram, bounds }),
        }
    }
}

pub(super) struct Label<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

impl Message for Label<'_> {
    fn write(&self, out: &mut impl Out) {
        out.text(1, self.name);
        out.text(2, self.value);
    }
}

/// The message of a counter, and that of a gauge.
pub(super) struct Number(pub(super) f64);

impl Message for Number {
    fn write(&self, out: &mut impl Out) {
        out.double(1, self.0);
    }
}

struct Latency<'a> {
    histogram: &'a Histogram,
    bounds: &'a Bounds,
}

impl Message for Latency<'_> {
    fn write(&self, out: &mut impl Out) {
        out.integer(SAMPLE_COUNT, self.histogram.count());
        out.double(SAMPLE_SUM, self.histogram.sum());
        let mut count = 0;
        // Of the infinite bucket the whole's count tells.
        let cumulative = self.histogram.counts().map(|observed| {
            count += observed;
            count
        });
        let buckets = self.bounds.seconds().zip(cumulative);
        buckets.for_each(|(bound, cumulative_count)| out.message(BUCKET, &Bucket { cumulative_count, bound }));
        if let Some(buckets) = self.histogram.native() {
            write_native(out, buckets);
        }
    }
}

/// The fields that make a histogram a native one.
fn write_native(out: &mut impl Out, buckets: &NativeBuckets) {
    out.signed(NATIVE_SCHEMA, SCHEMA.into());
    out.double(NATIVE_ZERO_THRESHOLD, ZERO_THRESHOLD);
    out.integer(NATIVE_ZERO_COUNT, buckets.zeros());
    buckets.spans().for_each(|span| out.message(POSITIVE_SPAN, &span));
    // One by one, as `metrics.proto` has it and Go's client writes it.
    buckets.deltas().for_each(|delta| out.signed(POSITIVE_DELTA, delta));
}

impl Message for Span {
    fn write(&self, out: &mut impl Out) {
        out.signed(SPAN_OFFSET, self.offset.into());
        out.integer(SPAN_LENGTH, self.length.into());
    }
}

pub(super) struct Bucket {
    pub(super) cumulative_count: u64,
    pub(super) bound: f64,
}

impl Message for Bucket {
    fn write(&self, out: &mut impl Out) {
        out.integer(CUMULATIVE_COUNT, self.cumulative_count);
        out.double(UPPER_BOUND, self.bound);
    }
}
