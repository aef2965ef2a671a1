//! Times and spans of time as a person reads them: in UTC, with how long ago or how long still beside it.

use std::time::Duration;

use maud::{Markup, html};

use crate::telemetry::status::{Seconds, Timestamp};

const MINUTE: u64 = 60;
const TEN_MINUTES: u64 = 10 * MINUTE;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Between a number and its unit, which stay on one line.
const SPACE: char = '\u{a0}';

/// A span as exactly as matters: `45 s`, `1 min 59 s`, `12 min`, `3 h 20 min`, `2 d 4 h`, `84 d`.
pub(super) fn span(seconds: Seconds) -> String {
    let whole = seconds.0.abs().max(0.0) as u64;
    let one = |count: u64, unit: &str| format!("{count}{SPACE}{unit}");
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => one(large, unit),
        _ => format!("{} {}", one(large, unit), one(small, part)),
    };
    match whole {
        0..MINUTE => one(whole, "s"),
        // Tokens live for minutes, too, and a cycle is half of one.
        MINUTE..TEN_MINUTES => two(whole / MINUTE, "min", whole % MINUTE, "s"),
        TEN_MINUTES..HOUR => one(whole / MINUTE, "min"),
        HOUR..DAY => two(whole / HOUR, "h", whole % HOUR / MINUTE, "min"),
        _ if whole < 14 * DAY => two(whole / DAY, "d", whole % DAY / HOUR, "h"),
        _ => one(whole / DAY, "d"),
    }
}

/// How long a request took, to three digits at most.
pub(super) fn latency(seconds: Seconds) -> String {
    let millis = seconds.0 * 1000.0;
    match millis {
        ..9.95 => format!("{millis:.1}{SPACE}ms"),
        ..999.5 => format!("{millis:.0}{SPACE}ms"),
        ..9995.0 => format!("{:.2}{SPACE}s", seconds.0),
        _ => format!("{:.1}{SPACE}s", seconds.0),
    }
}

/// A configured span, as the configuration writes it.
pub(super) fn bound(seconds: Seconds) -> String {
    humantime::format_duration(Duration::try_from_secs_f64(seconds.0).unwrap_or_default()).to_string()
}

/// The time of day, with the date if that is another one than that of `now`.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let (shown, today) = (at.to_string(), now.to_string());
    let (date, time) = (&shown[..10], &shown[11..19]);
    if date == &today[..10] {
        return format!("{time} UTC");
    }
    let month = date[5..7].parse().ok().and_then(|number: usize| MONTHS.get(number.wrapping_sub(1)));
    let (day, month) = (date[8..10].trim_start_matches('0'), month.copied().unwrap_or_default());
    if date[..4] == today[..4] {
        format!("{day} {month} {} UTC", &time[..5])
    } else {
        format!("{day} {month} {}", &date[..4])
    }
}

/// The same as an element that says it to machines, too.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) { (clock(at, now)) } }
}

/// How far away it is: `12 min ago`, `in 3 d 4 h`.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let ahead = now.until(at);
    if ahead.0 > 0.0 { format!("in {}", span(ahead)) } else { format!("{} ago", span(ahead)) }
}

/// `one` thing, or so many of `many`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut grouped = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !grouped.is_empty() {
            // A space that is narrow and does not break.
            grouped.push('\u{202f}');
        }
        grouped.extend(group.iter().map(|&digit| char::from(digit)));
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (61.0, "1 min 1 s"),
            (119.9, "1 min 59 s"),
            (599.0, "9 min 59 s"),
            (659.0, "10 min"),
            (3599.0, "59 min"),
            (3600.0, "1 h"),
            (12_000.0, "3 h 20 min"),
            (187_200.0, "2 d 4 h"),
            (7.0 * 86_400.0, "7 d"),
            (84.5 * 86_400.0, "84 d"),
            (-90.0, "1 min 30 s"),
        ] {
            assert_eq!(span(Seconds(seconds)).replace(SPACE, " "), expected);
        }
    }

    #[test]
    fn latencies_have_three_digits_at_most() {
        for (seconds, expected) in [
            (0.000_04, "0.0 ms"),
            (0.0032, "3.2 ms"),
            (0.0996, "100 ms"),
            (0.9994, "999 ms"),
            (1.2345, "1.23 s"),
            (10.0, "10.0 s"),
        ] {
            assert_eq!(latency(Seconds(seconds)).replace(SPACE, " "), expected);
        }
    }

    #[test]
    fn clock_says_as_much_of_the_date_as_is_needed() {
        let now = Timestamp::from_unix_millis(1_763_950_123_045);
        let ago = |seconds: i64| clock(Timestamp::from_unix_millis(1_763_950_123_045 - seconds * 1000), now);
        assert_eq!(ago(0), "02:08:43 UTC");
        assert_eq!(ago(3 * 3600), "23 Nov 23:08 UTC");
        assert_eq!(ago(20 * 86_400), "4 Nov 02:08 UTC");
        assert_eq!(ago(-90 * 86_400), "22 Feb 2026");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let grouped = |number| grouped(number).replace('\u{202f}', "_");
        assert_eq!([0, 999, 1000, 10_000, 1_234_567].map(grouped), ["0", "999", "1_000", "10_000", "1_234_567"]);
    }
}
