//! What is worth a person's look while cycles still succeed.

use serde::Serialize;

use crate::model::advice::Advice;
use crate::model::check::Check;
use crate::model::fault::Request;
use crate::model::warning::WarningKind;

use super::failure::FailureStatus;
use super::values::Timestamp;

/// A warning in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarningStatus {
    /// What it warns of.
    pub kind: WarningKind,
    /// What happened.
    pub meaning: &'static str,
    /// What to do next.
    pub remedy: &'static str,
    /// When it happened, or when what it warns of expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Which request is slow, or which server's certificate it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Which check it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// How the token request failed, if it warns of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureStatus>,
}

impl WarningStatus {
    pub(super) const fn new(kind: WarningKind, advice: Advice) -> Self {
        let Advice { meaning, remedy } = advice;
        Self { kind, meaning, remedy, at: None, request: None, check: None, failure: None }
    }
}
