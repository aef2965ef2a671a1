//! `/sd`: HTTP service discovery for Prometheus. A group for each target, which has it scrape `/probe` for that one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use crate::model::target::{ScheduleMode, Target};
use crate::telemetry::Shown;

use super::App;
use super::body::Chunks;
use super::external_url::{ExternalUrl, Scheme};
use super::host_header::address_asked;

/// A chunk ends with the first group that makes it as long as this.
const CHUNK: usize = 64 * 1024;

const NO_ADDRESS: &str = "under which address this exporter is reached is not known: the request has no usable Host \
                          header; --web.external-url says it\n";

const NO_SELECTION: &str = "write schedule=off for the targets that only /probe probes, schedule=on for the others, or \
                            leave it out for all\n";

/// All targets; with `?schedule=off` those that only `/probe` probes, with `?schedule=on` the others.
pub(super) async fn discover(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    own_scheme: Option<Extension<Scheme>>,
    headers: HeaderMap,
) -> Response {
    let Ok(selection) = selection(query.as_deref().unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, NO_SELECTION).into_response();
    };
    let external = app.settings.external_url();
    let Some(address) = external.map(ExternalUrl::address).or_else(|| address_asked(&headers)) else {
        return (StatusCode::BAD_REQUEST, NO_ADDRESS).into_response();
    };
    let way = Way {
        address: address.to_owned(),
        scheme: external.map(ExternalUrl::scheme).or(own_scheme.map(|Extension(scheme)| scheme)),
        path: app.settings.outer_path("/probe"),
    };
    let groups = Groups { shown: app.metrics.shown(), selection, way, position: 0, part: Part::Beginning };
    ([(CONTENT_TYPE, "application/json")], Body::new(Chunks(groups))).into_response()
}

/// The schedule that is asked for, if one is.
fn selection(query: &str) -> Result<Option<ScheduleMode>, ()> {
    let mut asked =
        form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "schedule").map(|(_, value)| value);
    match (asked.next(), asked.next()) {
        (None, _) => Ok(None),
        (Some(word), None) => ScheduleMode::ALL.into_iter().find(|mode| mode.as_str() == word).map(Some).ok_or(()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// How Prometheus reaches `/probe`.
struct Way {
    address: String,
    /// As the external URL says, or if this port speaks TLS; otherwise the job that scrapes says it.
    scheme: Option<Scheme>,
    path: String,
}

/// The document, a chunk at a time: ten thousand groups are some megabytes.
struct Groups {
    shown: Arc<Shown>,
    selection: Option<ScheduleMode>,
    way: Way,
    /// Of the next target.
    position: usize,
    part: Part,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Beginning,
    FurtherGroups,
    Nothing,
}

impl Iterator for Groups {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.part == Part::Nothing {
            return None;
        }
        let mut out = Vec::with_capacity(CHUNK + 1024);
        while out.len() < CHUNK {
            let Some(target) = self.shown.probed(self.position) else {
                out.extend_from_slice(if self.part == Part::Beginning { b"[]\n" } else { b"\n]\n" });
                self.part = Part::Nothing;
                break;
            };
            self.position += 1;
            if self.selection.is_none_or(|wanted| wanted == target.schedule) {
                out.extend_from_slice(if self.part == Part::Beginning { b"[\n" } else { b",\n" });
                self.part = Part::FurtherGroups;
                let labels = Labels { target, vantage: self.shown.vantage(), way: &self.way };
                let group = Group { targets: [&self.way.address], labels };
                serde_json::to_writer(&mut out, &group).expect("text can be written into memory");
            }
        }
        Some(Bytes::from(out))
    }
}

#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: Labels<'a>,
}

/// None of them is called like a label of the series, nor `instance`: Prometheus would put it in the place of theirs.
struct Labels<'a> {
    target: &'a Target,
    vantage: Option<&'a str>,
    way: &'a Way,
}

impl<'a> Labels<'a> {
    fn all(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let Self { target, vantage, way } = *self;
        let seconds = |duration: Duration| Cow::from(duration.as_secs_f64().to_string());
        let way = [
            Some(("__param_target", Cow::from(&target.name))),
            Some(("__metrics_path__", Cow::from(&way.path))),
            way.scheme.map(|scheme| ("__scheme__", scheme.as_str().into())),
        ];
        let facts = [
            Some(("__meta_oauth_probe_target", Cow::from(&target.name))),
            Some(("__meta_oauth_probe_schedule", target.schedule.as_str().into())),
            Some(("__meta_oauth_probe_interval_seconds", seconds(target.interval))),
            Some(("__meta_oauth_probe_timeout_seconds", seconds(target.timeout))),
            Some(("__meta_oauth_probe_authorization_server", target.authorization_host().into())),
            Some(("__meta_oauth_probe_resource_server", target.resource_host().into())),
            vantage.map(|vantage| ("__meta_oauth_probe_vantage", vantage.into())),
        ];
        let configured = target.labels.iter().map(|(name, value)| (format!("__meta_oauth_probe_label_{name}"), value));
        let fixed = way.into_iter().chain(facts).flatten().map(|(name, value)| (Cow::from(name), value));
        fixed.chain(configured.map(|(name, value)| (Cow::from(name), Cow::from(value))))
    }
}

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all())
    }
}
