//! The checks of one target: made after its cycle, in the time that the cycle left, so that none delays a ping.

use crate::client::{CheckCredential, CheckExchange, Wire};
use crate::clock::Clock;
use crate::model::check::{Check, CheckOutcome, CheckResult};
use crate::model::check_rhythm::CheckRhythm;
use crate::model::target::Target;
use crate::model::time::Moment;
use crate::model::token::TokenState;

/// The time after a cycle, and what the checks in it need of the world.
///
/// The cycle's report is complete before the first of them is sent: none can change what it says.
#[derive(Debug)]
pub struct CheckRound<'a, W, C> {
    /// Whose checks they are.
    pub target: &'a Target,
    /// Sends them.
    pub wire: &'a W,
    /// Tells the time.
    pub clock: &'a C,
    /// When they must have ended.
    pub deadline: Moment,
}

impl<W: Wire, C: Clock> CheckRound<'_, W, C> {
    /// Makes what is due and hands over each outcome as it comes. What finds no time is due again after the next cycle.
    pub async fn run(&self, rhythm: &mut CheckRhythm, token: &TokenState, mut made: impl FnMut(CheckOutcome)) {
        for check in rhythm.due(&self.target.checks) {
            let now = self.clock.now().moment;
            let left = now.until(self.deadline);
            // Less than half of what a ping may take is no fair trial: silence would say nothing.
            if left < self.target.timeout / 2 {
                return;
            }
            let credential = match check {
                Check::NoToken => CheckCredential::Nothing,
                Check::BadToken => CheckCredential::BadToken,
                Check::ExpiredToken => match token.expired_token(now) {
                    Some(token) => CheckCredential::ExpiredToken(token),
                    None => continue,
                },
                Check::ApiKey => CheckCredential::ApiKey,
            };
            let CheckExchange { trace, failure } = self.wire.check(credential, self.target.timeout.min(left)).await;
            rhythm.made(check);
            let result = CheckResult::of_status(trace.status);
            made(CheckOutcome { check, result, status: trace.status, duration: trace.duration, failure });
        }
    }
}
