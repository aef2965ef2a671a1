//! `alerts/faults.md`, read: each fault and the alerts that it brings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use oauth_probe_exporter::model::fault::{Reason, Request};

use super::record::Event;

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: What,
    pub(crate) expected: BTreeSet<Expected>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Cycles fail for this.
    Cycle { request: Request, reason: Reason, fault: String },
    /// In words.
    Incident(String),
}

/// An alert at a receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    /// The path of the webhook.
    pub(crate) receiver: &'static str,
    pub(crate) alert: String,
}

impl Row {
    pub(crate) fn expects(&self, event: &Event) -> bool {
        self.expected.iter().any(|expected| event.is_of(expected))
    }
}

impl What {
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Cycle { request, reason, fault } => format!("{}: {} ({fault})", request.as_str(), reason.as_str()),
            Self::Incident(words) => words.clone(),
        }
    }
}

/// Every line, in the table's order.
pub(crate) fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/faults.md");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.filter_map(|line| row(&line.split('|').map(str::trim).collect::<Vec<_>>())).collect()
}

/// `None` for a table's head.
fn row(cells: &[&str]) -> Option<Row> {
    match cells {
        ["request" | "what" | "---", ..] => None,
        [request, reason, fault, pager, tickets] => {
            let request = Request::ALL.into_iter().find(|known| known.as_str() == *request);
            let reason = Reason::ALL.into_iter().find(|known| known.as_str() == *reason);
            let (Some(request), Some(reason)) = (request, reason) else {
                panic!("no such request or reason: {cells:?}")
            };
            let what = What::Cycle { request, reason, fault: (*fault).to_owned() };
            Some(Row { what, expected: expected(pager, tickets) })
        }
        [what, pager, tickets] => {
            Some(Row { what: What::Incident((*what).to_owned()), expected: expected(pager, tickets) })
        }
        _ => panic!("no line of the table: {cells:?}"),
    }
}

fn expected(pager: &str, tickets: &str) -> BTreeSet<Expected> {
    let at = |receiver: &'static str, alerts: &str| {
        let names = alerts.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        names.map(|alert| Expected { receiver, alert }).collect::<Vec<_>>()
    };
    at("/pager", pager).into_iter().chain(at("/tickets", tickets)).collect()
}
