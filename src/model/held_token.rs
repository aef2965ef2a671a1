//! One token that is held: when it came, when it expires, and what an answer that brings it again says of that.

use std::time::Duration;

use super::lifetime::refresh_margin;
use super::response::TokenAnswer;
use super::secret::AccessToken;
use super::target::TokenPolicy;
use super::time::{Moment, Stamp};

/// Servers that re-issue a token round what is left of it down to whole seconds: one second after the expiry they
/// stated, the next one is certainly a new one.
pub const REISSUE_GRACE: Duration = Duration::from_secs(1);

/// What is shown of a token that is held.
#[derive(Clone, Copy, Debug)]
pub struct HeldView {
    /// When it was first issued.
    pub issued: Stamp,
    /// When it expires.
    pub expiry: Stamp,
    /// Its lifetime as stated or assumed.
    pub lifetime: Duration,
    /// How long before expiry the next one is asked for.
    pub margin: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct HeldToken {
    pub(super) access_token: AccessToken,
    /// Just before the request that first brought it was sent.
    pub(super) issued: Stamp,
    pub(super) expiry: Expiry,
    /// From the request to the expiry, when the expiry was last set.
    pub(super) lifetime: Duration,
    pub(super) margin: Duration,
    /// A request within the margin brought it again: the next one has a chance only after expiry.
    pub(super) reissued: bool,
    pub(super) early_rejection_noted: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry {
    pub(super) at: Stamp,
    pub(super) basis: Basis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// By `expires_in`.
    Stated,
    /// By `token.default_lifetime`.
    Assumed,
}

impl HeldToken {
    pub(super) fn issued(asked: Stamp, answer: TokenAnswer, policy: &TokenPolicy) -> Self {
        let (lifetime, basis) = match answer.expires_in {
            Some(stated) => (stated, Basis::Stated),
            None => (policy.default_lifetime, Basis::Assumed),
        };
        Self {
            access_token: answer.access_token,
            issued: asked,
            expiry: Expiry::after(asked, lifetime, basis),
            lifetime,
            margin: refresh_margin(lifetime, policy),
            reissued: false,
            early_rejection_noted: false,
        }
    }

    /// The server gave the same token again.
    pub(super) fn reissued(mut self, asked: Stamp, expires_in: Option<Duration>, policy: &TokenPolicy) -> Self {
        let live = self.is_live(asked.moment);
        match (expires_in, self.expiry.basis) {
            // Rounded down at every answer: a known expiry only ever comes nearer.
            (Some(stated), Basis::Stated) if live => {
                let expiry = Expiry::after(asked, stated, Basis::Stated);
                if expiry.at.moment < self.expiry.at.moment {
                    self.expiry = expiry;
                }
            }
            (Some(stated), Basis::Stated) if stated <= REISSUE_GRACE => {}
            (Some(stated), _) => self.renew(asked, stated, Basis::Stated, policy),
            (None, Basis::Stated) if live => {}
            (None, _) => self.renew(asked, policy.default_lifetime, Basis::Assumed, policy),
        }
        self.reissued = self.expiry.at.moment.minus(self.margin) <= asked.moment;
        self
    }

    fn renew(&mut self, asked: Stamp, lifetime: Duration, basis: Basis, policy: &TokenPolicy) {
        self.expiry = Expiry::after(asked, lifetime, basis);
        self.lifetime = lifetime;
        self.margin = refresh_margin(lifetime, policy);
    }

    /// Whether it has expired, or would on its way: a second or a tenth of its lifetime is the least worth sending.
    pub(super) fn is_used_up(&self, now: Moment) -> bool {
        now.until(self.expiry.at.moment) <= REISSUE_GRACE.min(self.lifetime / 10)
    }

    pub(super) fn is_live(&self, now: Moment) -> bool {
        now < self.expiry.at.moment
    }
}

impl Expiry {
    fn after(asked: Stamp, lifetime: Duration, basis: Basis) -> Self {
        let moment = asked.moment.plus(lifetime);
        Self { at: Stamp { moment, wall: asked.wall_at(moment) }, basis }
    }
}
