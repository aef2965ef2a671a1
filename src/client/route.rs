//! The way to a server: straight, or through a proxy.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::HeaderValue;
use url::{Host, Url};

use crate::model::target::Transport;

use super::clear::ClearProxy;
use super::pool::ClientError;
use super::request::basic;

/// Who is spoken to first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkPath {
    Direct,
    /// A proxy that is spoken to in the clear, before the server's TLS begins in its tunnel.
    Proxied,
    /// A proxy with a TLS handshake of its own before the server's.
    ProxiedOverTls,
}

/// The proxy to go through.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Route {
    pub(super) address: String,
    pub(super) authorization: Option<HeaderValue>,
}

impl NetworkPath {
    pub(super) fn is_proxied(self) -> bool {
        self != Self::Direct
    }
}

impl Route {
    /// The way to `endpoint`: the transport's proxy, or else one of the `environment`. `None` goes straight there.
    ///
    /// # Errors
    /// When the proxy is of no use.
    pub(super) fn to(
        endpoint: &Url,
        transport: &Transport,
        environment: &Matcher,
    ) -> Result<Option<Self>, ClientError> {
        if is_loopback(endpoint) {
            return Ok(None);
        }
        let route = match &transport.proxy {
            Some(proxy) => {
                let authorization = proxy
                    .credentials
                    .as_ref()
                    .map(|(user, password)| basic(&format!("{}:{}", user.expose(), password.expose())));
                Self { address: proxy.address.to_string(), authorization }
            }
            None => {
                let uri =
                    endpoint.as_str().parse().map_err(|_invalid| ClientError::Invalid("the URL is no valid URI"))?;
                let Some(intercept) = environment.intercept(&uri) else { return Ok(None) };
                Self { address: intercept.uri().to_string(), authorization: intercept.basic_auth().cloned() }
            }
        };
        if !(route.address.starts_with("http://") || route.address.starts_with("https://")) {
            let host = endpoint.host_str().unwrap_or_default().to_owned();
            return Err(ClientError::Proxy { host, problem: "only http:// and https:// proxies are supported" });
        }
        Ok(Some(route))
    }

    pub(super) fn path(&self) -> NetworkPath {
        if self.address.starts_with("https://") { NetworkPath::ProxiedOverTls } else { NetworkPath::Proxied }
    }

    /// For requests that the proxy is to read, in the clear.
    ///
    /// # Errors
    /// When the proxy's URL is no URI.
    pub(super) fn in_the_clear(&self) -> Result<ClearProxy, ClientError> {
        let address =
            self.address.parse().map_err(|_invalid| ClientError::Invalid("the proxy's URL is no valid URI"))?;
        Ok(ClearProxy { address, authorization: self.authorization.clone() })
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
