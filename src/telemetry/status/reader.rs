//! What the status is read from: the targets of one configuration at one moment.

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use crate::model::fault::Cause;
use crate::model::target::ScheduleMode;
use crate::model::time::Stamp;
use crate::telemetry::metrics::Shown;
use crate::telemetry::settings::ConfigText;
use crate::telemetry::target::TargetMetrics;

use super::details::TargetDetails;
use super::fleet::{Counts, FleetStatus};
use super::reading::{Rank, Reading};
use super::selection::Selection;
use super::summary::{State, TargetSummary};

/// What people are shown, of one configuration at one moment.
#[derive(Debug)]
pub struct Status {
    shown: Arc<Shown>,
    /// All targets by name, as they were when the first question about them was asked: the answers fit together.
    readings: OnceLock<Vec<Reading>>,
    /// When the exporter started.
    started: Stamp,
    now: Stamp,
}

/// The targets that were selected, in their order, with their numbers as they were then.
#[derive(Debug)]
pub struct Listing {
    /// How many fit the selection, listed or not.
    pub matching: usize,
    chosen: Vec<Reading>,
}

impl Status {
    pub(in crate::telemetry) const fn new(shown: Arc<Shown>, started: Stamp, now: Stamp) -> Self {
        Self { shown, readings: OnceLock::new(), started, now }
    }

    /// The exporter as a whole.
    #[must_use]
    pub fn fleet(&self) -> FleetStatus {
        FleetStatus {
            version: env!("CARGO_PKG_VERSION"),
            vantage: self.shown.vantage.clone(),
            now: self.now.wall.into(),
            started: self.started.wall.into(),
            config_loaded: self.shown.loaded.wall.into(),
            last_reload: self.shown.last_load(),
            counts: self.counts(),
        }
    }

    /// The target of this name in full.
    #[must_use]
    pub fn details(&self, name: &str) -> Option<TargetDetails> {
        self.shown.target(name).map(|target| self.read(target).details())
    }

    /// The targets that fit: those that fail first, then those with warnings, those that are pending, all others; by
    /// name among equals. Only of the ones that are listed is more looked at than that.
    #[must_use]
    pub fn list(&self, selection: &Selection) -> Listing {
        // They come by name and are dealt out: to sort ten thousand at each request would take longer than all else.
        let mut ranks = Rank::ALL.map(|_| Vec::new());
        for reading in self.readings().iter().filter(|reading| selection.fits(reading)) {
            ranks[reading.rank() as usize].push(reading);
        }
        let matching = ranks.iter().map(Vec::len).sum();
        let listed = ranks.into_iter().flatten().skip(selection.offset).take(selection.limit.unwrap_or(usize::MAX));
        Listing { matching, chosen: listed.cloned().collect() }
    }

    /// What the failing targets fail for, and how many of them, the most frequent first.
    #[must_use]
    pub fn causes(&self) -> Vec<(Cause, usize)> {
        let mut causes: Vec<(Cause, usize)> = Vec::new();
        for cause in self.readings().iter().filter_map(Reading::cause) {
            match causes.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, count)) => *count += 1,
                None => causes.push((cause, 1)),
            }
        }
        causes.sort_by_key(|(_, count)| Reverse(*count));
        causes
    }

    /// The configuration in force, secrets left out.
    #[must_use]
    pub fn configuration(&self) -> ConfigText {
        let Shown { vantage, latency_buckets, histograms, history, targets, .. } = &*self.shown;
        let targets = targets.iter().map(|target| Arc::clone(&target.probed));
        ConfigText::new(vantage.as_deref(), latency_buckets, *histograms, *history, targets)
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts { total: self.shown.targets.len(), ..Counts::default() };
        for reading in self.readings() {
            match reading.state() {
                State::Failing => counts.failing += 1,
                State::Pending => counts.pending += 1,
                State::Working => counts.working += 1,
            }
            counts.warned += usize::from(reading.rank() == Rank::Warned);
            counts.unscheduled += usize::from(reading.target.probed.schedule == ScheduleMode::Off);
        }
        counts
    }

    fn readings(&self) -> &[Reading] {
        self.readings.get_or_init(|| self.shown.by_name.iter().map(|target| self.read(Arc::clone(target))).collect())
    }

    fn read(&self, target: Arc<TargetMetrics>) -> Reading {
        Reading { readings: target.snapshot(), target, origin: self.started.moment, now: self.now }
    }
}

impl Listing {
    /// One of the listed targets by its place, without glances at its cycles.
    #[must_use]
    pub fn target(&self, place: usize) -> Option<TargetSummary> {
        self.chosen.get(place).map(Reading::summary)
    }

    /// The listed targets with glances at their cycles, each read when its turn comes.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = TargetSummary> {
        self.chosen.iter().map(Reading::summary_with_glances)
    }
}
