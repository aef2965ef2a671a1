//! The page of one target: what is wrong with it, how it went lately, and what it is configured to do.

use maud::{Markup, html};

use crate::model::check::CheckResult;
use crate::model::fault::{Fault, Request};
use crate::model::target::ScheduleMode;
use crate::telemetry::status::{
    CheckStatus, FailureRecord, RequestStatus, Seconds, ServerStatus, TargetDetails, TargetSummary, Timestamp,
};

use super::diagnosis::{self, request_name};
use super::filter::Filter;
use super::links::Place;
use super::listed::{labels, since};
use super::phases::History;
use super::token;
use super::tone::Tone;
use super::words::{bound, clock, distance, grouped, latency, span, time};

/// What a browser's tab says.
pub(super) fn title(target: &TargetSummary) -> String {
    let name = &target.target;
    match Tone::of_target(target) {
        Tone::Failing => format!("{name} fails"),
        Tone::Warned => format!("{name}: a warning"),
        Tone::Pending => format!("{name}: not probed yet"),
        Tone::Working => format!("{name} works"),
    }
}

/// That there is no such target.
pub(super) fn unknown(name: &str) -> Markup {
    html! {
        div .headline { h1 { "No target has this name" } }
        div .empty {
            p { strong { (name) } " is not in the configuration that is in force." }
            p {
                "It may be misspelt, or a reload took it away. The list has all that there are; "
                "the configuration says what was loaded."
            }
            p {
                a href=(Place::Targets.list([("q", name)])) { "Search for it" } " · "
                a href=(Place::Targets.link("")) { "All targets" } " · "
                a href=(Place::Targets.link("config")) { "Configuration" }
            }
        }
    }
}

/// A target in full.
pub(super) fn render(details: &TargetDetails, now: Timestamp) -> Markup {
    let target = &details.summary;
    html! {
        nav .back aria-label="Breadcrumb" { a href=(Place::Targets.link("")) { "← All targets" } }
        (head(target, now))
        (token_section(target, now))
        (request_section(Request::Token, &target.requests.token, details, now))
        (request_section(Request::Ping, &target.requests.ping, details, now))
        (failures(&details.failures, now))
        (checks(&details.checks))
        (servers(&details.servers, now))
        section aria-labelledby="configuration" {
            h2 #configuration { "Configuration in force" }
            p .quiet { "Every default is spelled out; secrets are left out." }
            pre { code { (details.configuration.yaml()) } }
        }
    }
}

fn head(target: &TargetSummary, now: Timestamp) -> Markup {
    let tone = Tone::of_target(target);
    html! {
        div .headline {
            h1 { (tone.icon()) (target.target) }
            p .since { (since(target, now)) }
            p .client { "Client " code { (target.client_id) } }
            // Said aloud when it changes, which the words above do every minute.
            p .hidden role="status" { (title(target)) }
            (labels(target, Place::Targets, &Filter::all()))
        }
        @if target.failure.is_some() || !target.warnings.is_empty() {
            section class={ "card " (tone.as_str()) } aria-labelledby="findings" {
                h2 #findings .hidden { "What to do" }
                @if let Some(failure) = &target.failure { (diagnosis::failure(failure)) }
                @for warning in &target.warnings { (diagnosis::warning(warning, target.token.as_ref(), now)) }
            }
        }
    }
}

fn token_section(target: &TargetSummary, now: Timestamp) -> Markup {
    let moment = |at: Timestamp| html! { (time(at, now)) " (" (distance(at, now)) ")" };
    html! {
        section aria-labelledby="token" {
            h2 #token { "Token" }
            (token::life(target, now))
            dl .facts {
                @if let Some(token) = &target.token {
                    div { dt { "First issued" } dd { (moment(token.issued)) } }
                    div { dt { "Expires" } dd { (moment(token.expires)) } }
                    div { dt { "Lifetime" } dd {
                        (span(token.lifetime_seconds))
                        @if token.expires_in_missing { ", assumed: the server did not say" }
                    } }
                    div { dt { "Next one due by" } dd { (moment(token.refresh)) } }
                    @if token.scopes_missing > 0 {
                        div { dt { "Scopes not granted" } dd { (token.scopes_missing) } }
                    }
                }
                @if let Some(next) = target.next_token_request {
                    div { dt { "Next token request" } dd {
                        @if next > now { (moment(next)) } @else { "in the next cycle" }
                    } }
                }
                @if let Some(last) = target.last_cycle {
                    div { dt { "Last cycle" } dd { (moment(last)) } }
                }
                @if target.schedule == ScheduleMode::Off {
                    div { dt { "Next cycle" } dd { "when " code { "/probe" } " is asked: the schedule is off" } }
                }
                @if let Some(next) = target.next_cycle {
                    div { dt { "Next cycle" } dd {
                        "in " (span(now.until(next))) ", every " (bound(target.interval_seconds))
                    } }
                }
                @if let Some(last) = target.last_success {
                    div { dt { "Last success" } dd { (moment(last)) } }
                }
            }
        }
    }
}

fn request_section(request: Request, status: &RequestStatus, details: &TargetDetails, now: Timestamp) -> Markup {
    let history = History::new(request, &details.cycles, status.objective_seconds, now);
    let id = match request {
        Request::Token => "token-request",
        Request::Ping => "ping",
    };
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (request_name(request)) }
            p .quiet { code { (status.url) } }
            p {
                (last(status, now))
                @if is_held_back(request, details) { " It is not made now: there is no live token to make it with." }
            }
            @if details.cycles.is_empty() && details.summary.last_cycle.is_some() {
                p .none { "No cycles are kept to be shown: " code { "history" } " is 0." }
            } @else {
                (history.render())
            }
        }
    }
}

/// Whether the last cycle came to its end before this request.
fn is_held_back(request: Request, details: &TargetDetails) -> bool {
    let last = details.summary.glances.last();
    request == Request::Ping
        && last.is_some_and(|last| last.failure.is_some() && last.attempts[request.index()].is_none())
}

fn last(status: &RequestStatus, now: Timestamp) -> Markup {
    let answered = status.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
    let took = |taken: Option<Seconds>| taken.map(latency).unwrap_or_default();
    let was_sent = status.status.is_some() || status.fault != Some(Fault::Exporter);
    html! {
        @match (status.last_attempt, status.reason) {
            (None, _) => { "None was made yet." },
            (Some(at), Some(reason)) => {
                strong .bad { "Failed" } " " (distance(at, now)) ": " code { (reason.as_str()) } ", "
                @if was_sent { (answered) " after " (took(status.duration_seconds)) "." } @else { "not sent." }
                @match status.last_success {
                    Some(good) => { " The last good one was " (distance(good, now)) ", at " (time(good, now)) "." },
                    None => { " None has succeeded since the configuration was loaded." },
                }
            },
            (Some(at), None) => {
                "Good " (distance(at, now)) ": " (answered) " in " (took(status.duration_seconds)) "."
            },
        }
    }
}

fn failures(failures: &[FailureRecord], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="failures" {
            h2 #failures { "Last failures" }
            @if failures.is_empty() {
                p .none { "None has failed since this target has been probed." }
            } @else {
                table .plain {
                    thead {
                        tr {
                            th scope="col" { "Last time" }
                            th scope="col" { "Request" }
                            th scope="col" { "What happened" }
                        }
                    }
                    tbody { @for failure in failures { (failure_row(failure, now)) } }
                }
            }
        }
    }
}

fn failure_row(failure: &FailureRecord, now: Timestamp) -> Markup {
    html! {
        tr {
            td {
                (time(failure.last, now)) " " span .at { (distance(failure.last, now)) }
            }
            td { (failure.blame.request.as_str()) }
            td {
                code { (failure.blame.reason.as_str()) }
                @if let Some(status) = failure.status { ", status " (status) }
                @if let Some(phase) = failure.phase { ", " (diagnosis::during(phase)) }
                @if failure.count > 1 {
                    span .at { (grouped(failure.count as usize)) " in a row, since " (time(failure.first, now)) }
                }
            }
        }
    }
}

fn checks(checks: &[CheckStatus]) -> Markup {
    html! {
        @if !checks.is_empty() {
            section aria-labelledby="checks" {
                h2 #checks { "Checks" }
                table .plain {
                    thead {
                        tr {
                            th scope="col" { "Check" }
                            th scope="col" { "Result" }
                            th scope="col" { "Must be" }
                            th scope="col" { "Status" }
                            th scope="col" { "Took" }
                        }
                    }
                    tbody {
                        @for check in checks {
                            tr {
                                th scope="row" { code { (check.check.as_str()) } }
                                td {
                                    (check_tone(check).icon()) " " (check.result.as_str())
                                    @if let Some(reason) = check.reason { " " code { (reason.as_str()) } }
                                }
                                td { (check.wanted.as_str()) }
                                td { @if let Some(status) = check.status { (status) } @else { "–" } }
                                td { (latency(check.duration_seconds)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn check_tone(check: &CheckStatus) -> Tone {
    match check.result {
        result if result == check.wanted => Tone::Working,
        CheckResult::Inconclusive => Tone::Pending,
        _ => Tone::Warned,
    }
}

fn servers(servers: &[ServerStatus], now: Timestamp) -> Markup {
    let mut facts = Vec::new();
    for status in servers {
        let server = diagnosis::server_name(status.request);
        let mut expiry = |what: String, at: Option<Timestamp>| {
            facts.extend(at.map(|at| (what, format!("{} ({})", clock(at, now), distance(at, now)))));
        };
        expiry(format!("Certificate of the {server} expires"), status.certificate_expires);
        let first = status.chain_expires.filter(|first| Some(*first) != status.certificate_expires);
        expiry(format!("First of the {server}’s chain expires"), first);
        expiry(format!("Our certificate for the {server} expires"), status.client_certificate_expires);
        facts.extend(status.clock_skew_seconds.map(|by| (format!("Clock of the {server}"), skew(by))));
    }
    html! {
        @if !facts.is_empty() {
            section aria-labelledby="certificates" {
                h2 #certificates { "Certificates and clocks" }
                dl .facts {
                    @for (what, fact) in facts { div { dt { (what) } dd { (fact) } } }
                }
            }
        }
    }
}

/// Its resolution is a second.
fn skew(seconds: Seconds) -> String {
    match seconds.0 {
        ahead if ahead >= 1.0 => format!("{ahead:.0} s ahead"),
        behind if behind <= -1.0 => format!("{:.0} s behind", -behind),
        _ => "right".to_owned(),
    }
}
