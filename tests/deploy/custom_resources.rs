//! The fields of the Prometheus operator's resources that we use, as its API (monitoring.coreos.com) defines them: what
//! is written wrongly there has no schema of Kubernetes' own to be held against.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Resource<S> {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: Metadata,
    #[serde(rename = "spec")]
    _spec: S,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "namespace")]
    _namespace: String,
    #[serde(default, rename = "labels")]
    _labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceMonitor {
    #[serde(rename = "selector")]
    _selector: Selector,
    #[serde(rename = "endpoints")]
    _endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Selector {
    #[serde(rename = "matchLabels")]
    _match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    #[serde(rename = "port")]
    _port: String,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "scrapeTimeout")]
    _scrape_timeout: String,
    #[serde(rename = "relabelings")]
    _relabelings: Vec<Relabeling>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScrapeConfig {
    #[serde(rename = "scrapeInterval")]
    _scrape_interval: String,
    #[serde(rename = "scrapeTimeout")]
    _scrape_timeout: String,
    #[serde(rename = "honorLabels")]
    _honor_labels: bool,
    #[serde(rename = "httpSDConfigs")]
    _http_sd_configs: Vec<HttpSdConfig>,
    #[serde(rename = "relabelings")]
    _relabelings: Vec<Relabeling>,
    #[serde(rename = "metricRelabelings")]
    _metric_relabelings: Vec<Relabeling>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSdConfig {
    #[serde(rename = "url")]
    _url: String,
    #[serde(rename = "refreshInterval")]
    _refresh_interval: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relabeling {
    #[serde(default, rename = "sourceLabels")]
    _source_labels: Vec<String>,
    #[serde(default, rename = "action")]
    _action: Option<Action>,
    #[serde(default, rename = "modulus")]
    _modulus: Option<u64>,
    #[serde(default, rename = "regex")]
    _regex: Option<String>,
    #[serde(default, rename = "replacement")]
    _replacement: Option<String>,
    #[serde(default, rename = "targetLabel")]
    _target_label: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Replace,
    Keep,
    Drop,
    Hashmod,
    Labelmap,
    Labeldrop,
    Labelkeep,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrometheusRule {
    /// For `promtool` to judge.
    #[serde(rename = "groups")]
    _groups: Vec<Value>,
}

/// # Errors
/// What is wrong with one of the operator's resources, or that it is none.
pub(crate) fn judge(resource: &Value) -> Result<(), String> {
    fn is<S: for<'d> Deserialize<'d>>(resource: &Value) -> Result<(), String> {
        Resource::<S>::deserialize(resource).map(drop).map_err(|problem| format!("{problem}: {resource}"))
    }
    match (resource["apiVersion"].as_str(), resource["kind"].as_str()) {
        (Some("monitoring.coreos.com/v1"), Some("ServiceMonitor")) => is::<ServiceMonitor>(resource),
        (Some("monitoring.coreos.com/v1"), Some("PrometheusRule")) => is::<PrometheusRule>(resource),
        (Some("monitoring.coreos.com/v1alpha1"), Some("ScrapeConfig")) => is::<ScrapeConfig>(resource),
        _ => Err(format!("not known here: {resource}")),
    }
}
