//! What arrived, held against the table: as a table for people, and as a list of what is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio::time::Instant;

use super::record::{Change, Event, Record};
use super::rules::Rule;
use super::stage::{PACE, Stage, Times};
use super::table::{Expected, Row};

/// Tickets about time. When the machine has none for an exporter or a server, they are right about any target.
const OF_A_BUSY_MACHINE: [&str; 2] = ["OAuthProbeCyclesSkipped", "OAuthProbeLatencyHigh"];

/// Everything that is not as `alerts/faults.md` has it.
pub(crate) fn mistakes(stage: &Stage, record: &Record) -> Vec<String> {
    let mut mistakes = Vec::new();
    for event in record.events.get(&None).into_iter().flatten() {
        mistakes.push(format!("about nothing that was played: {event:?}"));
    }
    for (scope, row) in &stage.rows {
        let events = record.events(scope);
        match stage.times(scope) {
            Some(times @ Times { ended: Some(_), .. }) => {
                let to_judge: Vec<_> = events.iter().filter(|event| !is_excused(stage, row, event)).collect();
                mistakes_of(row, &to_judge, times, &mut mistakes);
            }
            times => mistakes.push(format!("{}: not played to its end: {times:?}", row.what.in_words())),
        }
    }
    if record.watchdogs < 2 {
        mistakes.push(format!("the watchdog arrived {} times", record.watchdogs));
    }
    mistakes
}

/// Whether it says no more than that the machine is busy.
fn is_excused(stage: &Stage, row: &Row, event: &Event) -> bool {
    stage.stalls.machine_is_busy() && !row.expects(event) && OF_A_BUSY_MACHINE.contains(&event.alert())
}

fn mistakes_of(row: &Row, events: &[&Event], times: Times, mistakes: &mut Vec<String>) {
    let mut complain = |what: &str, alert: &str| mistakes.push(format!("{}: {what}: {alert}", row.what.in_words()));
    for expected in &row.expected {
        if !events.iter().any(|event| event.is_of(expected)) {
            complain("not arrived", &format!("{} {}", expected.receiver, expected.alert));
        }
    }
    let mut changes: BTreeMap<_, Vec<Change>> = BTreeMap::new();
    for event in events {
        changes.entry((&event.receiver, &event.labels)).or_default().push(event.change);
        if !row.expects(event) {
            let after = (event.at - times.began).as_secs();
            complain(
                "not expected",
                &format!("{:?} after {after} s {} {:?}", event.change, event.receiver, event.labels),
            );
        }
    }
    for ((receiver, labels), changes) in changes {
        if changes != [Change::Fires, Change::IsResolved] {
            complain("not fired and resolved once", &format!("{changes:?} {receiver} {labels:?}"));
        }
    }
}

/// Fault, what arrived where, after how many seconds; and the false pages.
pub(crate) fn report(stage: &Stage, record: &Record, rules: &[Rule], order: &[String]) -> String {
    let mut report = format!(
        "A minute of production takes {} s here.\n\n\
         | fault | arrived at | alert | s after the fault | `for` in production | resolved, s after its end |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        PACE.minute.as_secs_f64()
    );
    for scope in order {
        let row = &stage.rows[scope];
        for expected in &row.expected {
            let events: Vec<_> = record.events(scope).iter().filter(|event| event.is_of(expected)).collect();
            let (fired, resolved) = delays(stage.times(scope), &events);
            let what = format!("{} | {}", row.what.in_words(), expected.receiver.trim_start_matches('/'));
            writeln!(report, "| {what} | {} | {fired} | {} | {resolved} |", expected.alert, wait(expected, rules))
                .unwrap();
        }
    }
    let (pages, tickets) = (false_pages(stage, record), excused_tickets(stage, record));
    let (stalls, watchdogs) = (stage.stalls.count(), record.watchdogs);
    report
        + &format!(
            "\nFalse pages: {pages}. The watchdog arrived {watchdogs} times.\n\
             The machine stalled {stalls} times; tickets for that: {tickets}.\n"
        )
}

/// From the fault to the first notification, and from its end to the last one, in seconds.
fn delays(times: Option<Times>, events: &[&Event]) -> (String, String) {
    let Some(Times { began, ended: Some(ended) }) = times else { return Default::default() };
    let seconds = |from: Instant, event: Option<&&Event>| {
        let delay = event.map(|event| event.at.saturating_duration_since(from));
        delay.map_or("never".to_owned(), |delay| format!("{:.1}", delay.as_secs_f64()))
    };
    let is = |change| move |event: &&&Event| event.change == change;
    let fired = events.iter().find(is(Change::Fires));
    let resolved = events.iter().rev().find(is(Change::IsResolved));
    (seconds(began, fired), seconds(ended, resolved))
}

fn false_pages(stage: &Stage, record: &Record) -> usize {
    let is_false = |scope: &Option<String>, event: &Event| {
        let row = scope.as_ref().map(|scope| &stage.rows[scope]);
        event.receiver == "/pager" && event.change == Change::Fires && row.is_none_or(|row| !row.expects(event))
    };
    let count = |(scope, events): (_, &Vec<Event>)| events.iter().filter(|event| is_false(scope, event)).count();
    record.events.iter().map(count).sum()
}

fn excused_tickets(stage: &Stage, record: &Record) -> usize {
    let fires = |event: &&Event| event.change == Change::Fires;
    let count = |(scope, row): (&String, &Row)| {
        record.events(scope).iter().filter(fires).filter(|event| is_excused(stage, row, event)).count()
    };
    stage.rows.iter().map(count).sum()
}

/// The `for` of an alert, as long as it is in production.
fn wait(expected: &Expected, rules: &[Rule]) -> String {
    let severity = if expected.receiver == "/pager" { "critical" } else { "warning" };
    let is_it = |rule: &&Rule| rule.name == expected.alert && rule.severity.as_deref() == Some(severity);
    let Some(rule) = rules.iter().find(is_it) else { return "no such alert".to_owned() };
    let minutes = rule.wait.as_secs_f64() / PACE.minute.as_secs_f64();
    format!("{minutes:.0} min")
}
