//! How long a back-off is.

use std::time::Duration;

use oauth_probe_exporter::model::back_off::{BackOff, Circumstances};
use oauth_probe_exporter::model::fault::{Cause, Reason, Request};
use oauth_probe_exporter::model::time::Moment;
use proptest::option;
use proptest::prelude::*;

use super::cases;
use super::simulated::{minutes, seconds};

const CAUSE: Cause = Cause { request: Request::Token, reason: Reason::ServerError };
const NOW: Moment = Moment::since_boot(minutes(60));

proptest! {
    #![proptest_config(cases(2000))]

    /// interval + random up to min(cap, interval · 2ⁿ), a last attempt before a live token expires, `Retry-After`.
    #[test]
    fn back_off_is_what_the_contract_says(
        interval in (1..100_000_u64).prop_map(Duration::from_millis),
        failed_before in 0..40_u32,
        live_for in option::of((0..10_000_000_u64).prop_map(Duration::from_millis)),
        retry_after in option::of(prop_oneof![0..2_000_u64, Just(u64::MAX)]),
        random in 0.0..1.0_f64,
    ) {
        let retry_after = retry_after.map(Duration::from_secs);
        let seen = Circumstances { attempted: NOW, interval, live_until: live_for.map(|life| NOW.plus(life)), retry_after, random };
        let back_off = (0..=failed_before).fold(None, |before: Option<BackOff>, _| {
            Some(BackOff::after(before.as_ref(), CAUSE, &seen))
        });
        let length = NOW.until(back_off.expect("one at least").until());
        let chance = live_for.and_then(|life| life.checked_sub(interval)).filter(|chance| !chance.is_zero());
        let cap = if chance.is_some() { minutes(5) } else { minutes(2) };
        let longest = interval + interval.saturating_mul(2_u32.saturating_pow(failed_before)).min(cap);
        let floor = retry_after.unwrap_or_default().min(minutes(15));
        let limit = |length: Duration| chance.map_or(length, |chance| length.min(chance)).max(floor);
        prop_assert!(length >= limit(interval), "{length:?} is too short");
        prop_assert!(length <= limit(longest) + Duration::from_nanos(1), "{length:?} is too long");
    }

    /// Those who failed together come back apart, however often they failed.
    #[test]
    fn back_offs_of_a_crowd_spread_over_an_interval_at_least(interval in 1..120_u64, failed_before in 0..10_u32) {
        let length = |random| {
            let interval = seconds(interval);
            let seen = Circumstances { attempted: NOW, interval, live_until: None, retry_after: None, random };
            let back_off = (0..=failed_before).fold(None, |before: Option<BackOff>, _| {
                Some(BackOff::after(before.as_ref(), CAUSE, &seen))
            });
            NOW.until(back_off.expect("one at least").until())
        };
        prop_assert!(length(0.999) - length(0.0) >= seconds(interval) * 99 / 100);
    }
}
