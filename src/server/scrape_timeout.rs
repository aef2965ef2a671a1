//! How long an answer may take: what Prometheus says of its patience, less what the way back needs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderMap;

const HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// So much before Prometheus would give up, the answer is sent: `0.5s`, `500ms`, `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutOffset(Duration);

/// This is no time by which to answer earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a duration such as 0.5s or 500ms, or a number of seconds")]
pub struct InvalidOffset;

impl FromStr for TimeoutOffset {
    type Err = InvalidOffset;

    fn from_str(text: &str) -> Result<Self, InvalidOffset> {
        let seconds = || Duration::try_from_secs_f64(text.parse().ok()?).ok();
        let duration = humantime::parse_duration(text).ok().or_else(seconds);
        duration.map(Self).ok_or(InvalidOffset)
    }
}

impl Default for TimeoutOffset {
    fn default() -> Self {
        Self(Duration::from_millis(500))
    }
}

impl fmt::Display for TimeoutOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs_f64())
    }
}

impl TimeoutOffset {
    /// How long the answer to a request with these headers may be waited for; `None`: no scraper said anything usable.
    ///
    /// Half of the scraper's patience is always left: an offset that is longer than a short timeout would otherwise
    /// have every answer tell of the scrape before.
    pub(super) fn patience(self, headers: &HeaderMap) -> Option<Duration> {
        let seconds: f64 = headers.get(HEADER)?.to_str().ok()?.trim().parse().ok()?;
        let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())?;
        Some(timeout.saturating_sub(self.0).max(timeout / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_is_a_duration_or_a_number_of_seconds() {
        for (text, millis) in
            [("0.5s", 500), ("500ms", 500), ("0.5", 500), ("1", 1000), ("0", 0), ("0s", 0), ("1m", 60_000)]
        {
            assert_eq!(text.parse(), Ok(TimeoutOffset(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "-1", "-1s", "NaN", "inf", "soon", "1e400", "0.5 parsecs"] {
            assert_eq!(text.parse::<TimeoutOffset>(), Err(InvalidOffset), "{text}");
        }
        assert_eq!(TimeoutOffset::default().to_string().parse(), Ok(TimeoutOffset::default()));
    }

    #[test]
    fn patience_is_the_scrapers_less_the_offset_and_at_least_half_of_it() {
        let patience = |text: &str| {
            let headers = [(HEADER.parse().expect("a name"), text.parse().expect("a value"))].into_iter().collect();
            TimeoutOffset::default().patience(&headers)
        };
        for (text, millis) in [("10", 9_500), ("10.000000", 9_500), (" 2.5 ", 2_000), ("1", 500), ("0.4", 200)] {
            assert_eq!(patience(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "soon", "-1", "0", "-0", "NaN", "inf", "1e300", "10s", "10,5", "\u{fc}"] {
            assert_eq!(patience(text), None, "{text}");
        }
        assert!(patience("1e18").is_some_and(|patience| patience > Duration::from_secs(1_000_000)));
        assert_eq!(TimeoutOffset::default().patience(&HeaderMap::new()), None);
    }
}
