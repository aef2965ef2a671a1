//! How long a token lives: reading `expires_in` (RFC 6749 §5.1) and the margin before expiry at which to ask again.

use std::time::Duration;

use serde_json::Value;

use super::target::TokenPolicy;

/// No token is taken to live longer than this; larger answers are clamped, so that no later sum overflows.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// `expires_in` was negative, fractional, or no number at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expires_in is not a count of seconds")]
pub struct InvalidExpiresIn;

/// Reads `expires_in`, given as it was written in JSON: an integer, an integral float or a string of digits. Absent or
/// `null`: not stated.
///
/// # Errors
/// When it is anything else: negative, fractional, other text.
pub fn parse_expires_in(json: Option<&str>) -> Result<Option<Duration>, InvalidExpiresIn> {
    let Some(json) = json else { return Ok(None) };
    match serde_json::from_str(json) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Number(number)) => {
            if let Some(seconds) = number.as_u64() {
                return Ok(Some(clamp(seconds)));
            }
            let seconds = number.as_f64().ok_or(InvalidExpiresIn)?;
            if seconds < 0.0 || seconds.fract() != 0.0 {
                return Err(InvalidExpiresIn);
            }
            Ok(Some(
                Duration::try_from_secs_f64(seconds)
                    .map_or(LONGEST_LIFETIME, |lifetime| lifetime.min(LONGEST_LIFETIME)),
            ))
        }
        Ok(Value::String(text)) => {
            let digits = text.trim();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(InvalidExpiresIn);
            }
            // Only an overflow can fail here, and that is a huge value to clamp.
            Ok(Some(digits.parse().map_or(LONGEST_LIFETIME, clamp)))
        }
        // A number, but one too large for any type: only that is refused of what begins with a digit.
        Err(_) if json.starts_with(|first: char| first.is_ascii_digit()) => Ok(Some(LONGEST_LIFETIME)),
        Ok(_) | Err(_) => Err(InvalidExpiresIn),
    }
}

/// How long before expiry to ask again: as configured, else the larger of a tenth of the lifetime, 30 s and two
/// intervals; never over half the lifetime.
#[must_use]
pub fn refresh_margin(lifetime: Duration, policy: &TokenPolicy) -> Duration {
    let wanted = policy
        .refresh_margin
        .unwrap_or_else(|| (lifetime / 10).max(Duration::from_secs(30)).max(policy.interval.saturating_mul(2)));
    wanted.min(lifetime / 2)
}

fn clamp(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_LIFETIME)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seconds(value: &Value) -> Result<Option<u64>, InvalidExpiresIn> {
        parse_expires_in(Some(&value.to_string())).map(|lifetime| lifetime.map(|lifetime| lifetime.as_secs()))
    }

    #[test]
    fn expires_in_is_read_as_servers_write_it() {
        assert_eq!(seconds(&json!(3600)), Ok(Some(3600)));
        assert_eq!(seconds(&json!(3600.0)), Ok(Some(3600)));
        assert_eq!(seconds(&json!("3600")), Ok(Some(3600)));
        assert_eq!(seconds(&json!(0)), Ok(Some(0)));
        assert_eq!(seconds(&json!(null)), Ok(None));
        assert_eq!(parse_expires_in(None), Ok(None));
    }

    #[test]
    fn expires_in_that_is_no_count_of_seconds_is_refused() {
        for value in [json!(-1), json!(-0.5), json!(1.5), json!("1h"), json!(""), json!("-5"), json!(true), json!([1])]
        {
            assert_eq!(seconds(&value), Err(InvalidExpiresIn), "{value}");
        }
    }

    #[test]
    fn enormous_expires_in_is_clamped() {
        for value in [json!(u64::MAX), json!(1e300), json!("99999999999999999999999999")] {
            assert_eq!(parse_expires_in(Some(&value.to_string())), Ok(Some(LONGEST_LIFETIME)), "{value}");
        }
    }

    #[test]
    fn margin_is_the_largest_of_three_but_never_over_half_the_lifetime() {
        let policy = TokenPolicy {
            interval: Duration::from_secs(30),
            max_age: None,
            refresh_margin: None,
            default_lifetime: Duration::from_secs(600),
        };
        let margin = |lifetime| refresh_margin(Duration::from_secs(lifetime), &policy).as_secs();
        assert_eq!(margin(3600), 360);
        assert_eq!(margin(300), 60);
        assert_eq!(margin(60), 30);
        assert_eq!(margin(0), 0);
        let configured = TokenPolicy { refresh_margin: Some(Duration::from_secs(100)), ..policy };
        assert_eq!(refresh_margin(Duration::from_secs(3600), &configured).as_secs(), 100);
        assert_eq!(refresh_margin(Duration::from_secs(60), &configured).as_secs(), 30);
    }
}
