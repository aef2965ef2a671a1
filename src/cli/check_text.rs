//! What `check` tells a person: each step with a mark and its time; for a failure what it means and what to do.

use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use crate::model::advice::Advice;
use crate::model::check::{Check, CheckOutcome, CheckResult};
use crate::model::fault::{Cause, Reason, Request};
use crate::model::report::{Attempt, Trace};
use crate::model::seen::seen;
use crate::model::target::Target;

use super::cautions::secret_expiring;
use super::check::Finding;
use super::secret_file::{api_key_file, odd_secret, unreadable, unreadable_secret};

/// What keeps a file that can be opened from being used.
const UNUSABLE: &str = "can be read now; it was not in time, or holds no key that fits";

/// Whether marks are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Coloured,
}

impl Style {
    /// Coloured on a terminal, unless `NO_COLOR` is set.
    pub(super) fn of_stdout() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !no_color { Self::Coloured } else { Self::Plain }
    }

    const fn good(self) -> &'static str {
        match self {
            Self::Plain => "✓",
            Self::Coloured => "\u{1b}[32m✓\u{1b}[0m",
        }
    }

    const fn bad(self) -> &'static str {
        match self {
            Self::Plain => "✗",
            Self::Coloured => "\u{1b}[31m✗\u{1b}[0m",
        }
    }

    const fn undone(self) -> &'static str {
        "–"
    }
}

/// What is printed of one target.
pub(super) fn text(finding: &Finding, style: Style) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_finding(&mut text, finding, style);
    text
}

/// What is printed behind them all.
pub(super) fn sum(findings: &[Finding]) -> String {
    if findings.len() < 2 {
        return String::new();
    }
    let good = findings.iter().filter(|finding| finding.is_good()).count();
    format!("{good} of {} targets work.\n", findings.len())
}

fn write_finding(text: &mut String, finding: &Finding, style: Style) -> fmt::Result {
    let Finding { target, report, .. } = finding;
    writeln!(text, "{} (client {})", seen(&target.name), seen(&target.token.client_id))?;
    for attempt in &report.attempts {
        write_attempt(text, target, attempt, style)?;
        if attempt.request == Request::Token && attempt.result.is_ok() {
            write_token(text, finding)?;
        }
    }
    if !report.attempts.iter().any(|attempt| attempt.request == Request::Ping) {
        writeln!(text, "  {} ping   {}", style.undone(), target.shown_url(Request::Ping))?;
        writeln!(text, "           not called: there is no live token to call it with")?;
    }
    write_checks(text, finding, style)?;
    match report.verdict {
        Ok(()) => writeln!(text, "  The API accepts this client's tokens.")?,
        Err(cause) => write_cause(text, finding, cause)?,
    }
    if let Some(caution) = secret_expiring(target, report.ended.wall) {
        writeln!(text, "  Note: {caution}.")?;
    }
    let mut advice: Vec<_> = finding.checks.iter().filter_map(CheckOutcome::finding).collect();
    // Three checks can find the same.
    advice.dedup();
    for Advice { meaning, remedy } in advice {
        writeln!(text, "  What it means: {meaning}\n  What to do:    {remedy}")?;
    }
    writeln!(text)
}

fn write_checks(text: &mut String, finding: &Finding, style: Style) -> fmt::Result {
    for outcome in &finding.checks {
        let mark = match (outcome.finding(), outcome.result) {
            (Some(_), _) => style.bad(),
            (None, CheckResult::Inconclusive) => style.undone(),
            (None, _) => style.good(),
        };
        let (check, result) = (outcome.check.as_str(), outcome.result.as_str());
        let took = in_words(outcome.duration);
        let answer = match (outcome.status, outcome.failure) {
            (Some(status), _) => format!("status {status} in {took}"),
            (None, Some(Reason::SecretUnavailable)) => unreadable_api_key(&finding.target),
            (None, Some(reason)) => format!("{} in {took}", reason.as_str()),
            (None, None) => format!("no answer in {took}"),
        };
        writeln!(text, "  {mark} {check:<13} {result}: {answer}")?;
    }
    if finding.target.checks.include(Check::ExpiredToken) {
        let (mark, check) = (style.undone(), Check::ExpiredToken.as_str());
        writeln!(
            text,
            "  {mark} {check:<13} not made: it needs a token that ran out 10 min ago, which only `serve` keeps"
        )?;
    }
    Ok(())
}

/// Why a check with it was not made.
fn unreadable_api_key(target: &Target) -> String {
    match api_key_file(target) {
        Some(path) => {
            let problem = unreadable(path).map_or_else(|| UNUSABLE.to_owned(), |(_path, problem)| problem);
            format!("the API key cannot be read: {}: {problem}", path.display())
        }
        None => "the API key cannot be read".to_owned(),
    }
}

fn write_attempt(text: &mut String, target: &Target, attempt: &Attempt, style: Style) -> fmt::Result {
    let mark = if attempt.result.is_ok() { style.good() } else { style.bad() };
    let method = match attempt.request {
        Request::Token => "POST",
        Request::Ping => target.ping.method.as_str(),
    };
    let step = attempt.request.as_str();
    writeln!(text, "  {mark} {step:<6} {method} {}", target.shown_url(attempt.request))?;
    let trace = &attempt.trace;
    match (trace.status, trace.duration) {
        (None, Duration::ZERO) => writeln!(text, "           not sent")?,
        (status, duration) => {
            let what = status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
            let version = trace.http_version.map_or_else(String::new, |version| format!(" over {}", version.as_str()));
            let from = trace.peer.map_or_else(String::new, |peer| format!(" from {peer}"));
            writeln!(text, "           {what}{version}{from} in {}{}", in_words(duration), Breakdown(trace))?;
        }
    }
    write_certificates(text, trace)?;
    if let Err(failure) = attempt.result {
        let cause = Cause { request: attempt.request, reason: failure.reason };
        writeln!(text, "           {}, fault: {}", cause.reason.as_str(), cause.fault().as_str())?;
    }
    Ok(())
}

fn write_certificates(text: &mut String, trace: &Trace) -> fmt::Result {
    let relative = |wall| Expiry { wall, now: trace.started.wall };
    if let Some(chain) = trace.server_chain {
        writeln!(text, "           certificate {}", relative(chain.leaf))?;
        if chain.earliest < chain.leaf {
            writeln!(text, "           an intermediate certificate {}", relative(chain.earliest))?;
        }
    }
    match trace.client_certificate_expiry {
        Some(expiry) => writeln!(text, "           our certificate {}", relative(expiry)),
        None => Ok(()),
    }
}

fn write_token(text: &mut String, finding: &Finding) -> fmt::Result {
    let token = &finding.report.token;
    let Some(held) = token.held else { return Ok(()) };
    let lifetime = humantime::format_duration(held.lifetime);
    if token.expires_in_missing == Some(true) {
        writeln!(text, "           a token without expires_in; {lifetime} is assumed (token.default_lifetime)")?;
    } else if held.lifetime.is_zero() {
        writeln!(text, "           a token that has expired already (expires_in: 0)")?;
    } else {
        writeln!(text, "           a token that lives {lifetime}")?;
    }
    match &*finding.scopes_missing {
        [] => Ok(()),
        missing => writeln!(text, "           not granted of token.expected_scopes: {}", missing.join(" ")),
    }
}

fn write_cause(text: &mut String, finding: &Finding, cause: Cause) -> fmt::Result {
    let target = &finding.target;
    let advice = finding.advice(cause);
    writeln!(text, "  What it means: {}", advice.meaning)?;
    if cause.reason == Reason::SecretUnavailable
        && let Some(path) = target.token.authentication.file()
    {
        let known = unreadable_secret(target).map(|(_path, problem)| problem);
        let problem = known.unwrap_or_else(|| UNUSABLE.to_owned());
        writeln!(text, "                 {}: {problem}", path.display())?;
    }
    if cause.reason == Reason::InvalidClient
        && let Some(oddity) = odd_secret(target)
    {
        writeln!(text, "                 Our secret {oddity}.")?;
    }
    if cause.reason == Reason::Proxy {
        writeln!(text, "                 {}", proxy(target, cause.request))?;
    }
    writeln!(text, "  Whose fault:   {}", cause.owner())?;
    if let Some(light) = finding.light(cause) {
        writeln!(text, "                 {light}")?;
    }
    writeln!(text, "  What to do:    {}", advice.remedy)
}

/// Which proxy that is, without its credentials.
fn proxy(target: &Target, request: Request) -> String {
    match &target.transport(request).proxy {
        Some(proxy) => format!("proxy_url: {}", proxy.address),
        None => "It is the environment's: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, in capitals or not.".to_owned(),
    }
}

/// Where the time went, the phases that happened.
struct Breakdown<'a>(&'a Trace);

impl fmt::Display for Breakdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = ": ";
        for (phase, duration) in self.0.phases.happened() {
            let end = if self.0.broke_off_in == Some(phase) { " (broke off)" } else { "" };
            write!(f, "{separator}{} {}{end}", phase.as_str(), in_words(duration))?;
            separator = ", ";
        }
        Ok(())
    }
}

/// When a certificate expires, or did, seen from `now`.
struct Expiry {
    wall: SystemTime,
    now: SystemTime,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = humantime::format_rfc3339_seconds(self.wall);
        match self.wall.duration_since(self.now) {
            Ok(left) => write!(f, "expires in {}, at {date}", in_days(left)),
            Err(past) => write!(f, "expired {} ago, at {date}", in_days(past.duration())),
        }
    }
}

fn in_days(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) }
}

fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration < Duration::from_secs(1) { format!("{:.1} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}
