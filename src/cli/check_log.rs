//! What the log says of the checks: a line when a result changes, and what the control says of an outage.

use crate::model::check::{Check, CheckOutcome, CheckResult};
use crate::model::fault::{Cause, Reason, Request};
use crate::model::target::Target;

use super::secret_file::api_key_file;

/// What was last seen of one target's checks.
#[derive(Clone, Copy, Default)]
pub(super) struct CheckNotes {
    /// The last result of each, by [`Check::index`].
    results: [Option<CheckResult>; Check::ALL.len()],
    /// Why the target fails, if it does, and what the log said that the control says of it.
    failing: Option<(Cause, Option<&'static str>)>,
}

impl CheckNotes {
    pub(super) fn cycle_ended(&mut self, verdict: Result<(), Cause>) {
        let said = self.failing.and_then(|(_cause, said)| said);
        self.failing = verdict.err().map(|cause| (cause, said));
    }

    /// Says what is new about it.
    pub(super) fn log(&mut self, target: &Target, outcome: &CheckOutcome) {
        let check = outcome.check;
        let before = self.results[check.index()].replace(outcome.result);
        // That all is well from the start is no news.
        if before.unwrap_or(check.wanted()) != outcome.result {
            log_result(target, outcome);
        }
        if let Some((cause, said)) = &mut self.failing
            && let Some(light) = outcome.throws_light_on(*cause)
            && *said != Some(light)
        {
            *said = Some(light);
            tracing::warn!(target = target.name.as_str(), check = check.as_str(), "{light}");
        }
        tracing::debug!(
            target = target.name.as_str(),
            check = check.as_str(),
            result = outcome.result.as_str(),
            status = outcome.status,
            reason = outcome.failure.map(Reason::as_str),
            duration_seconds = outcome.duration.as_secs_f64(),
            "check"
        );
    }
}

fn log_result(target: &Target, outcome: &CheckOutcome) {
    let CheckOutcome { check, result, .. } = outcome;
    let (name, check_name, status) = (target.name.as_str(), check.as_str(), outcome.status);
    let url = target.shown_url(Request::Ping);
    match (outcome.finding(), result) {
        (Some(found), CheckResult::Accepted) => {
            tracing::error!(target = name, check = check_name, url, status, "{}", found.meaning);
        }
        (Some(found), _) => tracing::warn!(target = name, check = check_name, url, status, "{}", found.meaning),
        (None, CheckResult::Inconclusive) if outcome.failure == Some(Reason::SecretUnavailable) => {
            let file = api_key_file(target).map(|path| path.display().to_string());
            tracing::warn!(target = name, check = check_name, api_key_file = file, "the API key cannot be read");
        }
        (None, CheckResult::Inconclusive) => {
            let reason = outcome.failure.map(Reason::as_str);
            tracing::info!(target = name, check = check_name, url, status, reason, "a check is inconclusive");
        }
        (None, _) => {
            tracing::info!(
                target = name,
                check = check_name,
                result = result.as_str(),
                "a check is as it must be again"
            );
        }
    }
}
