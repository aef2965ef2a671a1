//! Where the time of the last requests went: a bar for each, made of its phases, and the same in a table.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::model::fault::{Reason, Request};
use crate::model::report::Phase;
use crate::telemetry::status::{AttemptRecord, CycleRecord, Seconds, Timestamp};

use super::words::{bound, clock, count, latency};

/// Of the bars' own drawing, which is stretched to the width of the page: a bar is one unit wide.
const HEIGHT: f64 = 132.0;
/// Above the bars, for failures, and below them, for times.
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;

/// Fewer bars than this are as wide as if there were this many.
const FEWEST: usize = 50;

/// One request, or that there was none where one should have been.
struct Bar<'a> {
    ended: Timestamp,
    attempt: Option<&'a AttemptRecord>,
    /// Why it failed, or why it was not made.
    reason: Option<Reason>,
}

/// The last requests of one kind.
pub(super) struct History<'a> {
    request: Request,
    objective: Seconds,
    now: Timestamp,
    /// The oldest first.
    bars: Vec<Bar<'a>>,
}

impl<'a> History<'a> {
    /// Out of `cycles`, the latest first.
    pub(super) fn new(request: Request, cycles: &'a [CycleRecord], objective: Seconds, now: Timestamp) -> Self {
        let bar = |cycle: &'a CycleRecord| {
            let attempt = cycle.attempts.iter().rev().find(|attempt| attempt.request == request);
            // A cycle that failed before its ping did not ping; that there is no token request means nothing.
            let missed = cycle.failure.filter(|_| request == Request::Ping).map(|blame| blame.reason);
            let reason = attempt.map_or(missed, |attempt| attempt.reason);
            (attempt.is_some() || reason.is_some()).then_some(Bar { ended: cycle.ended, attempt, reason })
        };
        Self { request, objective, now, bars: cycles.iter().rev().filter_map(bar).collect() }
    }

    pub(super) fn render(&self) -> Markup {
        html! {
            @if self.bars.is_empty() {
                p .none { "None was made yet." }
            } @else {
                div .history {
                    figure {
                        (self.plot())
                        figcaption { (self.caption()) }
                    }
                    (self.table())
                }
            }
        }
    }

    fn good(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.bars.iter().filter(|bar| bar.reason.is_none()).filter_map(|bar| bar.attempt)
    }

    fn failed(&self) -> usize {
        self.bars.iter().filter(|bar| bar.reason.is_some()).count()
    }

    /// What stands at the top: something round, over all that succeeded, and over the objective if that is near.
    fn ceiling(&self) -> f64 {
        let slowest = |attempts: &mut dyn Iterator<Item = &AttemptRecord>| {
            attempts.map(|attempt| attempt.duration_seconds.0).fold(0.0, f64::max)
        };
        let mut most = slowest(&mut self.good());
        if most == 0.0 {
            most = slowest(&mut self.bars.iter().filter_map(|bar| bar.attempt));
        }
        let objective = self.objective.0;
        round_up(if objective < 2.0 * most { most.max(objective * 1.05) } else { most })
    }

    fn plot(&self) -> Markup {
        let ceiling = self.ceiling();
        let columns = self.bars.len().max(FEWEST);
        let whole = TOP + HEIGHT + BOTTOM;
        let y = |seconds: f64| tenths(TOP + HEIGHT * (1.0 - seconds / ceiling));
        html! {
            svg .phases width="100%" height=(whole) role="img" {
                title { (self.title()) }
                @for share in [0.0, 0.5, 1.0] {
                    line .grid x1="0" x2="100%" y1=(y(ceiling * share)) y2=(y(ceiling * share)) {}
                }
                svg x="0" y="0" width="100%" height=(TOP + HEIGHT) viewBox={ "0 0 " (columns) " " (TOP + HEIGHT) }
                    preserveAspectRatio="none" {
                    (self.bars(ceiling, (columns - self.bars.len()) as f64))
                }
                @if self.objective.0 <= ceiling {
                    line .objective x1="0" x2="100%" y1=(y(self.objective.0)) y2=(y(self.objective.0)) {}
                    text x="100%" y=(y(self.objective.0) - 4.0) text-anchor="end" { "objective " (bound(self.objective)) }
                }
                @for share in [0.5, 1.0] {
                    text x="0" y=(y(ceiling * share) + 12.0) { (latency(Seconds(ceiling * share))) }
                }
                (self.times(whole - 4.0))
            }
        }
    }

    fn times(&self, y: f64) -> Markup {
        let time = |bar: Option<&Bar<'_>>| bar.map(|bar| clock(bar.ended, self.now));
        html! {
            @if self.bars.len() >= FEWEST {
                text x="0" y=(y) { (time(self.bars.first()).unwrap_or_default()) }
            }
            text x="100%" y=(y) text-anchor="end" { (time(self.bars.last()).unwrap_or_default()) }
        }
    }

    /// One path for each phase, not one element for each piece.
    fn bars(&self, ceiling: f64, begin: f64) -> Markup {
        let mut paths = [const { String::new() }; Phase::ALL.len()];
        for (index, bar) in self.bars.iter().enumerate() {
            let mut foot = TOP + HEIGHT;
            for part in bar.attempt.iter().flat_map(|attempt| &attempt.phases) {
                let height = part.duration_seconds.0 / ceiling * HEIGHT;
                let (x, y, height) = (begin + index as f64 + 0.1, hundredths(foot), hundredths(height));
                // Writing to a string cannot fail.
                let _ = write!(paths[part.phase.index()], "M{x:.1} {y}v-{height}h.8v{height}z");
                foot -= part.duration_seconds.0 / ceiling * HEIGHT;
            }
        }
        html! {
            @for (phase, path) in Phase::ALL.iter().zip(paths) {
                @if !path.is_empty() { path class=(phase.as_str()) d=(path) {} }
            }
            @for (index, bar) in self.bars.iter().enumerate() {
                @let x = begin + index as f64;
                @if bar.reason.is_some() {
                    rect .outage x=(x) y="0" width="1" height=(TOP + HEIGHT) {}
                    rect .failed x=(x) y="0" width="1" height=(TOP - 3.0) {}
                }
                rect .touch x=(x) y="0" width="1" height=(TOP + HEIGHT) { title { (self.bar_title(bar)) } }
            }
        }
    }

    fn bar_title(&self, bar: &Bar<'_>) -> String {
        let mut text = clock(bar.ended, self.now);
        if let Some(status) = bar.attempt.and_then(|attempt| attempt.status) {
            let _ = write!(text, " · {status}");
        }
        if let Some(reason) = bar.reason {
            let _ = write!(text, " · {}", reason.as_str());
        }
        match bar.attempt {
            Some(attempt) => {
                let _ = write!(text, " · {}", latency(attempt.duration_seconds));
            }
            None => text.push_str(" · not made"),
        }
        text
    }

    fn title(&self) -> String {
        let name = match self.request {
            Request::Token => "token requests",
            Request::Ping => "pings",
        };
        let mut text = format!("Duration by phase of the last {} {name}", self.bars.len());
        if let (Some(first), failed) = (self.bars.first(), self.failed()) {
            let _ = write!(text, ", since {}; {failed} failed", clock(first.ended, self.now));
        }
        text
    }

    fn caption(&self) -> Markup {
        let failed = self.failed();
        html! {
            (count(self.bars.len(), "request", "requests"))
            @if failed > 0 { ", " strong .bad { (failed) " failed" } " (marked at the top)" } @else { ", none failed" }
            "."
            @if self.objective.0 > self.ceiling() { " The objective of " (bound(self.objective)) " is far above." }
        }
    }

    /// What the plot shows in numbers: of the requests that succeeded.
    fn table(&self) -> Markup {
        let phases = Phase::ALL.into_iter().rev().map(|phase| (Some(phase), self.durations(Some(phase))));
        let rows: Vec<_> = phases.filter(|(_, all)| !all.is_empty()).chain([(None, self.durations(None))]).collect();
        html! {
            table .numbers {
                caption .hidden { "Durations of the requests that succeeded" }
                thead {
                    tr {
                        th scope="col" { "Phase" }
                        th scope="col" { "Last" }
                        th scope="col" { "Median" }
                        th scope="col" { "95 %" }
                    }
                }
                tbody {
                    @for (phase, all) in &rows {
                        tr .total[phase.is_none()] {
                            th scope="row" {
                                @if let Some(phase) = phase {
                                    svg .swatch width="10" height="10" aria-hidden="true" {
                                        rect class=(phase.as_str()) width="10" height="10" rx="2" {}
                                    }
                                }
                                (phase.map_or("whole", Phase::as_str))
                            }
                            td { (shown(all.last().copied())) }
                            td { (shown(quantile(all, 0.5))) }
                            td { (shown(quantile(all, 0.95))) }
                        }
                    }
                }
            }
        }
    }

    /// Of one phase or of whole requests, in their order.
    fn durations(&self, phase: Option<Phase>) -> Vec<f64> {
        let of = |attempt: &AttemptRecord| match phase {
            None => Some(attempt.duration_seconds.0),
            Some(phase) => attempt.phases.iter().find(|part| part.phase == phase).map(|part| part.duration_seconds.0),
        };
        self.good().filter_map(of).collect()
    }
}

fn shown(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| latency(Seconds(seconds)))
}

/// By the nearest rank.
fn quantile(all: &[f64], share: f64) -> Option<f64> {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// To 1, 2 or 5 times a power of ten.
fn round_up(seconds: f64) -> f64 {
    let seconds = seconds.max(0.000_1);
    let power = 10_f64.powf(seconds.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= seconds);
    step.unwrap_or(10.0) * power
}

fn tenths(units: f64) -> f64 {
    (units * 10.0).round() / 10.0
}

fn hundredths(units: f64) -> f64 {
    (units * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_is_a_round_number_above() {
        for (seconds, ceiling) in [(0.083, 0.1), (0.1, 0.1), (0.11, 0.2), (0.3, 0.5), (7.0, 10.0), (0.0, 0.000_1)] {
            assert!((round_up(seconds) / ceiling - 1.0).abs() < 1e-9, "{seconds}: {}", round_up(seconds));
        }
    }

    #[test]
    fn quantiles_are_durations_that_were_measured() {
        let all = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|share| quantile(&all, share)), [1.0, 3.0, 5.0, 5.0].map(Some));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
