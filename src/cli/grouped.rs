//! What is said of targets, each thing once, with the names of those that it is said of.

use std::collections::BTreeMap;

use crate::model::seen::seen;

/// Names shown; one file in `defaults` concerns all targets.
const SHOWN: usize = 3;

/// Remarks and whom they concern.
#[derive(Default)]
pub(super) struct Grouped(BTreeMap<String, Vec<String>>);

impl Grouped {
    pub(super) fn add(&mut self, name: &str, remark: String) {
        self.0.entry(remark).or_default().push(seen(name).into_owned());
    }

    /// A line for each remark.
    pub(super) fn into_lines(self) -> Vec<String> {
        let line = |(remark, names): (String, Vec<String>)| {
            let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
            match names.len() {
                1 => format!("target {shown}: {remark}"),
                count if count > SHOWN => format!("targets {shown} and {} more: {remark}", count - SHOWN),
                _ => format!("targets {shown}: {remark}"),
            }
        };
        self.0.into_iter().map(line).collect()
    }
}
