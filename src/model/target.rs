//! What is probed: one OAuth 2.0 client of one environment, checked once and correct from then on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use url::{Host, Url};

use super::assertion::{Assertion, AssertionKey};
use super::check::CheckSettings;
use super::fault::Request;
use super::histograms::Histograms;
use super::secret::Secret;

/// Everything the exporter was told to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where this exporter stands; a label on every series when set.
    pub vantage: Option<String>,
    /// Upper bounds of the latency histograms, in seconds, ascending.
    pub latency_buckets: Vec<f64>,
    /// How latencies are kept and shown.
    pub histograms: Histograms,
    /// Cycles kept per target for the status page.
    pub history: usize,
    /// What is probed; names are distinct. Shared by everything that works on a target or shows it.
    pub targets: Vec<Arc<Target>>,
}

/// One OAuth 2.0 client of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Distinguishes it from all others; the label `target`.
    pub name: String,
    /// Extra labels on every series of the target.
    pub labels: BTreeMap<String, String>,
    /// A cycle is started this often.
    pub interval: Duration,
    /// Whether cycles start by themselves.
    pub schedule: ScheduleMode,
    /// Bound on one whole HTTP request, body included; at most `interval`.
    pub timeout: Duration,
    /// A request that takes longer than this is slow.
    pub latency_objective: Duration,
    /// When the provider lets the secret run out.
    pub client_secret_expires: Option<SystemTime>,
    /// How a token is asked for.
    pub token: TokenSettings,
    /// How the API is called.
    pub ping: PingSettings,
    /// Which calls it must refuse, and the one that it must accept without a token.
    pub checks: CheckSettings,
}

/// Whether a target's cycles start by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleMode {
    /// One cycle every interval.
    On,
    /// Only when asked for by `/probe`.
    Off,
}

impl ScheduleMode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::On, Self::Off];

    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// How a token is asked for, and how long one is used.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSettings {
    /// The token endpoint: the authorization server's URL with the path appended.
    pub endpoint: Url,
    /// Who asks.
    pub client_id: String,
    /// How the client authenticates, and with what.
    pub authentication: ClientAuthentication,
    /// Scopes to ask for; none: the parameter is left out (RFC 6749 §3.3).
    pub scopes: Vec<String>,
    /// Further form parameters, their values never shown.
    pub params: BTreeMap<String, Secret>,
    /// Scopes that must be granted.
    pub expected_scopes: Vec<String>,
    /// When to ask again.
    pub policy: TokenPolicy,
    /// How to reach the authorization server.
    pub transport: Transport,
}

/// When the token endpoint is asked again; see [`super::token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Time between two cycles; token requests happen only inside them.
    pub interval: Duration,
    /// Ask at least this often; `None`: only when the token is about to expire.
    pub max_age: Option<Duration>,
    /// Ask this long before expiry; `None`: derived from lifetime and interval.
    pub refresh_margin: Option<Duration>,
    /// Assumed when an answer has no `expires_in`.
    pub default_lifetime: Duration,
}

/// How the client proves who it is at the token endpoint (RFC 6749 §2.3).
#[derive(Clone, Debug, PartialEq)]
pub enum ClientAuthentication {
    /// HTTP Basic (RFC 6749 §2.3.1).
    Basic {
        /// Where the secret is found.
        secret: SecretSource,
        /// How id and secret are encoded before Base64.
        encoding: BasicEncoding,
    },
    /// `client_id` and `client_secret` in the form.
    Post {
        /// Where the secret is found.
        secret: SecretSource,
    },
    /// A JWT signed for this one request (RFC 7523 §2.2, OpenID Connect Core §9).
    Assertion(Assertion),
    /// The TLS client certificate alone, with `client_id` in the form (RFC 8705 §2).
    Tls,
}

/// How id and secret are encoded before Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasicEncoding {
    /// `application/x-www-form-urlencoded`, as RFC 6749 §2.3.1 demands.
    Form,
    /// As they are, for servers that do not decode.
    Raw,
}

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file, read anew before every token request.
    File(PathBuf),
    /// In the configuration or in an environment variable, read once.
    Inline(Secret),
}

/// How the API is called and what a good answer is.
#[derive(Clone, Debug, PartialEq)]
pub struct PingSettings {
    /// The resource server's URL with the path appended.
    pub endpoint: Url,
    /// HTTP method.
    pub method: String,
    /// Further headers, their values never shown.
    pub headers: BTreeMap<String, Secret>,
    /// What a good answer is.
    pub expect: Expectation,
    /// Whether each ping opens a connection of its own.
    pub connection: ConnectionMode,
    /// How to reach the resource server.
    pub transport: Transport,
}

/// What a good answer to a ping is.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Accepted status codes.
    pub status: Vec<u16>,
    /// JSON pointer (RFC 6901) → the value that must stand there; empty: the body is ignored. Shared by
    /// all targets that expect the same because `defaults` says so, or nothing does.
    pub json: Arc<BTreeMap<String, Value>>,
}

/// Whether each ping opens a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionMode {
    /// A new connection every time, with a full TLS handshake.
    Fresh,
    /// Keep-alive.
    Reuse,
}

/// How a server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transport {
    /// Trusted instead of the system's roots, PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain and its key, PEM.
    pub identity: Option<Identity>,
    /// Verified and sent as SNI instead of the URL's host.
    pub server_name: Option<Host<String>>,
    /// Whether the server's certificate is looked at.
    pub verification: Verification,
    /// `None`: from the environment. Loopback is never proxied.
    pub proxy: Option<ProxyUrl>,
}

/// A client certificate (RFC 8705 or plain mutual TLS).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
}

/// Whether the server's certificate is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verification {
    /// Chain, name and dates must be good.
    #[default]
    Full,
    /// `insecure_skip_verify`: anything goes.
    Skip,
}

/// A forward proxy, its credentials (RFC 9110 §11.7) kept apart from the address that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyUrl {
    /// Scheme, host and port, without userinfo.
    pub address: Url,
    /// User and password. Where a proxy takes a key, that is often the user's name.
    pub credentials: Option<(Secret, Secret)>,
}

impl ClientAuthentication {
    /// The file that holds the secret or the private key, if one does.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Basic { secret, .. }
            | Self::Post { secret }
            | Self::Assertion(Assertion { key: AssertionKey::Secret { secret, .. }, .. }) => match secret {
                SecretSource::File(path) => Some(path),
                SecretSource::Inline(_) => None,
            },
            Self::Assertion(Assertion { key: AssertionKey::PrivateKey { file, .. }, .. }) => Some(file),
            Self::Tls => None,
        }
    }
}

impl TokenSettings {
    /// The expected scopes that are not among the granted ones; an answer that names none grants what was asked for
    /// (RFC 6749 §5.1).
    #[must_use]
    pub fn scopes_missing(&self, granted: Option<&[String]>) -> Vec<String> {
        let granted = granted.unwrap_or(&self.scopes);
        self.expected_scopes.iter().filter(|scope| !granted.contains(scope)).cloned().collect()
    }
}

impl Target {
    /// Whether a token of `other` is as good here: the same client asks the same server for the same, to call the same
    /// API. When it is asked for again may differ.
    #[must_use]
    pub fn shares_token_with(&self, other: &Self) -> bool {
        // Nothing is copied if nothing differs: a reload asks this of all targets while they wait.
        let same = |theirs: &TokenSettings| self.token == *theirs;
        let but_for_policy = || TokenSettings { policy: self.token.policy, ..other.token.clone() };
        (same(&other.token) || same(&but_for_policy())) && self.ping.endpoint == other.ping.endpoint
    }

    /// What is asked by `request`.
    #[must_use]
    pub const fn endpoint(&self, request: Request) -> &Url {
        match request {
            Request::Token => &self.token.endpoint,
            Request::Ping => &self.ping.endpoint,
        }
    }

    /// The same as it may be shown: without a query, in which a secret might stand.
    #[must_use]
    pub fn shown_url(&self, request: Request) -> String {
        let mut shown = self.endpoint(request).clone();
        shown.set_query(None);
        shown.into()
    }

    /// How the server that `request` asks is reached.
    #[must_use]
    pub const fn transport(&self, request: Request) -> &Transport {
        match request {
            Request::Token => &self.token.transport,
            Request::Ping => &self.ping.transport,
        }
    }

    /// Host (and port, if it is not the scheme's) of the authorization server.
    #[must_use]
    pub fn authorization_host(&self) -> String {
        host(&self.token.endpoint)
    }

    /// Host (and port, if it is not the scheme's) of the resource server.
    #[must_use]
    pub fn resource_host(&self) -> String {
        host(&self.ping.endpoint)
    }
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}

/// Whether what is sent there can be read on the way.
#[must_use]
pub fn is_exposed(server: &Url) -> bool {
    let is_loopback = match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    server.scheme() == "http" && !is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_reached_in_plain_text() {
        for url in
            ["http://localhost:1", "http://LOCALHOST", "http://127.8.9.1", "http://[::1]:80", "https://a.example"]
        {
            assert!(!is_exposed(&url.parse().expect("a URL")), "{url}");
        }
        for url in ["http://a.example", "http://10.0.0.1", "http://localhost.example", "http://[::2]", "http://0.0.0.0"]
        {
            assert!(is_exposed(&url.parse().expect("a URL")), "{url}");
        }
    }
}
