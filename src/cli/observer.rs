//! What is done with every report: it goes into the metrics, and a change of state into the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::fault::{Cause, Request};
use crate::model::report::CycleReport;
use crate::probe::Observer;
use crate::telemetry::{Metrics, TargetMetrics};

/// Watches one target.
pub(super) struct TargetObserver {
    name: String,
    metrics: Arc<Metrics>,
    target: Arc<TargetMetrics>,
    last: Mutex<Seen>,
}

/// What was last seen, so that only changes are logged.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    verdict: Option<Result<(), Cause>>,
    /// The reason of a token request that failed while the cycle was good: the early warning.
    refresh: Option<Cause>,
}

impl TargetObserver {
    pub(super) fn new(name: String, metrics: Arc<Metrics>, target: Arc<TargetMetrics>) -> Self {
        Self { name, metrics, target, last: Mutex::default() }
    }

    fn log_changes(&self, report: &CycleReport) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Seen { verdict: Some(report.verdict), refresh: refresh_failure(report, last.refresh) };
        if seen.verdict != last.verdict {
            self.log_verdict(report, last.verdict);
        }
        if seen.refresh != last.refresh && report.verdict.is_ok() {
            self.log_refresh(seen.refresh);
        }
        *last = seen;
    }

    fn log_verdict(&self, report: &CycleReport, before: Option<Result<(), Cause>>) {
        let target = self.name.as_str();
        match report.verdict {
            Ok(()) => {
                let message = if before.is_none() { "target works" } else { "target works again" };
                let ping = report.last(Request::Ping).map(|attempt| attempt.trace.duration.as_secs_f64());
                tracing::info!(target, duration_seconds = ping, "{message}");
            }
            Err(cause) => {
                let attempt = report.last(cause.request);
                tracing::warn!(
                    target,
                    request = cause.request.as_str(),
                    reason = cause.reason.as_str(),
                    fault = cause.fault().as_str(),
                    status = attempt.and_then(|attempt| attempt.trace.status),
                    duration_seconds = attempt.map(|attempt| attempt.trace.duration.as_secs_f64()),
                    "target fails"
                );
            }
        }
    }

    fn log_refresh(&self, failure: Option<Cause>) {
        let target = self.name.as_str();
        match failure {
            Some(cause) => tracing::warn!(
                target,
                request = cause.request.as_str(),
                reason = cause.reason.as_str(),
                fault = cause.fault().as_str(),
                "the token cannot be refreshed; the one that is held still works"
            ),
            None => tracing::info!(target, "the token can be refreshed again"),
        }
    }
}

impl Observer for TargetObserver {
    fn cycle_started(&self, lag: Duration) {
        self.metrics.observe_schedule_lag(lag);
    }

    fn cycle_ended(&self, report: &CycleReport) {
        self.target.record(report);
        self.log_changes(report);
        for attempt in &report.attempts {
            tracing::debug!(
                target = self.name.as_str(),
                request = attempt.request.as_str(),
                reason = attempt.result.err().map(|failure| failure.reason.as_str()),
                status = attempt.trace.status,
                duration_seconds = attempt.trace.duration.as_secs_f64(),
                "request"
            );
        }
    }

    fn cycles_skipped(&self, count: u64) {
        self.target.record_skipped(count);
        tracing::warn!(target = self.name.as_str(), count, "cycles were not started");
    }
}

/// The state of refreshing after this cycle: as before if no token was asked for.
fn refresh_failure(report: &CycleReport, before: Option<Cause>) -> Option<Cause> {
    match report.last(Request::Token) {
        None => before,
        Some(attempt) => attempt.result.err().map(|failure| Cause { request: Request::Token, reason: failure.reason }),
    }
}
