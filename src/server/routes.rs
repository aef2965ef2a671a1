//! What is answered under which path.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use url::form_urlencoded;

use crate::model::histograms::Histograms;

use super::App;
use super::accept::{PROTOBUF, prefers_protobuf};
use super::api;
use super::body::{Chunks, Paced, compressed_whole};
use super::cross_site::is_cross_site;
use super::discovery::discover;
use super::limits::Limits;
use super::methods::{reload_takes_post, takes_get};
use super::probe::probe;
use super::status;
use super::turns::Turns;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(app: App, limits: &Limits) -> Router {
    let settings = &app.settings;
    let [scrapes, lists, pages] = ["scrapes", "lists", "pages"].map(|kind| Turns::new(kind, limits));
    let router = Router::new()
        .route(&settings.at("/-/healthy"), get("oauth-probe-exporter is healthy.\n"))
        // Whoever gets an answer has proof that the listeners are bound and the configuration is loaded.
        .route(&settings.at("/-/ready"), get("oauth-probe-exporter is ready.\n"))
        .route(&settings.at("/-/reload"), post(reload).fallback(reload_takes_post))
        .route(&settings.at("/api/v1/targets"), lists.around(get(api::targets)))
        // A name may have slashes in it, encoded or not.
        .route(&settings.at("/api/v1/targets/{*name}"), pages.around(get(api::target)))
        .route(&settings.at("/config"), lists.around(get(api::config)))
        .route(&settings.at("/probe"), compressed_whole(get(probe)))
        .route(&settings.at("/sd"), lists.around(get(discover)))
        .route(&settings.at(settings.telemetry_path()), scrapes.around(get(metrics)));
    let mut router = status::route(router, &app, &pages);
    if !settings.route_prefix().is_empty() {
        let home = [(LOCATION, settings.at("/"))];
        let to_home = get((StatusCode::FOUND, home));
        router = router.route("/", to_home.clone()).route(settings.route_prefix(), to_home);
    }
    let pace = map_response(async |answer: Response| answer.map(|body| Body::new(Paced::new(body))));
    let router = router.method_not_allowed_fallback(takes_get).fallback(not_found);
    router.layer(pace).with_state(Arc::new(app))
}

/// `?target=NAME`, repeatable, limits what is shown to these targets.
async fn metrics(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    show(&app, &target_names(query.as_deref().unwrap_or_default()), &headers)
}

/// Every `target=NAME` of a query.
pub(super) fn target_names(query: &str) -> Vec<Cow<'_, str>> {
    form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "target").map(|(_, name)| name).collect()
}

/// The metrics of these targets; of all, if none is named. In which form, `headers` may have a say in.
pub(super) fn show(app: &App, names: &[Cow<'_, str>], headers: &HeaderMap) -> Response {
    if let Some(unknown) = names.iter().find(|name| app.metrics.target(name).is_none()) {
        return (StatusCode::NOT_FOUND, format!("no target is named {unknown:?}\n")).into_response();
    }
    let only: Vec<&str> = names.iter().map(|name| &**name).collect();
    let (now, only) = ((app.now)(), (!only.is_empty()).then_some(&*only));
    let text = || ([(CONTENT_TYPE, TEXT_FORMAT)], Body::new(Chunks(app.metrics.exposition(now, only)))).into_response();
    match app.metrics.shown().histograms() {
        Histograms::Classic => text(),
        Histograms::Native => {
            let protobuf = prefers_protobuf(headers).then(|| app.metrics.protobuf(now, only)).flatten();
            let answer = protobuf.map_or_else(text, |exposition| {
                ([(CONTENT_TYPE, PROTOBUF)], Body::new(Chunks(exposition))).into_response()
            });
            ([(VARY, ACCEPT.as_str())], answer).into_response()
        }
    }
}

/// As Prometheus answers, with what it leaves to the log: what has changed, or the first mistakes.
async fn reload(State(app): State<Arc<App>>, headers: HeaderMap) -> (StatusCode, String) {
    if is_cross_site(&headers, app.settings.external_url()) {
        return (StatusCode::FORBIDDEN, "a page of another site asks for this\n".to_owned());
    }
    match (app.reload)().await {
        Ok(changes) => (StatusCode::OK, format!("configuration reloaded: {changes}\n")),
        Err(mistakes) => {
            let mistakes = mistakes.trim_end();
            let text = format!("failed to reload the configuration; nothing has changed:\n{mistakes}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

async fn not_found(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let advice = app
        .settings
        .page_path()
        .map(|page| format!("; {page} is the status page, and its foot has the other addresses"));
    (StatusCode::NOT_FOUND, format!("404 page not found{}\n", advice.unwrap_or_default()))
}
