//! The HTTP clients of the process: one for each way of reaching a server, shared by all targets that reach it so.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::HeaderValue;
use url::{Host, Url};

use crate::model::secret::Fingerprint;
use crate::model::target::{ConnectionMode, Target, Transport};

use super::connector::TimedConnectorLayer;
use super::resolver::SharedResolver;
use super::secrets::FileReads;
use super::tls::{self, TlsError};

/// Sent with every request, so that a provider can tell who is asking.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
/// An unused kept-alive connection is closed after this.
const LONGEST_IDLE: Duration = Duration::from_secs(10 * 60);

/// A client could not be made of a target's settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Certificates or keys are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The environment names a proxy that cannot be used.
    #[error("the proxy for {host}: {problem}")]
    Proxy {
        /// The server to be reached.
        host: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A header or method that the configuration let through is not valid in HTTP.
    #[error("{0}")]
    Invalid(&'static str),
    /// reqwest refused to build.
    #[error("the HTTP client could not be made")]
    Build(#[source] reqwest::Error),
}

/// Makes and shares the HTTP clients of one configuration. A client lives on with the targets that use it.
pub struct ClientPool {
    resolver: SharedResolver,
    environment: Matcher,
    shared: HashMap<(Transport, Option<Route>), reqwest::Client>,
    file_reads: FileReads,
    /// What was in the files that a transport names, before a client was made of them.
    file_contents: HashMap<Transport, Vec<Fingerprint>>,
}

/// A client, and whether it goes through a proxy.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) http: reqwest::Client,
    pub(super) path: NetworkPath,
}

/// Who is spoken to first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkPath {
    Direct,
    /// A proxy that is spoken to in the clear before the target's TLS begins.
    Proxied,
}

/// The proxy to go through.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    address: String,
    authorization: Option<HeaderValue>,
}

impl ClientPool {
    /// A pool that takes proxies from the environment where a target names none.
    #[must_use]
    pub fn new() -> Self {
        Self {
            resolver: SharedResolver::system(),
            environment: Matcher::from_env(),
            shared: HashMap::new(),
            file_reads: FileReads::new(),
            file_contents: HashMap::new(),
        }
    }

    /// A pool for the next configuration, without clients. What bounds the process as a whole goes on.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { resolver: self.resolver.clone(), file_reads: self.file_reads(), ..Self::new() }
    }

    /// Whether the files that `target` names hold what they held when `before` made its clients of them. What cannot
    /// be read does not; why, is told by whoever makes a client of it.
    pub fn finds_files_as(&mut self, before: &Self, target: &Target) -> bool {
        [&target.token.transport, &target.ping.transport].into_iter().all(|transport| {
            let contents = self.file_contents(transport).ok();
            contents.is_some_and(|contents| before.file_contents.get(transport).is_some_and(|known| known == contents))
        })
    }

    /// The bound on files that are read at a time.
    pub(super) fn file_reads(&self) -> FileReads {
        self.file_reads.clone()
    }

    /// The client that reaches `endpoint` by `transport`.
    pub(super) fn channel(
        &mut self,
        endpoint: &Url,
        transport: &Transport,
        mode: ConnectionMode,
    ) -> Result<Channel, ClientError> {
        let route = self.route(endpoint, transport)?;
        self.file_contents(transport)?;
        let path = if route.is_some() { NetworkPath::Proxied } else { NetworkPath::Direct };
        if mode == ConnectionMode::Reuse {
            // Kept-alive connections are not shared, or the pings of one target would warm those of another.
            return Ok(Channel { http: self.build(transport, route.as_ref(), mode)?, path });
        }
        let key = (transport.clone(), route);
        if let Some(http) = self.shared.get(&key) {
            return Ok(Channel { http: http.clone(), path });
        }
        let http = self.build(transport, key.1.as_ref(), mode)?;
        self.shared.insert(key, http.clone());
        Ok(Channel { http, path })
    }

    /// Read once for all targets.
    fn file_contents(&mut self, transport: &Transport) -> Result<&[Fingerprint], TlsError> {
        if !self.file_contents.contains_key(transport) {
            self.file_contents.insert(transport.clone(), tls::file_contents(transport)?);
        }
        Ok(&self.file_contents[transport])
    }

    fn build(
        &self,
        transport: &Transport,
        route: Option<&Route>,
        mode: ConnectionMode,
    ) -> Result<reqwest::Client, ClientError> {
        let idle_connections = match mode {
            ConnectionMode::Fresh => 0,
            ConnectionMode::Reuse => 1,
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls::configuration(transport)?)
            .dns_resolver(self.resolver.clone())
            .connector_layer(TimedConnectorLayer)
            .pool_max_idle_per_host(idle_connections)
            .pool_idle_timeout(LONGEST_IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy();
        if let Some(route) = route {
            let mut proxy = reqwest::Proxy::all(&route.address).map_err(ClientError::Build)?;
            if let Some(authorization) = &route.authorization {
                proxy = proxy.custom_http_auth(authorization.clone());
            }
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(ClientError::Build)
    }

    fn route(&self, endpoint: &Url, transport: &Transport) -> Result<Option<Route>, ClientError> {
        if is_loopback(endpoint) {
            return Ok(None);
        }
        let route = match &transport.proxy {
            Some(proxy) => {
                let authorization = proxy
                    .credentials
                    .as_ref()
                    .map(|(user, password)| super::request::basic(&format!("{user}:{}", password.expose())));
                Route { address: proxy.address.to_string(), authorization }
            }
            None => {
                let uri =
                    endpoint.as_str().parse().map_err(|_invalid| ClientError::Invalid("the URL is no valid URI"))?;
                let Some(intercept) = self.environment.intercept(&uri) else { return Ok(None) };
                Route { address: intercept.uri().to_string(), authorization: intercept.basic_auth().cloned() }
            }
        };
        if !(route.address.starts_with("http://") || route.address.starts_with("https://")) {
            let host = endpoint.host_str().unwrap_or_default().to_owned();
            return Err(ClientError::Proxy { host, problem: "only http:// and https:// proxies are supported" });
        }
        Ok(Some(route))
    }
}

impl Default for ClientPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ClientPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientPool").field("shared", &self.shared.len()).finish_non_exhaustive()
    }
}

fn is_loopback(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
