//! What must be true of everything that happens. Each rule is a sentence that is said when it is broken.

use std::time::Duration;

use oauth_probe_exporter::model::fault::{Failure, Reason, Request};
use oauth_probe_exporter::model::report::{Achievement, CycleReport};
use oauth_probe_exporter::model::schedule::Schedule;
use oauth_probe_exporter::model::time::Moment;

use super::ledger::{Ledger, Novelty, failure_of};
use super::record::{Answer, Call, Entry, Record};
use super::simulated::{SINCE_BOOT, minutes, seconds};
use super::story::{Event, Settings, Story};

/// Says which rule was broken, and by which entry of the record.
pub(crate) fn judge(story: &Story, record: &Record) -> Result<(), (usize, String)> {
    let mut judge = Judge::new(story.settings);
    for (number, (at, entry)) in record.entries.iter().enumerate() {
        judge.hear(*at, entry).map_err(|rule| (number, rule))?;
    }
    judge.grid.within(record.entries.last().map_or(Duration::ZERO, |(at, _)| *at)).map_err(|rule| (usize::MAX, rule))
}

type Ruling = Result<(), String>;

macro_rules! rule {
    ($holds:expr, $($sentence:tt)+) => {
        if !$holds {
            return Err(format!($($sentence)+));
        }
    };
}

struct Judge {
    settings: Settings,
    ledger: Ledger,
    cycle: Cycle,
    grid: Grid,
    calm: Option<Calm>,
    last_suspend: Option<Duration>,
}

/// What happened in the cycle that runs.
#[derive(Default)]
struct Cycle {
    due: Option<Duration>,
    slept: bool,
    secret_ends_back_off: bool,
    tokens: Vec<(Call<Answer>, Result<Novelty, Failure>)>,
    /// How each ping ended and whether its refusal was an early one.
    pings: Vec<(Duration, Result<(), Failure>, bool)>,
    order: Vec<Request>,
}

/// Since both servers behave well.
struct Calm {
    since: Duration,
    /// No success is due before this.
    bound: Duration,
    succeeded: bool,
    /// A token request was answered.
    answered: bool,
}

impl Judge {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            ledger: Ledger::default(),
            cycle: Cycle::default(),
            grid: Grid::new(settings.interval),
            calm: None,
            last_suspend: None,
        }
    }

    fn hear(&mut self, at: Duration, entry: &Entry) -> Ruling {
        match entry {
            Entry::Started { due } => {
                self.cycle.due = *due;
                self.grid.started(*due)
            }
            Entry::LookedAtSecret(secret) => {
                self.cycle.secret_ends_back_off = self.ledger.ends_back_off(*secret);
                Ok(())
            }
            Entry::Token(call, secret) => self.token(call, *secret),
            Entry::Ping(call, serial) => self.ping(call, *serial),
            Entry::Ended(report) => self.ended(at, report),
            Entry::Skipped(count) => {
                self.grid.skipped += count;
                Ok(())
            }
            Entry::Happened(Event::Suspend(_)) => {
                self.cycle.slept = true;
                self.last_suspend = Some(at);
                Ok(())
            }
            Entry::Asked | Entry::Happened(_) => Ok(()),
            Entry::CalmBegins => {
                self.calm = Some(self.calm_from(at));
                Ok(())
            }
        }
    }

    fn token(&mut self, call: &Call<Answer>, secret: Option<u64>) -> Ruling {
        match self.cycle.tokens.last() {
            None => self.first_request(call.sent)?,
            Some(_) => self.further_request(call.sent)?,
        }
        self.ledger.sent(secret);
        let result = match call.answer {
            Answer::Failed(failure) => Err(failure),
            Answer::Token { serial, expires_in } => {
                Ok(self.ledger.answered(call.sent, call.arrived, (serial, expires_in), &self.settings))
            }
        };
        self.cycle.order.push(Request::Token);
        self.cycle.tokens.push((Call { sent: call.sent, arrived: call.arrived, answer: call.answer }, result));
        Ok(())
    }

    /// The first token request of a cycle has a reason, and waits for the end of a back-off.
    fn first_request(&self, sent: Duration) -> Ruling {
        let Self { settings, ledger, cycle, .. } = self;
        if cycle.secret_ends_back_off {
            return Ok(());
        }
        if let Some(back_off) = ledger.back_off {
            let early = back_off.not_before.saturating_sub(sent);
            rule!(early.is_zero(), "a token request is made {early:?} before the shortest back-off is over");
        }
        let refused = cycle.pings.iter().any(|(_, result, _)| is_refusal(*result));
        let for_401 = refused && ledger.no_fetch_for_401_before.is_none_or(|moment| moment <= sent);
        let for_age = settings.max_age.zip(ledger.last_answered);
        let for_age = for_age.is_some_and(|(max_age, answered)| answered + max_age < sent + settings.interval);
        let for_expiry = ledger.live(sent).is_none_or(|known| known.is_due_from(settings) <= sent);
        rule!(
            for_401 || for_age || for_expiry,
            "a token request is made for no reason: neither a 401, nor `max_age`, nor the margin"
        );
        Ok(())
    }

    /// "With ≤ 1 s left: wait 1 s and ask once more in the same cycle."
    fn further_request(&self, sent: Duration) -> Ruling {
        rule!(self.cycle.tokens.len() == 1, "a third token request is made in one cycle");
        let (before, result) = &self.cycle.tokens[0];
        let earliest = match result {
            Err(_) => return Err("a token request is made in the cycle in which another failed".to_owned()),
            Ok(Novelty::Dead) => before.arrived + seconds(1),
            Ok(_) => {
                let expiry = self.ledger.known.as_ref().map_or(Duration::ZERO, |known| known.expiry);
                let left = expiry.saturating_sub(before.arrived);
                rule!(left <= seconds(1), "a token with {left:?} left is asked for again in the same cycle");
                expiry + seconds(1)
            }
        };
        rule!(sent >= earliest, "a server is asked again before it can give another token");
        Ok(())
    }

    fn ping(&mut self, call: &Call<Result<(), Failure>>, serial: u64) -> Ruling {
        let Some(known) = self.ledger.known.as_mut().filter(|known| known.serial == serial) else {
            return Err(format!("token {serial} is sent, which is not the one that is held"));
        };
        rule!(
            call.sent < known.expiry,
            "an expired token is sent, {:?} after its expiry",
            call.sent.saturating_sub(known.expiry)
        );
        let refused = is_refusal(call.answer);
        let early = refused && call.arrived < known.expiry && !known.early_rejection_noted;
        known.early_rejection_noted |= early;
        known.was_refused |= refused;
        if call.answer.is_ok() {
            self.ledger.accepted();
        }
        self.cycle.order.push(Request::Ping);
        self.cycle.pings.push((call.arrived, call.answer, early));
        rule!(self.cycle.pings.len() <= 2, "a third ping is sent in one cycle");
        Ok(())
    }

    fn ended(&mut self, at: Duration, report: &CycleReport) -> Ruling {
        let cycle = std::mem::take(&mut self.cycle);
        let held_before = self.ledger.live(at).is_some() && cycle.tokens.is_empty();
        self.report_is_what_happened(&cycle, report)?;
        self.held_is_what_is_known(report)?;
        self.settle(&cycle);
        let ended_well = cycle.pings.last().is_some_and(|(_, result, _)| result.is_ok());
        rule!(report.verdict.is_ok() == ended_well, "the verdict is not that of the last ping");
        rule!(!held_before || !cycle.pings.is_empty() || cycle.slept, "no ping is sent though a live token is held");
        if let Some(due) = cycle.due.filter(|_| !cycle.slept) {
            let over = at.saturating_sub(due + self.settings.interval);
            rule!(over.is_zero(), "a cycle runs {over:?} into the next one's time");
        }
        self.grid.ended(cycle.due);
        self.calmly_ended(at, &cycle, report)
    }

    /// attempts = refreshes + unchanged + failures, and every one of them is reported for what it was.
    fn report_is_what_happened(&self, cycle: &Cycle, report: &CycleReport) -> Ruling {
        let reported: Vec<_> = report.attempts.iter().map(|attempt| attempt.request).collect();
        rule!(reported == cycle.order, "{:?} were sent, but {reported:?} are reported", cycle.order);
        let of = |request| report.attempts.iter().filter(move |attempt| attempt.request == request);
        for (attempt, (_, result)) in of(Request::Token).zip(&cycle.tokens) {
            let as_it_was = match (attempt.result, result) {
                (Ok(Achievement::TokenRefreshed(_)), Ok(Novelty::New))
                | (Ok(Achievement::TokenUnchanged), Ok(Novelty::Unchanged)) => true,
                (Err(failure), Ok(Novelty::Dead)) => failure.reason == Reason::BadResponse,
                (Err(reported), Err(failure)) => reported == *failure,
                _ => false,
            };
            rule!(as_it_was, "{result:?} is counted as {:?}", attempt.result);
        }
        for (attempt, (_, result, early)) in of(Request::Ping).zip(&cycle.pings) {
            rule!(attempt.result.err() == result.err(), "{result:?} is counted as {:?}", attempt.result);
            rule!(attempt.rejected_early == *early, "early rejection: {}, not {early}", attempt.rejected_early);
        }
        Ok(())
    }

    fn held_is_what_is_known(&mut self, report: &CycleReport) -> Ruling {
        let since_start = |moment| Moment::since_boot(SINCE_BOOT).until(moment);
        self.ledger.is_held = report.token.held.is_some();
        match (&report.token.held, &self.ledger.known) {
            (Some(held), Some(known)) => {
                let (issued, expiry) = (since_start(held.issued.moment), since_start(held.expiry.moment));
                rule!(expiry == known.expiry, "the token expires at {:?}, not at {expiry:?}", known.expiry);
                rule!(issued == known.issued, "the token was issued at {:?}, not at {issued:?}", known.issued);
                let margin = known.margin(&self.settings);
                rule!(held.margin == margin, "the margin is {margin:?}, not {:?}", held.margin);
            }
            (None, Some(known)) => rule!(known.was_refused, "a token is given up that was not refused"),
            (None, None) => {}
            (Some(_), None) => return Err("a token is held that nobody gave".to_owned()),
        }
        Ok(())
    }

    /// What the cycle means for the next ones.
    fn settle(&mut self, cycle: &Cycle) {
        let Some((last, result)) = cycle.tokens.last() else { return };
        let live = self.ledger.live(last.arrived).is_some();
        if matches!(result, Err(_) | Ok(Novelty::Dead)) || !live {
            self.ledger.failed(last.sent, failure_of(last.answer), self.settings.interval);
            return;
        }
        self.ledger.back_off = None;
        let refused_after = cycle.order.last() == Some(&Request::Ping)
            && cycle.pings.last().is_some_and(|(_, result, _)| is_refusal(*result));
        if refused_after {
            self.ledger.no_fetch_for_401_before = cycle.pings.last().map(|ping| ping.0 + self.settings.interval);
        }
    }

    /// Recovery takes one back-off at most, and the way to the next cycle's end.
    fn calm_from(&self, at: Duration) -> Calm {
        let interval = self.settings.interval;
        // A request that is under way now can fail still, and a refusal holds back what a 401 causes.
        let shortest = at + interval + minutes(2);
        let back_off = self.ledger.back_off.map_or(shortest, |back_off| back_off.over_by.max(shortest));
        let cap = if self.ledger.live(at).is_some() { back_off.max(at + interval + minutes(5)) } else { back_off };
        // Timers do not run in suspend: whoever was asleep then notices a start late.
        let overslept = self.last_suspend.is_some_and(|suspend| suspend + interval >= at);
        let bound = cap + interval * if overslept { 2 } else { 1 } + seconds(1);
        Calm { since: at, bound, succeeded: false, answered: false }
    }

    fn calmly_ended(&mut self, at: Duration, cycle: &Cycle, report: &CycleReport) -> Ruling {
        let Some(calm) = &mut self.calm else { return Ok(()) };
        calm.succeeded |= report.verdict.is_ok();
        rule!(calm.succeeded || at <= calm.bound, "{:?} after all is well again nothing works yet", at - calm.since);
        if let (true, true, Some(answered)) = (calm.answered, cycle.tokens.is_empty(), self.ledger.last_answered) {
            let end = cycle.due.unwrap_or(at) + self.settings.interval * 19 / 20;
            let late = self.settings.max_age.map_or(Duration::ZERO, |max_age| end.saturating_sub(answered + max_age));
            rule!(late.is_zero(), "the token endpoint is not asked in the cycle in which `max_age` runs out");
        }
        calm.answered |= cycle.tokens.iter().any(|(call, result)| call.sent > calm.since && result.is_ok());
        Ok(())
    }
}

fn is_refusal(result: Result<(), Failure>) -> bool {
    result.is_err_and(|failure| failure.reason == Reason::TokenRejected)
}

/// Every start of the grid is started, skipped, or served by a cycle that was asked for.
struct Grid {
    interval: Duration,
    /// The first start that no cycle has accounted for.
    next: Duration,
    skipped: u64,
    /// Cycles that were asked for, each of which may serve one start.
    asked: u64,
}

impl Grid {
    fn new(interval: Duration) -> Self {
        let origin = Moment::since_boot(SINCE_BOOT);
        let first = Schedule::spread(origin, interval, "tested").next_from(origin);
        Self { interval, next: origin.until(first), skipped: 0, asked: 0 }
    }

    fn started(&mut self, due: Option<Duration>) -> Ruling {
        let Some(ahead) = due.and_then(|due| due.checked_sub(self.next)) else {
            return Err("a start is served twice".to_owned());
        };
        rule!((ahead.as_nanos() % self.interval.as_nanos()) == 0, "a cycle is due off the grid");
        self.account_for(u64::try_from(ahead.as_nanos() / self.interval.as_nanos()).unwrap())?;
        self.next += ahead + self.interval;
        Ok(())
    }

    fn account_for(&mut self, passed: u64) -> Ruling {
        let Self { skipped, asked, .. } = *self;
        rule!(skipped <= passed, "{passed} starts passed, but {skipped} are counted as skipped");
        rule!(passed <= skipped + asked, "{passed} starts passed, {skipped} skipped, {asked} cycles asked for");
        (self.skipped, self.asked) = (0, 0);
        Ok(())
    }

    fn ended(&mut self, due: Option<Duration>) {
        self.asked += u64::from(due.is_none());
    }

    /// The last start that came by `end` is accounted for as well, but for the one that is due or runs.
    fn within(&mut self, end: Duration) -> Ruling {
        let passed = end.checked_sub(self.next).map_or(0, |over| over.as_nanos() / self.interval.as_nanos());
        let passed = u64::try_from(passed).unwrap();
        let Self { skipped, asked, .. } = *self;
        rule!(passed <= skipped + asked + 1, "{passed} starts passed at the end, {skipped} skipped, {asked} asked for");
        Ok(())
    }
}
