//! The JSON API and the configuration in force: readings of the same status that the page shows.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use url::form_urlencoded;

use crate::telemetry::status::{FleetStatus, InvalidSelection, Listing, Selection};

use super::App;
use super::body::Chunks;

const JSON: &str = "application/json";

/// Shown by browsers, while a type of its own would be saved to disk.
const YAML: &str = "text/plain; charset=utf-8";

/// A piece ends with the first target that makes it as long as this.
const PIECE: usize = 64 * 1024;

/// The targets that a query selects.
///
/// # Errors
/// When a parameter of it means nothing.
pub(super) fn selection(query: Option<&str>) -> Result<Selection, InvalidSelection> {
    Selection::of_query(form_urlencoded::parse(query.unwrap_or_default().as_bytes()))
}

/// What `selection` selects, and the fleet. That takes some milliseconds for ten thousand targets, in which no probe is
/// to wait for this thread.
pub(super) async fn select(app: &App, selection: Selection) -> (FleetStatus, Listing) {
    let status = app.metrics.status((app.now)());
    let selecting = tokio::task::spawn_blocking(move || (status.fleet(), status.list(&selection)));
    selecting.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// `GET /api/v1/targets`
pub(super) async fn targets(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let selection = match selection(query.as_deref()) {
        Ok(selection) => selection,
        Err(invalid) => return error(StatusCode::BAD_REQUEST, "bad_data", &invalid.to_string()),
    };
    let offset = selection.offset;
    let (fleet, listing) = select(&app, selection).await;
    let pieces = ListChunks::new(&fleet, offset, listing);
    ([(CONTENT_TYPE, JSON)], Body::new(Chunks(pieces))).into_response()
}

/// `GET /api/v1/targets/NAME`
pub(super) async fn target(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match app.metrics.status((app.now)()).details(&name) {
        Some(details) => success(&details),
        None => error(StatusCode::NOT_FOUND, "not_found", &format!("no target is named {name:?}")),
    }
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

/// Neither memory nor plain data with text as keys gives it a reason to fail.
fn write_json(bytes: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(&mut *bytes, value) {
        tracing::error!(%error, "what is shown cannot be written as JSON; this is a bug of the exporter");
    }
}

/// A list of targets, each written when its turn comes.
struct ListChunks {
    head: Option<Vec<u8>>,
    listing: Listing,
    written: usize,
    is_ended: bool,
}

impl ListChunks {
    fn new(fleet: &FleetStatus, offset: usize, listing: Listing) -> Self {
        let mut head = b"{\"status\":\"success\",\"data\":{\"fleet\":".to_vec();
        write_json(&mut head, fleet);
        for (key, number) in [("matching", listing.matching), ("offset", offset)] {
            head.extend_from_slice(format!(",\"{key}\":{number}").as_bytes());
        }
        head.extend_from_slice(b",\"targets\":[");
        Self { head: Some(head), listing, written: 0, is_ended: false }
    }
}

impl Iterator for ListChunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        let mut piece = self.head.take().unwrap_or_default();
        while piece.len() < PIECE {
            let Some(target) = self.listing.target(self.written) else {
                piece.extend_from_slice(b"]}}\n");
                self.is_ended = true;
                break;
            };
            if self.written > 0 {
                piece.push(b',');
            }
            write_json(&mut piece, &target);
            self.written += 1;
        }
        Some(piece.into())
    }
}
