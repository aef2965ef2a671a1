//! How one cycle is kept: eight bytes, and eight to eighteen for each of its requests.
//!
//! ```text
//! cycle:   length of all of it · verdict · end in Unix milliseconds (6)
//! request: which, and outcome · phases that happened, and the one it broke off in · status (2) · microseconds (4)
//!          · for each phase that happened its share of them, of 65535 (2)
//! ```

use crate::model::fault::{Cause, Reason, Request};
use crate::model::report::{Attempt, CycleReport, Phase};
use crate::telemetry::readings::unix_millis;
use crate::telemetry::status::{AttemptRecord, CycleRecord, PhaseRecord, Seconds, Timestamp};

const CYCLE: usize = 8;

/// More requests than a cycle ever makes; further ones would not be kept, so that a record's length fits a byte.
const MOST_ATTEMPTS: usize = 12;

const GOOD: u8 = 0;
const WHOLE: f64 = u16::MAX as f64;

/// The bytes of a cycle.
pub(super) fn written(report: &CycleReport) -> Vec<u8> {
    let verdict = report.verdict.err().map_or(GOOD, |cause| code(cause.request, Some(cause.reason)));
    let ended = unix_millis(report.ended.wall).max(0).to_le_bytes();
    let mut bytes = Vec::with_capacity(CYCLE + 2 * 18);
    bytes.extend_from_slice(&[0, verdict, ended[0], ended[1], ended[2], ended[3], ended[4], ended[5]]);
    for attempt in report.attempts.iter().take(MOST_ATTEMPTS) {
        write_attempt(&mut bytes, attempt);
    }
    bytes[0] = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    bytes
}

fn write_attempt(bytes: &mut Vec<u8>, attempt: &Attempt) {
    let trace = &attempt.trace;
    let micros = u32::try_from(trace.duration.as_micros()).unwrap_or(u32::MAX);
    let happened = trace.phases.happened().fold(0, |mask, (phase, _)| mask | 1 << phase.index());
    let broke_off = trace.broke_off_in.map_or(0, |phase| phase.index() as u8 + 1);
    bytes.push(code(attempt.request, attempt.result.err().map(|failure| failure.reason)));
    bytes.push(happened | broke_off << 5);
    bytes.extend_from_slice(&trace.status.unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&micros.to_le_bytes());
    for (_, duration) in trace.phases.happened() {
        let share = duration.as_secs_f64() / trace.duration.as_secs_f64().max(f64::MIN_POSITIVE);
        bytes.extend_from_slice(&((share.min(1.0) * WHOLE).round() as u16).to_le_bytes());
    }
}

/// The cycles in `bytes`, in their order.
pub(super) fn read(mut bytes: &[u8]) -> impl Iterator<Item = CycleRecord> {
    std::iter::from_fn(move || {
        let length = usize::from(*bytes.first()?);
        let (record, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        read_cycle(record)
    })
}

fn read_cycle(record: &[u8]) -> Option<CycleRecord> {
    let (&[_, verdict, a, b, c, d, e, f], mut rest) = record.split_first_chunk::<CYCLE>()?;
    let failure = match decoded(verdict)? {
        (request, Some(reason)) => Some(Cause { request, reason }.into()),
        (_, None) => None,
    };
    let ended = Timestamp::from_unix_millis(i64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
    let attempts = std::iter::from_fn(|| read_attempt(&mut rest)).collect();
    Some(CycleRecord { ended, failure, attempts })
}

fn read_attempt(bytes: &mut &[u8]) -> Option<AttemptRecord> {
    let (&[what, phases, status_low, status_high], rest) = bytes.split_first_chunk()?;
    let (&micros, mut rest) = rest.split_first_chunk()?;
    let (request, reason) = decoded(what)?;
    let duration = f64::from(u32::from_le_bytes(micros)) / 1e6;
    let mut happened = Vec::with_capacity(phases.count_ones() as usize);
    for phase in Phase::ALL.into_iter().filter(|phase| phases & 1 << phase.index() != 0) {
        let (&share, further) = rest.split_first_chunk()?;
        rest = further;
        let part = duration * f64::from(u16::from_le_bytes(share)) / WHOLE;
        happened.push(PhaseRecord { phase, duration_seconds: Seconds((part * 1e6).round() / 1e6) });
    }
    *bytes = rest;
    let status = u16::from_le_bytes([status_low, status_high]);
    Some(AttemptRecord {
        request,
        duration_seconds: Seconds(duration),
        status: (status != 0).then_some(status),
        reason,
        phase: usize::from(phases >> 5).checked_sub(1).and_then(|index| Phase::ALL.get(index).copied()),
        phases: happened,
    })
}

/// Which request, in the highest bit, and how it failed, if it did.
fn code(request: Request, reason: Option<Reason>) -> u8 {
    let outcome = reason.map_or(GOOD, |reason| reason.index() as u8 + 1);
    outcome | (request.index() as u8) << 7
}

fn decoded(code: u8) -> Option<(Request, Option<Reason>)> {
    let request = Request::ALL[usize::from(code >> 7)];
    match code & 0x7f {
        GOOD => Some((request, None)),
        outcome => Some((request, Some(*Reason::ALL.get(usize::from(outcome) - 1)?))),
    }
}
