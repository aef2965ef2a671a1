//! One target in the list: a card if it needs a person, else a row of a table.

use maud::{Markup, html};

use crate::model::fault::Request;
use crate::model::target::ScheduleMode;
use crate::telemetry::status::{Glance, RequestStatus, State, TargetSummary, Timestamp};

use super::diagnosis;
use super::filter::Filter;
use super::links::Place;
use super::sparkline::{Dot, sparkline};
use super::token;
use super::tone::Tone;
use super::words::{distance, latency, span, time};

/// More labels than this are folded away.
const LABELS_SHOWN: usize = 4;

/// A target with what is wrong with it.
pub(super) fn card(target: &TargetSummary, filter: &Filter, now: Timestamp) -> Markup {
    let tone = Tone::of_target(target);
    html! {
        article class={ "card " (tone.as_str()) } data-key=(target.target) {
            header {
                h3 {
                    (tone.icon())
                    a href=(Place::Root.target(&target.target)) { (target.target) }
                }
                p .since { (since(target, now)) }
            }
            p .client { "Client " code { (target.client_id) } }
            (labels(target, Place::Root, filter))
            div .body {
                div .findings {
                    @if let Some(failure) = &target.failure { (diagnosis::failure(failure)) }
                    @for warning in &target.warnings { (diagnosis::warning(warning, target.token.as_ref(), now)) }
                }
                div .facts {
                    (token::life(target, now))
                    (plot(target, Request::Token))
                    (plot(target, Request::Ping))
                }
            }
        }
    }
}

/// A table of targets of which there is not much to say.
pub(super) fn table(targets: &[TargetSummary], filter: &Filter, now: Timestamp) -> Markup {
    html! {
        table .targets {
            thead {
                tr {
                    th scope="col" { "Target" }
                    th scope="col" .wide { "State" }
                    th scope="col" .wide { "Token" }
                    th scope="col" .wide { "Token request" }
                    th scope="col" { "Ping" }
                }
            }
            tbody {
                @for target in targets { (row(target, filter, now)) }
            }
        }
    }
}

fn row(target: &TargetSummary, filter: &Filter, now: Timestamp) -> Markup {
    let tone = Tone::of_target(target);
    html! {
        tr data-key=(target.target) {
            th scope="row" {
                span .name {
                    (tone.icon())
                    a href=(Place::Root.target(&target.target)) { (target.target) }
                }
                p .narrow { (since(target, now)) }
                (labels(target, Place::Root, filter))
            }
            td .wide { (since(target, now)) }
            td .wide { (token::life(target, now)) }
            td .wide { (plot(target, Request::Token)) }
            td { (plot(target, Request::Ping)) }
        }
    }
}

/// How it is, and since when.
pub(super) fn since(target: &TargetSummary, now: Timestamp) -> Markup {
    let for_how_long = span(target.since.until(now));
    let at = html! { " " span .at { "since " (time(target.since, now)) } };
    if let Some(last) = target.silent_since() {
        return last_known(target.state, last, now);
    }
    html! {
        @match target.state {
            State::Failing => { strong { "Fails for " (for_how_long) } (at) },
            State::Working => { "Works for " (for_how_long) (at) },
            State::Pending => {
                @match (target.schedule, target.next_cycle) {
                    (ScheduleMode::On, Some(next)) => { "First cycle in " (span(now.until(next))) },
                    _ => { "Not scheduled " span .at { "only " code { "/probe" } " runs it" } },
                }
            }
        }
    }
}

/// How it was when it was last heard of: it says nothing about now.
fn last_known(state: State, last: Timestamp, now: Timestamp) -> Markup {
    let at = html! { " " span .at { "not probed since " (time(last, now)) } };
    html! {
        @match state {
            State::Failing => { strong { "Failed " (distance(last, now)) } (at) },
            State::Working => { "Worked " (distance(last, now)) (at) },
            State::Pending => { "Never probed" (at) },
        }
    }
}

/// Each leads to the targets that have it, too.
pub(super) fn labels(target: &TargetSummary, place: Place, filter: &Filter) -> Markup {
    let all: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (shown, folded) = all.split_at(all.len().min(LABELS_SHOWN));
    let link = |label: &String| {
        html! { li { a .label href=(filter.with_label(label).link(place)) { (label) } } }
    };
    html! {
        @if !shown.is_empty() {
            ul .labels aria-label="Labels" { @for label in shown { (link(label)) } }
        }
        @if !folded.is_empty() {
            details .more {
                summary { (folded.len()) " more labels" }
                ul .labels { @for label in folded { (link(label)) } }
            }
        }
    }
}

fn plot(target: &TargetSummary, request: Request) -> Markup {
    let (name, status) = match request {
        Request::Token => ("Token request", &target.requests.token),
        Request::Ping => ("Ping", &target.requests.ping),
    };
    let dots: Vec<_> = target.glances.iter().map(|cycle| dot(cycle, request)).collect();
    html! {
        div .plot {
            span .what { (name) }
            (sparkline(name, &dots, status.objective_seconds))
            @match dots.last() {
                Some(Dot::Failed) if status.reason.is_none() => { span .last.bad { "not made" } },
                _ => { (last(status)) },
            }
        }
    }
}

/// A cycle that failed before its ping did not ping: to whoever looks at pings, that is a failure too.
const fn dot(cycle: &Glance, request: Request) -> Dot {
    match (cycle.attempts[request.index()], request, cycle.failure) {
        (Some(Ok(taken)), ..) => Dot::Good(taken),
        (Some(Err(_)), ..) | (None, Request::Ping, Some(_)) => Dot::Failed,
        (None, ..) => Dot::Absent,
    }
}

/// How the last one went.
fn last(status: &RequestStatus) -> Markup {
    html! {
        @match (status.reason, status.duration_seconds) {
            (Some(_), _) => { span .last.bad { "failed" } },
            (None, Some(taken)) if taken > status.objective_seconds => { span .last.slow { (latency(taken)) " slow" } },
            (None, Some(taken)) => { span .last { (latency(taken)) } },
            (None, None) => { span .last { "–" } },
        }
    }
}
