//! The configuration in force as a person may see it: every default spelled out, every secret left out. It can be pasted
//! back into a file: only the secrets have to be put in again.

mod of_target;
mod tree;
mod yaml;

use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::model::histograms::Histograms;
use crate::model::target::Target;

use tree::{Tree, mapping};

/// A piece ends with the first target that makes it as long as this.
const PIECE: usize = 64 * 1024;

const HEADING: &str = "\
# The configuration in force, with every default spelled out. Instead of <secret> there is a secret that is not shown,
# be it from this file, from a variable or from the query of a URL.

";

/// The settings of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSettings(Tree);

/// The whole configuration as YAML, in pieces.
#[derive(Debug)]
pub struct ConfigText {
    head: Option<String>,
    targets: std::vec::IntoIter<Arc<Target>>,
}

impl TargetSettings {
    /// Those of `target`.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        Self(of_target::tree(target))
    }

    /// As they would stand in a file, without what is above and around them.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        yaml::write(&mut text, &self.0, 0);
        text
    }
}

impl Serialize for TargetSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl ConfigText {
    pub(super) fn new(
        vantage: Option<&str>,
        latency_buckets: &[f64],
        histograms: Histograms,
        history: usize,
        targets: impl Iterator<Item = Arc<Target>>,
    ) -> Self {
        let bounds = latency_buckets.iter().map(|&bound| Tree::Span(Duration::from_secs_f64(bound)));
        let top = mapping([
            ("vantage", vantage.map_or(Tree::Unset("no label of that name"), Tree::text)),
            ("latency_buckets", Tree::List(bounds.collect())),
            ("metrics", mapping([("histograms", Tree::text(histograms.as_str()))])),
            ("history", Tree::Number(history as u64)),
        ]);
        let mut head = HEADING.to_owned();
        yaml::write(&mut head, &top, 0);
        head.push_str("targets:\n");
        Self { head: Some(head), targets: targets.collect::<Vec<_>>().into_iter() }
    }
}

impl Iterator for ConfigText {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut text = self.head.take().unwrap_or_default();
        while text.len() < PIECE
            && let Some(target) = self.targets.next()
        {
            yaml::write_item(&mut text, &of_target::tree(&target), 1);
        }
        (!text.is_empty()).then(|| text.into())
    }
}

impl FusedIterator for ConfigText {}
