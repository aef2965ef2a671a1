//! Dates in some days, which are dates of the wall's clock.

use std::time::{Duration, SystemTime};

#[expect(clippy::disallowed_methods, reason = "dates are wall time")]
pub(crate) fn in_days(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * 86_400)
}
