//! `Retry-After` and `Date`.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::model::back_off::{BackOff, Circumstances};
use oauth_probe_exporter::model::fault::{Cause, Reason, Request};
use oauth_probe_exporter::model::response::{clock_skew, parse_retry_after};
use oauth_probe_exporter::model::time::Moment;

const CAUSE: Cause = Cause { request: Request::Token, reason: Reason::RateLimited };
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);

fuzz_target!(|value: &str| {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let digits = value.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let date = httpdate::parse_http_date(digits).ok();
    let retry_after = parse_retry_after(value, now);
    assert_eq!(retry_after.is_some(), is_number || date.is_some());
    if let (true, Ok(seconds)) = (is_number, digits.parse()) {
        assert_eq!(retry_after, Some(Duration::from_secs(seconds)));
    }
    holds_back_for_a_quarter_of_an_hour_at_most(retry_after);
    let skew = clock_skew(value, now);
    assert_eq!(skew.is_some(), date.is_some());
    if let (Some(date), Some(skew)) = (date, skew) {
        reads_the_same_as_a_server_writes_it(date, skew, now);
    }
});

fn holds_back_for_a_quarter_of_an_hour_at_most(retry_after: Option<Duration>) {
    let attempted = Moment::since_boot(Duration::from_secs(1000));
    let seen =
        Circumstances { attempted, interval: Duration::from_secs(30), live_until: None, retry_after, random: 1.0 };
    assert!(attempted.until(BackOff::after(None, CAUSE, &seen).until()) <= LONGEST_BACK_OFF);
}

fn reads_the_same_as_a_server_writes_it(date: SystemTime, skew: f64, now: SystemTime) {
    assert!(skew.is_finite());
    // A server writes no date before 1970.
    if date >= UNIX_EPOCH {
        let written = httpdate::fmt_http_date(date);
        assert_eq!(clock_skew(&written, now), Some(skew), "{written}");
    }
}
