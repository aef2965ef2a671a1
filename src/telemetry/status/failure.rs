//! A failed step: what happened, whose fault it is, what it means and what to do next.

use serde::Serialize;

use crate::model::fault::{Cause, Fault, Reason, Request};
use crate::model::report::{CertificateDefect, Phase};

use super::values::Seconds;

/// Which request failed and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// The request that failed.
    pub request: Request,
    /// Why.
    pub reason: Reason,
    /// Whose fault it is.
    pub fault: Fault,
}

impl From<Cause> for Blame {
    fn from(cause: Cause) -> Self {
        Self { request: cause.request, reason: cause.reason, fault: cause.fault() }
    }
}

/// A failed step, in the words of `check`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureStatus {
    /// Which one, and why.
    #[serde(flatten)]
    pub blame: Blame,
    /// What was asked.
    pub url: String,
    /// Who has to act, in words.
    pub owner: &'static str,
    /// What happened, in words.
    pub meaning: &'static str,
    /// What to do next.
    pub remedy: &'static str,
    /// What the check with the API key adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<&'static str>,
    /// The phase in which it broke off, if no whole answer came.
    pub phase: Option<Phase>,
    /// Of the answer, if there was one.
    pub status: Option<u16>,
    /// What is wrong with the server's certificate, if that is what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_defect: Option<CertificateDefect>,
    /// The proxy, without its credentials, if that is what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The file of the secret or the key, if that is what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// How long the step took.
    pub duration_seconds: Option<Seconds>,
}
