//! What is answered under which path.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use url::form_urlencoded;

use super::App;
use super::body::{ExpositionBody, Paced};
use super::limits::Limits;
use super::scrapes::in_turn;
use super::turnstile::Turnstile;

/// Further ones are told to come back.
const SCRAPES_WAITING: usize = 32;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(app: App, limits: &Limits) -> Router {
    let settings = &app.settings;
    let scrapes = Turnstile::new(limits.scrapes, SCRAPES_WAITING, Some(limits.scrape_turn));
    let mut router = Router::new()
        .route(&settings.at("/-/healthy"), get("oauth-probe-exporter is healthy.\n"))
        // Whoever gets an answer has proof that the listeners are bound and the configuration is loaded.
        .route(&settings.at("/-/ready"), get("oauth-probe-exporter is ready.\n"))
        .route(&settings.at("/-/reload"), post(reload))
        .route(&settings.at(settings.telemetry_path()), get(metrics).route_layer(from_fn_with_state(scrapes, in_turn)));
    if settings.telemetry_path() != "/" {
        router = router.route(&settings.at("/"), get(landing));
    }
    if !settings.route_prefix().is_empty() {
        let home = [(LOCATION, settings.at("/"))];
        let to_home = get((StatusCode::FOUND, home));
        router = router.route("/", to_home.clone()).route(settings.route_prefix(), to_home);
    }
    // Text of this kind shrinks to a twentieth even so.
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let pace = map_response(async |answer: Response| answer.map(|body| Body::new(Paced::new(body))));
    router.fallback(not_found).layer(compression).layer(pace).with_state(Arc::new(app))
}

/// `?target=NAME`, repeatable, limits what is shown to these targets.
async fn metrics(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _name)| key == "target")
        .map(|(_key, name)| name)
        .collect();
    if let Some(unknown) = names.iter().find(|name| app.metrics.target(name).is_none()) {
        return (StatusCode::NOT_FOUND, format!("no target is named {unknown:?}\n")).into_response();
    }
    let only: Vec<&str> = names.iter().map(|name| &**name).collect();
    let exposition = app.metrics.exposition((app.now)(), (!only.is_empty()).then_some(&only));
    ([(CONTENT_TYPE, TEXT_FORMAT)], Body::new(ExpositionBody(exposition))).into_response()
}

/// As Prometheus answers, with what it leaves to the log: what has changed, or every mistake.
async fn reload(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match (app.reload)().await {
        Ok(changes) => (StatusCode::OK, format!("configuration reloaded: {changes}\n")),
        Err(mistakes) => {
            let mistakes = mistakes.trim_end();
            let text = format!("failed to reload the configuration; nothing has changed:\n{mistakes}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// Its links are relative, so that they hold behind a proxy that strips a prefix.
async fn landing(State(app): State<Arc<App>>) -> Html<String> {
    let metrics = app.settings.telemetry_path().trim_start_matches('/');
    let version = env!("CARGO_PKG_VERSION");
    Html(format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>oauth-probe-exporter</title>
<h1>oauth-probe-exporter {version}</h1>
<ul>
<li><a href=\"{metrics}\">metrics</a></li>
<li><a href=\"-/healthy\">healthy</a></li>
<li><a href=\"-/ready\">ready</a></li>
<li><code>POST -/reload</code>: load the configuration anew</li>
</ul>
</html>
"
    ))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "404 page not found\n")
}
