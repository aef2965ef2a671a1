//! What is allowed in a configuration, and yet is probably not meant: for `--config.check`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::fault::Request;
use crate::model::target::{Target, Verification, is_exposed};
use crate::model::warning::CLIENT_SECRET_SOON;

use super::grouped::Grouped;
use super::secret_file::{self, api_key_file, odd_secret, unreadable, unreadable_secret};

/// Lines shown; ten thousand missing secrets have one cause.
const SHOWN: usize = 20;
/// The ranges of `alerts/rules.yml` are written for intervals up to this.
const LONGEST_ALERTED_INTERVAL: Duration = Duration::from_secs(60);

/// A line for each caution, in words that go with one target as with several; as many as a person reads. Secrets are
/// read, and nothing of them is shown.
pub(super) fn cautions(targets: &[Arc<Target>], now: SystemTime) -> Vec<String> {
    let mut grouped = Grouped::default();
    for target in targets {
        for caution in of_target(target, now) {
            grouped.add(&target.name, caution);
        }
    }
    let mut lines = grouped.into_lines();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn of_target(target: &Target, now: SystemTime) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((path, problem)) = unreadable_secret(target) {
        let (kind, path) = (secret_file::kind(target), path.display());
        found.push(format!("the {kind} cannot be read now, and cycles fail until it can: {path}: {problem}"));
    }
    found.extend(odd_secret(target).map(|oddity| format!("the secret {oddity}")));
    if let Some((path, problem)) = api_key_file(target).and_then(unreadable) {
        found.push(format!("the API key cannot be read now: {}: {problem}", path.display()));
    }
    found.extend(secret_expiring(target, now));
    for (request, host) in [(Request::Token, target.authorization_host()), (Request::Ping, target.resource_host())] {
        found.extend(on_the_way(target, request).map(|caution| format!("{caution} {host}")));
    }
    if target.interval > LONGEST_ALERTED_INTERVAL {
        let interval = humantime::format_duration(target.interval);
        found.push(format!("probed every {interval}; alerts/rules.yml is written for intervals up to 1m"));
    }
    found
}

/// That the provider lets the secret run out soon, or has, as far as the configuration knows.
pub(super) fn secret_expiring(target: &Target, now: SystemTime) -> Option<String> {
    let expiry = target.client_secret_expires?;
    let date = humantime::format_rfc3339_seconds(expiry);
    match expiry.duration_since(now) {
        Err(_) => Some(format!("the secret expired at {date}, says client_secret_expires")),
        Ok(left) if left < CLIENT_SECRET_SOON => {
            Some(format!("the secret expires at {date}, says client_secret_expires"))
        }
        Ok(_) => None,
    }
}

/// What others could read or answer.
fn on_the_way(target: &Target, request: Request) -> Option<&'static str> {
    let endpoint = target.endpoint(request);
    if is_exposed(endpoint) {
        return Some(match request {
            Request::Token => "credentials go in plain text to",
            Request::Ping => "tokens go in plain text to",
        });
    }
    let is_unverified = endpoint.scheme() == "https" && target.transport(request).verification == Verification::Skip;
    is_unverified.then_some(match request {
        Request::Token => "credentials go to whoever answers, as insecure_skip_verify is set, in the place of",
        Request::Ping => "tokens go to whoever answers, as insecure_skip_verify is set, in the place of",
    })
}
