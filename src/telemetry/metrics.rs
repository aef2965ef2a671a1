//! The metrics of the whole exporter: its targets by name, and its own families.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::model::target::{Config, ScheduleMode};
use crate::model::time::Stamp;

use super::exposition::Exposition;
use super::own::OwnFamilies;
use super::readings::Bounds;
use super::target::TargetMetrics;

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    /// In the configuration's order.
    targets: Vec<Arc<TargetMetrics>>,
    /// Where each name stands in `targets`.
    positions: HashMap<Box<str>, usize>,
    own: OwnFamilies,
}

impl Metrics {
    /// The metrics of all targets of `config`, with every counter at 0.
    #[must_use]
    pub fn new(config: &Config, started: Stamp) -> Self {
        let vantage = config.vantage.as_deref();
        let mut bounds_by_objective = HashMap::new();
        let targets = config.targets.iter().map(|target| {
            let objective = target.latency_objective;
            let bounds = bounds_by_objective
                .entry(objective)
                .or_insert_with(|| Arc::new(Bounds::new(&config.latency_buckets, objective)));
            Arc::new(TargetMetrics::new(target, vantage, Arc::clone(bounds), started))
        });
        let names = config.targets.iter().map(|target| target.name.as_str().into());
        let hosts: BTreeSet<_> =
            config.targets.iter().flat_map(|target| [target.authorization_host(), target.resource_host()]).collect();
        let own = OwnFamilies::new(vantage);
        own.configured(config.targets.len(), hosts.len(), started);
        Self { targets: targets.collect(), positions: names.zip(0..).collect(), own }
    }

    /// The metrics of the target with this name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<Arc<TargetMetrics>> {
        self.positions.get(name).map(|&position| Arc::clone(&self.targets[position]))
    }

    /// A cycle started this much later than scheduled.
    pub fn observe_schedule_lag(&self, lag: Duration) {
        self.own.observe_schedule_lag(lag);
    }

    /// The text of a scrape at `now`: everything that is scheduled, or the named targets alone with `build_info`.
    ///
    /// Names that no target has are passed over.
    #[must_use]
    pub fn exposition(&self, now: Stamp, only: Option<&[&str]>) -> Exposition {
        match only {
            None => {
                let scheduled = |target: &&Arc<TargetMetrics>| target.constants.schedule == ScheduleMode::On;
                Exposition::new(self.targets.iter().filter(scheduled).cloned(), self.own.encode(), now)
            }
            Some(names) => {
                // A name that is given twice must not give its series twice.
                let positions: BTreeSet<usize> =
                    names.iter().filter_map(|&name| self.positions.get(name).copied()).collect();
                let targets = positions.into_iter().map(|position| Arc::clone(&self.targets[position]));
                Exposition::new(targets, self.own.encode_build_info(), now)
            }
        }
    }
}
