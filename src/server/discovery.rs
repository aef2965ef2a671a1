//! `/sd`: HTTP service discovery for Prometheus. A group for each target, which has it scrape `/probe` for that one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use crate::model::target::{ScheduleMode, Target};

use super::App;
use super::body::Chunks;
use super::external_url::{ExternalUrl, Scheme};
use super::host_header::address_asked;
use super::json_list::JsonList;

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
    let shown = app.metrics.shown();
    let way = Arc::new(Way {
        address: address.to_owned(),
        scheme: external.map(ExternalUrl::scheme).or(own_scheme.map(|Extension(scheme)| scheme)),
        path: app.settings.outer_path("/probe"),
        vantage: shown.vantage().map(str::to_owned),
    });
    let targets = (0..).map_while(move |position| shown.probed(position).cloned());
    let groups = targets
        .filter(move |target| selection.is_none_or(|wanted| wanted == target.schedule))
        .map(move |target| Group { target, way: Arc::clone(&way) });
    let list = JsonList::new(b"[".to_vec(), groups, b"]\n");
    ([(CONTENT_TYPE, "application/json")], Body::new(Chunks(list))).into_response()
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
    /// Where the exporter stands, if that is said.
    vantage: Option<String>,
}

/// One target, and how it is probed.
struct Group {
    target: Arc<Target>,
    way: Arc<Way>,
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut group = serializer.serialize_struct("Group", 2)?;
        group.serialize_field("targets", &[&self.way.address])?;
        group.serialize_field("labels", &Labels(self))?;
        group.end()
    }
}

/// None of them is called like a label of the series, nor `instance`: Prometheus would put it in the place of theirs.
struct Labels<'a>(&'a Group);

impl<'a> Labels<'a> {
    fn all(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let Group { target, way } = self.0;
        let seconds = |duration: Duration| Cow::from(duration.as_secs_f64().to_string());
        let route = [
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
            way.vantage.as_deref().map(|vantage| ("__meta_oauth_probe_vantage", vantage.into())),
        ];
        let configured = target.labels.iter().map(|(name, value)| (format!("__meta_oauth_probe_label_{name}"), value));
        let fixed = route.into_iter().chain(facts).flatten().map(|(name, value)| (Cow::from(name), value));
        fixed.chain(configured.map(|(name, value)| (Cow::from(name), Cow::from(value))))
    }
}

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all())
    }
}
