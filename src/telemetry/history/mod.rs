//! The last cycles of one target, and its last failures: small, since ten thousand targets keep two hundred each.

mod blocks;
mod record;

use std::collections::VecDeque;

use crate::model::fault::Cause;
use crate::model::report::{CycleReport, Phase};

use super::readings::unix_millis;
use super::status::{CycleRecord, FailureRecord, Glance, Timestamp};
use blocks::Blocks;

/// Failed requests that are remembered when their cycles no longer are.
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

/// A failed request of the past.
#[derive(Clone, Copy, Debug)]
struct PastFailure {
    /// End of its cycle, in Unix milliseconds.
    ended: i64,
    cause: Cause,
    status: Option<u16>,
    phase: Option<Phase>,
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
        self.record_failures(report);
    }

    /// Keeps so many cycles from now on: the latest of those that are there.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.forget_until(limit);
        self.records.shrink();
        if limit == 0 {
            self.failures = VecDeque::new();
        }
    }

    /// The bytes of all cycles, to be read when nobody waits for the history any more.
    pub(super) fn past(&self) -> Past {
        Past(self.records.copied())
    }

    /// The last failed requests, the latest first.
    pub(super) fn failures(&self) -> Vec<FailureRecord> {
        let shown = |past: &PastFailure| FailureRecord {
            ended: Timestamp::from_unix_millis(past.ended),
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

    fn record_failures(&mut self, report: &CycleReport) {
        for attempt in &report.attempts {
            let Err(failure) = attempt.result else { continue };
            if self.failures.len() == FAILURES {
                self.failures.pop_front();
            }
            self.failures.reserve_exact(1);
            self.failures.push_back(PastFailure {
                ended: unix_millis(report.ended.wall),
                cause: Cause { request: attempt.request, reason: failure.reason },
                status: attempt.trace.status,
                phase: attempt.trace.broke_off_in,
            });
        }
    }
}

/// The cycles of a history as they were at one moment.
#[derive(Debug)]
pub(super) struct Past(Vec<u8>);

impl Past {
    /// The oldest first.
    pub(super) fn cycles(&self) -> impl Iterator<Item = CycleRecord> {
        record::read(&self.0)
    }

    /// The last so many cycles, the oldest first.
    pub(super) fn glances(&self, most: usize) -> Vec<Glance> {
        let all = record::read(&self.0).map(|cycle| Glance::from(&cycle)).collect::<Vec<_>>();
        all[all.len().saturating_sub(most)..].to_vec()
    }
}
