//! Where the shipped example of Alertmanager's configuration sends what: seen at the receivers of a real one, and seen
//! to be otherwise when anything about the routing is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::support::{Alert, Alertmanager, Notification, WebhookReceiver};
use super::{root, rules};

/// Far longer than anything waits here.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many Alertmanagers run at once.
const AT_ONCE: usize = 6;
const SOURCE: &str = "OAuthProbeAuthFailing";
/// The labels by which alerts are told apart here.
const ALERT: [&str; 4] = ["alertname", "severity", "job", "target"];
const INHIBITED: [&str; 2] = ["OAuthProbeTokenRefreshFailing", "OAuthProbeTokenExpiringSoon"];

/// What the shipped file says, with waits of moments instead of minutes.
fn shipped() -> String {
    let mut config = fs::read_to_string(root("alerts/alertmanager.example.yml")).unwrap();
    for (wait, moment) in [("group_wait: 30s", 0), ("group_wait: 10s", 0), ("group_wait: 2m", 0)] {
        config = replaced(&config, wait, &format!("group_wait: {moment}s"));
    }
    replaced(&config, "group_interval: 5m", "group_interval: 1s")
}

/// # Panics
///
/// When there is nothing to replace: a mutant that is none proves nothing.
fn replaced(config: &str, part: &str, by: &str) -> String {
    assert!(config.contains(part), "{part} is not in\n{config}");
    config.replacen(part, by, 1)
}

/// Alert name, severity, job, target.
type Sent = (String, String, &'static str, &'static str);

/// An alert as it arrived: where, whether still firing, and by which labels it was grouped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    alert: [String; 4],
    path: String,
    status: String,
    grouped_by: Vec<String>,
}

/// Credentials of shop are refused, as seen by job a; of that job, an alert of another fault fires for each target.
fn first_sent() -> Vec<Sent> {
    [(SOURCE, "a", "shop"), ("OAuthProbeFailing", "a", "bank"), ("OAuthProbeFailing", "b", "shop")]
        .map(|(name, job, target)| (name.to_owned(), "critical".to_owned(), job, target))
        .to_vec()
}

/// Every alert that there is, for the same job and target; what is inhibited there, for others too; and alerts that
/// nobody here knows.
fn then_sent() -> Vec<Sent> {
    let groups = rules::shipped();
    let alerts = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.is_alert());
    let mut sent = Vec::new();
    for rule in alerts.filter(|rule| rule.name() != SOURCE) {
        let (name, severity) = (rule.name().to_owned(), rule.severity().unwrap().to_owned());
        let places = [("a", "shop"), ("a", "bank"), ("b", "shop")];
        let places = &places[..if INHIBITED.contains(&rule.name()) { 3 } else { 1 }];
        sent.extend(places.iter().map(|&(job, target)| (name.clone(), severity.clone(), job, target)));
    }
    sent.extend(["info", "critical"].map(|severity| ("NotOurs".to_owned(), severity.to_owned(), "a", "shop")));
    sent
}

fn json(sent: &[Sent], more: &Value) -> Value {
    let alert = |(name, severity, job, target): &Sent| {
        let labels = json!({ "alertname": name, "severity": severity, "job": job, "target": target, "instance": "i" });
        let mut alert = json!({ "labels": labels, "startsAt": "2020-01-01T00:00:00Z" });
        alert.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        alert
    };
    sent.iter().map(alert).collect()
}

/// What the shipped file is there for.
fn promised() -> BTreeSet<Arrival> {
    let arrival = |(name, severity, job, target): &Sent, status: &str| Arrival {
        alert: [name.clone(), severity.clone(), (*job).to_owned(), (*target).to_owned()],
        path: match severity.as_str() {
            "critical" => "/pager",
            "none" => "/dead-mans-switch",
            _ => "/tickets",
        }
        .to_owned(),
        status: status.to_owned(),
        grouped_by: ["alertname", "job", "target"].map(str::to_owned).to_vec(),
    };
    // What was inhibited arrives in the end too, once the credentials are accepted again.
    let firing = [first_sent(), then_sent()].concat();
    let resolved = arrival(&first_sent()[0], "resolved");
    firing.iter().map(|sent| arrival(sent, "firing")).chain([resolved]).collect()
}

/// An Alertmanager with a configuration, its receivers, and what has arrived while the credentials are refused.
async fn refused(config: &str) -> (Alertmanager, WebhookReceiver, BTreeSet<Arrival>) {
    let receivers = WebhookReceiver::start().await;
    let alertmanager = Alertmanager::start(&config.replace("http://127.0.0.1:9095", &receivers.url)).await;
    for sent in [first_sent(), then_sent()] {
        alertmanager.post(&json(&sent, &json!({}))).await;
        settled(&alertmanager, &receivers).await;
    }
    let arrived = arrivals(&receivers.notifications());
    (alertmanager, receivers, arrived)
}

fn arrivals(notifications: &[Notification]) -> BTreeSet<Arrival> {
    let of = |notification: &Notification, alert: &Alert| Arrival {
        alert: ALERT.map(|label| alert.labels[label].clone()),
        path: notification.path.clone(),
        status: alert.status.clone(),
        grouped_by: notification.group_labels.keys().cloned().collect(),
    };
    let all = notifications.iter();
    all.flat_map(|notification| notification.alerts.iter().map(move |alert| of(notification, alert))).collect()
}

/// Waits until everything has arrived, wherever that is, that Alertmanager says it does not hold back.
async fn settled(alertmanager: &Alertmanager, receivers: &WebhookReceiver) {
    let all_arrived = async {
        loop {
            let held = alertmanager.alerts().await;
            let arrived: BTreeSet<_> = arrivals(&receivers.notifications()).into_iter().map(|one| one.alert).collect();
            let is_due = |alert: &&Value| alert["status"]["state"] == "active";
            let label = |alert: &Value, label: &str| alert["labels"][label].as_str().unwrap().to_owned();
            let mut due =
                held.as_array().unwrap().iter().filter(is_due).map(|alert| ALERT.map(|name| label(alert, name)));
            if due.all(|alert| arrived.contains(&alert)) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, all_arrived).await.expect("alerts arrive");
}

#[tokio::test]
async fn alerts_arrive_where_their_severity_says_and_one_fault_pages_once() {
    let (alertmanager, receivers, while_refused) = refused(&shipped()).await;
    let mut promised = promised();
    let is_same_news = |arrival: &Arrival| {
        INHIBITED.contains(&arrival.alert[0].as_str()) && arrival.alert[2..] == ["a", "shop"]
            || arrival.status == "resolved"
    };
    assert_eq!(while_refused, promised.extract_if(.., |arrival| !is_same_news(arrival)).collect());

    // The credentials are accepted again: that is told, and what was held back is not forgotten.
    alertmanager.post(&json(&first_sent()[..1], &json!({ "endsAt": "2020-01-02T00:00:00Z" }))).await;
    receivers.until(PATIENCE, |all| arrivals(all).is_superset(&promised)).await;
    assert_eq!(arrivals(&receivers.notifications()), &while_refused | &promised);
}

/// What is wrong, the part of the shipped file, and what stands there instead.
const MUTANTS: [(&str, &str, &str); 21] = [
    ("no inhibition", "alertname = \"OAuthProbeAuthFailing\"", "alertname = \"Nothing\""),
    ("inhibition for any target", "equal: [job, target]", "equal: [job]"),
    ("inhibition for any job", "equal: [job, target]", "equal: [target]"),
    ("inhibition for anything", "equal: [job, target]", "equal: []"),
    ("inhibition for the same alert alone", "equal: [job, target]", "equal: [job, target, alertname]"),
    ("everything is inhibited", "\"OAuthProbeTokenRefreshFailing|OAuthProbeTokenExpiringSoon\"", "\"OAuthProbe.+\""),
    (
        "warnings are inhibited",
        "alertname =~ \"OAuthProbeTokenRefreshFailing|OAuthProbeTokenExpiringSoon\"",
        "severity = \"warning\"",
    ),
    ("refresh failing is not inhibited", "OAuthProbeTokenRefreshFailing|", ""),
    ("expiring soon is not inhibited", "|OAuthProbeTokenExpiringSoon", ""),
    ("inhibition by the opposite", "alertname = \"OAuthProbeAuthFailing\"", "alertname != \"OAuthProbeAuthFailing\""),
    ("inhibition by any failure", "alertname = \"OAuthProbeAuthFailing\"", "alertname =~ \"OAuthProbe(Auth)?Failing\""),
    ("inhibition by another failure", "OAuthProbeAuthFailing", "OAuthProbeFailing"),
    ("pages are tickets", "receiver: pager", "receiver: tickets"),
    ("tickets are pages", "      receiver: tickets", "      receiver: pager"),
    ("unknown alerts are pages", "  receiver: tickets", "  receiver: pager"),
    ("the watchdog is a ticket", "receiver: dead-mans-switch", "receiver: tickets"),
    (
        "everything but the watchdog is a watchdog",
        "alertname = \"OAuthProbeWatchdog\"",
        "alertname != \"OAuthProbeWatchdog\"",
    ),
    ("everything but pages is a page", "severity = \"critical\"", "severity != \"critical\""),
    ("grouped across alerts", "group_by: [alertname, job, target]", "group_by: [job, target]"),
    ("grouped across jobs", "group_by: [alertname, job, target]", "group_by: [alertname, target]"),
    ("grouped across targets", "group_by: [alertname, job, target]", "group_by: [alertname, job]"),
];

#[tokio::test]
async fn mutants_of_routing_are_noticed() {
    let (.., as_shipped) = refused(&shipped()).await;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for (name, part, by) in MUTANTS {
        let (config, places) = (replaced(&shipped(), part, by), places.clone());
        runs.spawn(async move {
            let _place = places.acquire().await.unwrap();
            (refused(&config).await.2, name)
        });
    }
    let outcomes = runs.join_all().await.into_iter();
    let unnoticed: Vec<_> = outcomes.filter(|(arrived, _)| *arrived == as_shipped).map(|(_, name)| name).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}
