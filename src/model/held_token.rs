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

impl HeldView {
    /// When the next one is asked for by its expiry.
    #[must_use]
    pub fn refresh(&self) -> Stamp {
        let moment = self.expiry.moment.minus(self.margin);
        Stamp { moment, wall: self.expiry.wall_at(moment) }
    }
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
    /// The latest expiry that an answer stated, believed or not; `None` if one stated none.
    pub(super) stated_until: Option<Moment>,
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
            stated_until: answer.expires_in.map(|stated| asked.moment.plus(stated)),
        }
    }

    /// The server gave the same token again.
    pub(super) fn reissued(mut self, asked: Stamp, expires_in: Option<Duration>, policy: &TokenPolicy) -> Self {
        let live = self.is_live(asked.moment);
        let stated_until = expires_in.map(|stated| asked.moment.plus(stated));
        self.stated_until = self.stated_until.zip(stated_until).map(|(before, now)| before.max(now));
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const POLICY: TokenPolicy = TokenPolicy {
        interval: Duration::from_secs(30),
        max_age: None,
        refresh_margin: None,
        default_lifetime: Duration::from_secs(600),
    };

    fn at(seconds: u64) -> Stamp {
        let since_boot = Duration::from_secs(seconds);
        Stamp { moment: Moment::since_boot(since_boot), wall: SystemTime::UNIX_EPOCH + since_boot * 2 }
    }

    fn issued_at_1000(expires_in: Option<u64>) -> HeldToken {
        let access_token = AccessToken::parse("abc".to_owned()).expect("a token");
        let expires_in = expires_in.map(Duration::from_secs);
        HeldToken::issued(at(1000), TokenAnswer { access_token, expires_in, scopes: None }, &POLICY)
    }

    /// Expiry on the boot clock, whether it is stated or assumed, lifetime and margin in seconds, `reissued`.
    type Known = (u64, Basis, f64, f64, bool);

    fn known(held: &HeldToken) -> Known {
        let expiry = Moment::default().until(held.expiry.at.moment).as_secs();
        (expiry, held.expiry.basis, held.lifetime.as_secs_f64(), held.margin.as_secs_f64(), held.reissued)
    }

    fn after_reissues(held: &HeldToken, table: &[(u64, Option<u64>, Known)]) {
        for &(asked, expires_in, expected) in table {
            let held = held.clone().reissued(at(asked), expires_in.map(Duration::from_secs), &POLICY);
            assert_eq!(known(&held), expected, "asked at {asked}, expires_in {expires_in:?}");
            assert_eq!(held.issued, at(1000), "age counts from the first issue");
        }
    }

    #[test]
    fn stated_expiry_of_a_live_token_may_only_come_nearer() {
        use Basis::Stated;
        let held = issued_at_1000(Some(100));
        assert_eq!(known(&held), (1100, Stated, 100.0, 50.0, false));
        after_reissues(
            &held,
            &[
                (1020, None, (1100, Stated, 100.0, 50.0, false)),
                (1020, Some(3600), (1100, Stated, 100.0, 50.0, false)),
                (1020, Some(80), (1100, Stated, 100.0, 50.0, false)),
                (1020, Some(79), (1099, Stated, 100.0, 50.0, false)),
                (1020, Some(51), (1071, Stated, 100.0, 50.0, false)),
                (1020, Some(50), (1070, Stated, 100.0, 50.0, true)),
                (1060, None, (1100, Stated, 100.0, 50.0, true)),
                (1060, Some(3600), (1100, Stated, 100.0, 50.0, true)),
                (1060, Some(39), (1099, Stated, 100.0, 50.0, true)),
                (1060, Some(2), (1062, Stated, 100.0, 50.0, true)),
                (1060, Some(1), (1061, Stated, 100.0, 50.0, true)),
                (1060, Some(0), (1060, Stated, 100.0, 50.0, true)),
                (1099, Some(2), (1100, Stated, 100.0, 50.0, true)),
            ],
        );
    }

    #[test]
    fn token_past_its_stated_expiry_is_believed_to_live_again_only_for_more_than_a_second() {
        use Basis::{Assumed, Stated};
        after_reissues(
            &issued_at_1000(Some(100)),
            &[
                (1100, Some(0), (1100, Stated, 100.0, 50.0, true)),
                (1100, Some(1), (1100, Stated, 100.0, 50.0, true)),
                (1100, Some(2), (1102, Stated, 2.0, 1.0, false)),
                (1100, Some(3600), (4700, Stated, 3600.0, 360.0, false)),
                (1100, None, (1700, Assumed, 600.0, 60.0, false)),
                (1500, Some(1), (1100, Stated, 100.0, 50.0, true)),
                (1500, Some(20), (1520, Stated, 20.0, 10.0, false)),
                (1500, None, (2100, Assumed, 600.0, 60.0, false)),
            ],
        );
    }

    #[test]
    fn assumed_expiry_gives_way_to_whatever_is_known_later() {
        use Basis::{Assumed, Stated};
        let held = issued_at_1000(None);
        assert_eq!(known(&held), (1600, Assumed, 600.0, 60.0, false));
        for asked in [1100, 1600, 2000] {
            after_reissues(
                &held,
                &[
                    (asked, None, (asked + 600, Assumed, 600.0, 60.0, false)),
                    (asked, Some(3600), (asked + 3600, Stated, 3600.0, 360.0, false)),
                    (asked, Some(100), (asked + 100, Stated, 100.0, 50.0, false)),
                    (asked, Some(2), (asked + 2, Stated, 2.0, 1.0, false)),
                    (asked, Some(1), (asked + 1, Stated, 1.0, 0.5, false)),
                    (asked, Some(0), (asked, Stated, 0.0, 0.0, true)),
                ],
            );
        }
    }

    #[test]
    fn token_that_lives_again_has_a_margin_to_ask_in_again() {
        let held = issued_at_1000(Some(100)).reissued(at(1060), Some(Duration::from_secs(40)), &POLICY);
        assert!(held.reissued);
        assert!(!held.reissued(at(1101), Some(Duration::from_secs(100)), &POLICY).reissued);
    }

    #[test]
    fn expiry_is_shown_by_the_wall_clock_of_the_request() {
        let wall = |held: &HeldToken| held.expiry.at.wall;
        let held = issued_at_1000(Some(100));
        assert_eq!(wall(&held), at(1000).wall + Duration::from_secs(100));
        let held = held.reissued(at(1020), Some(Duration::from_secs(70)), &POLICY);
        assert_eq!(wall(&held), at(1020).wall + Duration::from_secs(70));
    }

    #[test]
    fn token_is_used_up_with_a_second_or_a_tenth_of_its_lifetime_left() {
        let used_up = |lifetime, left_millis| {
            let held = issued_at_1000(Some(lifetime));
            held.is_used_up(held.expiry.at.moment.minus(Duration::from_millis(left_millis)))
        };
        for (lifetime, left_millis, expected) in [
            (5, 600, false),
            (5, 500, true),
            (5, 400, true),
            (60, 1001, false),
            (60, 1000, true),
            (60, 900, true),
            (60, 0, true),
            (0, 0, true),
        ] {
            assert_eq!(used_up(lifetime, left_millis), expected, "{left_millis} ms left of {lifetime} s");
        }
    }

    #[test]
    fn token_is_no_longer_live_at_its_expiry() {
        let held = issued_at_1000(Some(60));
        assert!(held.is_live(at(1059).moment));
        assert!(!held.is_live(at(1060).moment));
    }
}
