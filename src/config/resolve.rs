//! From a merged layer to a typed target: defaults filled in, and what only shows when settings stand side by side.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::mistake::{Owner, Report};
use super::raw::{API_KEY, RawSecret, RawTarget, RawTls, SecretKeys};
use super::setting::{Given, Layer, Origin, Overlay, Setting};
use super::{Environment, address, scalars};
use crate::model::check::{Check, CheckSettings};
use crate::model::target::{
    ConnectionMode, Expectation, Identity, PingSettings, ScheduleMode, SecretSource, Target, TokenPolicy,
    TokenSettings, Transport, Verification, is_exposed,
};

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
const LATENCY_OBJECTIVE: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
const CHECKS_EVERY: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
const TOKEN_PATH: &str = "/oauth/token";
const PING_PATH: &str = "/api/v1/deliveryexperience/ping";

/// What a target is resolved with.
pub(super) struct Resolver<'a> {
    /// Names the target in messages.
    pub(super) owner: Owner<'a>,
    /// Where the target begins; what is missing is missed there.
    pub(super) line: Option<usize>,
    /// Relative file names start here.
    pub(super) directory: &'a Path,
    pub(super) environment: Environment<'a>,
    pub(super) report: &'a mut Report,
}

impl Resolver<'_> {
    /// The target, if nothing is wrong with it; otherwise the report says what is.
    pub(super) fn resolve(&mut self, name: &str, raw: &RawTarget) -> Option<Target> {
        let (interval, timeout) = self.durations(raw);
        let token = self.token(raw, interval);
        let ping = self.ping(raw);
        let checks = self.checks(raw);
        // An empty label is no label to Prometheus, which lets a target take away one of `defaults`.
        let labels = raw.labels.iter().filter(|(_, value)| !value.is_empty());
        Some(Target {
            name: name.to_owned(),
            labels: labels.map(|(name, value)| (name.clone(), value.clone())).collect(),
            interval,
            schedule: raw.schedule.or_default(ScheduleMode::On),
            timeout,
            latency_objective: raw.latency_objective.or_default(LATENCY_OBJECTIVE),
            client_secret_expires: raw.client_secret_expires.value().copied(),
            token: token?,
            ping: ping?,
            checks: checks?,
        })
    }

    fn durations(&mut self, raw: &RawTarget) -> (Duration, Duration) {
        let interval = raw.interval.or_default(INTERVAL);
        let Some(timeout) = raw.timeout.given() else { return (interval, TIMEOUT.min(interval)) };
        if timeout.value > interval && !matches!(raw.interval, Setting::Refused) {
            let long = humantime::format_duration(timeout.value);
            let short = humantime::format_duration(interval);
            match raw.interval.given() {
                Some(given) if given.origin.layer == Layer::Target && timeout.origin.layer == Layer::Defaults => {
                    let what = format!("{short} is shorter than the timeout of `defaults`, {long}; write a `timeout`");
                    self.refuse(given.origin, "interval", &what);
                }
                _ => {
                    let what = format!("{long} is longer than the interval; write at most `{short}`");
                    self.refuse(timeout.origin, "timeout", &what);
                }
            }
        }
        (interval, timeout.value)
    }

    fn token(&mut self, raw: &RawTarget, interval: Duration) -> Option<TokenSettings> {
        let path = raw.token.path.or_default(TOKEN_PATH.to_owned());
        let server = self.server(&raw.authorization_server, "authorization_server", &path, raw);
        let client_id = self.required(
            &raw.client_id,
            "client_id",
            "is missing; it is the id that the provider gave beside the secret",
        );
        let transport = self.transport(raw, &raw.token.tls, "token.tls");
        let endpoint = server.map(|server| address::endpoint(&server, &path));
        let authentication = self.authentication(raw, &transport, endpoint.as_ref());
        Some(TokenSettings {
            endpoint: endpoint?,
            client_id: client_id?,
            authentication: authentication?,
            scopes: raw.token.scopes.or_default(Vec::new()),
            params: raw.token.params.clone(),
            expected_scopes: raw.token.expected_scopes.or_default(Vec::new()),
            policy: TokenPolicy {
                interval,
                max_age: raw.token.max_age.or_default(Some(MAX_AGE)),
                refresh_margin: raw.token.refresh_margin.value().copied(),
                default_lifetime: raw.token.default_lifetime.or_default(DEFAULT_LIFETIME),
            },
            transport,
        })
    }

    fn ping(&mut self, raw: &RawTarget) -> Option<PingSettings> {
        let path = raw.ping.path.or_default(PING_PATH.to_owned());
        let server = self.server(&raw.resource_server, "resource_server", &path, raw);
        let transport = self.transport(raw, &raw.ping.tls, "ping.tls");
        Some(PingSettings {
            endpoint: address::endpoint(&server?, &path),
            method: raw.ping.method.or_default("GET".to_owned()),
            headers: raw.ping.headers.clone(),
            expect: Expectation {
                status: raw.ping.expect.status.or_default(vec![200]),
                json: raw.ping.expect.json.value().cloned().unwrap_or_else(pong),
            },
            connection: raw.ping.connection.or_default(ConnectionMode::Fresh),
            transport,
        })
    }

    fn server(&mut self, setting: &Setting<Url>, key: &'static str, path: &str, raw: &RawTarget) -> Option<Url> {
        let missing = match key {
            "authorization_server" => {
                "is missing; it is the URL of the server that issues tokens, such as `https://auth.example.com`"
            }
            _ => "is missing; it is the URL of the API's server, such as `https://api.example.com`",
        };
        let url = self.required(setting, key, missing)?;
        let origin = setting.given()?.origin;
        if is_exposed(&url) && !raw.allow_plaintext.or_default(false) {
            self.refuse(
                origin,
                key,
                "would send credentials in plain text; write `https://`, or `allow_plaintext: true` in the file",
            );
        }
        if address::repeats(&url, path) {
            let section = if key == "authorization_server" { "token" } else { "ping" };
            let what = format!("ends with the path that `{section}.path` appends; write the part before it");
            self.refuse(origin, key, &what);
        }
        Some(url)
    }

    fn checks(&mut self, raw: &RawTarget) -> Option<CheckSettings> {
        if matches!(raw.checks, Setting::Refused) {
            return None;
        }
        let checks = raw.checks.or_default(Vec::new());
        let api_key = if checks.contains(&Check::ApiKey) {
            Some(self.secret(&raw.api_key, &API_KEY)?)
        } else {
            // In `defaults` it may be meant for other targets.
            if let Some(given) = raw.api_key.given().filter(|given| given.origin.layer == Layer::Target) {
                let key = given.value.key(&API_KEY);
                self.refuse(given.origin, key, "is of no use without the check; write `api_key` into `checks`");
            }
            None
        };
        Some(CheckSettings { checks, every: raw.checks_every.or_default(CHECKS_EVERY), api_key })
    }

    pub(super) fn secret(&mut self, setting: &Setting<RawSecret>, keys: &SecretKeys) -> Option<SecretSource> {
        let SecretKeys { what, file, inline, variable } = *keys;
        let (key, missing) = match self.owner {
            Owner::Environment => {
                let missing = "is missing; it is the client's secret, or PARTNER_OA_SECRET_FILE names its file";
                (inline, missing.to_owned())
            }
            _ => (file, format!("is missing; name the file that holds the {what}, or use `{variable}` or `{inline}`")),
        };
        match self.required(setting, key, &missing)? {
            RawSecret::File(file) => Some(SecretSource::File(self.directory.join(file))),
            RawSecret::Inline(secret) => Some(SecretSource::Inline(secret)),
            RawSecret::Variable(name) => {
                let value = (self.environment)(&name);
                // The name stays unsaid: it may be the secret itself, put under the wrong key.
                let what = match value.as_deref().map_or(Some(""), OsStr::to_str) {
                    Some(text) => match scalars::inline_secret(text) {
                        Some(secret) => return Some(SecretSource::Inline(secret)),
                        None => "names an environment variable that is not set or empty; set it, or name another",
                    },
                    None => "names an environment variable that is set, but not to UTF-8 text; set it to that",
                };
                self.refuse(setting.given()?.origin, variable, what);
                None
            }
        }
    }

    /// `own` is `token.tls` or `ping.tls`, called `section`.
    fn transport(&mut self, raw: &RawTarget, own: &RawTls, section: &str) -> Transport {
        let tls = own.over(&raw.tls);
        let identity = match (&tls.cert_file, &tls.key_file) {
            (Setting::Given(cert), Setting::Given(key)) => Some(Identity {
                cert_file: self.directory.join(&cert.value),
                key_file: self.directory.join(&key.value),
            }),
            (Setting::Given(cert), Setting::Absent) => {
                let section = if own.cert_file.is_absent() { "tls" } else { section };
                self.lonely(cert, &format!("{section}.cert_file"), "key_file")
            }
            (Setting::Absent, Setting::Given(key)) => {
                let section = if own.key_file.is_absent() { "tls" } else { section };
                self.lonely(key, &format!("{section}.key_file"), "cert_file")
            }
            _ => None,
        };
        let skip = tls.insecure_skip_verify.or_default(false);
        Transport {
            ca_file: tls.ca_file.value().map(|file| self.directory.join(file)),
            identity,
            server_name: tls.server_name.value().cloned(),
            verification: if skip { Verification::Skip } else { Verification::Full },
            proxy: raw.proxy_url.value().cloned(),
        }
    }

    fn lonely(&mut self, given: &Given<PathBuf>, path: &str, other: &str) -> Option<Identity> {
        self.refuse(given.origin, path, &format!("is of no use alone; write `{other}` beside it"));
        None
    }

    /// What must be set; `missing` says what it is.
    pub(super) fn required<T: Clone>(&mut self, setting: &Setting<T>, key: &str, missing: &str) -> Option<T> {
        if setting.is_absent() {
            self.report.add(self.line, self.owner, key, missing);
        }
        setting.value().cloned()
    }

    pub(super) fn refuse(&mut self, origin: Origin, path: &str, what: &str) {
        let owner = if origin.layer == Layer::Defaults { Owner::Defaults } else { self.owner };
        self.report.add(origin.line, owner, path, what);
    }
}

/// What the provider's guide promises.
fn pong() -> Arc<BTreeMap<String, Value>> {
    static PONG: LazyLock<Arc<BTreeMap<String, Value>>> = LazyLock::new(|| {
        let members = [("/info".to_owned(), Value::from("pong")), ("/status".to_owned(), Value::from(1))];
        Arc::new(members.into())
    });
    Arc::clone(&PONG)
}
