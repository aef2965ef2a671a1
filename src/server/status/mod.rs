//! The status page for people: what works, what does not, since when, whose fault it is and what to do.

mod assets;
mod diagnosis;
mod filter;
mod fleet;
mod frame;
mod links;
mod listed;
mod phases;
mod sparkline;
mod target;
mod token;
mod tone;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use url::form_urlencoded;

use crate::telemetry::status::Listing;

use super::App;
use super::aside::aside;
use filter::Filter;
use fleet::List;
use frame::Page;
use links::Place;
use tone::Tone;

/// Nothing but what this exporter serves, no script and no style inside of a page, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Names of targets are nobody else's business.
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// Adds the pages and what they are made of.
pub(super) fn route(router: Router<Arc<App>>, app: &App) -> Router<Arc<App>> {
    let settings = &app.settings;
    let router = router
        .route(&settings.at("/assets/{name}"), get(assets::serve))
        .route(&settings.at("/targets/"), get(target_by_query))
        // A proxy may have decoded the slashes of a name.
        .route(&settings.at("/targets/{*name}"), get(target_by_path));
    if settings.telemetry_path() == "/" { router } else { router.route(&settings.at("/"), get(fleet_page)) }
}

async fn fleet_page(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    aside(move || list_page(&app, &query.unwrap_or_default())).await
}

fn list_page(app: &App, query: &str) -> Response {
    let status = app.metrics.status((app.now)());
    let fleet = status.fleet();
    let (filter, selection) = Filter::read(query);
    let listing = selection.as_ref().ok().map(|selection| status.list(selection));
    let targets: Vec<_> = listing.iter().flat_map(Listing::targets).collect();
    let list = List {
        fleet: &fleet,
        causes: &status.causes(),
        filter: &filter,
        matching: listing.map_or(0, |listing| listing.matching),
        targets: &targets,
        mistake: selection.as_ref().err(),
    };
    let code = if selection.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let (title, tone) = (fleet::title(&fleet.counts), Tone::of_fleet(&fleet.counts));
    answer(code, app, &Page { place: Place::Root, title: &title, tone, fleet: &fleet, content: list.render() })
}

async fn target_by_path(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    aside(move || target_page(&app, &name)).await
}

/// For names that cannot stand in a path.
async fn target_by_query(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    match form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name") {
        Some((_, name)) => {
            let name = name.into_owned();
            aside(move || target_page(&app, &name)).await
        }
        None => (StatusCode::FOUND, [(LOCATION, "../")]).into_response(),
    }
}

fn target_page(app: &App, name: &str) -> Response {
    let status = app.metrics.status((app.now)());
    let fleet = status.fleet();
    let (code, title, tone, content) = match status.details(name) {
        Some(details) => {
            let (title, tone) = (target::title(&details.summary), Tone::of_target(&details.summary));
            (StatusCode::OK, title, tone, target::render(&details, fleet.now))
        }
        None => (StatusCode::NOT_FOUND, "no such target".to_owned(), Tone::Pending, target::unknown(name)),
    };
    answer(code, app, &Page { place: Place::Targets, title: &title, tone, fleet: &fleet, content })
}

fn answer(code: StatusCode, app: &App, page: &Page<'_>) -> Response {
    let metrics = app.settings.telemetry_path().trim_start_matches('/');
    (code, HEADERS, page.render(metrics).into_string()).into_response()
}
