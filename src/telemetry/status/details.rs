//! A target in full: its last cycles, failures and checks, its certificates, its configuration.

use serde::{Serialize, Serializer};

use crate::model::check::{Check, CheckOutcome, CheckResult};
use crate::model::fault::{Reason, Request};
use crate::model::report::Phase;
use crate::telemetry::settings::TargetSettings;

use super::failure::Blame;
use super::summary::TargetSummary;
use super::values::{Seconds, Timestamp};

/// A target in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetDetails {
    /// What the list has of it.
    #[serde(flatten)]
    pub summary: TargetSummary,
    /// The last results of the checks that were made.
    pub checks: Vec<CheckStatus>,
    /// What is known of the two servers.
    pub servers: Vec<ServerStatus>,
    /// The last cycles, the latest first.
    pub cycles: Vec<CycleRecord>,
    /// The last failures, the latest first; they may be older than the cycles.
    pub failures: Vec<FailureRecord>,
    /// What the configuration says of it, secrets left out.
    pub configuration: TargetSettings,
}

/// The last result of a check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckStatus {
    /// Which one.
    pub check: Check,
    /// How the API took it.
    pub result: CheckResult,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why there is no whole answer, or why nothing was sent.
    pub reason: Option<Reason>,
    /// How long it took.
    pub duration_seconds: Seconds,
    /// The result that says that all is well.
    pub wanted: CheckResult,
}

/// What is known of a server beside its answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerStatus {
    /// Which one: the one that this request asks.
    pub request: Request,
    /// When its own certificate expires.
    pub certificate_expires: Option<Timestamp>,
    /// When the first of its chain does.
    pub chain_expires: Option<Timestamp>,
    /// When ours, which it is shown, does.
    pub client_certificate_expires: Option<Timestamp>,
    /// By how much its clock is ahead of ours.
    pub clock_skew_seconds: Option<Seconds>,
}

/// One cycle of the past.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CycleRecord {
    /// When it ended.
    pub ended: Timestamp,
    /// Why it failed, if it did.
    pub failure: Option<Blame>,
    /// Its requests, in the order in which they were made.
    pub attempts: Vec<AttemptRecord>,
}

/// One request of a cycle of the past.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// Which one.
    pub request: Request,
    /// From its beginning to the end of the body, or to its failure.
    pub duration_seconds: Seconds,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub reason: Option<Reason>,
    /// The phase in which it broke off, if no whole answer came.
    pub phase: Option<Phase>,
    /// Where the time went, the phases that happened in their order.
    #[serde(rename = "phases_seconds", serialize_with = "by_name")]
    pub phases: Vec<PhaseRecord>,
}

/// One phase of a request of the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseRecord {
    /// Which one.
    pub phase: Phase,
    /// How long it lasted; more exact the shorter the whole request was.
    pub duration_seconds: Seconds,
}

/// Requests of the past that failed alike, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureRecord {
    /// When the cycle of the first of them ended.
    pub first: Timestamp,
    /// When that of the last of them did.
    pub last: Timestamp,
    /// How many they were.
    pub count: u32,
    /// Which request it was, and why it failed.
    #[serde(flatten)]
    pub blame: Blame,
    /// The phase in which it broke off, if no whole answer came.
    pub phase: Option<Phase>,
    /// Of the answer, if there was one.
    pub status: Option<u16>,
}

impl From<&CheckOutcome> for CheckStatus {
    fn from(outcome: &CheckOutcome) -> Self {
        Self {
            check: outcome.check,
            result: outcome.result,
            status: outcome.status,
            reason: outcome.failure,
            duration_seconds: outcome.duration.into(),
            wanted: outcome.check.wanted(),
        }
    }
}

fn by_name<S: Serializer>(phases: &[PhaseRecord], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(phases.iter().map(|part| (part.phase, part.duration_seconds)))
}
