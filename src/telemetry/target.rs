//! One target as the metrics know it: what never changes of it, and its numbers behind a lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::check::CheckOutcome;
use crate::model::histograms::Histograms;
use crate::model::report::CycleReport;
use crate::model::target::{ScheduleMode, Target};
use crate::model::time::Stamp;

use super::histogram::Bounds;
use super::history::History;
use super::protobuf::encode_labels;
use super::readings::{Readings, unix_millis};
use super::text::render_labels;

/// The metrics of one target.
#[derive(Debug)]
pub struct TargetMetrics {
    /// What is probed.
    pub(super) probed: Arc<Target>,
    pub(super) constants: Constants,
    /// Shared with the scrapes that are under way: a report that comes meanwhile is recorded in a copy.
    readings: Mutex<Arc<Readings>>,
    /// Under a lock of its own: unlike the numbers it is never copied because of a scrape.
    history: Mutex<History>,
}

/// What the configuration says about a target.
#[derive(Debug)]
pub(super) struct Constants {
    /// One that is off is shown only where it is asked for by name: nothing ever ages its numbers.
    pub(super) schedule: ScheduleMode,
    /// Its own labels, as they stand between the braces.
    pub(super) labels: Box<str>,
    /// The same in protobuf; empty where that is never shown.
    pub(super) encoded_labels: Box<[u8]>,
    pub(super) authorization_server: Box<str>,
    pub(super) resource_server: Box<str>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) latency_objective: Duration,
    pub(super) token_max_age: Option<Duration>,
    /// In Unix milliseconds.
    pub(super) client_secret_expires: Option<i64>,
    /// When probing it began.
    pub(super) started: Stamp,
    pub(super) bounds: Arc<Bounds>,
}

impl TargetMetrics {
    pub(super) fn new(
        target: &Arc<Target>,
        vantage: Option<&str>,
        bounds: Arc<Bounds>,
        history: usize,
        started: Stamp,
    ) -> Self {
        let own = target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = [("target", target.name.as_str())]
            .into_iter()
            .chain(own)
            .chain(vantage.map(|vantage| ("vantage", vantage)));
        let encoded_labels = match bounds.histograms {
            Histograms::Classic => Box::default(),
            Histograms::Native => encode_labels(labels.clone()),
        };
        Self {
            probed: Arc::clone(target),
            readings: Mutex::new(Arc::new(Readings::new(&bounds))),
            history: Mutex::new(History::new(history)),
            constants: Constants {
                schedule: target.schedule,
                labels: render_labels(labels),
                encoded_labels,
                authorization_server: target.authorization_host().into(),
                resource_server: target.resource_host().into(),
                interval: target.interval,
                timeout: target.timeout,
                latency_objective: target.latency_objective,
                token_max_age: target.token.policy.max_age,
                client_secret_expires: target.client_secret_expires.map(unix_millis),
                started,
                bounds,
            },
        }
    }

    /// A cycle has ended.
    pub fn record(&self, report: &CycleReport) {
        Arc::make_mut(&mut self.lock()).record(report, &self.constants.bounds);
        self.history().record(report);
    }

    /// A check was made.
    pub fn record_check(&self, outcome: &CheckOutcome) {
        Arc::make_mut(&mut self.lock()).record_check(outcome);
    }

    /// So many cycles were not started: the one before still ran, or the machine slept.
    pub fn record_skipped(&self, count: u64) {
        Arc::make_mut(&mut self.lock()).cycles_skipped += count;
    }

    /// It comes in the place of that one. If it goes on with its token, what was known of that is known on.
    pub(super) fn succeed(&self, before: &Self) {
        if !std::ptr::eq(self, before) && self.probed.shares_token_with(&before.probed) {
            let known = before.snapshot();
            Arc::make_mut(&mut self.lock()).take_over_token(&known);
        }
    }

    /// The numbers as they are now.
    pub(super) fn snapshot(&self) -> Arc<Readings> {
        Arc::clone(&self.lock())
    }

    /// The last cycles and failures.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Readings>> {
        // Nothing that is done under the lock leaves the numbers half changed in a way worth stopping for.
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
