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
use crate::telemetry::status::{AttemptRecord, Blame, CycleRecord, Glance, PhaseRecord, Seconds, Timestamp};

const CYCLE: usize = 8;
const ATTEMPT: usize = 8;

/// More requests than a cycle ever makes; further ones would not be kept, so that a record's length fits a byte.
const MOST_ATTEMPTS: usize = 12;

const GOOD: u8 = 0;
const WHOLE: f64 = u16::MAX as f64;

/// The bytes of a cycle.
pub(super) fn written(report: &CycleReport) -> Vec<u8> {
    let verdict = report.verdict.err().map_or(GOOD, |cause| code(cause.request, Some(cause.reason)));
    let ended = unix_millis(report.ended.wall).max(0).to_le_bytes();
    let mut bytes = Vec::with_capacity(CYCLE + 2 * (ATTEMPT + 2 * Phase::ALL.len()));
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

/// The records in `bytes`, in their order.
pub(super) fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::from(*bytes.first()?);
        let (record, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(record)
    })
}

/// The cycle that a record is of.
pub(super) fn cycle(record: &[u8]) -> Option<CycleRecord> {
    let (head, mut rest) = Head::read(record)?;
    let attempts = std::iter::from_fn(|| AttemptHead::read(&mut rest)?.record(&mut rest)).collect();
    Some(CycleRecord { ended: head.ended, failure: head.cause.map(Blame::from), attempts })
}

/// The cycle that a record is of, at a glance.
pub(super) fn glance(record: &[u8]) -> Option<Glance> {
    let (Head { ended, cause }, mut rest) = Head::read(record)?;
    let mut attempts = [None; Request::ALL.len()];
    while let Some(head) = AttemptHead::read(&mut rest) {
        rest = rest.get(2 * head.happened().count()..)?;
        attempts[head.request.index()] = Some(head.reason.map_or(Ok(Seconds(head.duration)), Err));
    }
    Some(Glance { ended, failure: cause.map(|cause| cause.reason), attempts })
}

/// What a record begins with.
struct Head {
    ended: Timestamp,
    cause: Option<Cause>,
}

impl Head {
    fn read(record: &[u8]) -> Option<(Self, &[u8])> {
        let (&[_, verdict, a, b, c, d, e, f], rest) = record.split_first_chunk::<CYCLE>()?;
        let (request, reason) = decoded(verdict)?;
        let ended = Timestamp::from_unix_millis(i64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        Some((Self { ended, cause: reason.map(|reason| Cause { request, reason }) }, rest))
    }
}

/// What is kept of a request, but for how long its phases lasted.
struct AttemptHead {
    request: Request,
    reason: Option<Reason>,
    /// The five that happened, and above them the one in which it broke off.
    phases: u8,
    status: u16,
    /// In seconds.
    duration: f64,
}

impl AttemptHead {
    /// Takes it from the beginning of `bytes`.
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (&[what, phases, low, high, micros @ ..], rest) = bytes.split_first_chunk::<ATTEMPT>()?;
        let (request, reason) = decoded(what)?;
        *bytes = rest;
        let duration = f64::from(u32::from_le_bytes(micros)) / 1e6;
        Some(Self { request, reason, phases, status: u16::from_le_bytes([low, high]), duration })
    }

    fn happened(&self) -> impl Iterator<Item = Phase> + use<> {
        let phases = self.phases;
        Phase::ALL.into_iter().filter(move |phase| phases & 1 << phase.index() != 0)
    }

    /// The whole of it, with the phases, which come next in `bytes`.
    fn record(&self, bytes: &mut &[u8]) -> Option<AttemptRecord> {
        // As many decimals as are known, and no more than those of a microsecond.
        let decimals = (WHOLE / self.duration).log10().floor().clamp(0.0, 6.0);
        let scale = 10_f64.powi(decimals as i32);
        let mut phases = Vec::with_capacity(Phase::ALL.len());
        for phase in self.happened() {
            let (&share, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            let part = self.duration * f64::from(u16::from_le_bytes(share)) / WHOLE;
            phases.push(PhaseRecord { phase, duration_seconds: Seconds((part * scale).round() / scale) });
        }
        Some(AttemptRecord {
            request: self.request,
            duration_seconds: Seconds(self.duration),
            status: (self.status != 0).then_some(self.status),
            reason: self.reason,
            phase: usize::from(self.phases >> 5).checked_sub(1).and_then(|index| Phase::ALL.get(index).copied()),
            phases,
        })
    }
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::model::fault::Failure;
    use crate::model::report::{Achievement, Phases, Trace};
    use crate::model::time::{Moment, Stamp};
    use crate::model::token::TokenView;

    const MICROS: u64 = 1_234_567;

    fn now() -> Stamp {
        Stamp { moment: Moment::default(), wall: UNIX_EPOCH + Duration::from_millis(1_763_950_123_456) }
    }

    fn attempt(request: Request, reason: Option<Reason>, phases: Phases) -> Attempt {
        let trace = Trace {
            duration: Duration::from_micros(MICROS),
            sent: true,
            status: reason.is_none().then_some(200),
            connections_opened: 1,
            phases,
            broke_off_in: reason.map(|_| Phase::Transfer),
            ..Trace::unsent(now())
        };
        let result = reason.map_or(Ok(Achievement::Ponged), |reason| Err(Failure::from(reason)));
        Attempt { request, trace, result, rejected_early: false }
    }

    fn all_phases() -> Phases {
        let fifth = Some(Duration::from_micros(MICROS / 5));
        Phases { resolve: fifth, connect: fifth, tls: fifth, processing: fifth, transfer: fifth }
    }

    fn report(verdict: Result<(), Cause>, attempts: Vec<Attempt>) -> CycleReport {
        CycleReport { started: now(), ended: now(), verdict, attempts, token: TokenView::default() }
    }

    fn read_again(report: &CycleReport) -> CycleRecord {
        cycle(&written(report)).expect("a record")
    }

    #[test]
    fn cycle_takes_less_than_forty_bytes_on_average() {
        let ping = || attempt(Request::Ping, None, all_phases());
        let token = attempt(Request::Token, None, all_phases());
        assert_eq!(written(&report(Ok(()), vec![ping()])).len(), 26);
        assert_eq!(written(&report(Ok(()), vec![token, ping()])).len(), 44);
        assert_eq!(written(&report(Ok(()), vec![attempt(Request::Ping, None, Phases::default())])).len(), 16);
        assert_eq!(written(&report(Ok(()), Vec::new())).len(), 8);
    }

    #[test]
    fn every_way_to_fail_is_read_again_as_it_was() {
        for request in Request::ALL {
            for reason in Reason::ALL {
                let cause = Cause { request, reason };
                let read = read_again(&report(Err(cause), vec![attempt(request, Some(reason), all_phases())]));
                assert_eq!(read.failure, Some(Blame::from(cause)));
                let [attempt] = &*read.attempts else { panic!("{read:?}") };
                assert_eq!((attempt.request, attempt.reason, attempt.status), (request, Some(reason), None));
                assert_eq!(attempt.phase, Some(Phase::Transfer));
            }
        }
    }

    #[test]
    fn times_are_read_again_to_the_millisecond_and_durations_to_the_microsecond() {
        let read = read_again(&report(Ok(()), vec![attempt(Request::Ping, None, all_phases())]));
        assert_eq!((read.ended, read.failure), (Timestamp::from(now().wall), None));
        assert_eq!(read.attempts[0].duration_seconds, Seconds(1.234_567));
        assert_eq!(read.attempts[0].phases.iter().map(|part| part.phase).collect::<Vec<_>>(), Phase::ALL);
        for part in &read.attempts[0].phases {
            let wrong_by = part.duration_seconds.0 - (MICROS / 5) as f64 / 1e6;
            assert!(wrong_by.abs() <= 5e-5, "{part:?}");
        }
    }

    #[test]
    fn phase_that_did_not_happen_is_absent_and_one_that_took_no_time_is_not() {
        let phases =
            Phases { connect: Some(Duration::ZERO), transfer: Some(Duration::from_secs(9)), ..Phases::default() };
        let read = read_again(&report(Ok(()), vec![attempt(Request::Token, None, phases)]));
        let read: Vec<_> = read.attempts[0].phases.iter().map(|part| (part.phase, part.duration_seconds.0)).collect();
        assert_eq!(read, [(Phase::Connect, 0.0), (Phase::Transfer, 1.2346)]);
    }

    #[test]
    fn glance_has_the_last_attempt_at_each_request() {
        let token = || attempt(Request::Token, None, all_phases());
        let refused = || attempt(Request::Ping, Some(Reason::TokenRejected), all_phases());
        let good = Some(Ok(Seconds(1.234_567)));
        let attempts = vec![refused(), token(), attempt(Request::Ping, None, Phases::default())];
        let healed = glance(&written(&report(Ok(()), attempts))).expect("a cycle");
        assert_eq!((healed.failure, healed.attempts), (None, [good, good]));
        let cause = Cause { request: Request::Ping, reason: Reason::TokenRejected };
        let failed = glance(&written(&report(Err(cause), vec![refused()]))).expect("a cycle");
        let reason = Reason::TokenRejected;
        assert_eq!((failed.failure, failed.attempts), (Some(reason), [None, Some(Err(reason))]));
    }

    #[test]
    fn cycle_of_more_requests_than_any_makes_still_has_a_length() {
        let attempts = (0..100).map(|_| attempt(Request::Ping, None, all_phases())).collect();
        let bytes = written(&report(Ok(()), attempts));
        assert_eq!((usize::from(bytes[0]), cycle(&bytes).map(|cycle| cycle.attempts.len())), (bytes.len(), Some(12)));
    }
}
