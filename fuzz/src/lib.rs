//! What several fuzz targets share.

use std::time::Duration;

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::target::{Config, Target};

/// Stands for a secret. It is longer than any key that a message repeats.
pub const MARK: &str = "S3cr3tC4n4ryS3cr3tC4n4ryS3cr3tC4n4ry";

/// Whether a part of [`MARK`] that cannot be chance is in `text`.
#[must_use]
pub fn marked(text: &str) -> bool {
    text.contains("S3cr3tC4n4ry")
}

/// A target with the defaults.
#[must_use]
pub fn target() -> Target {
    let text = "targets: [{ name: a, authorization_server: https://auth.example.com, \
                resource_server: https://api.example.com, client_id: acme, client_secret: secret }]";
    let config = config::parse(text, "probe.yml", &|_| None).expect("a good configuration");
    Target { timeout: Duration::from_secs(5), ..Target::clone(&config.targets[0]) }
}

/// A configuration of these targets.
#[must_use]
pub fn configuration(targets: Vec<Target>, vantage: Option<String>) -> Config {
    let targets = targets.into_iter().map(Into::into).collect();
    Config { vantage, latency_buckets: vec![0.1, 1.0], histograms: Histograms::Classic, history: 10, targets }
}
