//! Reading `expires_in`, and the margin.

use std::time::Duration;

use oauth_probe_exporter::model::lifetime::{LONGEST_LIFETIME, parse_expires_in, refresh_margin};
use oauth_probe_exporter::model::target::TokenPolicy;
use proptest::option;
use proptest::prelude::*;

use super::cases;

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![(0..10_000_000_u64).prop_map(Duration::from_millis), any::<u64>().prop_map(Duration::from_secs)]
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn count_of_seconds_reads_the_same_as_integer_as_float_and_as_text(seconds in prop_oneof![0..100_000_u64, any::<u64>()]) {
        let expected = Ok(Some(Duration::from_secs(seconds).min(LONGEST_LIFETIME)));
        for json in [format!("{seconds}"), format!("{seconds}.0"), format!("\"{seconds}\""), format!("\" {seconds} \"")] {
            prop_assert_eq!(parse_expires_in(Some(&json)), expected, "{}", json);
        }
        for json in [format!("-{seconds}"), format!("{seconds}.5"), format!("\"-{seconds}\""), format!("[{seconds}]")] {
            // Zero has no sign, and floats of many digits are read with an error in the last place.
            if seconds > 0 && seconds < 1 << 40 {
                prop_assert!(parse_expires_in(Some(&json)).is_err(), "{}", json);
            }
        }
    }

    #[test]
    fn margin_is_never_over_half_the_lifetime_and_is_what_was_configured_below(
        lifetime in durations(),
        interval in durations(),
        configured in option::of(durations()),
    ) {
        let policy = TokenPolicy {
            interval,
            max_age: None,
            refresh_margin: configured,
            default_lifetime: Duration::ZERO,
        };
        let margin = refresh_margin(lifetime, &policy);
        prop_assert!(margin <= lifetime / 2);
        let wanted = configured.unwrap_or(interval.saturating_mul(2).max(Duration::from_secs(30)).max(lifetime / 10));
        prop_assert!(margin == wanted.min(lifetime / 2));
    }
}
