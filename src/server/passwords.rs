//! Checking a password against a hash, which is meant to be slow: on a thread of its own that gives way to all others.

use std::hint::black_box;
use std::io;
use std::ops::Range;

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::model::password_hash::PasswordHash;

use super::turnstile::Inside;

/// How far the thread gives way, where probes and passwords want the same core.
const NICENESS: i32 = 10;

/// bcrypt reads no more of a password.
const LONGEST: usize = 72;

/// One password to check.
pub(super) struct Attempt {
    pub(super) password: Zeroizing<Vec<u8>>,
    /// `None`: no such user, which must not show.
    pub(super) hash: Option<PasswordHash>,
    /// The highest cost of all users: what each wrong password takes.
    pub(super) highest_cost: u32,
}

impl Attempt {
    /// Whether the password is that of the hash.
    ///
    /// # Errors
    /// When no thread could be started.
    pub(super) async fn verdict(self, inside: Inside) -> io::Result<bool> {
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new().name("password".to_owned()).spawn(move || {
            // On Linux this concerns the calling thread alone. Where it fails, the thread is one among equals.
            let _ = rustix::process::nice(NICENESS);
            let _ = tell.send(self.check());
            // Not before: a check cannot be broken off, and counts as long as it takes.
            drop(inside);
        })?;
        told.await.map_err(|_panicked| io::Error::other("the check of a password failed"))
    }

    fn check(&self) -> bool {
        // The configuration takes no hash that is none.
        let verify = |hash: &PasswordHash| bcrypt::verify(&self.password, hash.text().expose()).unwrap_or(false);
        if self.hash.as_ref().is_some_and(verify) {
            return true;
        }
        padding(self.hash.as_ref().map(PasswordHash::cost), self.highest_cost).for_each(|cost| self.spend(cost));
        false
    }

    fn spend(&self, cost: u32) {
        let end = self.password.len().min(LONGEST);
        let password = if end == 0 { &[0] } else { &self.password[..end] };
        black_box(bcrypt::bcrypt(cost, black_box([0; 16]), password));
    }
}

/// Costs that are spent besides, so that a wrong password takes as long for each user, and for one that there is not.
/// Each step doubles the work, so that all of them add up to what the highest takes.
const fn padding(spent: Option<u32>, highest: u32) -> Range<u32> {
    match spent {
        Some(cost) => cost..highest,
        None => highest..highest + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(password: &[u8], hash: Option<&str>, highest_cost: u32) -> Attempt {
        let hash = hash.map(|text| PasswordHash::parse(text).expect("a hash"));
        Attempt { password: Zeroizing::new(password.to_vec()), hash, highest_cost }
    }

    #[test]
    fn hashes_of_other_programs_are_understood() {
        // By libxcrypt, which `htpasswd` and others use; the first two stand in the tests of OpenBSD's too.
        let long = "a".repeat(80);
        for (password, hash) in [
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            ("päss:word", "$2a$06$fPIsBO8qRqkjj273rfaOI.YgqitDhaKMTcSv49e/4T1ho3GOnYcCC"),
            ("päss:word", "$2b$06$fPIsBO8qRqkjj273rfaOI.YgqitDhaKMTcSv49e/4T1ho3GOnYcCC"),
            ("päss:word", "$2y$06$fPIsBO8qRqkjj273rfaOI.YgqitDhaKMTcSv49e/4T1ho3GOnYcCC"),
            (&long, "$2y$06$If6bvum7DFjUnE9p2uDeDu20mxJt2V8br8/qUftJpHQdwUeqiyona"),
        ] {
            assert!(attempt(password.as_bytes(), Some(hash), 6).check(), "{password}");
            assert!(!attempt(b"another", Some(hash), 6).check(), "{password}");
        }
    }

    #[test]
    fn wrong_passwords_take_as_long_for_everybody() {
        let work = |costs: Range<u32>| costs.map(|cost| 1_u64 << cost).sum::<u64>();
        for highest in 4..=PasswordHash::HIGHEST_COST {
            assert_eq!(work(padding(None, highest)), 1 << highest);
            for cost in 4..=highest {
                assert_eq!((1 << cost) + work(padding(Some(cost), highest)), 1 << highest, "{cost}");
            }
        }
    }

    #[test]
    fn passwords_of_any_bytes_and_length_are_checked_without_a_panic() {
        let hash = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
        for password in [vec![], vec![0], vec![0; 72], vec![255; 73], vec![b'a'; 16 * 1024]] {
            assert!(!attempt(&password, Some(hash), 7).check());
            assert!(!attempt(&password, None, 4).check());
        }
    }
}
