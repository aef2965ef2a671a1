//! Requests to the exporter's own port: the first line is a path with its query, each further one a header.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::server::{App, WebSettings, fuzzed_routes};
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter_fuzz::{configuration, target};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().max_blocking_threads(1).build().expect("a runtime"));

static ROUTES: LazyLock<axum::Router> = LazyLock::new(|| fuzzed_routes(app()));

const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// None that comes from outside is written into a page as it is.
const TAG: &str = "<fuzz";

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let mut request = Request::builder().uri(lines.next().unwrap_or_default());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    let Ok(request) = request.body(Body::empty()) else { return };
    RUNTIME.block_on(async {
        let Ok(answer) = ROUTES.clone().oneshot(request).await;
        let (head, body) = answer.into_parts();
        let expected = [
            StatusCode::OK,
            StatusCode::FOUND,
            StatusCode::PERMANENT_REDIRECT,
            StatusCode::NOT_MODIFIED,
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED,
        ];
        assert!(expected.contains(&head.status), "{}", head.status);
        let body = to_bytes(body, LONGEST_ANSWER).await.expect("a whole answer");
        let kind = head.headers.get("content-type").map_or("", |kind| kind.to_str().expect("text"));
        if kind.starts_with("text/html") {
            assert!(!String::from_utf8_lossy(&body).contains(TAG), "a tag from outside");
        }
        if kind.starts_with("application/json") && !head.headers.contains_key("content-encoding") {
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    });
});

fn app() -> App {
    let now = Stamp { moment: Moment::default(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
    let names = ["production", "a/b", "<fuzz & \"c\"", "100 %", "größe"];
    let targets = names.map(|name| Target { name: name.to_owned(), ..target() });
    App {
        metrics: Arc::new(Metrics::new(&configuration(targets.into(), None), now)),
        now: Arc::new(move || now),
        reload: Arc::new(|| Box::pin(std::future::ready(Ok("nothing".to_owned())))),
        probe: Arc::new(move |name| {
            names.contains(&name).then(|| Box::pin(std::future::ready(())) as std::pin::Pin<Box<_>>)
        }),
        settings: WebSettings::default(),
    }
}
