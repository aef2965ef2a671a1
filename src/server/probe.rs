//! `/probe`: a cycle of one target, run for whoever asks or joined if one runs, and what the target's metrics say then.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::App;
use super::routes::{show, target_names};
use super::stopping::Stopping;

const WHICH: &str = "name exactly one target: /probe?target=NAME (/metrics takes several)\n";

/// `?target=NAME`, once; other parameters are passed over, as `module` of a job that probed with another exporter.
pub(super) async fn probe(
    State(app): State<Arc<App>>,
    Extension(stopping): Extension<Stopping>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let names = target_names(query.as_deref().unwrap_or_default());
    let [name] = &names[..] else { return (StatusCode::BAD_REQUEST, WHICH).into_response() };
    let Some(ended) = (app.probe)(name) else {
        let text = format!("no target is named {name:?}; a name from the configuration is wanted, not an address\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let waiting = async {
        match app.settings.timeout_offset().patience(&headers) {
            // A cycle that takes longer goes on, and the next answer tells of it.
            Some(patience) => drop(tokio::time::timeout(patience, ended).await),
            None => ended.await,
        }
    };
    tokio::select! {
        () = waiting => {}
        // What is known by then is a better answer than none.
        () = stopping.begins() => {}
    }
    show(&app, &names, &headers)
}
