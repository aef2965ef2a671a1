//! A target as it stands in the list.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::fault::{Fault, Reason, Request};
use crate::model::target::ScheduleMode;
use crate::model::warning::WarningKind;

use super::failure::FailureStatus;
use super::values::{Seconds, Timestamp};
use super::warning::WarningStatus;

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its last cycle failed.
    Failing,
    /// No cycle has ended yet.
    Pending,
    /// Its last cycle succeeded.
    Working,
}

impl State {
    /// Every member; those that need a person come first.
    pub const ALL: [Self; 3] = [Self::Failing, Self::Pending, Self::Working];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Pending => "pending",
            Self::Working => "working",
        }
    }
}

/// A target as it stands in the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetSummary {
    /// Its name.
    pub target: String,
    /// Those of the configuration.
    pub labels: BTreeMap<String, String>,
    /// Host of the authorization server.
    pub authorization_server: String,
    /// Host of the API.
    pub resource_server: String,
    /// The OAuth client.
    pub client_id: String,
    /// How it is.
    pub state: State,
    /// Since when; of one that is pending, since when it is probed.
    pub since: Timestamp,
    /// Why it fails, if it does.
    pub failure: Option<FailureStatus>,
    /// What else is worth a look.
    pub warnings: Vec<WarningStatus>,
    /// Whether cycles start by themselves.
    pub schedule: ScheduleMode,
    /// How often.
    pub interval_seconds: Seconds,
    /// End of the last cycle.
    pub last_cycle: Option<Timestamp>,
    /// Start of the next one; none while the schedule is off.
    pub next_cycle: Option<Timestamp>,
    /// End of the last good cycle.
    pub last_success: Option<Timestamp>,
    /// The token that is held, expired or not.
    pub token: Option<TokenStatus>,
    /// When the token endpoint may and should be asked next.
    pub next_token_request: Option<Timestamp>,
    /// The two requests.
    pub requests: Requests,
    /// The last cycles, the oldest first, for small plots; not read where there are none. The API shows whole cycles
    /// instead, and only of one target.
    #[serde(skip)]
    pub glances: Vec<Glance>,
}

impl TargetSummary {
    /// When it was last heard of, if that is too long ago for anything here to be current.
    #[must_use]
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.warnings.iter().find(|warning| warning.kind == WarningKind::Stalled)?.at
    }
}

/// The two requests of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Requests {
    /// To the token endpoint.
    pub token: RequestStatus,
    /// The call of the API.
    pub ping: RequestStatus,
}

/// What is known of one of the two requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestStatus {
    /// What is asked.
    pub url: String,
    /// Slower is too slow.
    pub objective_seconds: Seconds,
    /// End of the last good attempt.
    pub last_success: Option<Timestamp>,
    /// End of the last attempt.
    pub last_attempt: Option<Timestamp>,
    /// How long it took.
    pub duration_seconds: Option<Seconds>,
    /// Status of its answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub reason: Option<Reason>,
    /// Whose fault that is.
    pub fault: Option<Fault>,
}

/// A token that is held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenStatus {
    /// When it was first issued.
    pub issued: Timestamp,
    /// When it expires, or did.
    pub expires: Timestamp,
    /// As stated by the server, or assumed.
    pub lifetime_seconds: Seconds,
    /// Since it was issued.
    pub age_seconds: Seconds,
    /// Until it expires; negative if it has.
    pub expires_in_seconds: Seconds,
    /// When the next one is asked for at the latest: the margin before it expires.
    pub refresh: Timestamp,
    /// Whether the server did not say how long it lives.
    pub expires_in_missing: bool,
    /// How many expected scopes it was not granted.
    pub scopes_missing: usize,
}

/// One cycle in small plots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glance {
    /// When it ended.
    pub ended: Timestamp,
    /// Why it failed, if it did.
    pub failure: Option<Reason>,
    /// By [`Request::index`]: how long the last attempt took, or why it failed; `None` if there was none.
    pub attempts: [Option<Result<Seconds, Reason>>; Request::ALL.len()],
}
