//! Members of the model's closed sets are written as the values of the labels.

use serde::{Serialize, Serializer};

use crate::model::check::{Check, CheckResult};
use crate::model::fault::{Fault, Reason, Request};
use crate::model::report::{CertificateDefect, Phase};
use crate::model::target::ScheduleMode;
use crate::model::warning::WarningKind;

use super::State;

macro_rules! written_by_name {
    ($($set:ty),+) => {$(
        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

written_by_name!(
    CertificateDefect,
    Check,
    CheckResult,
    Fault,
    Phase,
    Reason,
    Request,
    ScheduleMode,
    State,
    WarningKind
);
