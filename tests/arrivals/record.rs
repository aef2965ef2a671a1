//! What arrived at the receivers, and what is said of it.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::support::{Alert, Notification};
use super::table::Expected;

/// Where the watchdog goes.
pub(crate) const DEAD_MANS_SWITCH: &str = "/dead-mans-switch";

/// An alert that began or ended to fire at a receiver.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) receiver: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) change: Change,
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Fires,
    IsResolved,
}

impl Event {
    pub(crate) fn alert(&self) -> &str {
        &self.labels["alertname"]
    }

    pub(crate) fn is_of(&self, expected: &Expected) -> bool {
        self.receiver == expected.receiver && self.alert() == expected.alert
    }
}

/// Everything but the watchdog, by the scope that it is about: `None` for what is about none that is known.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) events: BTreeMap<Option<String>, Vec<Event>>,
    /// How often the watchdog arrived.
    pub(crate) watchdogs: usize,
}

impl Record {
    pub(crate) fn of(notifications: &[Notification], scope: impl Fn(&Event) -> Option<String>) -> Self {
        let mut record = Self { events: BTreeMap::new(), watchdogs: 0 };
        for notification in notifications {
            for alert in &notification.alerts {
                if notification.path == DEAD_MANS_SWITCH && alert.name() == "OAuthProbeWatchdog" {
                    record.watchdogs += 1;
                } else {
                    let event = event(notification, alert);
                    record.add(scope(&event), event);
                }
            }
        }
        record
    }

    /// A notification repeats what was said of the other alerts of its group: that is no news.
    fn add(&mut self, scope: Option<String>, event: Event) {
        let events = self.events.entry(scope).or_default();
        let same = |other: &&Event| other.receiver == event.receiver && other.labels == event.labels;
        if events.iter().rev().find(same).is_none_or(|last| last.change != event.change) {
            events.push(event);
        }
    }

    pub(crate) fn events(&self, scope: &str) -> &[Event] {
        self.events.get(&Some(scope.to_owned())).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_fired(&self, scope: &str, expected: &Expected) -> bool {
        self.events(scope).iter().any(|event| event.is_of(expected))
    }

    /// Whether all that fired is resolved.
    pub(crate) fn is_resolved(&self, scope: &str) -> bool {
        let count = |change| self.events(scope).iter().filter(|event| event.change == change).count();
        count(Change::Fires) == count(Change::IsResolved)
    }
}

fn event(notification: &Notification, alert: &Alert) -> Event {
    let change = if alert.status == "firing" { Change::Fires } else { Change::IsResolved };
    Event { receiver: notification.path.clone(), labels: alert.labels.clone(), change, at: notification.arrived }
}
