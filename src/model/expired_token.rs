//! The one expired token that is kept for the check `expired_token`; nothing else ever sends it.

use std::time::Duration;

use super::held_token::HeldToken;
use super::secret::AccessToken;
use super::time::Moment;

/// By then no clock of theirs that is a little wrong, and no leeway that they grant, lets it live on.
const CERTAINLY_EXPIRED: Duration = Duration::from_secs(10 * 60);
/// Signing keys change and records are swept away: a token that is much older is not refused for its age.
const USEFUL_FOR: Duration = Duration::from_secs(24 * 3600);

/// Kept from the moment another token took its place. While it ripens, and while it is of use, no other is.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpiredToken(Option<Kept>);

#[derive(Clone, Debug)]
struct Kept {
    access_token: AccessToken,
    usable_from: Moment,
}

impl ExpiredToken {
    /// Another token took the place of `old`, which the API did not refuse while it lived.
    pub(super) fn keep(&mut self, old: HeldToken, now: Moment) {
        let is_of_use = |kept: &Kept| now < kept.usable_from.plus(USEFUL_FOR);
        if let Some(expiry) = old.stated_until
            && !self.0.as_ref().is_some_and(is_of_use)
        {
            let usable_from = expiry.plus(CERTAINLY_EXPIRED);
            self.0 = Some(Kept { access_token: old.access_token, usable_from });
        }
    }

    /// The server issued `token`: should it be the one that is kept, then it lives again.
    pub(super) fn note_issued(&mut self, token: &AccessToken) {
        self.0.take_if(|kept| kept.access_token == *token);
    }

    /// The token, once it has certainly expired.
    pub(super) fn at(&self, now: Moment) -> Option<&AccessToken> {
        self.0.as_ref().filter(|kept| kept.usable_from <= now).map(|kept| &kept.access_token)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::response::TokenAnswer;
    use super::super::target::TokenPolicy;
    use super::super::time::Stamp;
    use super::*;

    const HOUR: u64 = 3600;
    const POLICY: TokenPolicy = TokenPolicy {
        interval: Duration::from_secs(30),
        max_age: None,
        refresh_margin: None,
        default_lifetime: Duration::from_secs(600),
    };

    fn at(seconds: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(seconds))
    }

    fn stamp(seconds: u64) -> Stamp {
        Stamp { moment: at(seconds), wall: SystemTime::UNIX_EPOCH }
    }

    fn token(name: &str) -> AccessToken {
        AccessToken::parse(name.to_owned()).expect("a token")
    }

    fn issued(name: &str, when: u64, expires_in: Option<u64>) -> HeldToken {
        let expires_in = expires_in.map(Duration::from_secs);
        HeldToken::issued(stamp(when), TokenAnswer { access_token: token(name), expires_in, scopes: None }, &POLICY)
    }

    fn keeping(old: HeldToken, now: u64) -> ExpiredToken {
        let mut kept = ExpiredToken::default();
        kept.keep(old, at(now));
        kept
    }

    #[test]
    fn token_is_usable_ten_minutes_after_the_expiry_that_was_stated() {
        let kept = keeping(issued("a", 1000, Some(HOUR)), 1300);
        assert_eq!(kept.at(at(1000 + HOUR + 599)), None);
        assert_eq!(kept.at(at(1000 + HOUR + 600)), Some(&token("a")));
    }

    #[test]
    fn token_without_a_stated_expiry_is_not_kept() {
        let late = at(1_000_000);
        assert_eq!(keeping(issued("a", 1000, None), 2000).at(late), None);
        // Stated once and left out later: who knows what the server meant.
        let unclear = issued("a", 1000, Some(HOUR)).reissued(stamp(1100), None, &POLICY);
        assert_eq!(keeping(unclear, 2000).at(late), None);
    }

    #[test]
    fn longest_life_that_was_ever_stated_counts() {
        let extended = issued("a", 1000, Some(HOUR)).reissued(stamp(2000), Some(Duration::from_secs(HOUR)), &POLICY);
        let kept = keeping(extended, 3000);
        assert_eq!(kept.at(at(1000 + HOUR + 600)), None);
        assert_eq!(kept.at(at(2000 + HOUR + 600)), Some(&token("a")));
        let shortened = issued("a", 1000, Some(HOUR)).reissued(stamp(2000), Some(Duration::ZERO), &POLICY);
        assert_eq!(keeping(shortened, 3000).at(at(2600)), None);
    }

    #[test]
    fn one_token_is_kept_for_a_day_and_then_another() {
        let mut kept = keeping(issued("a", 0, Some(HOUR)), 300);
        let over = HOUR + 600 + 24 * HOUR;
        kept.keep(issued("b", over - 1000, Some(500)), at(over - 1));
        assert_eq!(kept.at(at(over)), Some(&token("a")));
        kept.keep(issued("c", over - 1000, Some(500)), at(over));
        assert_eq!(kept.at(at(over)), None, "the next one has not expired long enough");
        assert_eq!(kept.at(at(over + 100)), Some(&token("c")));
    }

    #[test]
    fn token_that_is_issued_again_is_forgotten() {
        let mut kept = keeping(issued("a", 0, Some(60)), 30);
        kept.note_issued(&token("b"));
        assert!(kept.at(at(660)).is_some());
        kept.note_issued(&token("a"));
        assert_eq!(kept.at(at(660)), None);
    }
}
