//! Points in time and spans of time as they are shown.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::telemetry::readings::unix_millis;

/// The last millisecond of the year 9999, behind which RFC 3339 has no dates.
const LAST: i64 = 253_402_300_799_999;

/// A wall time to the millisecond; written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// So many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In milliseconds after the Unix epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// How long it is from this time to `later`; negative if that was before.
    #[must_use]
    pub fn until(self, later: Self) -> Seconds {
        Seconds(later.0.saturating_sub(self.0) as f64 / 1000.0)
    }

    /// As the clocks of this crate have it; what no clock shows is cut off.
    pub(super) fn to_wall(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.clamp(0, LAST).unsigned_abs())
    }
}

impl From<SystemTime> for Timestamp {
    fn from(wall: SystemTime) -> Self {
        Self(unix_millis(wall))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.to_wall()).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A span of time, negative where it can be over; written as seconds.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Seconds(pub f64);

impl Seconds {
    pub(super) fn rounded(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() / 1000.0)
    }
}

impl From<Duration> for Seconds {
    /// To the microsecond: nothing is measured more exactly.
    fn from(span: Duration) -> Self {
        Self(span.as_micros() as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_whatever_a_clock_or_a_certificate_says() {
        let written = |millis| Timestamp::from_unix_millis(millis).to_string();
        assert_eq!(written(1_763_950_123_045), "2025-11-24T02:08:43.045Z");
        assert_eq!(written(-1), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn spans_are_written_to_the_microsecond() {
        let written = |nanos| serde_json::to_string(&Seconds::from(Duration::from_nanos(nanos))).expect("JSON");
        assert_eq!(written(123_456_789), "0.123456");
        assert_eq!(written(0), "0.0");
    }
}
