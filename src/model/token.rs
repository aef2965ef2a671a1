//! A token's life: what is held, what was refused, when to ask again. Every rule is a function of `now`.

use std::sync::Arc;

use super::back_off::{BackOff, Circumstances};
use super::expired_token::ExpiredToken;
use super::fault::{Cause, Failure, Reason, Request};
use super::held_token::{Basis, HeldToken};
use super::response::TokenAnswer;
use super::secret::{AccessToken, Fingerprint};
use super::target::{TokenPolicy, TokenSettings};
use super::time::{Moment, Stamp};

pub use super::held_token::{HeldView, REISSUE_GRACE};
pub use super::trigger::Trigger;

/// After so many different secrets without an accepted token, a further one no longer ends a back-off.
const SECRETS_REMEMBERED: usize = 16;

/// What a cycle does about its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlan {
    /// Ping with the token that is held.
    Use,
    /// Ping with the token that is held, which outlives the cycle, then ask: a hanging token endpoint delays no ping.
    PingThenAsk(Trigger),
    /// Ask, not before the given moment, then ping.
    AskThenPing(Trigger, Moment),
    /// No live token, and none may be asked for yet: the cycle fails for what caused that.
    Fail(Cause),
}

/// Whether an answer brought another token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// A token that was not held before.
    New,
    /// The one that was held already.
    Unchanged,
    /// A token that had no time left when it arrived: of no use, and no reason to give up one that still lives.
    Dead,
}

/// What is known about one target's token.
#[derive(Clone, Debug, Default)]
pub struct TokenState {
    held: Option<HeldToken>,
    /// Dropped after a 401; kept to recognise it when the server hands it out again.
    dropped: Option<HeldToken>,
    /// For the check `expired_token`.
    expired: ExpiredToken,
    /// The last token request, whatever came of it.
    asked: Option<Stamp>,
    /// The last token request that was answered with a token.
    answered: Option<Moment>,
    last_answer: Option<AnswerNotes>,
    /// Holds back every token request after failed ones.
    failure: Option<BackOff>,
    /// Holds back token requests caused by a 401 after new tokens were refused too.
    refusal: Option<BackOff>,
    /// Secrets that were sent since a token was last accepted, the latest last: each ends a back-off at most once.
    secrets_tried: Vec<Fingerprint>,
}

#[derive(Clone, Debug)]
struct AnswerNotes {
    expires_in: Basis,
    scopes_missing: Arc<[String]>,
}

/// A token request, as far as the token's life is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Before it was sent: the server's count of seconds began later than this.
    pub at: Stamp,
    /// The secret that was sent; `None` if none could be read or none is needed.
    pub secret: Option<Fingerprint>,
}

/// What is shown of a token.
#[derive(Clone, Debug, Default)]
pub struct TokenView {
    /// The token that is held, expired or not.
    pub held: Option<HeldView>,
    /// When the token endpoint may and should be asked next; `None` before the first time.
    pub next_request: Option<Stamp>,
    /// Whether the last answer had no `expires_in`.
    pub expires_in_missing: Option<bool>,
    /// Which expected scopes the last answer did not grant, by their names in the configuration.
    pub scopes_missing: Option<Arc<[String]>>,
}

impl TokenState {
    /// What a cycle that starts `now` and ends at `cycle_end` does about its token.
    ///
    /// `secret` is the one that is there now; it matters only while [`TokenState::is_backing_off`].
    #[must_use]
    pub fn plan(&self, now: Moment, cycle_end: Moment, policy: &TokenPolicy, secret: Option<Fingerprint>) -> TokenPlan {
        if self.is_backing_off(now) && secret.is_some_and(|secret| self.is_worth_trying(secret, now)) {
            let works = self.refusal.is_none() && self.held.as_ref().is_some_and(|held| held.is_live(cycle_end));
            let trigger = Trigger::SecretChanged;
            return if works { TokenPlan::PingThenAsk(trigger) } else { TokenPlan::AskThenPing(trigger, now) };
        }
        match (&self.held, self.withheld_by(now)) {
            (Some(held), Some(_)) if held.is_live(now) => TokenPlan::Use,
            (_, Some(cause)) => TokenPlan::Fail(cause),
            (None, None) => {
                let trigger = if self.dropped.is_some() { Trigger::Rejected } else { Trigger::Initial };
                TokenPlan::AskThenPing(trigger, now)
            }
            (Some(held), None) if held.is_used_up(now) => {
                let after_grace = held.expiry.at.moment.plus(REISSUE_GRACE);
                if !held.reissued || now >= after_grace {
                    TokenPlan::AskThenPing(Trigger::Expiry, now)
                } else if after_grace < cycle_end {
                    TokenPlan::AskThenPing(Trigger::Expiry, after_grace)
                } else if held.is_live(now) {
                    TokenPlan::Use
                } else {
                    TokenPlan::AskThenPing(Trigger::Expiry, now)
                }
            }
            (Some(held), None) => self.plan_with(held, now, cycle_end, policy),
        }
    }

    /// What to do with a token that has time left, while nothing keeps the next request back.
    fn plan_with(&self, held: &HeldToken, now: Moment, cycle_end: Moment, policy: &TokenPolicy) -> TokenPlan {
        let (due, trigger) = self.due(held, policy);
        // `max_age` is a promise to ask at least so often: the cycle in which it runs out asks.
        let is_due = if trigger == Trigger::Age { due < cycle_end } else { due <= now };
        // An API that hangs for a whole cycle leaves no time to ask after the ping.
        let crowded_out = due.plus(policy.interval) <= now && self.asked.is_none_or(|asked| asked.moment < due);
        if !is_due {
            TokenPlan::Use
        } else if held.is_live(cycle_end) && !crowded_out {
            TokenPlan::PingThenAsk(trigger)
        } else {
            TokenPlan::AskThenPing(trigger, now)
        }
    }

    /// Whether a changed secret would make a difference now.
    #[must_use]
    pub fn is_backing_off(&self, now: Moment) -> bool {
        self.failure.into_iter().chain(self.refusal).any(|back_off| back_off.holds(now))
    }

    /// The token to ping with, if one is held that has not expired.
    #[must_use]
    pub fn live_token(&self, now: Moment) -> Option<&AccessToken> {
        self.held.as_ref().filter(|held| held.is_live(now)).map(|held| &held.access_token)
    }

    /// A token whose stated expiry is long over, for the one check that sends such a token.
    #[must_use]
    pub fn expired_token(&self, now: Moment) -> Option<&AccessToken> {
        self.expired.at(now)
    }

    /// No check needs an expired token: none is kept.
    pub fn forget_expired(&mut self) {
        self.expired = ExpiredToken::default();
    }

    /// When a server that re-issues its tokens certainly gives another than the one that is held, if that one has so
    /// little left that it is worth waiting for.
    #[must_use]
    pub fn replaceable_from(&self, now: Moment) -> Option<Moment> {
        let expiry = self.held.as_ref()?.expiry.at.moment;
        (now.until(expiry) <= REISSUE_GRACE).then(|| expiry.plus(REISSUE_GRACE))
    }

    /// A token request was answered with a token, which arrived at `arrived`.
    pub fn answered(
        &mut self,
        asked: Asked,
        arrived: Moment,
        answer: TokenAnswer,
        settings: &TokenSettings,
    ) -> Novelty {
        let policy = &settings.policy;
        self.last_answer = Some(AnswerNotes {
            expires_in: if answer.expires_in.is_some() { Basis::Stated } else { Basis::Assumed },
            scopes_missing: settings.scopes_missing(answer.scopes.as_deref()).into(),
        });
        self.note_asked(asked);
        self.answered = Some(asked.at.moment);
        self.expired.note_issued(&answer.access_token);
        let known = self.held.as_ref().or(self.dropped.as_ref());
        if known.is_some_and(|known| known.access_token == answer.access_token) {
            let known = self.held.take().or(self.dropped.take());
            self.held = known.map(|known| known.reissued(asked.at, answer.expires_in, policy));
            return Novelty::Unchanged;
        }
        let new = HeldToken::issued(asked.at, answer, policy);
        if !new.is_live(arrived) {
            return Novelty::Dead;
        }
        if let Some(old) = self.held.replace(new) {
            self.expired.keep(old, arrived);
        }
        self.dropped = None;
        Novelty::New
    }

    /// A token request left a live token in our hands.
    pub fn recovered(&mut self) {
        self.failure = None;
    }

    /// A token request failed, or its answer was of no use: hold the next ones back.
    pub fn failed(&mut self, asked: Asked, failure: Failure, policy: &TokenPolicy, random: f64) {
        self.note_asked(asked);
        let cause = Cause { request: Request::Token, reason: failure.reason };
        let live_until =
            self.held.as_ref().filter(|held| held.is_live(asked.at.moment)).map(|held| held.expiry.at.moment);
        let seen = Circumstances {
            attempted: asked.at.moment,
            interval: policy.interval,
            live_until,
            retry_after: failure.retry_after,
            random,
        };
        self.failure = Some(BackOff::after(self.failure.as_ref(), cause, &seen));
    }

    /// The API took the token.
    pub fn accepted(&mut self) {
        self.refusal = None;
        // The one in use stays known: it is no change.
        self.secrets_tried.drain(..self.secrets_tried.len().saturating_sub(1));
    }

    /// The API answered 401 to the token at `now`. Says whether it should still have lived, once per token.
    pub fn note_rejection(&mut self, now: Moment) -> bool {
        match &mut self.held {
            Some(held) if held.is_live(now) && !held.early_rejection_noted => {
                held.early_rejection_noted = true;
                true
            }
            _ => false,
        }
    }

    /// Whether a 401 may be answered with a token request now.
    #[must_use]
    pub fn may_replace_rejected(&self, now: Moment) -> bool {
        !self.is_backing_off(now)
    }

    /// Why no token may be asked for now, if one request after another failed.
    #[must_use]
    pub fn withheld_by(&self, now: Moment) -> Option<Cause> {
        self.failure.filter(|back_off| back_off.holds(now)).map(BackOff::cause)
    }

    /// Gives up the token that the API refused.
    pub fn drop_rejected(&mut self) {
        self.dropped = self.held.take();
    }

    /// A new token was refused as well, or the old one came back: hold back the requests that a 401 causes.
    ///
    /// The token may live, but is of no use, so that the shorter cap applies.
    pub fn back_off_rejected(&mut self, now: Moment, policy: &TokenPolicy, random: f64) {
        let cause = Cause { request: Request::Ping, reason: Reason::TokenRejected };
        let seen =
            Circumstances { attempted: now, interval: policy.interval, live_until: None, retry_after: None, random };
        self.refusal = Some(BackOff::after(self.refusal.as_ref(), cause, &seen));
    }

    /// What is shown of the token at `now`.
    #[must_use]
    pub fn view(&self, now: Moment, policy: &TokenPolicy) -> TokenView {
        TokenView {
            held: self.held.as_ref().map(|held| HeldView {
                issued: held.issued,
                expiry: held.expiry.at,
                lifetime: held.lifetime,
                margin: held.margin,
            }),
            next_request: self.asked.map(|asked| {
                let moment = self.next_request(now, asked.moment, policy);
                Stamp { moment, wall: asked.wall_at(moment) }
            }),
            expires_in_missing: self.last_answer.as_ref().map(|answer| answer.expires_in == Basis::Assumed),
            scopes_missing: self.last_answer.as_ref().map(|answer| Arc::clone(&answer.scopes_missing)),
        }
    }

    /// The expected scopes that the last answer did not grant, by their names in the configuration.
    #[must_use]
    pub fn scopes_missing(&self) -> &[String] {
        self.last_answer.as_ref().map_or(&[], |answer| &answer.scopes_missing)
    }

    fn note_asked(&mut self, asked: Asked) {
        self.asked = Some(asked.at);
        let Some(secret) = asked.secret else { return };
        self.secrets_tried.retain(|&tried| tried != secret);
        if self.secrets_tried.len() == SECRETS_REMEMBERED {
            self.secrets_tried.remove(0);
        }
        self.secrets_tried.push(secret);
    }

    /// A secret that was not sent yet, or any if what failed was to read one: nothing was sent then.
    fn is_worth_trying(&self, secret: Fingerprint, now: Moment) -> bool {
        let was_unreadable = self.withheld_by(now).is_some_and(|cause| cause.reason == Reason::SecretUnavailable);
        let is_new = self.secrets_tried.len() < SECRETS_REMEMBERED && !self.secrets_tried.contains(&secret);
        was_unreadable || is_new
    }

    fn next_request(&self, now: Moment, asked: Moment, policy: &TokenPolicy) -> Moment {
        let due = self.held.as_ref().map_or(asked, |held| self.due(held, policy).0);
        // Once it is over, only a further 401 asks before the token is due.
        let refusal = self.refusal.filter(|back_off| back_off.holds(now));
        let due = refusal.map_or(due, |back_off| due.min(back_off.until()));
        self.failure.map_or(due, |back_off| due.max(back_off.until()))
    }

    /// When to ask again, and why: `max_age` after the last answer or the margin before expiry, what comes first.
    fn due(&self, held: &HeldToken, policy: &TokenPolicy) -> (Moment, Trigger) {
        let expiry = held.expiry.at.moment;
        let by_expiry = if held.reissued { expiry.plus(REISSUE_GRACE) } else { expiry.minus(held.margin) };
        match (self.answered, policy.max_age) {
            (Some(answered), Some(max_age)) if answered.plus(max_age) < by_expiry => {
                (answered.plus(max_age), Trigger::Age)
            }
            _ => (by_expiry, Trigger::Expiry),
        }
    }
}
