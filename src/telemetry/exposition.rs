//! One scrape: the numbers of all targets as they were at its start, as text, a chunk at a time.

use std::iter::FusedIterator;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::time::Stamp;

use super::catalogue::PER_TARGET;
use super::readings::Readings;
use super::target::TargetMetrics;
use super::text::{Header, Samples};
use super::view::View;

/// A chunk ends with the first sample set that makes it as long as this.
const CHUNK: usize = 64 * 1024;

/// Room for the sample set that ends a chunk, so that the buffer rarely grows.
const OVERHANG: usize = 8 * 1024;

/// The text of one scrape in chunks of about 64 KiB. It holds the numbers, not the text.
#[derive(Debug)]
pub struct Exposition {
    targets: Vec<(Arc<TargetMetrics>, Arc<Readings>)>,
    now: Stamp,
    /// Where in [`PER_TARGET`] the next sample set comes from …
    family: usize,
    header: Header,
    /// … and where in `targets`.
    target: usize,
    /// The exporter's own families, which come last.
    own: Option<Vec<u8>>,
}

impl Exposition {
    pub(super) fn new(targets: impl Iterator<Item = Arc<TargetMetrics>>, own: Vec<u8>, now: Stamp) -> Self {
        let snapshot = |target: Arc<TargetMetrics>| {
            let readings = target.snapshot();
            (target, readings)
        };
        Self {
            targets: targets.map(snapshot).collect(),
            now,
            family: 0,
            header: Header::Due,
            target: 0,
            own: Some(own),
        }
    }

    fn fill(&mut self, out: &mut Vec<u8>) {
        while let Some(declared) = PER_TARGET.get(self.family) {
            while let Some((target, readings)) = self.targets.get(self.target) {
                if out.len() >= CHUNK {
                    return;
                }
                let view = View { constants: &target.constants, readings, now: self.now };
                let labels = &*target.constants.labels;
                let mut samples = Samples { out, family: &declared.family, header: &mut self.header, labels };
                (declared.read)(&view, &mut samples);
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
        let mut out = Vec::with_capacity(CHUNK + OVERHANG);
        self.fill(&mut out);
        if out.is_empty() {
            out = self.own.take()?;
        }
        Some(Bytes::from(out))
    }
}

impl FusedIterator for Exposition {}
