//! One cycle on a token state: it gives the report and the next state. Everything that probes comes through here.

use std::time::Duration;

use crate::client::Wire;
use crate::clock::Clock;
use crate::model::check::Check;
use crate::model::fault::{Cause, Failure, Reason, Request};
use crate::model::report::{Achievement, Attempt, CycleReport};
use crate::model::target::{Target, TokenPolicy};
use crate::model::time::Moment;
use crate::model::token::{Asked, Novelty, REISSUE_GRACE, TokenPlan, TokenState, Trigger};

/// What a cycle needs of the world.
#[derive(Debug)]
pub struct Tools<'a, W, C> {
    /// Sends the requests.
    pub wire: &'a W,
    /// Tells the time.
    pub clock: &'a C,
    /// Spreads back-offs.
    pub random: &'a mut fastrand::Rng,
}

/// Runs one cycle that must have ended by `deadline`. It leaves `state` as the next one finds it, also when it is dropped
/// on its way: what was learnt until then is kept.
pub async fn run_cycle<W: Wire, C: Clock>(
    target: &Target,
    state: &mut TokenState,
    deadline: Moment,
    tools: Tools<'_, W, C>,
) -> CycleReport {
    let mut cycle = Cycle { target, state, deadline, tools, attempts: Vec::with_capacity(2), asked: Asking::NotYet };
    let started = cycle.tools.clock.now();
    let verdict = cycle.run().await;
    if !target.checks.include(Check::ExpiredToken) {
        cycle.state.forget_expired();
    }
    let ended = cycle.tools.clock.now();
    let token = cycle.state.view(ended.moment, &target.token.policy);
    CycleReport { started, ended, verdict, attempts: cycle.attempts, token }
}

struct Cycle<'a, W, C> {
    target: &'a Target,
    state: &'a mut TokenState,
    deadline: Moment,
    tools: Tools<'a, W, C>,
    attempts: Vec<Attempt>,
    asked: Asking,
}

/// What this cycle has asked the token endpoint for so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    NotYet,
    Failed,
    Answered,
}

impl<W: Wire, C: Clock> Cycle<'_, W, C> {
    async fn run(&mut self) -> Result<(), Cause> {
        // The secret is looked at only where a changed one would make a difference.
        let secret = if self.state.is_backing_off(self.now()) {
            self.tools.wire.secret(LONGEST_LOOK_AT_SECRET.min(self.time_left() / 4)).await
        } else {
            None
        };
        let now = self.now();
        match self.state.plan(now, self.deadline, self.policy(), secret) {
            TokenPlan::Use => self.ping().await,
            TokenPlan::PingThenAsk(trigger) => {
                let verdict = self.ping().await;
                if self.asked == Asking::NotYet {
                    // Its failure is in the attempts, and no fault of this cycle: the token still lives.
                    let _ = self.ask(trigger).await;
                }
                verdict
            }
            TokenPlan::AskThenPing(trigger, earliest) => {
                self.tools.clock.sleep_until(earliest).await;
                let asked = self.ask(trigger).await;
                match asked {
                    Err(cause) if self.state.live_token(self.now()).is_none() => Err(cause),
                    _ => self.ping().await,
                }
            }
            TokenPlan::Fail(cause) => Err(cause),
        }
    }

    /// Pings, and once more with another token if this one, from an earlier cycle, is refused.
    async fn ping(&mut self) -> Result<(), Cause> {
        let first = self.send_ping().await;
        if first != Err(REJECTED) {
            return first;
        }
        let ran_out = self.state.live_token(self.now()).is_none();
        let may_ask = self.asked == Asking::NotYet && self.state.may_replace_rejected(self.now());
        if may_ask && !self.time_left().is_zero() && self.replace(ran_out).await? == Novelty::New {
            let second = self.send_ping().await;
            if second != Err(REJECTED) {
                return second;
            }
        }
        if self.asked == Asking::Answered {
            let random = self.tools.random.f64();
            self.state.back_off_rejected(self.now(), &self.target.token.policy, random);
        }
        // A token that ran out on its way was rightly refused: to blame is what keeps the next one from us.
        self.state.withheld_by(self.now()).filter(|_cause| ran_out).map_or(first, Err)
    }

    async fn replace(&mut self, ran_out: bool) -> Result<Novelty, Cause> {
        if ran_out {
            return self.ask(Trigger::Expiry).await;
        }
        self.state.drop_rejected();
        self.ask(Trigger::Rejected).await
    }

    async fn send_ping(&mut self) -> Result<(), Cause> {
        let Some(token) = self.state.live_token(self.now()).cloned() else { return Err(DEAD_TOKEN) };
        let bound = self.target.timeout.min(self.time_left());
        if bound.is_zero() {
            return Err(SLOW_TOKEN);
        }
        let exchange = self.tools.wire.ping(&token, bound).await;
        let rejected = exchange.result.is_err_and(|failure| failure.reason == Reason::TokenRejected);
        let rejected_early = rejected && self.state.note_rejection(self.now());
        if exchange.result.is_ok() {
            self.state.accepted();
        }
        self.attempts.push(Attempt {
            request: Request::Ping,
            trace: exchange.trace,
            result: exchange.result.map(|()| Achievement::Ponged),
            rejected_early,
        });
        match exchange.result {
            // What a slow token request left was too little for any API.
            Err(failure) if failure.reason == Reason::ResponseTimeout && bound < self.target.timeout / 10 => {
                Err(SLOW_TOKEN)
            }
            result => result.map_err(|failure| Cause { request: Request::Ping, reason: failure.reason }),
        }
    }

    /// Asks for a token; once more, when it can be another, if the server gave one with next to nothing left of it.
    async fn ask(&mut self, trigger: Trigger) -> Result<Novelty, Cause> {
        let (mut asked, mut novelty) = self.request_token(trigger).await?;
        let now = self.now();
        let again = match novelty {
            Novelty::Dead => Some(now.plus(REISSUE_GRACE)),
            Novelty::New | Novelty::Unchanged => self.state.replaceable_from(now),
        };
        if let Some(again) = again.filter(|&again| again < self.deadline) {
            self.tools.clock.sleep_until(again).await;
            (asked, novelty) = self.request_token(trigger).await?;
        }
        if novelty == Novelty::Dead || self.state.live_token(self.now()).is_none() {
            self.fail(asked, DEAD_TOKEN.reason.into());
            return Err(DEAD_TOKEN);
        }
        self.asked = Asking::Answered;
        self.state.recovered();
        Ok(novelty)
    }

    async fn request_token(&mut self, trigger: Trigger) -> Result<(Asked, Novelty), Cause> {
        let bound = self.token_bound();
        if bound.is_zero() {
            return Err(SLOW_TOKEN);
        }
        let exchange = self.tools.wire.request_token(bound).await;
        let asked = Asked { at: exchange.trace.started, secret: exchange.secret };
        let arrived = self.now();
        let novelty = exchange.result.map(|answer| self.state.answered(asked, arrived, answer, &self.target.token));
        let result = match novelty {
            Ok(Novelty::New) => Ok(Achievement::TokenRefreshed(trigger)),
            Ok(Novelty::Unchanged) => Ok(Achievement::TokenUnchanged),
            Ok(Novelty::Dead) => Err(DEAD_TOKEN.reason.into()),
            Err(failure) => Err(failure),
        };
        self.attempts.push(Attempt { request: Request::Token, trace: exchange.trace, result, rejected_early: false });
        novelty.map(|novelty| (asked, novelty)).map_err(|failure| {
            self.fail(asked, failure);
            Cause { request: Request::Token, reason: failure.reason }
        })
    }

    fn fail(&mut self, asked: Asked, failure: Failure) {
        self.asked = Asking::Failed;
        let random = self.tools.random.f64();
        self.state.failed(asked, failure, &self.target.token.policy, random);
    }

    /// The bound of a token request: while a live token is held, half of the time is left for the ping with it.
    fn token_bound(&self) -> Duration {
        let still_to_ping = !self.attempts.iter().any(|attempt| attempt.request == Request::Ping);
        let left = self.time_left();
        let share = if still_to_ping && self.state.live_token(self.now()).is_some() { left / 2 } else { left };
        self.target.timeout.min(share)
    }

    fn time_left(&self) -> Duration {
        let now = self.now();
        // No request overruns so far: the machine slept, and the start that was next has passed anyway.
        let slept = now > self.deadline.plus(self.target.interval / 2);
        if slept { self.target.timeout } else { now.until(self.deadline) }
    }

    fn now(&self) -> Moment {
        self.tools.clock.now().moment
    }

    fn policy(&self) -> &TokenPolicy {
        &self.target.token.policy
    }
}

const REJECTED: Cause = Cause { request: Request::Ping, reason: Reason::TokenRejected };

/// The server answered with a token that has no time left, or spent it before the answer arrived.
const DEAD_TOKEN: Cause = Cause { request: Request::Token, reason: Reason::BadResponse };

/// A token request took the time that the ping needed.
const SLOW_TOKEN: Cause = Cause { request: Request::Token, reason: Reason::ResponseTimeout };

/// A disk that hangs must not delay the ping, which may need no new token at all.
const LONGEST_LOOK_AT_SECRET: Duration = Duration::from_secs(1);
