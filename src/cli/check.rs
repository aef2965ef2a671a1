//! `check`: the guide's two steps and the configured checks, once, for a person or a script.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio::task::JoinSet;

use crate::client::{ClientPool, HttpWire};
use crate::clock::{BootClock, Clock};
use crate::model::advice::{Advice, advice_on};
use crate::model::check::CheckOutcome;
use crate::model::check_rhythm::CheckRhythm;
use crate::model::fault::{Cause, Reason};
use crate::model::report::{Attempt, CertificateDefect, ChainExpiry, CycleReport, HttpVersion, Phase, Phases};
use crate::model::seen::seen_json;
use crate::model::target::{Config, Target};
use crate::model::time::unix_seconds;
use crate::model::token::TokenState;
use crate::probe::{CheckRound, Tools, run_cycle};

use super::arguments::{CheckArguments, Common, Output};
use super::check_text::{Style, sum, text};
use super::setup::{self, load_config};
use super::stop::Stop;
use super::wires::wires;

/// Targets checked at a time.
const AT_A_TIME: usize = 16;

/// One target and what its cycle and its checks found.
pub(super) struct Finding {
    pub(super) target: Arc<Target>,
    pub(super) report: CycleReport,
    /// Expected ones that were not granted.
    pub(super) scopes_missing: Vec<String>,
    /// In the order in which they were made.
    pub(super) checks: Vec<CheckOutcome>,
}

impl Finding {
    /// Whether the cycle succeeded and no check found the opposite of what it must.
    pub(super) fn is_good(&self) -> bool {
        self.report.verdict.is_ok() && self.checks.iter().all(|outcome| outcome.finding().is_none())
    }

    /// What the failure means and what to do.
    pub(super) fn advice(&self, cause: Cause) -> Advice {
        advice_on(cause, &self.target, self.report.last(cause.request))
    }

    /// What the control with the API key says of a failure.
    pub(super) fn light(&self, cause: Cause) -> Option<&'static str> {
        self.checks.iter().find_map(|outcome| outcome.throws_light_on(cause))
    }
}

pub(super) fn run(common: &Common, arguments: &CheckArguments) -> Result<ExitCode, Stop> {
    let targets = select(load_config(common)?, &arguments.targets)?;
    let findings = match arguments.output {
        Output::Text => {
            let style = Style::of_stdout();
            let findings = setup::block_on(check_all(targets, |finding| setup::print(&text(finding, style))))?;
            setup::print(&sum(&findings))?;
            findings
        }
        Output::Json => {
            let findings = setup::block_on(check_all(targets, |_finding| Ok(())))?;
            setup::print(&json(&findings)?)?;
            findings
        }
    };
    let all_good = findings.iter().all(Finding::is_good);
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn select(config: Config, names: &[String]) -> Result<Vec<Arc<Target>>, Stop> {
    let known: Vec<_> = config.targets.iter().map(|target| target.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(Stop::usage(format_args!("there is no target named {unknown}; there are: {}", some(&known))));
    }
    let wanted = |target: &Target| names.is_empty() || names.contains(&target.name);
    Ok(config.targets.into_iter().filter(|target| wanted(target)).collect())
}

/// As many as a line holds.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.split_at_checked(SHOWN) {
        Some((shown, more @ [_, ..])) => format!("{} and {} more", shown.join(", "), more.len()),
        _ => names.join(", "),
    }
}

/// In the order of the targets, in which each is also handed to `tell`, as soon as it and those before it are there.
async fn check_all(
    targets: Vec<Arc<Target>>,
    tell: impl Fn(&Finding) -> Result<(), Stop>,
) -> Result<Vec<Finding>, Stop> {
    let wires = wires(targets, &mut ClientPool::new()).map_err(Stop::usage)?;
    let mut waiting = wires.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut early = BTreeMap::new();
    let mut findings = Vec::new();
    loop {
        while running.len() < AT_A_TIME
            && let Some((place, (target, wire))) = waiting.next()
        {
            running.spawn(async move { (place, check_one(target, &wire).await) });
        }
        match running.join_next().await {
            Some(finding) => early.extend([finding.map_err(Stop::failed)?]),
            None => return Ok(findings),
        }
        while let Some(finding) = early.remove(&findings.len()) {
            tell(&finding)?;
            findings.push(finding);
        }
    }
}

async fn check_one(target: Arc<Target>, wire: &HttpWire) -> Finding {
    let clock = BootClock;
    let mut random = fastrand::Rng::new();
    // No next cycle waits: a token request, a second one up to two seconds later, and a ping may each take their time.
    let deadline = clock.now().moment.plus(target.timeout.saturating_mul(4));
    let tools = Tools { wire, clock: &clock, random: &mut random };
    let mut token = TokenState::default();
    let report = run_cycle(&target, &mut token, deadline, tools).await;
    let mut rhythm = CheckRhythm::default();
    rhythm.cycle_ended(report.verdict);
    let deadline = clock.now().moment.plus(target.timeout.saturating_mul(5));
    let round = CheckRound { target: &target, wire, clock: &clock, deadline };
    let mut checks = Vec::new();
    round.run(&mut rhythm, &token, |outcome| checks.push(outcome)).await;
    Finding { report, scopes_missing: token.scopes_missing().to_vec(), checks, target }
}

#[derive(Serialize)]
struct JsonDocument<'a> {
    success: bool,
    targets: Vec<JsonTarget<'a>>,
}

#[derive(Serialize)]
struct JsonTarget<'a> {
    target: &'a str,
    success: bool,
    #[serde(flatten)]
    failure: Option<JsonFailure>,
    steps: Vec<JsonStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<JsonToken<'a>>,
    checks: Vec<JsonCheck>,
}

#[derive(Serialize)]
struct JsonFailure {
    request: &'static str,
    reason: &'static str,
    fault: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'static str>,
}

#[derive(Serialize)]
struct JsonStep {
    request: &'static str,
    url: String,
    success: bool,
    reason: Option<&'static str>,
    fault: Option<&'static str>,
    status: Option<u16>,
    http_version: Option<&'static str>,
    duration_seconds: f64,
    phases_seconds: JsonPhases,
    broke_off_in: Option<&'static str>,
    address: Option<String>,
    certificate: Option<JsonCertificate>,
    certificate_defect: Option<&'static str>,
    client_certificate_expires: Option<String>,
}

/// Of the server.
#[derive(Serialize)]
struct JsonCertificate {
    leaf_expires: String,
    earliest_expires: String,
    /// Until the earliest does; negative if it has.
    days_left: f64,
}

#[derive(Serialize)]
struct JsonPhases {
    resolve: Option<f64>,
    connect: Option<f64>,
    tls: Option<f64>,
    processing: Option<f64>,
    transfer: Option<f64>,
}

#[derive(Serialize)]
struct JsonToken<'a> {
    lifetime_seconds: f64,
    expires_in_missing: bool,
    scopes_missing: &'a [String],
}

#[derive(Serialize)]
struct JsonCheck {
    check: &'static str,
    result: &'static str,
    status: Option<u16>,
    reason: Option<&'static str>,
    duration_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

fn json(findings: &[Finding]) -> Result<String, Stop> {
    let targets: Vec<_> = findings.iter().map(json_target).collect();
    let success = findings.iter().all(Finding::is_good);
    let document = JsonDocument { success, targets };
    serde_json::to_string_pretty(&document).map(|text| seen_json(&text) + "\n").map_err(Stop::failed)
}

fn json_target(finding: &Finding) -> JsonTarget<'_> {
    let report = &finding.report;
    JsonTarget {
        target: &finding.target.name,
        success: finding.is_good(),
        failure: report.verdict.err().map(|cause| json_failure(cause, finding)),
        steps: report.attempts.iter().map(|attempt| json_step(&finding.target, attempt)).collect(),
        token: report.token.held.map(|held| JsonToken {
            lifetime_seconds: held.lifetime.as_secs_f64(),
            expires_in_missing: report.token.expires_in_missing.unwrap_or_default(),
            scopes_missing: &finding.scopes_missing,
        }),
        checks: finding.checks.iter().map(json_check).collect(),
    }
}

fn json_failure(cause: Cause, finding: &Finding) -> JsonFailure {
    let advice = finding.advice(cause);
    JsonFailure {
        request: cause.request.as_str(),
        reason: cause.reason.as_str(),
        fault: cause.fault().as_str(),
        meaning: advice.meaning,
        remedy: advice.remedy,
        control: finding.light(cause),
    }
}

fn json_check(outcome: &CheckOutcome) -> JsonCheck {
    let finding = outcome.finding();
    JsonCheck {
        check: outcome.check.as_str(),
        result: outcome.result.as_str(),
        status: outcome.status,
        reason: outcome.failure.map(Reason::as_str),
        duration_seconds: outcome.duration.as_secs_f64(),
        meaning: finding.map(|finding| finding.meaning),
        remedy: finding.map(|finding| finding.remedy),
    }
}

fn json_step(target: &Target, attempt: &Attempt) -> JsonStep {
    let cause = attempt.result.err().map(|failure| Cause { request: attempt.request, reason: failure.reason });
    JsonStep {
        request: attempt.request.as_str(),
        url: target.shown_url(attempt.request),
        success: attempt.result.is_ok(),
        reason: cause.map(|cause| cause.reason.as_str()),
        fault: cause.map(|cause| cause.fault().as_str()),
        status: attempt.trace.status,
        http_version: attempt.trace.http_version.map(HttpVersion::as_str),
        duration_seconds: attempt.trace.duration.as_secs_f64(),
        phases_seconds: json_phases(attempt.trace.phases),
        broke_off_in: attempt.trace.broke_off_in.map(Phase::as_str),
        address: attempt.trace.peer.map(|peer| peer.to_string()),
        certificate: attempt.trace.server_chain.map(|chain| json_certificate(chain, attempt.trace.started.wall)),
        certificate_defect: attempt.trace.certificate_defect.map(CertificateDefect::as_str),
        client_certificate_expires: attempt.trace.client_certificate_expiry.map(rfc3339),
    }
}

fn json_certificate(chain: ChainExpiry, now: SystemTime) -> JsonCertificate {
    JsonCertificate {
        leaf_expires: rfc3339(chain.leaf),
        earliest_expires: rfc3339(chain.earliest),
        days_left: (unix_seconds(chain.earliest) - unix_seconds(now)) / 86_400.0,
    }
}

fn rfc3339(wall: SystemTime) -> String {
    humantime::format_rfc3339_seconds(wall).to_string()
}

fn json_phases(phases: Phases) -> JsonPhases {
    let seconds = |phase: Option<std::time::Duration>| phase.map(|phase| phase.as_secs_f64());
    JsonPhases {
        resolve: seconds(phases.resolve),
        connect: seconds(phases.connect),
        tls: seconds(phases.tls),
        processing: seconds(phases.processing),
        transfer: seconds(phases.transfer),
    }
}
