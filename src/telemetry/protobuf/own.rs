//! The exporter's own families, which the `prometheus` crate keeps, as messages.

use prometheus::proto;

use super::super::family::Kind;
use super::metric::{BUCKET, Bucket, COUNTER, GAUGE, HISTOGRAM, LABEL, Label, Number, SAMPLE_COUNT, SAMPLE_SUM};
use super::wire::{Message, Out};
use super::{Head, METRIC};

/// All of `families`, one after the other.
pub(in crate::telemetry) fn encode(families: &[proto::MetricFamily]) -> Vec<u8> {
    let mut out = Vec::new();
    for family in families.iter().filter_map(Own::of) {
        out.varint(family.length() as u64);
        family.write(&mut out);
    }
    out
}

struct Own<'a> {
    family: &'a proto::MetricFamily,
    kind: Kind,
}

impl<'a> Own<'a> {
    /// `None` for the types that no family here has.
    fn of(family: &'a proto::MetricFamily) -> Option<Self> {
        let kind = match family.get_field_type() {
            proto::MetricType::COUNTER => Kind::Counter,
            proto::MetricType::GAUGE => Kind::Gauge,
            proto::MetricType::HISTOGRAM => Kind::Histogram,
            proto::MetricType::SUMMARY | proto::MetricType::UNTYPED => return None,
        };
        Some(Self { family, kind })
    }
}

impl Message for Own<'_> {
    fn write(&self, out: &mut impl Out) {
        Head { name: self.family.name(), help: self.family.help(), kind: self.kind }.write(out);
        let metrics = self.family.get_metric().iter();
        metrics.for_each(|metric| out.message(METRIC, &OwnMetric { metric, kind: self.kind }));
    }
}

struct OwnMetric<'a> {
    metric: &'a proto::Metric,
    kind: Kind,
}

impl Message for OwnMetric<'_> {
    fn write(&self, out: &mut impl Out) {
        for label in self.metric.get_label() {
            out.message(LABEL, &Label { name: label.name(), value: label.value() });
        }
        match self.kind {
            Kind::Counter => out.message(COUNTER, &Number(self.metric.get_counter().get_value())),
            Kind::Gauge => out.message(GAUGE, &Number(self.metric.get_gauge().get_value())),
            Kind::Histogram => out.message(HISTOGRAM, self.metric.get_histogram()),
        }
    }
}

impl Message for proto::Histogram {
    fn write(&self, out: &mut impl Out) {
        out.integer(SAMPLE_COUNT, self.get_sample_count());
        out.double(SAMPLE_SUM, self.get_sample_sum());
        let buckets = self.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
        for bucket in buckets {
            let bucket = Bucket { cumulative_count: bucket.cumulative_count(), bound: bucket.upper_bound() };
            out.message(BUCKET, &bucket);
        }
    }
}
