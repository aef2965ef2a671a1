//! The checks: calls that the API must refuse, one that it must accept, and what its answers to them mean.

use std::num::NonZeroU32;
use std::time::Duration;

use super::advice::Advice;
use super::fault::{Cause, Fault, Reason, Request};
use super::target::SecretSource;

/// A ping with another credential than a live token; the label `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// With none at all.
    NoToken,
    /// With a token that was never issued.
    BadToken,
    /// With one that has expired.
    ExpiredToken,
    /// With an API key, which needs no OAuth: the control that tells a broken OAuth from a broken API.
    ApiKey,
}

/// How an API took a check; the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckResult {
    /// 401 or 403.
    Refused,
    /// 2xx.
    Accepted,
    /// Anything else, or no answer.
    Inconclusive,
}

/// Which checks are made, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// Each once.
    pub checks: Vec<Check>,
    /// One of each in so many cycles.
    pub every: NonZeroU32,
    /// Where the key is found; there if [`Check::ApiKey`] is one of the checks.
    pub api_key: Option<SecretSource>,
}

/// A check that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOutcome {
    /// Which one.
    pub check: Check,
    /// How the API took it.
    pub result: CheckResult,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took. It is no part of the ping's latency.
    pub duration: Duration,
    /// Why there is no whole answer, or why nothing was sent.
    pub failure: Option<Reason>,
}

impl CheckSettings {
    /// Whether this one is made.
    #[must_use]
    pub fn include(&self, check: Check) -> bool {
        self.checks.contains(&check)
    }
}

impl Check {
    /// Every member.
    pub const ALL: [Self; 4] = [Self::NoToken, Self::BadToken, Self::ExpiredToken, Self::ApiKey];

    /// The label value, and the name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::BadToken => "bad_token",
            Self::ExpiredToken => "expired_token",
            Self::ApiKey => "api_key",
        }
    }

    /// Where it stands in [`Check::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The result that says that all is well.
    #[must_use]
    pub const fn wanted(self) -> CheckResult {
        match self {
            Self::NoToken | Self::BadToken | Self::ExpiredToken => CheckResult::Refused,
            Self::ApiKey => CheckResult::Accepted,
        }
    }
}

impl CheckResult {
    /// Every member.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Accepted, Self::Inconclusive];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// By the status of the answer, if there was one. It says enough where the body never came.
    #[must_use]
    pub const fn of_status(status: Option<u16>) -> Self {
        match status {
            Some(401 | 403) => Self::Refused,
            Some(200..=299) => Self::Accepted,
            _ => Self::Inconclusive,
        }
    }
}

impl CheckOutcome {
    /// What is wrong and what to do, if the answer was the opposite of what it must be.
    #[must_use]
    pub const fn finding(&self) -> Option<Advice> {
        let (meaning, remedy) = match (self.check, self.result) {
            (Check::ApiKey, CheckResult::Refused) => (
                "The API refuses the API key (401 or 403).",
                "Check that the key is active and belongs to this environment; until then an outage of OAuth cannot be told from one of the API.",
            ),
            (Check::NoToken | Check::BadToken | Check::ExpiredToken, CheckResult::Accepted) => (
                "The API answers calls that carry no valid token: it may be open to anybody.",
                "Repeat the call by hand, then tell the provider and your security people at once; if ping.path is public by intent, choose a path that is not.",
            ),
            _ => return None,
        };
        Some(Advice { meaning, remedy })
    }

    /// What the control with the API key adds to what is known of a cycle that failed for `cause`.
    #[must_use]
    pub fn throws_light_on(&self, cause: Cause) -> Option<&'static str> {
        if self.check != Check::ApiKey {
            return None;
        }
        let token_is_blamed = cause.request == Request::Token || cause.fault() == Fault::Auth;
        match (self.result, self.status, self.failure.map(|reason| reason.fault(Request::Ping))) {
            (CheckResult::Accepted, ..) if token_is_blamed => {
                Some("The API answers with the API key: it is OAuth that is broken, not the API.")
            }
            (CheckResult::Accepted, ..) => {
                Some("The API answers with the API key: it fails now and then, or for this token alone.")
            }
            (CheckResult::Inconclusive, Some(500..=599), _)
            | (CheckResult::Inconclusive, None, Some(Fault::Network | Fault::ResourceServer)) => {
                Some(if token_is_blamed {
                    "The API fails with the API key as well: it is not OAuth alone."
                } else {
                    "The API fails with the API key as well: it is the API itself, or the way to it."
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(check: Check, status: Option<u16>, failure: Option<Reason>) -> CheckOutcome {
        let result = CheckResult::of_status(status);
        CheckOutcome { check, result, status, duration: Duration::ZERO, failure }
    }

    #[test]
    fn only_401_and_403_refuse_and_only_2xx_accepts() {
        let statuses = |wanted| {
            (100..600).filter(move |status| CheckResult::of_status(Some(*status)) == wanted).collect::<Vec<u16>>()
        };
        assert_eq!(statuses(CheckResult::Refused), [401, 403]);
        assert_eq!(statuses(CheckResult::Accepted), (200..300).collect::<Vec<_>>());
        assert_eq!(CheckResult::of_status(None), CheckResult::Inconclusive);
    }

    #[test]
    fn indices_and_listings_agree_and_names_are_distinct() {
        for (index, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check.index(), index);
        }
        let names: std::collections::BTreeSet<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(names.len(), Check::ALL.len());
    }

    #[test]
    fn opposite_of_what_is_wanted_is_a_finding_and_nothing_else_is() {
        for check in Check::ALL {
            let found = |status| outcome(check, status, None).finding().is_some();
            assert_eq!(found(Some(200)), check != Check::ApiKey, "{check:?}");
            assert_eq!(found(Some(401)), check == Check::ApiKey, "{check:?}");
            assert!(!found(Some(500)) && !found(None), "{check:?}");
        }
    }

    #[test]
    fn control_tells_a_broken_oauth_from_a_broken_api() {
        let says = |request, reason, control: CheckOutcome| {
            let light = control.throws_light_on(Cause { request, reason })?;
            Some(light.split_once(": ").expect("a colon").1)
        };
        let key = |status, failure| outcome(Check::ApiKey, status, failure);
        for (request, reason) in [
            (Request::Token, Reason::ServerError),
            (Request::Token, Reason::Connect),
            (Request::Token, Reason::InvalidClient),
            (Request::Ping, Reason::TokenRejected),
            (Request::Ping, Reason::Forbidden),
        ] {
            let both = [key(Some(200), None), key(Some(503), None)].map(|control| says(request, reason, control));
            let expected = ["it is OAuth that is broken, not the API.", "it is not OAuth alone."].map(Some);
            assert_eq!(both, expected, "{request:?} {reason:?}");
        }
        let api_down = |control| says(Request::Ping, Reason::ServerError, control);
        assert_eq!(api_down(key(Some(200), None)), Some("it fails now and then, or for this token alone."));
        assert_eq!(api_down(key(Some(503), None)), Some("it is the API itself, or the way to it."));
        assert_eq!(api_down(key(None, Some(Reason::Connect))), Some("it is the API itself, or the way to it."));
        assert_eq!(api_down(key(None, Some(Reason::ResponseTimeout))), Some("it is the API itself, or the way to it."));
        // These say nothing of either.
        assert_eq!(api_down(key(None, Some(Reason::SecretUnavailable))), None);
        assert_eq!(api_down(key(Some(302), None)), None);
        assert_eq!(api_down(key(Some(401), None)), None);
        assert_eq!(api_down(outcome(Check::NoToken, Some(503), None)), None);
    }
}
