//! The metrics of the whole exporter: its targets by name, and its own families.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::Histogram;
use prometheus::proto::MetricFamily;

use crate::model::histograms::Histograms;
use crate::model::target::{Config, ScheduleMode, Target};
use crate::model::time::Stamp;

use super::exposition::{Exposition, ProtobufExposition, Snapshot};
use super::histogram::Bounds;
use super::own::{OwnFamilies, schedule_lag};
use super::status::{LastLoad, Status};
use super::target::TargetMetrics;

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    /// Replaced as a whole, so that a scrape sees the targets of one configuration.
    shown: Mutex<Arc<Shown>>,
    /// When the exporter started.
    started: Stamp,
    schedule_lag: Histogram,
}

/// What is shown while one configuration is in force.
#[derive(Debug)]
pub struct Shown {
    /// In the configuration's order.
    pub(super) targets: Vec<Arc<TargetMetrics>>,
    /// The same in the order of their names.
    pub(super) by_name: Vec<Arc<TargetMetrics>>,
    /// Where each name stands in `targets`.
    positions: HashMap<Box<str>, usize>,
    pub(super) vantage: Option<String>,
    pub(super) loaded: Stamp,
    pub(super) latency_buckets: Vec<f64>,
    pub(super) histograms: Histograms,
    /// Cycles that each target keeps.
    pub(super) history: usize,
    /// Whether a later configuration was of no use.
    load_failed: AtomicBool,
    own: OwnFamilies,
}

impl Metrics {
    /// The metrics of all targets of `config`, with every counter at 0.
    #[must_use]
    pub fn new(config: &Config, started: Stamp) -> Self {
        let schedule_lag = schedule_lag();
        let shown = Shown::new(config, started, &schedule_lag, |_target| None);
        Self { shown: Mutex::new(Arc::new(shown)), started, schedule_lag }
    }

    /// The metrics of `config`, to be shown later: of the targets that are kept as they are, of the others with every
    /// counter at 0.
    #[must_use]
    pub fn renewed(&self, config: &Config, loaded: Stamp, is_kept: impl Fn(&Target) -> bool) -> Shown {
        let now = self.shown();
        let kept = |target: &Target| now.target(&target.name).filter(|_metrics| is_kept(target));
        Shown::new(config, loaded, &self.schedule_lag, kept)
    }

    /// Shows this and nothing else from now on.
    pub fn show(&self, shown: Shown) {
        let before = self.shown();
        for target in &shown.targets {
            // Those that are kept go on with as much history as is wanted from now on.
            target.history().set_limit(shown.history);
            if let Some(before) = before.target(&target.probed.name) {
                target.succeed(&before);
            }
        }
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    /// A configuration was to be loaded, and is of no use.
    pub fn load_failed(&self) {
        let shown = self.shown();
        shown.load_failed.store(true, Ordering::Relaxed);
        shown.own.load_failed();
    }

    /// The metrics of the target with this name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<Arc<TargetMetrics>> {
        self.shown().target(name)
    }

    /// A cycle started this much later than scheduled.
    pub fn observe_schedule_lag(&self, lag: Duration) {
        self.schedule_lag.observe(lag.as_secs_f64());
    }

    /// The text of a scrape at `now`: everything that is scheduled, or the named targets alone with `build_info`.
    ///
    /// Names that no target has are passed over.
    #[must_use]
    pub fn exposition(&self, now: Stamp, only: Option<&[&str]>) -> Exposition {
        let (targets, own) = self.shown().scraped(now, only);
        Exposition::new(targets, &own)
    }

    /// The same in the format that has native histograms; `None` where they are not kept.
    #[must_use]
    pub fn protobuf(&self, now: Stamp, only: Option<&[&str]>) -> Option<ProtobufExposition> {
        let shown = self.shown();
        match shown.histograms {
            Histograms::Classic => None,
            Histograms::Native => {
                let (targets, own) = shown.scraped(now, only);
                Some(ProtobufExposition::new(targets, &own))
            }
        }
    }

    /// What people are shown at `now`.
    #[must_use]
    pub fn status(&self, now: Stamp) -> Status {
        Status::new(self.shown(), self.started, now)
    }

    /// What is shown now, as one configuration has it.
    #[must_use]
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shown {
    fn new(
        config: &Config,
        loaded: Stamp,
        schedule_lag: &Histogram,
        kept: impl Fn(&Target) -> Option<Arc<TargetMetrics>>,
    ) -> Self {
        let vantage = config.vantage.as_deref();
        let mut bounds_by_objective = HashMap::new();
        let mut begun = |target: &Arc<Target>| {
            let objective = target.latency_objective;
            let bounds = bounds_by_objective
                .entry(objective)
                .or_insert_with(|| Arc::new(Bounds::new(&config.latency_buckets, objective, config.histograms)));
            Arc::new(TargetMetrics::new(target, vantage, Arc::clone(bounds), config.history, loaded))
        };
        let targets: Vec<_> =
            config.targets.iter().map(|target| kept(target).unwrap_or_else(|| begun(target))).collect();
        let mut by_name = targets.clone();
        by_name.sort_unstable_by(|one, other| one.probed.name.cmp(&other.probed.name));
        let names = config.targets.iter().map(|target| target.name.as_str().into());
        let hosts: BTreeSet<_> =
            config.targets.iter().flat_map(|target| [target.authorization_host(), target.resource_host()]).collect();
        let own = OwnFamilies::new(vantage, schedule_lag);
        own.configured(config.targets.len(), hosts.len(), loaded);
        Self {
            targets,
            by_name,
            positions: names.zip(0..).collect(),
            vantage: config.vantage.clone(),
            loaded,
            latency_buckets: config.latency_buckets.clone(),
            histograms: config.histograms,
            history: config.history,
            load_failed: AtomicBool::new(false),
            own,
        }
    }

    /// The numbers of the targets that a scrape is to show, and the exporter's own families with them.
    fn scraped(&self, now: Stamp, only: Option<&[&str]>) -> (Snapshot, Vec<MetricFamily>) {
        match only {
            None => {
                let scheduled = |target: &&Arc<TargetMetrics>| target.constants.schedule == ScheduleMode::On;
                (Snapshot::new(self.targets.iter().filter(scheduled).cloned(), now), self.own.families())
            }
            Some(names) => {
                // A name that is given twice must not give its series twice.
                let positions: BTreeSet<usize> =
                    names.iter().filter_map(|&name| self.positions.get(name).copied()).collect();
                let targets = positions.into_iter().map(|position| Arc::clone(&self.targets[position]));
                (Snapshot::new(targets, now), self.own.build_info())
            }
        }
    }

    pub(super) fn last_load(&self) -> LastLoad {
        if self.load_failed.load(Ordering::Relaxed) { LastLoad::Failed } else { LastLoad::Successful }
    }

    /// Where this exporter stands, if that is said.
    #[must_use]
    pub fn vantage(&self) -> Option<&str> {
        self.vantage.as_deref()
    }

    /// In which form latencies are shown.
    #[must_use]
    pub const fn histograms(&self) -> Histograms {
        self.histograms
    }

    /// What is probed, in the configuration's order.
    #[must_use]
    pub fn probed(&self, position: usize) -> Option<&Arc<Target>> {
        self.targets.get(position).map(|metrics| &metrics.probed)
    }

    /// The metrics of the target with this name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<Arc<TargetMetrics>> {
        self.positions.get(name).map(|&position| Arc::clone(&self.targets[position]))
    }
}
