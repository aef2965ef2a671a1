//! What the catalogue's families put their samples into, whatever the form in which they are shown.

use super::family::{Family, Kind};
use super::histogram::Histogram;
use super::protobuf::{Content, Metrics};
use super::target::Constants;
use super::text::Lines;

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number.
    Count(u64),
    /// Seconds, exact to the millisecond. A float would show seventeen digits of a timestamp.
    Millis(i64),
    /// Anything else.
    Number(f64),
}

impl Value {
    /// As who reads its text would take it.
    const fn as_float(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Millis(millis) => millis as f64 / 1000.0,
            Self::Number(number) => number,
        }
    }
}

/// Takes the samples that one target has of one family.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    pub(super) family: &'a Family,
    pub(super) of: &'a Constants,
    pub(super) sink: Sink<'a>,
}

/// The form in which they are shown.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    Text(Lines<'a>),
    Protobuf(Metrics<'a>),
}

impl Samples<'_> {
    /// Shows a sample, if there is one. `further` are the values of the family's further labels.
    pub(super) fn put(&mut self, further: &[&str], value: impl Into<Option<Value>>) {
        let Some(value) = value.into() else { return };
        debug_assert_eq!(self.family.labels.len(), further.len(), "{}", self.family.name);
        match &mut self.sink {
            Sink::Text(lines) => lines.put(&self.of.labels, self.family, further, value),
            Sink::Protobuf(metrics) => {
                let is_counter = self.family.kind == Kind::Counter;
                let number = value.as_float();
                let content = if is_counter { Content::Counter(number) } else { Content::Gauge(number) };
                metrics.put(&self.of.encoded_labels, self.family, further, content);
            }
        }
    }

    /// Shows a histogram.
    pub(super) fn put_histogram(&mut self, further: &[&str], histogram: &Histogram) {
        let bounds = &self.of.bounds;
        match &mut self.sink {
            Sink::Text(lines) => lines.put_histogram(&self.of.labels, self.family, further, histogram, bounds),
            Sink::Protobuf(metrics) => {
                let content = Content::Histogram(histogram, bounds);
                metrics.put(&self.of.encoded_labels, self.family, further, content);
            }
        }
    }
}
