//! The mirror of the file: `defaults` and each target with every key optional, and how one is laid over the other.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use url::{Host, Url};

use super::authentication::{RawAuth, RawJwt};
use super::fields::{Fields, Spot};
use super::setting::{Given, Overlay, Setting};
use super::{address, collections, scalars};
use crate::model::check::Check;
use crate::model::secret::Secret;
use crate::model::target::{BasicEncoding, ConnectionMode, ProxyUrl, ScheduleMode};

/// `defaults`, a target, or one laid over the other.
#[derive(Clone, Default)]
pub(super) struct RawTarget {
    pub(super) authorization_server: Setting<Url>,
    pub(super) resource_server: Setting<Url>,
    pub(super) interval: Setting<Duration>,
    pub(super) schedule: Setting<ScheduleMode>,
    pub(super) timeout: Setting<Duration>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) client_id: Setting<String>,
    /// Three keys, but one setting: a target's source replaces that of `defaults`, whatever its key.
    pub(super) secret: Setting<RawSecret>,
    pub(super) client_secret_expires: Setting<SystemTime>,
    pub(super) token: RawToken,
    pub(super) ping: RawPing,
    pub(super) latency_objective: Setting<Duration>,
    pub(super) checks: Setting<Vec<Check>>,
    pub(super) checks_every: Setting<NonZeroU32>,
    pub(super) api_key: Setting<RawSecret>,
    pub(super) tls: RawTls,
    pub(super) proxy_url: Setting<ProxyUrl>,
    pub(super) allow_plaintext: Setting<bool>,
}

/// Where the secret is; a variable is read only for targets that use it.
#[derive(Clone)]
pub(super) enum RawSecret {
    File(PathBuf),
    Inline(Secret),
    Variable(String),
}

/// The keys under which a secret may stand, and what it is called.
pub(super) struct SecretKeys {
    pub(super) what: &'static str,
    pub(super) file: &'static str,
    pub(super) inline: &'static str,
    pub(super) variable: &'static str,
}

pub(super) const CLIENT_SECRET: SecretKeys =
    SecretKeys { what: "secret", file: "client_secret_file", inline: "client_secret", variable: "client_secret_env" };

pub(super) const API_KEY: SecretKeys =
    SecretKeys { what: "API key", file: "api_key_file", inline: "api_key", variable: "api_key_env" };

#[derive(Clone, Default)]
pub(super) struct RawToken {
    pub(super) path: Setting<String>,
    pub(super) auth: Setting<RawAuth>,
    pub(super) basic_encoding: Setting<BasicEncoding>,
    pub(super) jwt: RawJwt,
    pub(super) scopes: Setting<Vec<String>>,
    pub(super) params: BTreeMap<String, Secret>,
    pub(super) max_age: Setting<Option<Duration>>,
    pub(super) refresh_margin: Setting<Duration>,
    pub(super) default_lifetime: Setting<Duration>,
    pub(super) expected_scopes: Setting<Vec<String>>,
    pub(super) tls: RawTls,
}

#[derive(Clone, Default)]
pub(super) struct RawPing {
    pub(super) path: Setting<String>,
    pub(super) method: Setting<String>,
    pub(super) headers: BTreeMap<String, Secret>,
    pub(super) expect: RawExpectation,
    pub(super) connection: Setting<ConnectionMode>,
    pub(super) tls: RawTls,
}

#[derive(Clone, Default)]
pub(super) struct RawExpectation {
    pub(super) status: Setting<Vec<u16>>,
    pub(super) json: Setting<Arc<BTreeMap<String, Value>>>,
}

#[derive(Clone, Default)]
pub(super) struct RawTls {
    pub(super) ca_file: Setting<PathBuf>,
    pub(super) cert_file: Setting<PathBuf>,
    pub(super) key_file: Setting<PathBuf>,
    pub(super) server_name: Setting<Host<String>>,
    pub(super) insecure_skip_verify: Setting<bool>,
}

impl RawTarget {
    /// Everything that may stand in `defaults` and in a target.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            authorization_server: fields.take("authorization_server", server),
            resource_server: fields.take("resource_server", server),
            interval: fields.take("interval", |spot| scalars::duration(spot, Duration::from_millis(100))),
            schedule: fields.take("schedule", schedule),
            timeout: fields.take("timeout", scalars::positive_duration),
            labels: fields.map("labels", collections::labels),
            client_id: fields.take("client_id", |spot| scalars::plain_text(spot, "write the client id")),
            secret: RawSecret::read(fields, &CLIENT_SECRET),
            client_secret_expires: fields.take("client_secret_expires", scalars::date),
            token: fields.section("token", RawToken::read),
            ping: fields.section("ping", RawPing::read),
            latency_objective: fields.take("latency_objective", scalars::positive_duration),
            checks: fields.take("checks", collections::checks),
            checks_every: fields.take("checks_every", checks_every),
            api_key: RawSecret::read(fields, &API_KEY),
            tls: fields.section("tls", RawTls::read),
            proxy_url: fields.take("proxy_url", |mut spot| {
                let text = spot.text("write such as `http://proxy.example.com:3128`")?;
                address::proxy(text).map_or_else(|what| spot.refuse(what), Some)
            }),
            allow_plaintext: fields.take("allow_plaintext", scalars::boolean),
        }
    }
}

impl RawSecret {
    /// The key that it stands behind.
    pub(super) const fn key(&self, keys: &SecretKeys) -> &'static str {
        match self {
            Self::File(_) => keys.file,
            Self::Inline(_) => keys.inline,
            Self::Variable(_) => keys.variable,
        }
    }

    fn read(fields: &mut Fields<'_>, keys: &SecretKeys) -> Setting<Self> {
        let sources = [
            (keys.file, fields.take(keys.file, |spot| scalars::file_name(spot).map(Self::File))),
            (keys.inline, fields.take(keys.inline, |spot| scalars::secret(spot, keys).map(Self::Inline))),
            (
                keys.variable,
                fields.take(keys.variable, |spot| {
                    scalars::plain_text(spot, "name an environment variable").map(Self::Variable)
                }),
            ),
        ];
        let mut written = sources.into_iter().filter(|(_, setting)| !setting.is_absent());
        let Some((first, setting)) = written.next() else { return Setting::Absent };
        let others: Vec<_> = written.collect();
        for (key, other) in &others {
            if let Setting::Given(Given { origin, .. }) = other {
                let what = format!("a second source of the {} beside `{first}`; keep one of them", keys.what);
                fields.refuse(key, origin.line.unwrap_or_default(), &what);
            }
        }
        if others.is_empty() { setting } else { Setting::Refused }
    }
}

impl RawToken {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            path: fields.take("path", path),
            auth: fields.take("auth", RawAuth::read),
            basic_encoding: fields.take("basic_encoding", |spot| {
                scalars::choice(spot, &[("form", BasicEncoding::Form), ("raw", BasicEncoding::Raw)])
            }),
            jwt: fields.section("jwt", RawJwt::read),
            scopes: fields.take("scopes", collections::scopes),
            params: fields.map("params", collections::params),
            max_age: fields.take("max_age", scalars::duration_or_off),
            refresh_margin: fields.take("refresh_margin", |spot| scalars::duration(spot, Duration::ZERO)),
            default_lifetime: fields.take("default_lifetime", scalars::positive_duration),
            expected_scopes: fields.take("expected_scopes", collections::scopes),
            tls: fields.section("tls", RawTls::read),
        }
    }
}

impl RawPing {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            path: fields.take("path", path),
            method: fields.take("method", scalars::method),
            headers: fields.map("headers", collections::headers),
            expect: fields.section("expect", |fields| RawExpectation {
                status: fields.take("status", collections::status_codes),
                json: fields.take("json", |spot| collections::json_expectations(spot).map(Arc::new)),
            }),
            connection: fields.take("connection", |spot| {
                scalars::choice(spot, &[("fresh", ConnectionMode::Fresh), ("reuse", ConnectionMode::Reuse)])
            }),
            tls: fields.section("tls", RawTls::read),
        }
    }
}

impl RawTls {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            ca_file: fields.take("ca_file", scalars::file_name),
            cert_file: fields.take("cert_file", scalars::file_name),
            key_file: fields.take("key_file", scalars::file_name),
            server_name: fields.take("server_name", server_name),
            insecure_skip_verify: fields.take("insecure_skip_verify", scalars::boolean),
        }
    }
}

fn server(mut spot: Spot<'_>) -> Option<Url> {
    let text = spot.text("write the server's URL, such as `https://auth.example.com`")?;
    address::server(text).map_or_else(|what| spot.refuse(what), Some)
}

fn server_name(mut spot: Spot<'_>) -> Option<Host<String>> {
    let text = spot.text("write the name in the server's certificate, such as `api.example.com`")?;
    address::server_name(text).map_or_else(|what| spot.refuse(what), Some)
}

fn path(mut spot: Spot<'_>) -> Option<String> {
    let text = spot.text("write the path on the server, such as `/oauth/token`")?;
    address::path(text).map_or_else(|what| spot.refuse(what), Some)
}

fn checks_every(spot: Spot<'_>) -> Option<NonZeroU32> {
    scalars::integer(spot, &(1..=100_000_u32)).and_then(NonZeroU32::new)
}

/// `on` and `off` are words in YAML 1.2, but some tools still turn them into booleans.
fn schedule(spot: Spot<'_>) -> Option<ScheduleMode> {
    const BOOLEANS: [(&str, ScheduleMode); 2] = [("true", ScheduleMode::On), ("false", ScheduleMode::Off)];
    if let Some((_, mode)) = spot.written().and_then(|text| BOOLEANS.into_iter().find(|(word, _)| *word == text)) {
        return Some(mode);
    }
    scalars::choice(spot, &[("on", ScheduleMode::On), ("off", ScheduleMode::Off)])
}

impl Overlay for RawTarget {
    fn over(&self, below: &Self) -> Self {
        Self {
            authorization_server: self.authorization_server.over(&below.authorization_server),
            resource_server: self.resource_server.over(&below.resource_server),
            interval: self.interval.over(&below.interval),
            schedule: self.schedule.over(&below.schedule),
            timeout: self.timeout.over(&below.timeout),
            labels: self.labels.over(&below.labels),
            client_id: self.client_id.over(&below.client_id),
            secret: self.secret.over(&below.secret),
            client_secret_expires: self.client_secret_expires.over(&below.client_secret_expires),
            token: self.token.over(&below.token),
            ping: self.ping.over(&below.ping),
            latency_objective: self.latency_objective.over(&below.latency_objective),
            checks: self.checks.over(&below.checks),
            checks_every: self.checks_every.over(&below.checks_every),
            api_key: self.api_key.over(&below.api_key),
            tls: self.tls.over(&below.tls),
            proxy_url: self.proxy_url.over(&below.proxy_url),
            allow_plaintext: self.allow_plaintext.over(&below.allow_plaintext),
        }
    }
}

impl Overlay for RawToken {
    fn over(&self, below: &Self) -> Self {
        Self {
            path: self.path.over(&below.path),
            auth: self.auth.over(&below.auth),
            basic_encoding: self.basic_encoding.over(&below.basic_encoding),
            jwt: self.jwt.over(&below.jwt),
            scopes: self.scopes.over(&below.scopes),
            params: self.params.over(&below.params),
            max_age: self.max_age.over(&below.max_age),
            refresh_margin: self.refresh_margin.over(&below.refresh_margin),
            default_lifetime: self.default_lifetime.over(&below.default_lifetime),
            expected_scopes: self.expected_scopes.over(&below.expected_scopes),
            tls: self.tls.over(&below.tls),
        }
    }
}

impl Overlay for RawPing {
    fn over(&self, below: &Self) -> Self {
        Self {
            path: self.path.over(&below.path),
            method: self.method.over(&below.method),
            headers: self.headers.over(&below.headers),
            expect: RawExpectation {
                status: self.expect.status.over(&below.expect.status),
                json: self.expect.json.over(&below.expect.json),
            },
            connection: self.connection.over(&below.connection),
            tls: self.tls.over(&below.tls),
        }
    }
}

impl Overlay for RawTls {
    fn over(&self, below: &Self) -> Self {
        Self {
            ca_file: self.ca_file.over(&below.ca_file),
            cert_file: self.cert_file.over(&below.cert_file),
            key_file: self.key_file.over(&below.key_file),
            server_name: self.server_name.over(&below.server_name),
            insecure_skip_verify: self.insecure_skip_verify.over(&below.insecure_skip_verify),
        }
    }
}
