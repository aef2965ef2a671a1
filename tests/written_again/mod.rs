//! The property of `/config`: what it shows, read again, is the same configuration but for its secrets.
#![allow(unreachable_pub, reason = "shared by several test binaries")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::assertion::{Assertion, AssertionKey};
use oauth_probe_exporter::model::secret::Secret;
use oauth_probe_exporter::model::target::{ClientAuthentication, Config, SecretSource, Target};
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::telemetry::Metrics;
use url::Url;

/// As `/config` shows it.
pub fn shown(config: &Config) -> String {
    let now = Stamp { moment: Moment::default(), wall: UNIX_EPOCH + Duration::from_secs(1) };
    let pieces = Metrics::new(config, now).status(now).configuration();
    String::from_utf8(pieces.flatten().collect()).unwrap()
}

/// Reads what is shown, and demands that it is `config`.
pub fn assert_written_again(config: &Config) {
    let text = shown(config);
    let again = config::parse(&text, "shown.yml", &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(without_secrets(config), without_secrets(&again), "{text}");
    assert_eq!(shown(&again), text);
}

/// The same with one secret in the place of every one.
fn without_secrets(config: &Config) -> Config {
    let targets = config.targets.iter().map(|target| Arc::new(hidden(target))).collect();
    Config { targets, ..config.clone() }
}

fn hidden(target: &Target) -> Target {
    let mut target = target.clone();
    let is_endpoint = |assertion: &Assertion| assertion.audience == target.token.endpoint.as_str();
    match &mut target.token.authentication {
        ClientAuthentication::Basic { secret, .. } | ClientAuthentication::Post { secret } => hide_source(secret),
        ClientAuthentication::Assertion(assertion) => {
            if is_endpoint(assertion) {
                "the endpoint".clone_into(&mut assertion.audience);
            }
            if let AssertionKey::Secret { secret, .. } = &mut assertion.key {
                hide_source(secret);
            }
        }
        ClientAuthentication::Tls => {}
    }
    target.token.params.values_mut().for_each(hide);
    target.ping.headers.values_mut().for_each(hide);
    target.checks.api_key.iter_mut().for_each(hide_source);
    for transport in [&mut target.token.transport, &mut target.ping.transport] {
        if let Some(proxy) = &mut transport.proxy {
            proxy.credentials =
                proxy.credentials.take().map(|_| (Secret::new(String::new()), Secret::new(String::new())));
        }
    }
    hide_query(&mut target.token.endpoint);
    hide_query(&mut target.ping.endpoint);
    target
}

fn hide(secret: &mut Secret) {
    *secret = Secret::new("hidden".to_owned());
}

fn hide_source(source: &mut SecretSource) {
    if let SecretSource::Inline(secret) = source {
        hide(secret);
    }
}

fn hide_query(url: &mut Url) {
    let hidden = url.query().map(|_| "hidden");
    url.set_query(hidden);
}
