//! What broke, whose fault it is and what to do, in whole sentences; and what to look at before it breaks.

use maud::{Markup, html};

use crate::model::fault::{Fault, Request};
use crate::model::report::Phase;
use crate::model::warning::WarningKind;
use crate::telemetry::status::{FailureStatus, Timestamp, TokenStatus, WarningStatus};

use super::words::{distance, latency, time};

/// The name of a request, as it begins a sentence.
pub(super) const fn request_name(request: Request) -> &'static str {
    match request {
        Request::Token => "Token request",
        Request::Ping => "Ping",
    }
}

/// The same within one.
pub(super) const fn in_sentence(request: Request) -> &'static str {
    match request {
        Request::Token => "token request",
        Request::Ping => "ping",
    }
}

/// The server that a request asks, within a sentence.
pub(super) const fn server_name(request: Request) -> &'static str {
    match request {
        Request::Token => "authorization server",
        Request::Ping => "API",
    }
}

pub(super) const fn during(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "while the host’s name was resolved",
        Phase::Connect => "while connecting",
        Phase::Tls => "in the TLS handshake",
        Phase::Processing => "while waiting for the answer",
        Phase::Transfer => "in the middle of the answer",
    }
}

/// A failed step and what follows from it.
pub(super) fn failure(failure: &FailureStatus) -> Markup {
    let blame = failure.blame;
    html! {
        p .step {
            strong { (step(failure)) } " "
            span .blame { code { (blame.reason.as_str()) } ", fault " code { (blame.fault.as_str()) } }
        }
        p .asked { code { (failure.url) } }
        dl .diagnosis {
            div {
                dt { "Whose fault" }
                dd {
                    strong { (sentence(failure.owner)) }
                    @if let Some(control) = failure.control { " " (control) }
                }
            }
            div {
                dt { "What happened" }
                dd {
                    (failure.meaning)
                    @if let Some(proxy) = &failure.proxy { " The proxy is " code { (proxy) } "." }
                    @if let Some(file) = &failure.secret_file { " The file is " code { (file) } "." }
                }
            }
            div .remedy {
                dt { "What to do" }
                dd { (failure.remedy) }
            }
        }
    }
}

/// Which step failed, and where in it.
fn step(failure: &FailureStatus) -> String {
    let request = request_name(failure.blame.request);
    let after = failure.duration_seconds.filter(|taken| taken.0 > 0.0);
    let after = after.map(|taken| format!(" after {}", latency(taken))).unwrap_or_default();
    match (failure.phase, failure.status) {
        (Some(phase), Some(status)) => format!("{request} broke off {}{after}, with status {status}.", during(phase)),
        (Some(phase), None) => format!("{request} broke off {}{after}.", during(phase)),
        (None, Some(status)) => format!("{request} was answered with status {status}{after}."),
        (None, None) if failure.blame.fault == Fault::Exporter => format!("{request} was not sent."),
        // Held back since an attempt of which nothing is known here.
        (None, None) => format!("{request} failed before, and is not repeated yet."),
    }
}

/// Something that is worth a look.
pub(super) fn warning(warning: &WarningStatus, token: Option<&TokenStatus>, now: Timestamp) -> Markup {
    html! {
        p .step {
            strong { (warning.meaning) }
            @match (warning.request, warning.at) {
                (Some(request), Some(_)) => { " It is the " (server_name(request)) "’s." },
                (Some(request), None) => { " It is the " (in_sentence(request)) " that is slow." },
                (None, _) => {},
            }
            @if let Some(check) = warning.check { " The check is " code { (check.as_str()) } "." }
            @if let (Some(_), Some(token)) = (&warning.failure, token) {
                (if token.expires > now { " It expires " } else { " It expired " }) (distance(token.expires, now)) ", at " (time(token.expires, now)) "."
            }
            @if let Some(at) = warning.at {
                " " (what_happens(warning, at, now)) " " (distance(at, now)) ", at " (time(at, now)) "."
            }
        }
        @match &warning.failure {
            Some(cause) => {
                div .cause { (failure(cause)) }
            }
            None => {
                dl .diagnosis {
                    div .remedy {
                        dt { "What to do" }
                        dd { (warning.remedy) }
                    }
                }
            }
        }
    }
}

fn what_happens(warning: &WarningStatus, at: Timestamp, now: Timestamp) -> &'static str {
    match warning.kind {
        WarningKind::TokenRejectedEarly => "It was refused",
        WarningKind::Stalled => "The last sign of life was",
        _ if at > now => "It expires",
        _ => "It expired",
    }
}

/// Words that begin small, as a sentence.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
