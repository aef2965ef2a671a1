//! What a layer of the configuration says about one key, and how a target's layer is laid over `defaults`.

use std::collections::BTreeMap;

/// The layer that a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Defaults,
    Target,
}

/// Where a value was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// `None`: in an environment variable.
    pub(super) line: Option<usize>,
    pub(super) layer: Layer,
}

/// A value and where it was written, since some mistakes show only when layers are merged.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// What a layer says about one key.
#[derive(Clone, Debug, Default)]
pub(super) enum Setting<T> {
    #[default]
    Absent,
    /// Something that was refused, so that neither a default nor a complaint about a missing key is due.
    Refused,
    Given(Given<T>),
}

impl<T> Setting<T> {
    pub(super) const fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            Self::Absent | Self::Refused => None,
        }
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.given().map(|given| &given.value)
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Clone> Setting<T> {
    /// The value, or `default` if there is none; what stands for a refused value is never used.
    pub(super) fn or_default(&self, default: T) -> T {
        self.value().cloned().unwrap_or(default)
    }
}

/// One layer laid over another.
pub(super) trait Overlay {
    /// What stands here, and what stands only `below`.
    #[must_use]
    fn over(&self, below: &Self) -> Self;
}

impl<T: Clone> Overlay for Setting<T> {
    fn over(&self, below: &Self) -> Self {
        if self.is_absent() { below.clone() } else { self.clone() }
    }
}

/// Keys of the operator's choice: layers merge key by key.
impl<T: Clone> Overlay for BTreeMap<String, T> {
    fn over(&self, below: &Self) -> Self {
        let mut merged = below.clone();
        merged.extend(self.iter().map(|(key, value)| (key.clone(), value.clone())));
        merged
    }
}
