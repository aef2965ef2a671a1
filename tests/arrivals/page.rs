//! A page that Prometheus scrapes: what an exporter says, or what it said once.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::exporter::http;

#[derive(Debug, Clone)]
enum Content {
    /// Of the exporter at this address, asked anew each time.
    Of(String),
    Once(String),
}

/// A running server of one page.
pub(crate) struct Page {
    pub(crate) address: String,
    content: Arc<Mutex<Content>>,
    server: JoinHandle<()>,
}

impl Page {
    pub(crate) async fn of(exporter: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let content = Arc::new(Mutex::new(Content::Of(exporter.to_owned())));
        let router = Router::new().fallback(show).with_state(Arc::clone(&content));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, content, server }
    }

    /// Says from now on what the exporter says now, as one whose engine hangs does.
    pub(crate) async fn freeze(&self, exporter: &str) {
        let text = http(exporter, "GET", "/metrics", "").await.text();
        *self.content.lock().unwrap() = Content::Once(text);
    }

    /// Passes on what the exporter says.
    pub(crate) fn thaw(&self, exporter: &str) {
        *self.content.lock().unwrap() = Content::Of(exporter.to_owned());
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn show(State(content): State<Arc<Mutex<Content>>>) -> ([(HeaderName, &'static str); 1], String) {
    let content = content.lock().unwrap().clone();
    let text = match content {
        Content::Of(exporter) => http(&exporter, "GET", "/metrics", "").await.text(),
        Content::Once(text) => text,
    };
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
