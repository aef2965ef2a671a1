//! The last cycles of one target, and its last failures: small, since ten thousand targets keep two hundred each.

mod blocks;
mod record;

use std::collections::VecDeque;

use crate::model::fault::{Cause, Request};
use crate::model::report::{CycleReport, Phase};

use super::readings::unix_millis;
use super::status::{CycleRecord, FailureRecord, Glance, Timestamp};
use blocks::Blocks;

/// Failures that are remembered when their cycles no longer are.
const FAILURES: usize = 10;

/// The last cycles, as many as the configuration says.
#[derive(Debug)]
pub(super) struct History {
    limit: usize,
    cycles: usize,
    /// One record after the other, the oldest first.
    records: Blocks,
    /// The oldest first.
    failures: VecDeque<PastFailure>,
}

/// Requests that failed alike, one after the other.
#[derive(Clone, Copy, Debug)]
struct PastFailure {
    /// Ends of the first and the last of their cycles, in Unix milliseconds.
    first: i64,
    last: i64,
    count: u32,
    cause: Cause,
    status: Option<u16>,
    phase: Option<Phase>,
    /// Whether no attempt at this request has succeeded or failed otherwise since.
    goes_on: bool,
}

impl History {
    /// None yet, and never more than `limit` cycles.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, cycles: 0, records: Blocks::default(), failures: VecDeque::new() }
    }

    pub(super) fn record(&mut self, report: &CycleReport) {
        if self.limit == 0 {
            return;
        }
        self.forget_until(self.limit - 1);
        self.records.push(&record::written(report));
        self.cycles += 1;
        self.record_attempts(report);
    }

    /// Keeps so many cycles from now on: the latest of those that are there.
    pub(super) fn set_limit(&mut self, limit: usize) {
        if limit == self.limit {
            return;
        }
        self.limit = limit;
        self.forget_until(limit);
        self.records.shrink();
        if limit == 0 {
            self.failures = VecDeque::new();
        }
    }

    /// The bytes of all cycles, to be read when nobody waits for the history any more.
    pub(super) fn past(&self) -> Past {
        Past { cycles: self.cycles, bytes: self.records.copied() }
    }

    /// The last failures, the latest first.
    pub(super) fn failures(&self) -> Vec<FailureRecord> {
        let shown = |past: &PastFailure| FailureRecord {
            first: Timestamp::from_unix_millis(past.first),
            last: Timestamp::from_unix_millis(past.last),
            count: past.count,
            blame: past.cause.into(),
            phase: past.phase,
            status: past.status,
        };
        self.failures.iter().rev().map(shown).collect()
    }

    fn forget_until(&mut self, left: usize) {
        while self.cycles > left {
            // A record begins with its length.
            let length = self.records.first().unwrap_or_default();
            self.records.discard(usize::from(length).max(1));
            self.cycles -= 1;
        }
    }

    fn record_attempts(&mut self, report: &CycleReport) {
        let ended = unix_millis(report.ended.wall);
        for attempt in &report.attempts {
            let failure = attempt.result.err().map(|failure| PastFailure {
                first: ended,
                last: ended,
                count: 1,
                cause: Cause { request: attempt.request, reason: failure.reason },
                status: attempt.trace.status,
                phase: attempt.trace.broke_off_in,
                goes_on: true,
            });
            self.record_attempt(attempt.request, failure);
        }
    }

    fn record_attempt(&mut self, request: Request, failure: Option<PastFailure>) {
        let before = self.failures.iter_mut().rev().find(|past| past.cause.request == request && past.goes_on);
        match (before, failure) {
            (Some(before), Some(failure)) if before.is_like(&failure) => {
                before.last = failure.last;
                before.count = before.count.saturating_add(1);
            }
            (before, failure) => {
                if let Some(before) = before {
                    before.goes_on = false;
                }
                if let Some(failure) = failure {
                    self.remember(failure);
                }
            }
        }
    }

    fn remember(&mut self, failure: PastFailure) {
        if self.failures.len() == FAILURES {
            self.failures.pop_front();
        }
        self.failures.reserve_exact(1);
        self.failures.push_back(failure);
    }
}

impl PastFailure {
    fn is_like(&self, other: &Self) -> bool {
        (self.cause, self.status, self.phase) == (other.cause, other.status, other.phase)
    }
}

/// The cycles of a history as they were at one moment.
#[derive(Debug)]
pub(super) struct Past {
    cycles: usize,
    bytes: Vec<u8>,
}

impl Past {
    /// The oldest first.
    pub(super) fn cycles(&self) -> impl Iterator<Item = CycleRecord> {
        record::split(&self.bytes).filter_map(record::cycle)
    }

    /// The last so many cycles, the oldest first.
    pub(super) fn glances(&self, most: usize) -> Vec<Glance> {
        let passed_over = self.cycles.saturating_sub(most);
        record::split(&self.bytes).skip(passed_over).filter_map(record::glance).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand targets have one each, whatever they keep.
    #[test]
    fn history_of_nothing_is_small() {
        assert!(size_of::<History>() <= 128, "{}", size_of::<History>());
        assert!(size_of::<PastFailure>() <= 40, "{}", size_of::<PastFailure>());
    }
}
