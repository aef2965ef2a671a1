//! CONTRACT §3 in the test's own words: what is known of the token, and before when the token endpoint is left alone.

use std::collections::HashSet;
use std::time::Duration;

use oauth_probe_exporter::model::fault::{Failure, Reason};

use super::record::Answer;
use super::simulated::{minutes, seconds};
use super::story::Settings;

const GRACE: Duration = seconds(1);
const DECADE: Duration = seconds(10 * 365 * 24 * 3600);
const RETRY_AFTER_CAP: Duration = minutes(15);

/// The token that is held, or was dropped and may come back.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) serial: u64,
    pub(crate) issued: Duration,
    pub(crate) expiry: Duration,
    basis: Basis,
    lifetime: Duration,
    /// A request within the margin brought it again.
    margin_is_used_up: bool,
    pub(crate) was_refused: bool,
    pub(crate) early_rejection_noted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    Stated,
    Assumed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Unchanged,
    Dead,
}

impl Known {
    fn new(serial: u64, asked: Duration, expires_in: Option<Duration>, settings: &Settings) -> Self {
        let lifetime = expires_in.unwrap_or(settings.default_lifetime).min(DECADE);
        let basis = if expires_in.is_some() { Basis::Stated } else { Basis::Assumed };
        Self {
            serial,
            issued: asked,
            expiry: asked + lifetime,
            basis,
            lifetime,
            margin_is_used_up: false,
            was_refused: false,
            early_rejection_noted: false,
        }
    }

    /// "Before a known expiry it may only shorten it. After expiry, an unchanged token with `expires_in` > 1 is believed.
    /// An assumed expiry may be extended."
    fn came_again(&mut self, asked: Duration, expires_in: Option<Duration>, settings: &Settings) {
        let again = Self::new(self.serial, asked, expires_in, settings);
        match self.basis {
            Basis::Stated if asked < self.expiry => {
                if again.basis == Basis::Stated {
                    self.expiry = self.expiry.min(again.expiry);
                }
            }
            Basis::Stated if again.basis == Basis::Stated && again.lifetime <= GRACE => {}
            Basis::Stated | Basis::Assumed => {
                (self.expiry, self.basis, self.lifetime) = (again.expiry, again.basis, again.lifetime);
            }
        }
        self.margin_is_used_up = asked + self.margin(settings) >= self.expiry;
    }

    /// "The larger of 10 % of the lifetime, 30 s, two intervals; never over half the lifetime."
    pub(crate) fn margin(&self, settings: &Settings) -> Duration {
        let wanted = (self.lifetime / 10).max(seconds(30)).max(settings.interval * 2);
        settings.refresh_margin.unwrap_or(wanted).min(self.lifetime / 2)
    }

    /// From when its end is a reason to ask: within the margin or the last instants, or, once that was of no use, after
    /// its expiry.
    pub(crate) fn is_due_from(&self, settings: &Settings) -> Duration {
        let instants = GRACE.min(self.lifetime / 10);
        let early = if self.margin_is_used_up { Duration::ZERO } else { self.margin(settings).max(instants) };
        self.expiry.saturating_sub(early)
    }
}

/// All that counts from one cycle to the next.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) known: Option<Known>,
    pub(crate) is_held: bool,
    pub(crate) last_answered: Option<Duration>,
    /// Secrets that were sent since a token was last accepted.
    tried: HashSet<u64>,
    last_secret: Option<u64>,
    /// After a failed attempt.
    pub(crate) back_off: Option<BackOff>,
    /// After new tokens were refused as well: before then a 401 is no reason to ask.
    pub(crate) no_fetch_for_401_before: Option<Duration>,
}

/// The least that any back-off is, whatever the random number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackOff {
    pub(crate) not_before: Duration,
    /// The most that it is.
    pub(crate) over_by: Duration,
    reason: Reason,
}

impl Ledger {
    /// A token request that was sent at `asked`, with `secret`, was answered.
    pub(crate) fn answered(
        &mut self,
        asked: Duration,
        arrived: Duration,
        (serial, expires_in): (u64, Option<Duration>),
        settings: &Settings,
    ) -> Novelty {
        self.last_answered = Some(asked);
        if let Some(known) = self.known.as_mut().filter(|known| known.serial == serial) {
            known.came_again(asked, expires_in, settings);
            self.is_held = true;
            return Novelty::Unchanged;
        }
        let new = Known::new(serial, asked, expires_in, settings);
        if arrived >= new.expiry {
            return Novelty::Dead;
        }
        (self.known, self.is_held) = (Some(new), true);
        Novelty::New
    }

    pub(crate) fn sent(&mut self, secret: Option<u64>) {
        self.last_secret = secret.or(self.last_secret);
        self.tried.extend(secret);
    }

    /// A ping was accepted: tokens are good again, and of the secrets only the one in use is remembered.
    pub(crate) fn accepted(&mut self) {
        self.no_fetch_for_401_before = None;
        self.tried = self.last_secret.into_iter().collect();
    }

    /// "A changed secret ends a back-off, once per content": whether one that was found now does. One that could not be
    /// read before was not sent.
    pub(crate) fn ends_back_off(&self, found: Option<u64>) -> bool {
        let unreadable = self.back_off.is_some_and(|back_off| back_off.reason == Reason::SecretUnavailable);
        found.is_some_and(|secret| unreadable || !self.tried.contains(&secret))
    }

    pub(crate) fn live(&self, at: Duration) -> Option<&Known> {
        self.known.as_ref().filter(|known| self.is_held && at < known.expiry)
    }

    /// "Interval + random up to min(cap, …), cap 5 min, or 2 min while no live token is held, and at least one attempt
    /// before a live token expires; `Retry-After` is a floor, capped at 15 min."
    pub(crate) fn failed(&mut self, asked: Duration, failure: Failure, interval: Duration) {
        let mut not_before = asked + interval;
        let mut over_by = not_before + minutes(2);
        if let Some(live) = self.live(asked)
            && let Some(last_chance) = live.expiry.checked_sub(interval).filter(|chance| asked < *chance)
        {
            over_by = (not_before + minutes(5)).min(last_chance);
            not_before = not_before.min(last_chance);
        }
        let floor = asked + failure.retry_after.unwrap_or_default().min(RETRY_AFTER_CAP);
        self.back_off =
            Some(BackOff { not_before: not_before.max(floor), over_by: over_by.max(floor), reason: failure.reason });
    }
}

/// What a failed or useless answer failed for.
pub(crate) fn failure_of(answer: Answer) -> Failure {
    match answer {
        Answer::Failed(failure) => failure,
        Answer::Token { .. } => Reason::BadResponse.into(),
    }
}
