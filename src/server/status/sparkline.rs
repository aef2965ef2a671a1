//! A small plot of how long the last requests took, beside how long they may take. The objective stands at the same
//! height in all of them, so that one glance down a list finds what is slow.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::telemetry::status::Seconds;

use super::words::{bound, latency};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 30.0;
/// Of the stripe at the top in which failures are marked.
const STRIPE: f64 = 4.0;

/// What stands at the top, in objectives. The scale is that of square roots: so a request of a hundredth of its
/// objective still shows, and one that takes twice as long does, too.
const TOP: f64 = 2.25;

/// Fewer than this stand as far apart as this many would.
const FEWEST: usize = 30;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dot {
    /// It succeeded and took this long.
    Good(Seconds),
    Failed,
    /// It was not made.
    Absent,
}

/// The plot of the requests called `name`, the oldest first.
pub(super) fn sparkline(name: &str, dots: &[Dot], objective: Seconds) -> Markup {
    let step = WIDTH / dots.len().max(FEWEST) as f64;
    let begin = WIDTH - step * dots.len() as f64;
    let left = |index: usize| begin + step * index as f64;
    html! {
        svg .spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) role="img" {
            title { (in_words(name, dots, objective)) }
            path .objective d={ "M0 " (one(height_of(objective, objective))) "H" (WIDTH) } {}
            @for (from, length) in runs(dots) {
                rect .outage x=(one(left(from))) y="0" width=(one(step * length as f64)) height=(HEIGHT) {}
                rect .failed x=(one(left(from))) y="0" width=(one(step * length as f64)) height=(STRIPE) {}
            }
            @let points = |index, taken| (one(left(index) + step / 2.0), one(height_of(taken, objective)));
            path .line d=(line(dots, points)) {}
            @for (index, taken) in alone(dots) {
                circle .dot cx=(one(left(index) + step / 2.0)) cy=(one(height_of(taken, objective))) r="1.6" {}
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

/// From one request that succeeded to the next; failures interrupt it.
fn line(dots: &[Dot], point: impl Fn(usize, Seconds) -> (f64, f64)) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (index, dot) in dots.iter().enumerate() {
        match dot {
            // Writing to a string cannot fail. A line to itself shows as a dot.
            Dot::Good(taken) => {
                let (x, y) = point(index, *taken);
                let _ = if pen == 'M' { write!(path, "M{x} {y}h0") } else { write!(path, "L{x} {y}") };
                pen = 'L';
            }
            Dot::Failed => pen = 'M',
            Dot::Absent => {}
        }
    }
    path
}

/// The requests that succeeded, if they are so few that each can be seen.
fn alone(dots: &[Dot]) -> Vec<(usize, Seconds)> {
    let good = |(index, dot): (usize, &Dot)| if let Dot::Good(taken) = dot { Some((index, *taken)) } else { None };
    let good: Vec<_> = dots.iter().enumerate().filter_map(good).collect();
    if good.len() <= dots.len() / 3 { good } else { good.into_iter().next_back().into_iter().collect() }
}

/// From the top.
fn height_of(taken: Seconds, objective: Seconds) -> f64 {
    let share = taken.0.max(0.0) / (objective.0.max(0.001) * TOP);
    (HEIGHT - 1.0) - share.min(1.0).sqrt() * (HEIGHT - 1.0 - STRIPE)
}

fn in_words(name: &str, dots: &[Dot], objective: Seconds) -> String {
    let good = || dots.iter().filter_map(|dot| if let Dot::Good(taken) = dot { Some(taken.0) } else { None });
    let failed = dots.iter().filter(|dot| **dot == Dot::Failed).count();
    let mut text = match dots.len() {
        0 => return format!("{name}: no cycle has ended yet; the objective is {}", bound(objective)),
        1 => format!("{name}: in the last cycle"),
        many => format!("{name}: in the last {many} cycles"),
    };
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
        use Dot::{Absent, Failed, Good};
        let dots = [Good(Seconds(1.0)), Absent, Good(Seconds(2.0)), Failed, Good(Seconds(1.0))];
        assert_eq!(line(&dots, |index, taken| (index as f64, taken.0)), "M0 1h0L2 2M4 1h0");
    }

    #[test]
    fn objective_stands_at_the_same_height_whatever_it_is() {
        let height = |taken, objective| one(height_of(Seconds(taken), Seconds(objective)));
        assert_eq!(height(1.0, 1.0), height(0.2, 0.2));
        assert_eq!([0.0, 2.25, 60.0].map(|taken| height(taken, 1.0)), [29.0, 4.0, 4.0]);
    }

    #[test]
    fn plot_says_in_words_what_it_shows() {
        let dots = [Dot::Good(Seconds(0.083)), Dot::Failed, Dot::Good(Seconds(0.12))];
        let expected = "Ping: in the last 3 cycles, 1 failed; the good ones took 83 ms to 120 ms; the objective is 1s";
        assert_eq!(in_words("Ping", &dots, Seconds(1.0)).replace('\u{a0}', " "), expected);
        assert!(in_words("Ping", &dots[1..2], Seconds(1.0)).starts_with("Ping: in the last cycle, 1 failed;"));
        assert_eq!(in_words("Ping", &[], Seconds(0.5)), "Ping: no cycle has ended yet; the objective is 500ms");
    }
}
