//! The page of all targets: how many are how, those that need a person first, and ways to find one.

use maud::{Markup, html};

use crate::model::fault::Cause;
use crate::telemetry::status::{Blamed, Counts, FleetStatus, InvalidSelection, TargetSummary};

use super::diagnosis::in_sentence;
use super::filter::{Filter, PAGE_SIZE};
use super::links::Place;
use super::listed::{card, table};
use super::tone::Tone;
use super::words::{count, grouped};

/// So many targets that fail alike are told of in one sentence.
const MANY: usize = 4;
const CAUSES_SHOWN: usize = 5;

/// In which order the numbers of targets are told: the first three add up to all of them.
const TOLD: [Tone; 4] = [Tone::Failing, Tone::Working, Tone::Pending, Tone::Warned];

/// One page of the list.
pub(super) struct List<'a> {
    pub(super) fleet: &'a FleetStatus,
    /// What failing targets fail for, and how many of them.
    pub(super) causes: &'a [(Cause, usize)],
    pub(super) filter: &'a Filter,
    /// How many targets fit, on this page or not.
    pub(super) matching: usize,
    pub(super) targets: &'a [TargetSummary],
    /// Why nothing is listed, if what was asked for cannot be understood.
    pub(super) mistake: Option<&'a InvalidSelection>,
}

/// What a browser's tab says.
pub(super) fn title(counts: &Counts) -> String {
    match Tone::of_fleet(counts) {
        Tone::Failing => format!("{} failing", grouped(counts.failing)),
        Tone::Warned => count(counts.warned, "warning", "warnings"),
        Tone::Pending => "not probed yet".to_owned(),
        Tone::Working if counts.pending > 0 => format!("{} working", grouped(counts.working)),
        Tone::Working => "all working".to_owned(),
    }
}

impl List<'_> {
    pub(super) fn render(&self) -> Markup {
        let Self { fleet, matching, targets, .. } = self;
        html! {
            div .headline role="status" { h1 { (headline(&fleet.counts)) } }
            (self.standings())
            (self.causes())
            @if fleet.counts.total > 1 { (self.form()) }
            @if let Some(mistake) = self.mistake {
                (nothing(&mistake.to_string(), "Correct what is written above, or see all targets."))
            } @else if *matching == 0 {
                (nothing("No target fits.", "Search for less, take a label away, or see all targets."))
            } @else if targets.is_empty() {
                (nothing("The list ends before this page.", "Go back to its beginning."))
            }
            @for tone in Tone::ALL { (self.section(tone)) }
            (self.pages())
        }
    }

    /// How many targets are how; each leads to them.
    fn standings(&self) -> Markup {
        let Self { fleet: FleetStatus { counts, .. }, filter, .. } = self;
        let number = |tone| match tone {
            Tone::Failing => counts.failing,
            Tone::Warned => counts.warned,
            Tone::Pending => counts.pending,
            Tone::Working => counts.working,
        };
        let link = |tone: Option<Tone>| filter.standing(tone.map(Tone::standing)).link(Place::Root);
        let current = |tone: Option<Tone>| (filter.standing == tone.map(Tone::standing)).then_some("true");
        html! {
            nav .standings aria-label="Targets by state" {
                ul {
                    li {
                        a href=(link(None)) aria-current=[current(None)] {
                            span .number { (grouped(counts.total)) } " "
                            (if counts.total == 1 { "target" } else { "targets" })
                        }
                    }
                    @for tone in TOLD.into_iter().filter(|tone| number(*tone) > 0) {
                        li {
                            a href=(link(Some(tone))) aria-current=[current(Some(tone))] {
                                (tone.icon()) span .number { (grouped(number(tone))) } " "
                                (if tone == Tone::Warned { "with a warning" } else { tone.as_str() })
                            }
                        }
                    }
                }
            }
        }
    }

    /// One outage of many targets is to be seen as one.
    fn causes(&self) -> Markup {
        let most = self.causes.iter().map(|(_, count)| *count).max().unwrap_or(0);
        html! {
            @if most >= MANY {
                ul .causes aria-label="Why targets fail" {
                    @for (cause, count) in self.causes.iter().take(CAUSES_SHOWN) {
                        li {
                            a href=(Filter::all().blamed(Blamed::on(*cause)).link(Place::Root)) {
                                strong { (grouped(*count)) " fail" @if *count == 1 { "s" } } ": "
                                (in_sentence(cause.request)) ", " code { (cause.reason.as_str()) }
                            }
                            ". "
                            span .quiet { "It is the fault of " (cause.owner()) "." }
                        }
                    }
                }
            }
        }
    }

    fn form(&self) -> Markup {
        let Self { filter, .. } = self;
        html! {
            search {
                form .filter method="get" action="./" {
                    div .field.text {
                        label for="q" { "Search" }
                        input #q type="search" name="q" value=(filter.text) autocomplete="off"
                            placeholder="name, client, host or label";
                    }
                    div .field {
                        label for="label" { "Label" }
                        input #label name="label" list="labels" autocomplete="off" placeholder="environment=production";
                        datalist #labels { @for label in self.labels() { option value=(label) {} } }
                    }
                    @for label in &filter.labels { input type="hidden" name="label" value=(label); }
                    @if let Some(standing) = filter.standing {
                        input type="hidden" name="state" value=(standing.as_str());
                    }
                    @for (key, value) in filter.blamed.parts() { input type="hidden" name=(key) value=(value); }
                    button type="submit" { "Filter" }
                    @if filter.is_active() { a .clear href=(Filter::all().link(Place::Root)) { "All targets" } }
                }
                @if !filter.labels.is_empty() || filter.blamed != Blamed::default() {
                    ul .labels.wanted aria-label="What targets must have" {
                        @for (key, value) in filter.blamed.parts() {
                            li { a .label href=(filter.blamed(filter.blamed.without(key)).link(Place::Root)) {
                                (key) "=" (value) span .hidden { ": take it away" } span aria-hidden="true" { " ✕" }
                            } }
                        }
                        @for label in &filter.labels {
                            li { a .label href=(filter.without_label(label).link(Place::Root)) {
                                (label) span .hidden { ": take it away" } span aria-hidden="true" { " ✕" }
                            } }
                        }
                    }
                }
            }
        }
    }

    /// Those of the targets on this page, to choose from.
    fn labels(&self) -> Vec<String> {
        let labels = self.targets.iter().flat_map(|target| &target.labels);
        let mut labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// The targets that stand so.
    fn section(&self, tone: Tone) -> Markup {
        let now = self.fleet.now;
        let Some(from) = self.targets.iter().position(|target| Tone::of_target(target) == tone) else {
            return html! {};
        };
        let rest = &self.targets[from..];
        let end = rest.iter().position(|target| Tone::of_target(target) != tone).unwrap_or(rest.len());
        let name = match tone {
            Tone::Failing => "Failing",
            Tone::Warned => "Worth a look",
            Tone::Pending => "Not probed yet",
            Tone::Working => "Working",
        };
        html! {
            section aria-labelledby=(tone.as_str()) data-key=(tone.as_str()) {
                h2 id=(tone.as_str()) { (name) }
                @match tone {
                    Tone::Failing | Tone::Warned => {
                        @for target in &rest[..end] { (card(target, self.filter, now)) }
                    },
                    Tone::Pending | Tone::Working => { (table(&rest[..end], self.filter, now)) },
                }
            }
        }
    }

    fn pages(&self) -> Markup {
        let Self { filter, matching, .. } = self;
        let pages = matching.div_ceil(PAGE_SIZE).max(1);
        let page = filter.page.min(pages);
        let (from, to) = ((page - 1) * PAGE_SIZE + 1, (page * PAGE_SIZE).min(*matching));
        html! {
            @if pages > 1 {
                nav .pages aria-label="Pages" {
                    @if page > 1 { a rel="prev" href=(filter.page(page - 1).link(Place::Root)) { "← Previous" } }
                    span { (grouped(from)) "–" (grouped(to)) " of " (grouped(*matching)) }
                    @if page < pages { a rel="next" href=(filter.page(page + 1).link(Place::Root)) { "Next →" } }
                }
            }
        }
    }
}

/// What there is to know, in a sentence.
fn headline(counts: &Counts) -> String {
    let Counts { failing, pending, working: _, total, warned, .. } = *counts;
    let look = if warned == 1 { "1 is worth a look" } else { "some are worth a look" };
    match (Tone::of_fleet(counts), total) {
        (Tone::Failing, 1) => "The target fails".to_owned(),
        (Tone::Failing, _) if failing == total => format!("All {} targets fail", grouped(total)),
        (Tone::Failing, _) if failing == 1 => format!("1 of {} targets fails", grouped(total)),
        (Tone::Failing, _) => format!("{} of {} targets fail", grouped(failing), grouped(total)),
        (Tone::Warned, 1) => "The target works, but is worth a look".to_owned(),
        (Tone::Warned, _) => format!("No target fails, {look}"),
        (Tone::Working, 1) => "The target works".to_owned(),
        (Tone::Working, _) if pending == 0 => format!("All {} targets work", grouped(total)),
        (Tone::Working, _) => format!("No target fails; {} not probed yet", grouped(pending)),
        (Tone::Pending, 1) => "The target has not been probed yet".to_owned(),
        (Tone::Pending, _) => "No target has been probed yet".to_owned(),
    }
}

fn nothing(what: &str, remedy: &str) -> Markup {
    html! {
        div .empty {
            p { strong { (what) } }
            p { (remedy) }
            p { a href=(Filter::all().link(Place::Root)) { "All targets" } }
        }
    }
}
