//! The numbers of one target: what its cycle reports add up to, without a string or a map.

use std::time::{Duration, SystemTime};

use crate::model::check::{Check, CheckOutcome};
use crate::model::fault::{Cause, Fault, Reason, Request};
use crate::model::report::{Achievement, Attempt, CertificateDefect, ChainExpiry, CycleReport, Phase, Phases};
use crate::model::time::{Stamp, unix_seconds};
use crate::model::token::{TokenView, Trigger};

use super::histogram::{Bounds, Histogram};

/// A wall time as milliseconds since the Unix epoch.
pub(super) fn unix_millis(wall: SystemTime) -> i64 {
    (unix_seconds(wall) * 1000.0).round() as i64
}

/// Everything that a target's reports have said so far.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    pub(super) cycles_succeeded: u64,
    pub(super) cycle_failures: [u64; Fault::ALL.len()],
    pub(super) cycles_skipped: u64,
    pub(super) last_cycle: Option<LastCycle>,
    /// When the first cycle in a row with this outcome began, in Unix milliseconds.
    pub(super) since: Option<i64>,
    /// End of the last good cycle.
    pub(super) last_success: Option<Stamp>,
    /// By [`Request::index`].
    pub(super) requests: [RequestReadings; Request::ALL.len()],
    pub(super) token: TokenView,
    pub(super) token_refreshes: [u64; Trigger::ALL.len()],
    pub(super) token_unchanged: u64,
    pub(super) token_rejected_early: u64,
    /// When the last of these began, in Unix milliseconds.
    pub(super) last_rejected_early: Option<i64>,
    /// The last one of each check, by [`Check::index`].
    pub(super) checks: [Option<LastCheck>; Check::ALL.len()],
    /// What the target before this one, of the same name, knew of the token that was taken over from it.
    legacy: Option<Box<Legacy>>,
}

/// What is known of a token and of the last request for one.
#[derive(Clone, Debug)]
struct Legacy {
    token: TokenView,
    attempt: Option<LastAttempt>,
    last_success: Option<Stamp>,
}

/// The last one of a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastCheck {
    pub(super) outcome: CheckOutcome,
    /// End of the cycle after which it was made, in Unix milliseconds.
    pub(super) after: i64,
}

/// The last cycle that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastCycle {
    pub(super) ended: Stamp,
    pub(super) verdict: Result<(), Cause>,
    pub(super) ping: Pinged,
}

/// Whether a cycle came as far as its ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinged {
    Yes,
    No,
}

/// What is known about one of the two requests.
#[derive(Clone, Debug)]
pub(super) struct RequestReadings {
    pub(super) attempts: u64,
    /// Those that were sent and took longer than the objective.
    pub(super) slow: u64,
    /// By [`Fault::index`]; one of the five never occurs.
    pub(super) failures: [u64; Fault::ALL.len()],
    pub(super) connections_opened: u64,
    pub(super) last: Option<LastAttempt>,
    /// Good attempts in a row that took longer than the objective.
    pub(super) slow_in_a_row: u32,
    /// End of the last good attempt.
    pub(super) last_success: Option<Stamp>,
    pub(super) duration: Histogram,
    /// Of the last handshake in which the server sent one.
    pub(super) server_chain: Option<ChainExpiry>,
    /// As it was used last.
    pub(super) client_certificate_expiry: Option<SystemTime>,
}

/// The last attempt at a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastAttempt {
    pub(super) outcome: Result<(), Reason>,
    /// Its end, in Unix milliseconds.
    pub(super) ended: i64,
    pub(super) duration: Duration,
    pub(super) status: Option<u16>,
    pub(super) phases: Phases,
    pub(super) broke_off_in: Option<Phase>,
    pub(super) certificate_defect: Option<CertificateDefect>,
    pub(super) clock_skew: Option<f64>,
}

impl Readings {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let request = RequestReadings {
            attempts: 0,
            slow: 0,
            failures: [0; Fault::ALL.len()],
            connections_opened: 0,
            last: None,
            slow_in_a_row: 0,
            last_success: None,
            duration: Histogram::new(bounds),
            server_chain: None,
            client_certificate_expiry: None,
        };
        Self {
            cycles_succeeded: 0,
            cycle_failures: [0; Fault::ALL.len()],
            cycles_skipped: 0,
            last_cycle: None,
            since: None,
            last_success: None,
            requests: [request.clone(), request],
            token: TokenView::default(),
            token_refreshes: [0; Trigger::ALL.len()],
            token_unchanged: 0,
            token_rejected_early: 0,
            last_rejected_early: None,
            checks: [None; Check::ALL.len()],
            legacy: None,
        }
    }

    /// This target goes on with the token of that one. No number is taken over: to Prometheus they begin anew.
    pub(super) fn take_over_token(&mut self, before: &Self) {
        let (attempt, last_success) = (before.last(Request::Token).copied(), before.last_good(Request::Token));
        self.legacy = Some(Box::new(Legacy { token: before.token().clone(), attempt, last_success }));
    }

    /// The token as it is, also before the first cycle after a reload.
    pub(super) fn token(&self) -> &TokenView {
        let legacy = self.legacy.as_ref().filter(|_| self.last_cycle.is_none());
        legacy.map_or(&self.token, |legacy| &legacy.token)
    }

    /// The last attempt at a request, be it before a reload.
    pub(super) fn last(&self, request: Request) -> Option<&LastAttempt> {
        let legacy = self.legacy.as_ref().filter(|_| request == Request::Token);
        let own = self.requests[request.index()].last.as_ref();
        own.or_else(|| legacy?.attempt.as_ref())
    }

    /// End of the last good attempt, be it before a reload.
    pub(super) fn last_good(&self, request: Request) -> Option<Stamp> {
        let legacy = self.legacy.as_ref().filter(|_| request == Request::Token);
        self.requests[request.index()].last_success.or_else(|| legacy?.last_success)
    }

    pub(super) fn record(&mut self, report: &CycleReport, bounds: &Bounds) {
        let ended = report.ended;
        match report.verdict {
            Ok(()) => {
                self.cycles_succeeded += 1;
                self.last_success = Some(ended);
            }
            Err(cause) => self.cycle_failures[cause.fault().index()] += 1,
        }
        for attempt in &report.attempts {
            self.record_attempt(attempt, bounds);
        }
        if self.last_cycle.is_none_or(|last| last.verdict.is_ok() != report.verdict.is_ok()) {
            self.since = Some(unix_millis(report.started.wall));
        }
        let ping = if report.last(Request::Ping).is_some() { Pinged::Yes } else { Pinged::No };
        self.last_cycle = Some(LastCycle { ended, verdict: report.verdict, ping });
        self.token = report.token.clone();
    }

    pub(super) fn record_check(&mut self, outcome: &CheckOutcome) {
        let after = self.last_cycle.map_or(0, |cycle| unix_millis(cycle.ended.wall));
        self.checks[outcome.check.index()] = Some(LastCheck { outcome: *outcome, after });
    }

    fn record_attempt(&mut self, attempt: &Attempt, bounds: &Bounds) {
        self.requests[attempt.request.index()].record(attempt, bounds);
        match attempt.result {
            Ok(Achievement::TokenRefreshed(trigger)) => self.token_refreshes[trigger.index()] += 1,
            Ok(Achievement::TokenUnchanged) => self.token_unchanged += 1,
            Ok(Achievement::Ponged) | Err(_) => {}
        }
        if attempt.rejected_early {
            self.token_rejected_early += 1;
            self.last_rejected_early = Some(unix_millis(attempt.trace.started.wall));
        }
    }
}

impl RequestReadings {
    fn record(&mut self, attempt: &Attempt, bounds: &Bounds) {
        let trace = &attempt.trace;
        self.attempts += 1;
        self.connections_opened += u64::from(trace.connections_opened);
        // A connection that is used again brings no certificates, and a secret that cannot be read uses none.
        self.server_chain = trace.server_chain.or(self.server_chain);
        self.client_certificate_expiry = trace.client_certificate_expiry.or(self.client_certificate_expiry);
        let is_slow = trace.duration > bounds.objective;
        if trace.sent {
            self.slow += u64::from(is_slow);
            self.duration.observe(trace.duration, bounds);
        }
        let moment = trace.started.moment.plus(trace.duration);
        let ended = Stamp { moment, wall: trace.started.wall_at(moment) };
        match attempt.result {
            Ok(_) => {
                self.last_success = Some(ended);
                self.slow_in_a_row = if is_slow { self.slow_in_a_row + 1 } else { 0 };
            }
            Err(failure) => {
                self.failures[failure.reason.fault(attempt.request).index()] += 1;
                self.slow_in_a_row = 0;
            }
        }
        let outcome = attempt.result.map(|_achievement| ()).map_err(|failure| failure.reason);
        self.last = Some(LastAttempt {
            outcome,
            ended: unix_millis(ended.wall),
            duration: trace.duration,
            status: trace.status,
            phases: trace.phases,
            broke_off_in: trace.broke_off_in,
            certificate_defect: trace.certificate_defect,
            clock_skew: trace.clock_skew,
        });
    }
}
