//! Servers that TLS calls by another name than the URL does (`tls.server_name`).
//!
//! reqwest takes the name that it sends as SNI from the URL and from nowhere else. So the URL gets that name, the `Host`
//! header keeps the server's own, and the resolver leads to the server whatever it is asked for.

use reqwest::Request;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HOST, HeaderValue};
use url::{Host, Url};

use crate::model::target::Transport;

use super::resolver::SharedResolver;

/// A server under another name.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    name: String,
    host_header: HeaderValue,
}

/// Leads to one host under any name.
pub(super) struct AliasResolver {
    host: Host<String>,
    resolver: SharedResolver,
}

impl Alias {
    /// `None` where the URL may stay as it is: an address is verified, but never sent as SNI.
    pub(super) fn of(endpoint: &Url, transport: &Transport) -> Option<Self> {
        let Some(Host::Domain(name)) = &transport.server_name else { return None };
        let host = endpoint.host_str()?;
        let authority = endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        // A URL's host and port are visible ASCII.
        Some(Self { name: name.clone(), host_header: HeaderValue::try_from(authority).ok()? })
    }

    /// Addresses `request` to the server by this name.
    pub(super) fn put_on(&self, request: &mut Request) {
        request.headers_mut().insert(HOST, self.host_header.clone());
        let renamed = request.url_mut().set_host(Some(&self.name));
        debug_assert_eq!(renamed, Ok(()), "a name that the configuration let through is a host");
    }
}

impl AliasResolver {
    pub(super) const fn new(host: Host<String>, resolver: SharedResolver) -> Self {
        Self { host, resolver }
    }
}

impl Resolve for AliasResolver {
    fn resolve(&self, _alias: Name) -> Resolving {
        let address = match &self.host {
            Host::Domain(name) => return self.resolver.resolve_host(name.clone()),
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
        };
        // The port is that of the URL. No name was looked up, so that there is no such phase.
        let addresses: Addrs = Box::new(std::iter::once(std::net::SocketAddr::new(address, 0)));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
