//! What is done with every report: it goes into the metrics, and a change of state into the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::check::CheckOutcome;
use crate::model::fault::{Cause, Reason, Request};
use crate::model::report::{Attempt, CertificateDefect, CycleReport, Phase};
use crate::model::target::Target;
use crate::model::time::Moment;
use crate::probe::Observer;
use crate::telemetry::{Metrics, TargetMetrics};

use super::check_log::CheckNotes;
use super::shell::quoted;

/// Watches one target.
pub(super) struct TargetObserver {
    target: Arc<Target>,
    metrics: Arc<Metrics>,
    numbers: Arc<TargetMetrics>,
    last: Mutex<Seen>,
}

/// What was last seen, so that only changes are logged.
#[derive(Clone, Copy, Default)]
struct Seen {
    verdict: Option<Result<(), Cause>>,
    /// When the first of the failed cycles in a row began.
    failing_since: Option<Moment>,
    /// Why the last token request failed, if it did.
    refresh: Option<Cause>,
    /// The one of these of which the log says that it goes on: the early warning.
    warned: Option<Cause>,
    /// A refused token was replaced within the cycle.
    healed: bool,
    checks: CheckNotes,
}

impl TargetObserver {
    pub(super) fn new(target: Arc<Target>, metrics: Arc<Metrics>, numbers: Arc<TargetMetrics>) -> Self {
        Self { target, metrics, numbers, last: Mutex::default() }
    }

    fn log_changes(&self, report: &CycleReport) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let failing_since = last.failing_since.or(Some(report.started.moment)).filter(|_| report.verdict.is_err());
        let refresh = refresh_failure(report, last.refresh);
        let healed = report.verdict.is_ok() && report.attempts.iter().any(|attempt| attempt.rejected_early);
        if Some(report.verdict) != last.verdict {
            self.log_verdict(report, &last);
        }
        if healed && !last.healed {
            tracing::warn!(target = self.name(), "the API refused a token that should still live; a new one works");
        }
        // A cycle that failed for want of a token has said so; nothing is left to warn of.
        let warned = if blames_token_request(report) { None } else { refresh };
        if warned != last.warned && !blames_token_request(report) {
            self.log_refresh(report, warned);
        }
        last.checks.cycle_ended(report.verdict);
        *last = Seen { verdict: Some(report.verdict), failing_since, refresh, warned, healed, checks: last.checks };
    }

    fn log_verdict(&self, report: &CycleReport, last: &Seen) {
        let failing_seconds = last.failing_since.map(|since| since.until(report.ended.moment).as_secs_f64().round());
        match report.verdict {
            Ok(()) => {
                let message = if last.verdict.is_none() { "target works" } else { "target works again" };
                let ping = report.last(Request::Ping).map(|attempt| attempt.trace.duration.as_secs_f64());
                tracing::info!(target = self.name(), failing_seconds, duration_seconds = ping, "{message}");
            }
            Err(cause) => {
                let attempt = report.last(cause.request);
                tracing::warn!(
                    target = self.name(),
                    request = cause.request.as_str(),
                    reason = cause.reason.as_str(),
                    fault = cause.fault().as_str(),
                    phase = attempt.and_then(|attempt| attempt.trace.broke_off_in).map(Phase::as_str),
                    url = self.target.shown_url(cause.request),
                    certificate_defect = attempt.and_then(certificate_defect),
                    secret_file = self.unavailable_file(cause),
                    status = attempt.and_then(|attempt| attempt.trace.status),
                    failing_seconds,
                    duration_seconds = attempt.map(|attempt| attempt.trace.duration.as_secs_f64()),
                    // Nobody who has seen it work needs to be told.
                    help = last.verdict.is_none().then(|| how_to_learn_more(self.name())),
                    "target fails"
                );
            }
        }
    }

    fn log_refresh(&self, report: &CycleReport, failure: Option<Cause>) {
        let attempt = report.last(Request::Token);
        let left = report.token.held.map(|held| report.ended.moment.until(held.expiry.moment));
        match failure {
            Some(cause) => tracing::warn!(
                target = self.name(),
                request = cause.request.as_str(),
                reason = cause.reason.as_str(),
                fault = cause.fault().as_str(),
                phase = attempt.and_then(|attempt| attempt.trace.broke_off_in).map(Phase::as_str),
                url = self.target.shown_url(cause.request),
                certificate_defect = attempt.and_then(certificate_defect),
                secret_file = self.unavailable_file(cause),
                status = attempt.and_then(|attempt| attempt.trace.status),
                expires_in_seconds = left.map(|left| left.as_secs_f64().round()),
                duration_seconds = attempt.map(|attempt| attempt.trace.duration.as_secs_f64()),
                "the token cannot be refreshed; the one that is held still lives"
            ),
            None => tracing::info!(target = self.name(), "the token can be refreshed again"),
        }
    }

    /// The file of the secret or the key, if `cause` is that it cannot be used.
    fn unavailable_file(&self, cause: Cause) -> Option<String> {
        let file = self.target.token.authentication.file().filter(|_path| cause.reason == Reason::SecretUnavailable);
        file.map(|path| path.display().to_string())
    }

    fn name(&self) -> &str {
        &self.target.name
    }
}

fn how_to_learn_more(name: &str) -> String {
    // What begins with a hyphen would be taken for a flag.
    let end_of_flags = if name.starts_with('-') { "-- " } else { "" };
    format!("`oauth-probe-exporter check {end_of_flags}{}` with the same configuration says what to do", quoted(name))
}

fn certificate_defect(attempt: &Attempt) -> Option<&'static str> {
    attempt.trace.certificate_defect.map(CertificateDefect::as_str)
}

/// Whether the cycle failed because there was no token.
fn blames_token_request(report: &CycleReport) -> bool {
    report.verdict.is_err_and(|cause| cause.request == Request::Token)
}

impl Observer for TargetObserver {
    fn cycle_started(&self, lag: Duration) {
        self.metrics.observe_schedule_lag(lag);
    }

    fn cycle_ended(&self, report: &CycleReport) {
        self.numbers.record(report);
        self.log_changes(report);
        for attempt in &report.attempts {
            tracing::debug!(
                target = self.name(),
                request = attempt.request.as_str(),
                reason = attempt.result.err().map(|failure| failure.reason.as_str()),
                phase = attempt.trace.broke_off_in.map(Phase::as_str),
                status = attempt.trace.status,
                duration_seconds = attempt.trace.duration.as_secs_f64(),
                "request"
            );
        }
    }

    fn check_made(&self, outcome: &CheckOutcome) {
        self.numbers.record_check(outcome);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).checks.log(&self.target, outcome);
    }

    fn cycles_skipped(&self, count: u64) {
        self.numbers.record_skipped(count);
        tracing::warn!(
            target = self.name(),
            count,
            "cycles were not started: the one before still ran, or the machine slept"
        );
    }
}

/// The state of refreshing after this cycle: as before if no token was asked for.
fn refresh_failure(report: &CycleReport, before: Option<Cause>) -> Option<Cause> {
    match report.last(Request::Token) {
        None => before,
        Some(attempt) => attempt.result.err().map(|failure| Cause { request: Request::Token, reason: failure.reason }),
    }
}
