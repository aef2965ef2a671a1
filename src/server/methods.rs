//! What is said to a method that a path does not take. The header `Allow` says the same to a program.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};

use super::App;
use super::external_url::{ExternalUrl, Scheme};
use super::host_header::address_asked;

pub(super) async fn takes_get() -> (StatusCode, &'static str) {
    (StatusCode::METHOD_NOT_ALLOWED, "this takes GET\n")
}

/// With a line to paste: whoever opens the path in a browser wants just that.
pub(super) async fn reload_takes_post(
    State(app): State<Arc<App>>,
    own_scheme: Option<Extension<Scheme>>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let external = app.settings.external_url();
    let scheme = external.map(ExternalUrl::scheme).or(own_scheme.map(|Extension(scheme)| scheme));
    let scheme = scheme.unwrap_or(Scheme::Http).as_str();
    let address = external.map(ExternalUrl::address).or_else(|| address_asked(&headers)).unwrap_or("HOST:PORT");
    let path = app.settings.outer_path("/-/reload");
    (StatusCode::METHOD_NOT_ALLOWED, format!("this takes POST: curl -X POST {scheme}://{address}{path}\n"))
}
