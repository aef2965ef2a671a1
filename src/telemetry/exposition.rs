//! One scrape: the numbers of all targets as they were at its start, as text or as protobuf, a chunk at a time.

use std::iter::FusedIterator;
use std::sync::Arc;

use bytes::Bytes;
use prometheus::proto::MetricFamily;

use crate::model::time::Stamp;

use super::catalogue::PER_TARGET;
use super::family::PerTarget;
use super::own;
use super::protobuf::{self, Metrics};
use super::readings::Readings;
use super::samples::{Samples, Sink};
use super::target::TargetMetrics;
use super::text::{Header, Lines};
use super::view::View;

/// A chunk ends with the first sample set that makes it as long as this.
const CHUNK: usize = 64 * 1024;

/// Room for the sample set that ends a chunk, so that the buffer rarely grows.
const OVERHANG: usize = 8 * 1024;

/// What a scrape shows of the targets.
#[derive(Debug)]
pub(super) struct Snapshot {
    targets: Vec<(Arc<TargetMetrics>, Arc<Readings>)>,
    now: Stamp,
}

impl Snapshot {
    pub(super) fn new(targets: impl Iterator<Item = Arc<TargetMetrics>>, now: Stamp) -> Self {
        let taken = targets.map(|target| {
            let readings = target.snapshot();
            (target, readings)
        });
        Self { targets: taken.collect(), now }
    }

    fn view(&self, position: usize) -> Option<View<'_>> {
        let (target, readings) = self.targets.get(position)?;
        Some(View { constants: &target.constants, readings, now: self.now })
    }
}

fn read(declared: &'static PerTarget, view: &View<'_>, sink: Sink<'_>) {
    let mut samples = Samples { family: &declared.family, of: view.constants, sink };
    (declared.read)(view, &mut samples);
}

/// The text of one scrape in chunks of about 64 KiB. It holds the numbers, not the text.
#[derive(Debug)]
pub struct Exposition {
    targets: Snapshot,
    /// Where in [`PER_TARGET`] the next sample set comes from …
    family: usize,
    header: Header,
    /// … and where in `targets`.
    target: usize,
    /// The exporter's own families, which come last.
    own: Option<Vec<u8>>,
}

impl Exposition {
    pub(super) fn new(targets: Snapshot, own: &[MetricFamily]) -> Self {
        Self { targets, family: 0, header: Header::Due, target: 0, own: Some(own::encode(own)) }
    }

    fn fill(&mut self, out: &mut Vec<u8>) {
        while let Some(declared) = PER_TARGET.get(self.family) {
            while let Some(view) = self.targets.view(self.target) {
                if out.len() >= CHUNK {
                    return;
                }
                read(declared, &view, Sink::Text(Lines { out, header: &mut self.header }));
                self.target += 1;
            }
            self.family += 1;
            self.header = Header::Due;
            self.target = 0;
        }
    }
}

impl Iterator for Exposition {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        chunk(|out| self.fill(out)).or_else(|| self.own.take().map(Bytes::from))
    }
}

impl FusedIterator for Exposition {}

/// The same as delimited protobuf.
///
/// A family's message begins with its length. To know that without holding the message, each family is counted while
/// the one before is written: target by target, so that it takes no long time at once, and that nothing of a target is
/// fetched from memory once more.
#[derive(Debug)]
pub struct ProtobufExposition {
    targets: Snapshot,
    /// Where in [`PER_TARGET`] the next sample set comes from …
    family: usize,
    /// … and where in `targets`.
    target: usize,
    /// Bytes of all metrics of the family …
    length: usize,
    /// … and of the next one, as far as they are counted.
    next_length: usize,
    own: Option<Vec<u8>>,
}

impl ProtobufExposition {
    pub(super) fn new(targets: Snapshot, own: &[MetricFamily]) -> Self {
        let mut length = 0;
        for position in 0..targets.targets.len() {
            count(0, &targets, position, &mut length);
        }
        Self { targets, family: 0, target: 0, length, next_length: 0, own: Some(protobuf::encode_own(own)) }
    }

    fn fill(&mut self, out: &mut Vec<u8>) {
        while let Some(declared) = PER_TARGET.get(self.family) {
            while let Some(view) = self.targets.view(self.target) {
                if out.len() >= CHUNK {
                    return;
                }
                if self.target == 0 && self.length > 0 {
                    protobuf::begin_family(out, &declared.family, self.length);
                }
                read(declared, &view, Sink::Protobuf(Metrics::Written(out)));
                count(self.family + 1, &self.targets, self.target, &mut self.next_length);
                self.target += 1;
            }
            self.family += 1;
            self.target = 0;
            self.length = std::mem::take(&mut self.next_length);
        }
    }
}

/// Adds the bytes that a target has of a family, if there is such a family.
fn count(family: usize, targets: &Snapshot, position: usize, bytes: &mut usize) {
    if let (Some(declared), Some(view)) = (PER_TARGET.get(family), targets.view(position)) {
        read(declared, &view, Sink::Protobuf(Metrics::Counted(bytes)));
    }
}

impl Iterator for ProtobufExposition {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        chunk(|out| self.fill(out)).or_else(|| self.own.take().map(Bytes::from))
    }
}

impl FusedIterator for ProtobufExposition {}

/// What is filled in, unless it is nothing.
fn chunk(fill: impl FnOnce(&mut Vec<u8>)) -> Option<Bytes> {
    let mut out = Vec::with_capacity(CHUNK + OVERHANG);
    fill(&mut out);
    (!out.is_empty()).then(|| out.into())
}
