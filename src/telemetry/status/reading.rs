//! One target at one moment: from its numbers to what is shown of it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::advice::advice_with;
use crate::model::check::{Check, CheckOutcome};
use crate::model::fault::{Cause, Reason, Request};
use crate::model::schedule::Schedule;
use crate::model::target::{ScheduleMode, Transport};
use crate::model::time::{Moment, Stamp};
use crate::model::token::HeldView;
use crate::model::warning::{Leftover, Signs, Silence, Warning};
use crate::telemetry::readings::{LastAttempt, Readings};
use crate::telemetry::settings::TargetSettings;
use crate::telemetry::target::TargetMetrics;

use super::details::{CheckStatus, ServerStatus, TargetDetails};
use super::failure::FailureStatus;
use super::summary::{RequestStatus, Requests, State, TargetSummary, TokenStatus};
use super::values::{Seconds, Timestamp};
use super::warning::WarningStatus;

/// Cycles in a small plot.
const GLANCES: usize = 60;

/// One target with its numbers as they were at `now`.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) target: Arc<TargetMetrics>,
    pub(super) readings: Arc<Readings>,
    /// Where the schedules of all targets begin.
    pub(super) origin: Moment,
    pub(super) now: Stamp,
}

/// Where targets stand in the list: those that need a person come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    Failing,
    Warned,
    Pending,
    Working,
}

impl Rank {
    pub(super) const ALL: [Self; 4] = [Self::Failing, Self::Warned, Self::Pending, Self::Working];
}

impl Reading {
    pub(super) fn state(&self) -> State {
        match self.readings.last_cycle.map(|cycle| cycle.verdict) {
            None => State::Pending,
            Some(Ok(())) => State::Working,
            Some(Err(_)) => State::Failing,
        }
    }

    /// Why it fails, if it does.
    pub(super) fn cause(&self) -> Option<Cause> {
        self.readings.last_cycle?.verdict.err()
    }

    /// Where it stands in the list.
    pub(super) fn rank(&self) -> Rank {
        match self.state() {
            State::Failing => Rank::Failing,
            _ if self.is_warned() => Rank::Warned,
            State::Pending => Rank::Pending,
            State::Working => Rank::Working,
        }
    }

    pub(super) fn is_warned(&self) -> bool {
        !self.warnings().is_empty()
    }

    /// As it stands in the list, but for its last cycles.
    pub(super) fn summary(&self) -> TargetSummary {
        let (target, readings) = (&*self.target.probed, &*self.readings);
        TargetSummary {
            target: target.name.clone(),
            labels: target.labels.clone(),
            authorization_server: target.authorization_host(),
            resource_server: target.resource_host(),
            client_id: target.token.client_id.clone(),
            state: self.state(),
            since: readings.since.map_or_else(|| self.time(self.target.constants.started), Timestamp::from_unix_millis),
            failure: self.cause().map(|cause| self.failure(cause)),
            warnings: self.warnings().into_iter().map(|warning| self.warning(warning)).collect(),
            schedule: target.schedule,
            interval_seconds: target.interval.into(),
            last_cycle: readings.last_cycle.map(|cycle| self.time(cycle.ended)),
            next_cycle: self.next_cycle(),
            last_success: readings.last_success.map(|ended| self.time(ended)),
            token: readings.token().held.map(|held| self.token(held)),
            next_token_request: readings.token().next_request.map(|next| self.time(next)),
            requests: Requests { token: self.request(Request::Token), ping: self.request(Request::Ping) },
            glances: Vec::new(),
        }
    }

    /// With its last cycles at a glance; to read them takes longer than all the rest.
    pub(super) fn summary_with_glances(&self) -> TargetSummary {
        let past = self.target.history().past();
        TargetSummary { glances: past.glances(GLANCES), ..self.summary() }
    }

    pub(super) fn details(&self) -> TargetDetails {
        let checks = self.readings.checks.iter().flatten();
        let (past, failures) = {
            let history = self.target.history();
            (history.past(), history.failures())
        };
        let mut cycles: Vec<_> = past.cycles().collect();
        cycles.reverse();
        TargetDetails {
            summary: TargetSummary { glances: past.glances(GLANCES), ..self.summary() },
            checks: checks.map(|last| CheckStatus::from(&last.outcome)).collect(),
            servers: Request::ALL.into_iter().map(|request| self.server(request)).collect(),
            cycles,
            failures,
            configuration: TargetSettings::of(&self.target.probed),
        }
    }

    /// By the wall clock as it is now.
    fn time(&self, stamp: Stamp) -> Timestamp {
        stamp.wall_as_of(&self.now).into()
    }

    fn next_cycle(&self) -> Option<Timestamp> {
        let target = &self.target.probed;
        (target.schedule == ScheduleMode::On).then(|| {
            let schedule = Schedule::spread(self.origin, target.interval, &target.name);
            self.now.wall_at(schedule.next_from(self.now.moment)).into()
        })
    }

    fn last(&self, request: Request) -> Option<&LastAttempt> {
        self.readings.last(request)
    }

    /// What is known of a step that failed for `cause`. In a back-off that is an attempt of a cycle before.
    fn failure(&self, cause: Cause) -> FailureStatus {
        let target = &*self.target.probed;
        let attempt = self.last(cause.request).filter(|attempt| attempt.outcome == Err(cause.reason));
        let defect = attempt.and_then(|attempt| attempt.certificate_defect);
        let advice = advice_with(cause, target, defect);
        let file = target.token.authentication.file().filter(|_path| cause.reason == Reason::SecretUnavailable);
        FailureStatus {
            blame: cause.into(),
            url: target.shown_url(cause.request),
            owner: cause.owner(),
            meaning: advice.meaning,
            remedy: advice.remedy,
            control: self.control(cause),
            phase: attempt.and_then(|attempt| attempt.broke_off_in),
            status: attempt.and_then(|attempt| attempt.status),
            certificate_defect: defect,
            proxy: (cause.reason == Reason::Proxy).then(|| shown_proxy(target.transport(cause.request))),
            secret_file: file.map(|path| path.display().to_string()),
            duration_seconds: attempt.map(|attempt| attempt.duration.into()),
        }
    }

    /// What the check with the API key adds, if it was made since the target fails.
    fn control(&self, cause: Cause) -> Option<&'static str> {
        let last = self.readings.checks[Check::ApiKey.index()]?;
        let is_about_this = self.readings.since.is_some_and(|since| since <= last.after);
        last.outcome.throws_light_on(cause).filter(|_light| is_about_this)
    }

    fn warnings(&self) -> Vec<Warning> {
        let readings = &*self.readings;
        let outcomes: Vec<CheckOutcome> = readings.checks.iter().flatten().map(|last| last.outcome).collect();
        let time = |millis: i64| Timestamp::from_unix_millis(millis).to_wall();
        Signs {
            silence: self.silence(),
            refresh_failure: self.refresh_failure(),
            rejected_early: readings.last_rejected_early.map(time),
            slow_in_a_row: [0, 1].map(|request| readings.requests[request].slow_in_a_row),
            scopes_missing: self.scopes_missing().len(),
            checks: &outcomes,
            certificates: [0, 1].map(|request| readings.requests[request].server_chain.map(|chain| chain.earliest)),
            client_certificate: readings.requests.iter().filter_map(|seen| seen.client_certificate_expiry).min(),
            client_secret: self.target.probed.client_secret_expires,
        }
        .warnings(self.now.wall)
    }

    /// How long nothing has been heard of it; one whose schedule is off may wait for ever to be asked the first time.
    fn silence(&self) -> Option<Silence> {
        let (target, last) = (&*self.target.probed, self.readings.last_cycle);
        let ended = last.map(|cycle| cycle.ended);
        let began = (target.schedule == ScheduleMode::On).then_some(self.target.constants.started);
        Some(Silence {
            since: ended.or(began)?.wall_as_of(&self.now),
            tolerated: Silence::tolerated(target),
            schedule: target.schedule,
        })
    }

    /// Why the token cannot be refreshed. Once a cycle fails for that it is no warning any more, and not before: what a
    /// token's expiry brings is not to look better than what came before it.
    fn refresh_failure(&self) -> Option<(Cause, Leftover)> {
        let readings = &*self.readings;
        let reason = self.last(Request::Token)?.outcome.err()?;
        let held = readings.token().held?;
        let left = if self.now.moment < held.expiry.moment { Leftover::Live } else { Leftover::Expired };
        let failed_for = self.cause().map(|cause| cause.request);
        let cause = Cause { request: Request::Token, reason };
        (failed_for != Some(Request::Token)).then_some((cause, left))
    }

    fn scopes_missing(&self) -> &[String] {
        self.readings.token().scopes_missing.as_deref().unwrap_or_default()
    }

    fn warning(&self, warning: Warning) -> WarningStatus {
        let advice = warning.advice();
        let mut status = WarningStatus::new(warning.kind(), advice);
        match warning {
            Warning::TokenRefresh(cause, _) => status.failure = Some(self.failure(cause)),
            Warning::Check(outcome, _) => status.check = Some(outcome.check),
            Warning::CertificateExpiry(request, expiry) => {
                status.request = Some(request);
                status.at = Some(expiry.into());
            }
            Warning::Stalled(at, _)
            | Warning::TokenRejectedEarly(at)
            | Warning::ClientCertificateExpiry(at)
            | Warning::ClientSecretExpiry(at) => status.at = Some(at.into()),
            Warning::Slow(request) => status.request = Some(request),
            Warning::ScopesMissing => status.scopes = self.scopes_missing().to_vec(),
        }
        status
    }

    fn token(&self, held: HeldView) -> TokenStatus {
        let now = self.now.moment;
        TokenStatus {
            issued: self.time(held.issued),
            expires: self.time(held.expiry),
            lifetime_seconds: held.lifetime.into(),
            age_seconds: held.issued.moment.until(now).into(),
            expires_in_seconds: Seconds::rounded(now.seconds_until(held.expiry.moment)),
            refresh: self.time(held.refresh()),
            expires_in_missing: self.readings.token().expires_in_missing.unwrap_or_default(),
            scopes_missing: self.scopes_missing().len(),
        }
    }

    fn request(&self, request: Request) -> RequestStatus {
        let last = self.last(request);
        let reason = last.and_then(|attempt| attempt.outcome.err());
        RequestStatus {
            url: self.target.probed.shown_url(request),
            objective_seconds: self.target.probed.latency_objective.into(),
            last_success: self.readings.last_good(request).map(|ended| self.time(ended)),
            last_attempt: last.map(|attempt| Timestamp::from_unix_millis(attempt.ended)),
            duration_seconds: last.map(|attempt| attempt.duration.into()),
            status: last.and_then(|attempt| attempt.status),
            reason,
            fault: reason.map(|reason| reason.fault(request)),
        }
    }

    fn server(&self, request: Request) -> ServerStatus {
        let seen = &self.readings.requests[request.index()];
        let time = |wall: SystemTime| Timestamp::from(wall);
        ServerStatus {
            request,
            certificate_expires: seen.server_chain.map(|chain| time(chain.leaf)),
            chain_expires: seen.server_chain.map(|chain| time(chain.earliest)),
            client_certificate_expires: seen.client_certificate_expiry.map(time),
            clock_skew_seconds: self.last(request).and_then(|attempt| attempt.clock_skew).map(Seconds::rounded),
        }
    }
}

/// Which proxy that is, without its credentials.
fn shown_proxy(transport: &Transport) -> String {
    transport.proxy.as_ref().map_or_else(|| "from the environment".to_owned(), |proxy| proxy.address.to_string())
}
