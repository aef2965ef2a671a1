//! One target as a scrape sees it: its numbers read at one moment.

use std::time::{Duration, SystemTime};

use crate::model::check::{Check, CheckResult};
use crate::model::fault::{Cause, Fault, Request};
use crate::model::report::{ChainExpiry, Phase};
use crate::model::time::Stamp;
use crate::model::token::HeldView;

use super::readings::{LastAttempt, Pinged, Readings, RequestReadings, unix_millis};
use super::samples::Value;
use super::target::Constants;

/// What one target's samples are read from. `None`: there is no such sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) constants: &'a Constants,
    pub(super) readings: &'a Readings,
    pub(super) now: Stamp,
}

impl<'a> View<'a> {
    pub(super) fn success(&self) -> Option<Value> {
        self.readings.last_cycle.map(|cycle| flag(cycle.verdict.is_ok()))
    }

    pub(super) fn cycles_failed(&self) -> Value {
        Value::Count(self.readings.cycle_failures.iter().sum())
    }

    pub(super) fn cycle_failures(&self, fault: Fault) -> Value {
        Value::Count(self.readings.cycle_failures[fault.index()])
    }

    pub(super) fn cycle_fault(&self, fault: Fault) -> Option<Value> {
        let failed_for = |cause: Cause| cause.fault() == fault;
        self.readings.last_cycle.map(|cycle| flag(cycle.verdict.is_err_and(failed_for)))
    }

    pub(super) fn cycle_failure(&self) -> Option<Cause> {
        self.readings.last_cycle?.verdict.err()
    }

    pub(super) fn last_cycle(&self) -> Value {
        self.time(self.readings.last_cycle.map_or(self.constants.started, |cycle| cycle.ended))
    }

    pub(super) fn last_success(&self) -> Option<Value> {
        self.readings.last_success.map(|ended| self.time(ended))
    }

    pub(super) fn request_last_success(&self, request: Request) -> Option<Value> {
        self.request(request).last_success.map(|ended| self.time(ended))
    }

    pub(super) fn request(&self, request: Request) -> &'a RequestReadings {
        &self.readings.requests[request.index()]
    }

    pub(super) fn request_success(&self, request: Request) -> Option<Value> {
        self.current_attempt(request).map(|attempt| flag(attempt.outcome.is_ok()))
    }

    pub(super) fn request_failure(&self, request: Request) -> Option<Cause> {
        let reason = self.current_attempt(request)?.outcome.err()?;
        Some(Cause { request, reason })
    }

    pub(super) fn phases(&self, request: Request) -> impl Iterator<Item = (Phase, Duration)> {
        self.request(request).last.into_iter().flat_map(|attempt| attempt.phases.happened())
    }

    pub(super) fn clock_skew(&self, request: Request) -> Option<Value> {
        let skew = self.request(request).last?.clock_skew?;
        Some(Value::Millis((skew * 1000.0).round() as i64))
    }

    pub(super) fn server_chain(&self, request: Request) -> Option<ChainExpiry> {
        self.request(request).server_chain
    }

    /// The two requests may use different ones: the first to expire counts.
    pub(super) fn client_certificate_expiry(&self) -> Option<Value> {
        self.readings.requests.iter().filter_map(|request| request.client_certificate_expiry).min().map(timestamp)
    }

    pub(super) fn http_status(&self, request: Request) -> Option<Value> {
        self.request(request).last.map(|attempt| Value::Count(attempt.status.unwrap_or(0).into()))
    }

    pub(super) fn token_held(&self) -> Option<Value> {
        let live = self.held().is_some_and(|held| self.now.moment < held.expiry.moment);
        self.readings.last_cycle.map(|_cycle| flag(live))
    }

    pub(super) fn token_age(&self) -> Option<Value> {
        self.held().map(|held| Value::Millis(held.issued.moment.until(self.now.moment).as_millis() as i64))
    }

    pub(super) fn token_expires_in(&self) -> Option<Value> {
        let left = |held: HeldView| self.now.moment.seconds_until(held.expiry.moment);
        self.held().map(|held| Value::Millis((left(held) * 1000.0).round() as i64))
    }

    pub(super) fn token_issued(&self) -> Option<Value> {
        self.held().map(|held| self.time(held.issued))
    }

    pub(super) fn token_expiry(&self) -> Option<Value> {
        self.held().map(|held| self.time(held.expiry))
    }

    pub(super) fn token_lifetime(&self) -> Option<Value> {
        self.held().map(|held| seconds(held.lifetime))
    }

    pub(super) fn token_margin(&self) -> Option<Value> {
        self.held().map(|held| seconds(held.margin))
    }

    pub(super) fn token_expires_in_missing(&self) -> Option<Value> {
        self.readings.token.expires_in_missing.map(flag)
    }

    pub(super) fn token_scopes_missing(&self) -> Option<Value> {
        self.readings.token.scopes_missing.as_ref().map(|names| Value::Count(names.len() as u64))
    }

    pub(super) fn next_token_request(&self) -> Option<Value> {
        self.readings.token.next_request.map(|next| self.time(next))
    }

    pub(super) fn check_result(&self, check: Check, result: CheckResult) -> Option<Value> {
        self.readings.checks[check.index()].map(|last| flag(last.outcome.result == result))
    }

    /// By the wall clock as it is at this scrape.
    fn time(&self, stamp: Stamp) -> Value {
        timestamp(stamp.wall_as_of(&self.now))
    }

    fn held(&self) -> Option<HeldView> {
        self.readings.token.held
    }

    /// The last attempt, unless it is a ping of a cycle before the last one, which says nothing about now.
    fn current_attempt(&self, request: Request) -> Option<LastAttempt> {
        let stale = request == Request::Ping && self.readings.last_cycle.is_some_and(|cycle| cycle.ping == Pinged::No);
        self.request(request).last.filter(|_attempt| !stale)
    }
}

pub(super) fn timestamp(wall: SystemTime) -> Value {
    Value::Millis(unix_millis(wall))
}

pub(super) fn seconds(duration: Duration) -> Value {
    Value::Number(duration.as_secs_f64())
}

fn flag(raised: bool) -> Value {
    Value::Count(raised.into())
}
