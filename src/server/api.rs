//! The JSON API and the configuration in force: readings of the same status that the page shows.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded;

use crate::telemetry::status::{FleetStatus, Selection};

use super::App;
use super::body::Chunks;
use super::json_list::{JsonList, write_json};
use super::turns::Turn;

const JSON: &str = "application/json";

/// Shown by browsers, while a type of its own would be saved to disk.
const YAML: &str = "text/plain; charset=utf-8";

/// `GET /api/v1/targets`
pub(super) async fn targets(
    State(app): State<Arc<App>>,
    Extension(turn): Extension<Turn>,
    RawQuery(query): RawQuery,
) -> Response {
    let selection = match Selection::of_query(form_urlencoded::parse(query.unwrap_or_default().as_bytes())) {
        Ok(selection) => selection,
        Err(invalid) => return error(StatusCode::BAD_REQUEST, "bad_data", &invalid.to_string()),
    };
    let status = app.metrics.status((app.now)());
    let list = turn.aside(move || {
        let (fleet, listing) = (status.fleet(), status.list(&selection));
        let beginning = list_beginning(&fleet, listing.matching, selection.offset);
        let targets = (0..).map_while(move |place| listing.target(place));
        JsonList::new(beginning, targets, b"]}}\n")
    });
    ([(CONTENT_TYPE, JSON)], Body::new(Chunks(list.await))).into_response()
}

/// All that stands before the targets.
fn list_beginning(fleet: &FleetStatus, matching: usize, offset: usize) -> Vec<u8> {
    let mut text = b"{\"status\":\"success\",\"data\":{\"fleet\":".to_vec();
    write_json(&mut text, fleet);
    text.extend_from_slice(format!(",\"matching\":{matching},\"offset\":{offset},\"targets\":[").as_bytes());
    text
}

/// `GET /api/v1/targets/NAME`
pub(super) async fn target(
    State(app): State<Arc<App>>,
    Extension(turn): Extension<Turn>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let name = match name {
        Ok(Path(name)) => name,
        Err(rejection) => return error(StatusCode::BAD_REQUEST, "bad_data", &rejection.body_text()),
    };
    let status = app.metrics.status((app.now)());
    turn.aside(move || match status.details(&name) {
        Some(details) => success(&details),
        None => error(StatusCode::NOT_FOUND, "not_found", &format!("no target is named {name:?}")),
    })
    .await
}

/// `GET /config`
pub(super) async fn config(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.status((app.now)()).configuration();
    ([(CONTENT_TYPE, YAML)], Body::new(Chunks(text))).into_response()
}

/// As Prometheus' own API answers.
fn success(data: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Success<'a, T> {
        status: &'static str,
        data: &'a T,
    }
    ([(CONTENT_TYPE, JSON)], json_bytes(&Success { status: "success", data })).into_response()
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure<'a> {
        status: &'static str,
        error_type: &'static str,
        error: &'a str,
    }
    let failure = Failure { status: "error", error_type: kind, error: message };
    (status, [(CONTENT_TYPE, JSON)], json_bytes(&failure)).into_response()
}

fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, value);
    bytes.push(b'\n');
    bytes
}
