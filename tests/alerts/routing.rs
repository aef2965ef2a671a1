//! Where the shipped example of Alertmanager's configuration sends what, seen at the receivers of a real one.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::root;
use super::support::{Alertmanager, WebhookReceiver};

/// Far longer than anything waits here.
const PATIENCE: Duration = Duration::from_secs(20);

/// The shipped example with another address, and waits of a moment instead of minutes.
fn example(receivers: &str) -> String {
    fs::read_to_string(root("alerts/alertmanager.example.yml"))
        .unwrap()
        .replace("http://127.0.0.1:9095", receivers)
        .replace("group_wait: 10s", "group_wait: 0s")
}

#[tokio::test]
async fn critical_alert_arrives_at_the_pager() {
    let receivers = WebhookReceiver::start().await;
    let alertmanager = Alertmanager::start(&example(&receivers.url)).await;
    let labels = json!({ "alertname": "OAuthProbeFailing", "severity": "critical", "job": "a", "target": "b" });
    alertmanager.post(&json!([{ "labels": labels }])).await;
    let notification = receivers.wait_for(|_| true, PATIENCE).await;
    assert_eq!((notification.path.as_str(), notification.status.as_str()), ("/pager", "firing"));
    assert_eq!(notification.alerts[0].name(), "OAuthProbeFailing");
}
