//! When the checks are made: early, then once in so many cycles; the control also when a target begins to fail.

use std::cmp::Reverse;

use super::check::{Check, CheckSettings};
use super::fault::Cause;

/// How long ago each check of one target was made.
#[derive(Clone, Debug, Default)]
pub struct CheckRhythm {
    /// In cycles, by [`Check::index`]; `None`: it is due, however long ago that was.
    made_before: [Option<u32>; Check::ALL.len()],
    failing: bool,
}

impl CheckRhythm {
    /// One more cycle has ended.
    pub fn cycle_ended(&mut self, verdict: Result<(), Cause>) {
        for cycles in self.made_before.iter_mut().flatten() {
            *cycles = cycles.saturating_add(1);
        }
        // Never is it worth more to know whether the API takes a call that needs no OAuth.
        if verdict.is_err() && !self.failing {
            self.made_before[Check::ApiKey.index()] = None;
        }
        self.failing = verdict.is_err();
    }

    /// The checks to make after the cycle that has just ended: those first that have waited longest, so that none is
    /// crowded out for ever by others that hang; among equals the control.
    #[must_use]
    pub fn due(&self, settings: &CheckSettings) -> Vec<Check> {
        let made_before = |check: Check| self.made_before[check.index()].unwrap_or(u32::MAX);
        let is_due = |&check: &Check| settings.include(check) && made_before(check) >= settings.every.get();
        let mut due: Vec<_> = Check::ALL.into_iter().filter(is_due).collect();
        due.sort_by_key(|&check| (Reverse(made_before(check)), check != Check::ApiKey));
        due
    }

    /// A check was made, whatever came of it.
    pub fn made(&mut self, check: Check) {
        self.made_before[check.index()] = Some(0);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::super::fault::{Reason, Request};
    use super::Check::{ApiKey, BadToken, ExpiredToken, NoToken};
    use super::*;

    const FAILURE: Result<(), Cause> = Err(Cause { request: Request::Ping, reason: Reason::ServerError });

    fn settings(every: u32) -> CheckSettings {
        let every = NonZeroU32::new(every).expect("not zero");
        CheckSettings { checks: vec![NoToken, BadToken, ApiKey], every, api_key: None }
    }

    /// What is due after each of the cycles, where everything that is due is made.
    fn due_after(every: u32, verdicts: &[Result<(), Cause>]) -> Vec<Vec<Check>> {
        let (settings, mut rhythm) = (settings(every), CheckRhythm::default());
        let after = |verdict: &Result<(), Cause>| {
            rhythm.cycle_ended(*verdict);
            let due = rhythm.due(&settings);
            due.iter().for_each(|&check| rhythm.made(check));
            due
        };
        verdicts.iter().map(after).collect()
    }

    #[test]
    fn configured_checks_are_made_after_the_first_cycle_and_once_in_so_many() {
        let all = vec![ApiKey, NoToken, BadToken];
        assert_eq!(due_after(3, &[Ok(()); 7]), [all.clone(), vec![], vec![], all.clone(), vec![], vec![], all.clone()]);
        assert_eq!(due_after(1, &[Ok(()); 2]), [all.clone(), all]);
    }

    #[test]
    fn control_is_made_at_once_when_a_target_begins_to_fail_and_keeps_the_rhythm_from_there() {
        let due = due_after(3, &[Ok(()), FAILURE, FAILURE, FAILURE, FAILURE, Ok(()), FAILURE]);
        let others = vec![NoToken, BadToken];
        let control = vec![ApiKey];
        let expected =
            [vec![ApiKey, NoToken, BadToken], control.clone(), vec![], others.clone(), control.clone(), vec![]];
        assert_eq!(due[..6], expected);
        assert_eq!(due[6], [control, others].concat(), "it fails anew, and the others' turn has come");
    }

    #[test]
    fn what_was_not_made_stays_due() {
        let (settings, mut rhythm) = (settings(10), CheckRhythm::default());
        rhythm.cycle_ended(Ok(()));
        rhythm.made(ApiKey);
        rhythm.made(NoToken);
        rhythm.cycle_ended(Ok(()));
        assert_eq!(rhythm.due(&settings), [BadToken]);
    }

    #[test]
    fn those_that_waited_longest_come_first() {
        let (settings, mut rhythm) = (settings(1), CheckRhythm::default());
        let mut made = Vec::new();
        for _ in 0..6 {
            rhythm.cycle_ended(Ok(()));
            // There is time for one alone.
            let first = rhythm.due(&settings)[0];
            rhythm.made(first);
            made.push(first);
        }
        assert_eq!(made, [ApiKey, NoToken, BadToken, ApiKey, NoToken, BadToken]);
    }

    #[test]
    fn what_is_not_configured_is_never_due() {
        let rhythm = CheckRhythm::default();
        assert!(!rhythm.due(&settings(1)).contains(&ExpiredToken));
    }
}
