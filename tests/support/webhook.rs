//! The far end of Alertmanager: a receiver of webhooks that keeps what arrived.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// One webhook: the alerts of one group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    /// The path that it was sent to, `/pager`.
    #[serde(skip)]
    pub(crate) path: String,
    #[serde(skip, default = "Instant::now")]
    pub(crate) arrived: Instant,
    /// `firing` if any of the alerts is, else `resolved`.
    pub(crate) status: String,
    /// The labels that the group was made by.
    pub(crate) group_labels: BTreeMap<String, String>,
    pub(crate) alerts: Vec<Alert>,
}

/// An alert as it arrived.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Alert {
    /// `firing` or `resolved`
    pub(crate) status: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Alert {
    /// The label `alertname`.
    pub(crate) fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }
}

/// A running receiver on loopback. Every path is a receiver of its own, told apart by [`Notification::path`].
#[derive(Debug)]
pub(crate) struct WebhookReceiver {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    notifications: watch::Receiver<Vec<Notification>>,
    server: JoinHandle<()>,
}

impl WebhookReceiver {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Self {
        let (sender, notifications) = watch::channel(Vec::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(keep).with_state(sender);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, notifications, server }
    }

    /// Everything that has arrived, in that order.
    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.notifications.borrow().clone()
    }

    /// The first notification of this kind, as soon as it has arrived.
    ///
    /// # Panics
    ///
    /// When none has after `patience`: with those that have.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Notification) -> bool, patience: Duration) -> Notification {
        self.until(patience, |all| all.iter().any(&wanted)).await;
        self.notifications().into_iter().find(wanted).expect("it was just there")
    }

    /// Waits until what has arrived is as wanted.
    ///
    /// # Panics
    ///
    /// When it is not after `patience`: with what has arrived.
    pub(crate) async fn until(&self, patience: Duration, wanted: impl Fn(&[Notification]) -> bool) {
        let mut notifications = self.notifications.clone();
        if timeout(patience, notifications.wait_for(|all| wanted(all))).await.is_err() {
            panic!("not within {patience:?}; arrived: {:#?}", self.notifications());
        }
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keep(State(sender): State<watch::Sender<Vec<Notification>>>, uri: Uri, body: String) -> StatusCode {
    let Ok(notification) = serde_json::from_str::<Notification>(&body) else { return StatusCode::BAD_REQUEST };
    sender.send_modify(|all| all.push(Notification { path: uri.path().to_owned(), ..notification }));
    StatusCode::OK
}
