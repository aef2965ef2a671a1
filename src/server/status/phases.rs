//! Where the time of the last requests went: a bar for each, made of its phases, and the same in a table.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::model::fault::{Reason, Request};
use crate::model::report::Phase;
use crate::telemetry::status::{AttemptRecord, CycleRecord, Seconds, Timestamp};

use super::diagnosis::in_sentence;
use super::words::{bound, clock, count, latency};

/// The drawing is stretched to the width of the page: a bar is one unit wide.
const HEIGHT: f64 = 140.0;
/// Above the bars, for failures.
const TOP: f64 = 8.0;

/// Fewer bars than this are as wide as if there were this many.
const FEWEST: usize = 40;

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
            @if !self.bars.is_empty() {
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

    /// Text stands beside the drawing, not in it, where it would be stretched.
    fn plot(&self) -> Markup {
        let ceiling = self.ceiling();
        let columns = self.bars.len().max(FEWEST);
        let y = |seconds: f64| hundredths(TOP + HEIGHT * (1.0 - seconds / ceiling));
        let scale = |share: f64| latency(Seconds(ceiling * share));
        let time = |bar: Option<&Bar<'_>>| bar.map(|bar| clock(bar.ended, self.now)).unwrap_or_default();
        html! {
            div .plotted {
                div .scale aria-hidden="true" { span { (scale(1.0)) } span { (scale(0.5)) } span { "0" } }
                svg .phases viewBox={ "0 0 " (columns) " " (TOP + HEIGHT) } preserveAspectRatio="none" role="img" {
                    title { (self.title()) }
                    path .grid d={ "M0 " (y(ceiling)) "H" (columns) "M0 " (y(ceiling / 2.0)) "H" (columns) } {}
                    (self.bars(ceiling, columns - self.bars.len()))
                    @if self.objective.0 <= ceiling {
                        path .objective d={ "M0 " (y(self.objective.0)) "H" (columns) } {}
                    }
                }
                div .times aria-hidden="true" {
                    span { @if self.bars.len() >= FEWEST { (time(self.bars.first())) } }
                    span { (time(self.bars.last())) }
                }
            }
        }
    }

    /// One path for each phase, not one element for each piece.
    fn bars(&self, ceiling: f64, begin: usize) -> Markup {
        let mut paths = [const { String::new() }; Phase::ALL.len()];
        for (index, bar) in self.bars.iter().enumerate() {
            let mut foot = TOP + HEIGHT;
            for part in bar.attempt.iter().flat_map(|attempt| &attempt.phases) {
                let height = part.duration_seconds.0 / ceiling * HEIGHT;
                let (x, y, height) = (begin + index, hundredths(foot), hundredths(height));
                // Writing to a string cannot fail.
                let _ = write!(paths[part.phase.index()], "M{x}.1 {y}v-{height}h.8v{height}z");
                foot -= part.duration_seconds.0 / ceiling * HEIGHT;
            }
        }
        html! {
            @let failed = || self.bars.iter().zip(begin..).filter(|(bar, _)| bar.reason.is_some()).map(|(_, x)| x);
            @for x in failed() { rect .outage x=(x) y="0" width="1" height=(TOP + HEIGHT) {} }
            @for (phase, path) in Phase::ALL.iter().zip(paths) {
                @if !path.is_empty() { path class=(phase.as_str()) d=(path) {} }
            }
            @for x in failed() { rect .failed x=(x) y="0" width="1" height=(TOP - 3.0) {} }
            @for (bar, x) in self.bars.iter().zip(begin..) {
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
            // It took no time at all: a secret could not be read, for one.
            Some(attempt) if attempt.status.is_none() && attempt.phases.is_empty() => text.push_str(" · not sent"),
            Some(attempt) => {
                let _ = write!(text, " · {}", latency(attempt.duration_seconds));
            }
            None => text.push_str(" · not made"),
        }
        text
    }

    fn title(&self) -> String {
        let last = match (self.bars.len(), self.request) {
            (1, request) => in_sentence(request).to_owned(),
            (many, Request::Token) => format!("{many} token requests"),
            (many, Request::Ping) => format!("{many} pings"),
        };
        let mut text = format!("Duration by phase of the last {last}");
        if let (Some(first), failed) = (self.bars.first(), self.failed()) {
            let _ = write!(text, ", since {}; {failed} failed", clock(first.ended, self.now));
        }
        text
    }

    fn caption(&self) -> Markup {
        let failed = self.failed();
        let bars = match self.request {
            Request::Token => count(self.bars.len(), "request", "requests"),
            Request::Ping => count(self.bars.len(), "cycle", "cycles"),
        };
        html! {
            (bars)
            @if failed > 0 { ", " strong .bad { (failed) " failed" } " (marked at the top)" } @else { ", none failed" }
            "."
            @if self.objective.0 > self.ceiling() {
                " The objective, " (bound(self.objective)) ", is far above."
            } @else {
                " The dashed line is the objective, " (bound(self.objective)) "."
            }
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

/// To two digits at most, so that half of it is easily read, too.
fn round_up(seconds: f64) -> f64 {
    const STEPS: [f64; 9] = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
    let seconds = seconds.max(0.000_1);
    let power = 10_f64.powf(seconds.log10().floor());
    STEPS.into_iter().find(|step| step * power >= seconds).unwrap_or(10.0) * power
}

fn hundredths(units: f64) -> f64 {
    (units * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_is_a_round_number_above() {
        for (seconds, ceiling) in [(0.083, 0.1), (0.1, 0.1), (0.11, 0.12), (0.35, 0.4), (9.0, 10.0), (0.0, 0.000_1)] {
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
