//! Dates in some days, which are dates of the wall's clock.

use std::time::{Duration, SystemTime};

#[expect(clippy::disallowed_methods, reason = "dates are wall time")]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// As a configuration has it.
pub(crate) fn from_now(days: u64) -> String {
    humantime::format_rfc3339_seconds(wall() + Duration::from_secs(days * 86_400)).to_string()
}

/// As a metric has it.
pub(crate) fn in_days(days: u64) -> u64 {
    now() + days * 86_400
}

pub(crate) fn now() -> u64 {
    wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
