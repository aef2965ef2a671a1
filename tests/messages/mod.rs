//! The messages of `io.prometheus.client`, as far as the exporter writes them, decoded by `prost`.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;

use prost::Message;

use crate::reports::Sample;

#[derive(Clone, PartialEq, Message)]
pub struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    pub kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub metric: Vec<Metric>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<Label>,
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Label {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Number {
    #[prost(double, optional, tag = "1")]
    pub value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    pub schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    pub positive_span: Vec<Span>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    pub positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub upper_bound: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Span {
    #[prost(sint32, optional, tag = "1")]
    pub offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub length: Option<u32>,
}

/// Every family of a whole exposition.
pub fn decode(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
    }
    families
}

impl MetricFamily {
    /// What the text format would say: of histograms the classic buckets.
    pub fn samples(&self) -> Vec<Sample> {
        self.metric.iter().flat_map(|metric| metric.samples(self.name(), self.kind())).collect()
    }
}

impl Metric {
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.label.iter().map(|label| (label.name().to_owned(), label.value().to_owned())).collect()
    }

    fn samples(&self, name: &str, kind: MetricType) -> Vec<Sample> {
        let sample = |suffix: &str, le: Option<f64>, value: f64| {
            let le = le.map(|bound| ("le".to_owned(), bound.to_string().replace("inf", "+Inf")));
            let labels = self.labels().into_iter().chain(le).collect();
            Sample { name: format!("{name}{suffix}"), labels, value: value.to_string() }
        };
        match kind {
            MetricType::Counter => vec![sample("", None, self.counter.as_ref().unwrap().value())],
            MetricType::Gauge => vec![sample("", None, self.gauge.as_ref().unwrap().value())],
            MetricType::Histogram => {
                let histogram = self.histogram.as_ref().unwrap();
                let count = histogram.sample_count() as f64;
                let bucket =
                    |bucket: &Bucket| sample("_bucket", Some(bucket.upper_bound()), bucket.cumulative_count() as f64);
                let whole = [
                    sample("_bucket", Some(f64::INFINITY), count),
                    sample("_sum", None, histogram.sample_sum()),
                    sample("_count", None, count),
                ];
                histogram.bucket.iter().map(bucket).chain(whole).collect()
            }
        }
    }
}

impl Histogram {
    /// The count of each native bucket by its index.
    pub fn native(&self) -> BTreeMap<i32, i64> {
        let (mut index, mut count) = (0, 0);
        let mut deltas = self.positive_delta.iter();
        let mut buckets = BTreeMap::new();
        for span in &self.positive_span {
            index += span.offset();
            for _ in 0..span.length() {
                count += deltas.next().unwrap();
                assert!(buckets.insert(index, count).is_none());
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets
    }
}
