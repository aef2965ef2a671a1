//! Reading single values: durations, dates, numbers, names, choices.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::fields::Spot;
use super::raw::SecretKeys;
use super::yaml::Meaning;
use crate::model::lifetime::LONGEST_LIFETIME;
use crate::model::secret::Secret;
use crate::model::suggest::nearest;

const WANTED_DURATION: &str = "write a duration such as `30s`, `5m` or `250ms`";

/// A duration of at least `shortest`.
pub(super) fn duration(mut spot: Spot<'_>, shortest: Duration) -> Option<Duration> {
    let scalar = spot.scalar(WANTED_DURATION)?;
    if matches!(scalar.meaning(), Meaning::Integer(_) | Meaning::Float(_)) {
        return spot.refuse(&format!("has no unit; {WANTED_DURATION}"));
    }
    let Ok(duration) = humantime::parse_duration(&scalar.text) else {
        return spot.refuse(&format!("is not a duration; {WANTED_DURATION}"));
    };
    if duration < shortest {
        let shortest = humantime::format_duration(shortest);
        return spot.refuse(&format!("is too short; write at least `{shortest}`"));
    }
    // Bounded, so that no later sum of a point in time and a duration overflows.
    if duration > LONGEST_LIFETIME {
        return spot.refuse("is too long; write at most ten years");
    }
    Some(duration)
}

/// A duration greater than zero.
pub(super) fn positive_duration(spot: Spot<'_>) -> Option<Duration> {
    duration(spot, Duration::from_millis(1))
}

/// A duration greater than zero, or `off`.
pub(super) fn duration_or_off(mut spot: Spot<'_>) -> Option<Option<Duration>> {
    let scalar = spot.scalar("write a duration such as `5m`, or `off`")?;
    if scalar.text == "off" || matches!(scalar.meaning(), Meaning::Boolean(false)) {
        return Some(None);
    }
    positive_duration(spot).map(Some)
}

/// `true` or `false`; a quoted word is text, and text that merely looks like `false` must not pass for true.
pub(super) fn boolean(mut spot: Spot<'_>) -> Option<bool> {
    match spot.scalar("write `true` or `false`")?.meaning() {
        Meaning::Boolean(value) => Some(value),
        _ => spot.refuse("is neither true nor false; write `true` or `false`, without quotes"),
    }
}

/// A number of `range`.
pub(super) fn integer<T>(mut spot: Spot<'_>, range: &RangeInclusive<T>) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    let wanted = format!("write a whole number from {} to {}", range.start(), range.end());
    let Meaning::Integer(number) = spot.scalar(&wanted)?.meaning() else {
        return spot.refuse(&format!("is not a whole number; {wanted}"));
    };
    match T::try_from(number) {
        Ok(number) if range.contains(&number) => Some(number),
        _ => spot.refuse(&format!("is out of range; {wanted}")),
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(mut spot: Spot<'_>, choices: &[(&'static str, T)]) -> Option<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let text = spot.text(&format!("write one of {listed}"))?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    match nearest(text, &words) {
        Some(near) => spot.refuse(&format!("is none of {listed}; did you mean `{near}`?")),
        None => spot.refuse(&format!("is not known; write one of {listed}")),
    }
}

/// Text that is there and has no control characters; `wanted` says what to write.
pub(super) fn plain_text(mut spot: Spot<'_>, wanted: &str) -> Option<String> {
    let text = spot.text(wanted)?;
    if text.trim().is_empty() {
        return spot.refuse(&format!("is empty; {wanted}"));
    }
    checked_text(text).map_or_else(|what| spot.refuse(what), Some)
}

/// Text without control characters and without spaces around it.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn checked_text(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("has control characters; remove them");
    }
    if text.trim() != text {
        return Err("begins or ends with a space; remove it");
    }
    Ok(text.to_owned())
}

/// A file's name. Whether the file is there shows when it is needed: it may appear later, and may change.
pub(super) fn file_name(mut spot: Spot<'_>) -> Option<PathBuf> {
    let text = spot.text("name a file")?;
    checked_file_name(text).map_or_else(|what| spot.refuse(what), Some)
}

/// The name of a file, as it can be opened.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn checked_file_name(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() || text.contains('\0') {
        return Err("is not a file name; name a file");
    }
    if text == "~" || text.starts_with("~/") {
        return Err("begins with `~`, which only a shell replaces; write the home directory out");
    }
    Ok(PathBuf::from(text))
}

/// A secret in the configuration, without the line ends that a block scalar leaves behind it.
pub(super) fn secret(mut spot: Spot<'_>, keys: &SecretKeys) -> Option<Secret> {
    let SecretKeys { what, file, variable, .. } = keys;
    let wanted = format!("write the {what}, or name its file with `{file}`");
    let text = spot.text(&wanted)?;
    if is_placeholder(text) {
        let what = format!("is a placeholder, and variables are not put in here; name one with `{variable}`");
        return spot.refuse(&what);
    }
    match inline_secret(text) {
        None => spot.refuse(&format!("is empty; {wanted}")),
        secret => secret,
    }
}

/// `${NAME}` and `$(NAME)`: what other tools replace, and what would be sent as it is.
fn is_placeholder(text: &str) -> bool {
    let inside = |open, close| text.strip_prefix(open).and_then(|text| text.strip_suffix(close));
    inside("${", '}').or_else(|| inside("$(", ')')).is_some_and(|name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// A secret without the line ends behind it, the same as when it is read from a file.
pub(super) fn inline_secret(text: &str) -> Option<Secret> {
    let text = text.trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| Secret::new(text.to_owned()))
}

/// A date, or a date and time, of RFC 3339. A date alone begins at midnight UTC, so that an alert is early, not late.
pub(super) fn date(mut spot: Spot<'_>) -> Option<SystemTime> {
    const WANTED: &str = "write a date such as `2027-01-31` or `2027-01-31T12:00:00Z`";
    match parse_date(spot.text(WANTED)?) {
        Some(date) => Some(date),
        None => spot.refuse(&format!("is not a date of RFC 3339; {WANTED}")),
    }
}

fn parse_date(text: &str) -> Option<SystemTime> {
    if text.len() == "2027-01-31".len() {
        return humantime::parse_rfc3339_weak(&format!("{text}T00:00:00")).ok();
    }
    let (local, offset) = text.len().checked_sub(6).and_then(|at| text.split_at_checked(at))?;
    match offset.split_at_checked(1) {
        Some((sign @ ("+" | "-"), offset)) if local.contains([':', 'T']) => {
            let (hours, minutes) = offset.split_once(':')?;
            let two_digits = |text: &str, limit| {
                let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse::<u64>().ok().filter(|number| digits && *number < limit)
            };
            let ahead = Duration::from_secs(two_digits(hours, 24)? * 3600 + two_digits(minutes, 60)? * 60);
            let local = humantime::parse_rfc3339_weak(local).ok()?;
            let date = if sign == "+" { local.checked_sub(ahead) } else { local.checked_add(ahead) };
            date.filter(can_be_written)
        }
        _ => humantime::parse_rfc3339_weak(text).ok(),
    }
}

/// Whether it lies in the years from 1970 to 9999: its offset may have moved it out of them.
fn can_be_written(date: &SystemTime) -> bool {
    const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);
    date.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < YEAR_10000)
}

/// The method of a request (RFC 9110 §9.1).
pub(super) fn method(mut spot: Spot<'_>) -> Option<String> {
    const STANDARD: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];
    let text = spot.text("write a method such as `GET`")?;
    if let Some(meant) = STANDARD.iter().find(|method| **method != text && method.eq_ignore_ascii_case(text)) {
        return spot.refuse(&format!("is no method, since case matters; write `{meant}`"));
    }
    if !is_token(text) || text.eq_ignore_ascii_case("CONNECT") {
        return spot.refuse("is not a method for a ping; write a method such as `GET`");
    }
    Some(text.to_owned())
}

/// A token of HTTP (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_date(text).and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok()).map(|since| since.as_secs())
    }

    #[test]
    fn dates_are_read_with_and_without_time_and_offset() {
        assert_eq!(seconds("2027-01-31"), Some(1_801_353_600));
        assert_eq!(seconds("2027-01-31T01:00:00Z"), Some(1_801_357_200));
        assert_eq!(seconds("2027-01-31 01:00:00"), Some(1_801_357_200));
        assert_eq!(seconds("2027-01-31T01:00:00.25Z"), Some(1_801_357_200));
        assert_eq!(seconds("2027-01-31T03:30:00+02:30"), Some(1_801_357_200));
        assert_eq!(seconds("2027-01-30T23:00:00-02:00"), Some(1_801_357_200));
    }

    /// Outside of these years nothing can write it again as a date of RFC 3339.
    #[test]
    fn date_that_its_offset_moves_out_of_the_years_that_can_be_written_is_none() {
        for text in ["1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in ["1970-01-01T00:01:00+00:01", "9999-12-31T23:58:59-00:01", "9999-12-31"] {
            let date = parse_date(text).expect(text);
            assert_eq!(humantime::parse_rfc3339(&humantime::format_rfc3339(date).to_string()), Ok(date));
        }
    }

    #[test]
    fn other_text_is_no_date() {
        for text in [
            "",
            "tomorrow",
            "2027-13-01",
            "2027-02-30",
            "31.01.2027",
            "2027-01-31T01:00:00+2:30",
            "2027-01-3é",
            "äöüäöüäöüäöü",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
