//! What a metric family is: the form in which the catalogue declares it.

use super::samples::Samples;
use super::view::View;

/// What is declared of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its whole name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Labels beside the target's own (and `le`).
    pub labels: &'static [&'static str],
    /// What it means, with units, on one line.
    pub help: &'static str,
}

/// Types of metric families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts of observations by size.
    Histogram,
}

impl Kind {
    /// As the text format writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family of which every target has samples.
pub(super) struct PerTarget {
    pub(super) family: Family,
    pub(super) read: Read,
}

type Read = fn(&View<'_>, &mut Samples<'_>);

pub(super) const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> PerTarget {
    PerTarget { family: Family { name, kind: Kind::Gauge, labels, help }, read }
}

pub(super) const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> PerTarget {
    PerTarget { family: Family { name, kind: Kind::Counter, labels, help }, read }
}

pub(super) const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: Read,
) -> PerTarget {
    PerTarget { family: Family { name, kind: Kind::Histogram, labels, help }, read }
}

pub(super) const fn own_gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels: &[], help }
}
