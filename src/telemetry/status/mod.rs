//! What people are shown of the fleet and of each target, and scripts as JSON: readings of reports, no verdicts.
//!
//! Every struct is plain data at one moment; `serde` writes it as `docs/api.md` describes. Points in time are RFC 3339
//! strings, spans of time are seconds and say so in their names, names are the values of the labels.

mod details;
mod failure;
mod fleet;
mod names;
mod reader;
mod reading;
mod selection;
mod summary;
mod values;
mod warning;

pub use details::{AttemptRecord, CheckStatus, CycleRecord, FailureRecord, PhaseRecord, ServerStatus, TargetDetails};
pub use failure::{Blame, FailureStatus};
pub use fleet::{Counts, FleetStatus, LastLoad};
pub use reader::{Listing, Status};
pub use selection::{Blamed, InvalidSelection, Selection, Standing};
pub use summary::{Glance, RequestStatus, Requests, State, TargetSummary, TokenStatus};
pub use values::{Seconds, Timestamp};
pub use warning::WarningStatus;
