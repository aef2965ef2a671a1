//! A small plot of how long the last requests took. Its scale is the same for all targets, so that plots compare.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::telemetry::status::Seconds;

use super::words::{bound, latency};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 30.0;
/// Of the stripe at the top in which failures are marked.
const STRIPE: f64 = 4.0;

/// What stands at the bottom and at the top; the scale is logarithmic, as a millisecond and ten seconds must both show.
const FASTEST: f64 = 0.001;
const SLOWEST: f64 = 10.0;

/// Fewer than this stand as far apart as this many would.
const FEWEST: usize = 30;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dot {
    /// It succeeded and took this long.
    Good(Seconds),
    Failed,
}

/// The plot of the requests called `name`, the oldest first.
pub(super) fn sparkline(name: &str, dots: &[Dot], objective: Seconds) -> Markup {
    let step = WIDTH / dots.len().max(FEWEST) as f64;
    let begin = WIDTH - step * dots.len() as f64;
    let left = |index: usize| begin + step * index as f64;
    html! {
        svg .spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) role="img" {
            title { (in_words(name, dots, objective)) }
            path .objective d={ "M0 " (one(height_of(objective))) "H" (WIDTH) } {}
            @for (from, length) in runs(dots) {
                rect .outage x=(one(left(from))) y="0" width=(one(step * length as f64)) height=(HEIGHT) {}
                rect .failed x=(one(left(from))) y="0" width=(one(step * length as f64)) height=(STRIPE) {}
            }
            path .line d=(line(dots, |index| left(index) + step / 2.0)) {}
            @if let Some(Dot::Good(last)) = dots.last() {
                circle .last cx=(one(WIDTH - step / 2.0)) cy=(one(height_of(*last))) r="2" {}
            }
        }
    }
}

/// Where failures that follow each other begin, and how many they are.
fn runs(dots: &[Dot]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (index, _) in dots.iter().enumerate().filter(|(_, dot)| **dot == Dot::Failed) {
        match runs.last_mut() {
            Some((from, length)) if *from + *length == index => *length += 1,
            _ => runs.push((index, 1)),
        }
    }
    runs
}

/// Through the requests that succeeded; failures interrupt it.
fn line(dots: &[Dot], x: impl Fn(usize) -> f64) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (index, dot) in dots.iter().enumerate() {
        match dot {
            // Writing to a string cannot fail. A line to itself shows as a dot.
            Dot::Good(taken) => {
                let (x, y) = (one(x(index)), one(height_of(*taken)));
                let _ = if pen == 'M' { write!(path, "M{x} {y}h0") } else { write!(path, "L{x} {y}") };
                pen = 'L';
            }
            Dot::Failed => pen = 'M',
        }
    }
    path
}

/// From the top.
fn height_of(taken: Seconds) -> f64 {
    let share = (taken.0.clamp(FASTEST, SLOWEST) / FASTEST).log10() / (SLOWEST / FASTEST).log10();
    (HEIGHT - 2.0) - share * (HEIGHT - 2.0 - STRIPE)
}

fn in_words(name: &str, dots: &[Dot], objective: Seconds) -> String {
    let good = || dots.iter().filter_map(|dot| if let Dot::Good(taken) = dot { Some(taken.0) } else { None });
    let failed = dots.len() - good().count();
    let mut text = format!("{name}: of the last {}", dots.len());
    let _ = match failed {
        0 => write!(text, ", none failed"),
        _ => write!(text, ", {failed} failed"),
    };
    if let (Some(fastest), Some(slowest)) = (good().reduce(f64::min), good().reduce(f64::max)) {
        let (fastest, slowest) = (latency(Seconds(fastest)), latency(Seconds(slowest)));
        let _ = write!(text, "; the good ones took {fastest} to {slowest}");
    }
    let _ = write!(text, "; the objective is {}", bound(objective));
    text
}

/// To a tenth of a unit, which is less than a pixel.
fn one(units: f64) -> f64 {
    (units * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_follow_each_other_are_one_mark() {
        use Dot::{Failed, Good};
        let good = Good(Seconds(0.1));
        assert_eq!(runs(&[good, Failed, Failed, good, Failed]), [(1, 2), (4, 1)]);
        assert_eq!(runs(&[]), []);
    }

    #[test]
    fn line_is_interrupted_by_failures() {
        use Dot::{Failed, Good};
        let good = Good(Seconds(0.001));
        assert_eq!(line(&[good, good, Failed, good], |index| index as f64), "M0 28h0L1 28M3 28h0");
    }

    #[test]
    fn scale_begins_at_a_millisecond_and_ends_at_ten_seconds() {
        let heights = [0.0, 0.001, 0.1, 10.0, 60.0].map(|taken| height_of(Seconds(taken)));
        assert_eq!(heights, [28.0, 28.0, 16.0, 4.0, 4.0]);
    }

    #[test]
    fn plot_says_in_words_what_it_shows() {
        let dots = [Dot::Good(Seconds(0.083)), Dot::Failed, Dot::Good(Seconds(0.12))];
        let expected =
            "Ping: of the last 3, 1 failed; the good ones took 83 ms to 120 ms; the objective is 1s";
        assert_eq!(in_words("Ping", &dots, Seconds(1.0)), expected);
        assert_eq!(in_words("Ping", &[], Seconds(0.5)), "Ping: of the last 0, none failed; the objective is 500ms");
    }
}
