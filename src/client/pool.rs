//! The HTTP clients of the process: one for each way of reaching a server, shared by all targets that reach it so.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::HeaderValue;
use url::{Host, Url};

use crate::model::target::{ConnectionMode, Transport};

use super::alias::{Alias, AliasResolver};
use super::clear::ClearClient;
use super::connector::TimedConnectorLayer;
use super::credential::KeyError;
use super::exchange::LONGEST_BODY;
use super::file_reads::FileReads;
use super::http::{Http, Limits};
use super::intake::Requests;
use super::pem::TlsError;
use super::resolver::SharedResolver;
use super::route::{NetworkPath, Route};
use super::tls::{self, Tls, TlsFiles};

/// Sent with every request, so that a provider can tell who is asking.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A client could not be made of a target's settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Certificates or keys are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The key that is to sign assertions is of no use.
    #[error(transparent)]
    Key(#[from] KeyError),
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
    tls: HashMap<Transport, Tls>,
    shared: HashMap<Access, Http>,
    file_reads: FileReads,
}

/// A client, whether it goes through a proxy, and how it shows who we are.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) http: Http,
    pub(super) path: NetworkPath,
    pub(super) tls_files: Arc<TlsFiles>,
    pub(super) alias: Option<Alias>,
    pub(super) requests: Requests,
}

/// Whether TLS is spoken with whom the connection is opened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Security {
    Tls,
    Clear,
}

/// What a client is made for; all that agree in it share one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Access {
    security: Security,
    transport: Transport,
    route: Option<Route>,
    /// The one host to which all its connections lead, if that goes by another name in TLS.
    aliased: Option<Host<String>>,
    /// The bound of its requests.
    timeout: Duration,
}

impl ClientPool {
    /// A pool that takes proxies from the environment where a target names none.
    #[must_use]
    pub fn new() -> Self {
        Self {
            resolver: SharedResolver::system(),
            environment: Matcher::from_env(),
            tls: HashMap::new(),
            shared: HashMap::new(),
            file_reads: FileReads::new(),
        }
    }

    /// A pool for the next configuration, without clients. What bounds the process as a whole goes on.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { resolver: self.resolver.clone(), file_reads: self.file_reads(), ..Self::new() }
    }

    /// The bound on files that are read at a time.
    pub(super) fn file_reads(&self) -> FileReads {
        self.file_reads.clone()
    }

    /// The client that reaches `endpoint` by `transport`, in requests that are bounded by `timeout`.
    pub(super) fn channel(
        &mut self,
        endpoint: &Url,
        transport: &Transport,
        mode: ConnectionMode,
        timeout: Duration,
    ) -> Result<Channel, ClientError> {
        let route = Route::to(endpoint, transport, &self.environment)?;
        let path = route.as_ref().map_or(NetworkPath::Direct, Route::path);
        let transport = fitted(transport, endpoint);
        let alias = Alias::of(endpoint, &transport);
        // An address is not in the URL, but would be demanded of a proxy's certificate too.
        if transport.server_name.is_some() && route.is_some() {
            let host = endpoint.host_str().unwrap_or_default().to_owned();
            return Err(ClientError::Proxy { host, problem: "tls.server_name does not work through a proxy" });
        }
        let tls = self.tls(&transport)?;
        let tls_files = Arc::clone(&tls.files);
        let aliased = alias.as_ref().and_then(|_alias| endpoint.host()).map(|host| host.to_owned());
        let security = if endpoint.scheme() == "http" && path != NetworkPath::ProxiedOverTls {
            Security::Clear
        } else {
            Security::Tls
        };
        let access = Access { security, transport, route, aliased, timeout };
        let http = match (mode, self.shared.get(&access)) {
            // Kept-alive connections are not shared, or the pings of one target would warm those of another.
            (ConnectionMode::Reuse, _) => self.build(tls, &access, mode)?,
            (ConnectionMode::Fresh, Some(http)) => http.clone(),
            (ConnectionMode::Fresh, None) => {
                let http = self.build(tls, &access, mode)?;
                self.shared.insert(access, http.clone());
                http
            }
        };
        Ok(Channel { http, path, tls_files, alias, requests: Requests::default() })
    }

    fn tls(&mut self, transport: &Transport) -> Result<Tls, TlsError> {
        if let Some(tls) = self.tls.get(transport) {
            return Ok(tls.clone());
        }
        let tls = tls::tls(transport, self.file_reads())?;
        self.tls.insert(transport.clone(), tls.clone());
        Ok(tls)
    }

    fn build(&self, tls: Tls, access: &Access, mode: ConnectionMode) -> Result<Http, ClientError> {
        let limits = Limits::of(mode, access.timeout);
        match access.security {
            Security::Tls => self.build_for_tls(tls, access, limits).map(Http::Tls),
            Security::Clear => self.build_in_the_clear(access, limits).map(|client| Http::Clear(Arc::new(client))),
        }
    }

    fn build_in_the_clear(&self, access: &Access, limits: Limits) -> Result<ClearClient, ClientError> {
        let proxy = access.route.as_ref().map(Route::in_the_clear).transpose()?;
        let user_agent = HeaderValue::from_static(USER_AGENT);
        Ok(ClearClient::new(self.resolver.clone(), proxy, limits, user_agent))
    }

    fn build_for_tls(&self, tls: Tls, access: &Access, limits: Limits) -> Result<reqwest::Client, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls.config)
            .connector_layer(TimedConnectorLayer)
            // Shared out among a host's addresses, so that one that drops packets leaves time for the next.
            .connect_timeout(limits.timeout)
            .pool_max_idle_per_host(limits.idle_connections)
            .pool_idle_timeout(limits.longest_idle)
            .tcp_keepalive(limits.keepalive)
            .tcp_keepalive_interval(limits.keepalive)
            .tcp_keepalive_retries(limits.keepalive_retries)
            // A server that sends more than an answer can be fills no memory with it.
            .http2_initial_stream_window_size(LONGEST_BODY)
            .http2_initial_connection_window_size(LONGEST_BODY)
            // What a server does not take in that time keeps no connection from being closed, either.
            .tcp_user_timeout(limits.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy();
        builder = match &access.aliased {
            None => builder.dns_resolver(self.resolver.clone()),
            Some(host) => builder.dns_resolver(AliasResolver::new(host.clone(), self.resolver.clone())),
        };
        if let Some(route) = &access.route {
            let mut proxy = reqwest::Proxy::all(&route.address).map_err(ClientError::Build)?;
            if let Some(authorization) = &route.authorization {
                proxy = proxy.custom_http_auth(authorization.clone());
            }
            builder = builder.proxy(proxy);
        }
        builder.build().map_err(ClientError::Build)
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

/// Without a name for TLS where that makes no difference.
fn fitted(transport: &Transport, endpoint: &Url) -> Transport {
    let host = endpoint.host().map(|host| host.to_owned());
    let differs = endpoint.scheme() == "https" && transport.server_name != host;
    let server_name = transport.server_name.clone().filter(|_name| differs);
    Transport { server_name, ..transport.clone() }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use tokio::net::TcpSocket;

    use super::super::exchange::exchange;
    use super::*;
    use crate::model::fault::Reason;

    const BOUND: Duration = Duration::from_secs(2);

    /// Asks for `http://name.test:PORT/`, where the name has `addresses`.
    async fn ask(port: u16, addresses: &'static [[u8; 4]]) -> (Option<SocketAddr>, Result<u16, Reason>) {
        let look_up = |_: &str| Ok(addresses.iter().map(|&address| (address, 0).into()).collect());
        let mut pool = ClientPool { resolver: SharedResolver::new(Box::new(look_up), BOUND), ..ClientPool::new() };
        let url: Url = format!("http://name.test:{port}/").parse().expect("a URL");
        let channel = pool.channel(&url, &Transport::default(), ConnectionMode::Fresh, BOUND).expect("a client");
        let request = reqwest::Request::new(reqwest::Method::GET, url);
        let (trace, answer) = exchange(&channel, request, BOUND).await;
        (trace.peer, answer.map(|answer| answer.status))
    }

    fn server(address: [u8; 4]) -> u16 {
        let listener = TcpListener::bind(SocketAddr::from((address, 0))).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        });
        port
    }

    /// A port at which nobody answers any more: its queue of connections is full. Lives as long as the sockets.
    async fn black_hole(address: [u8; 4], port: u16) -> Vec<Box<dyn std::any::Any>> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((address, port).into()).expect("the port");
        let listener = socket.listen(1).expect("a queue");
        let at = listener.local_addr().expect("its address");
        let mut sockets: Vec<Box<dyn std::any::Any>> = vec![Box::new(listener)];
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(at)).await
        {
            sockets.push(Box::new(stream));
        }
        sockets
    }

    #[tokio::test]
    async fn address_that_refuses_leaves_the_next_one() {
        let port = server([127, 0, 0, 1]);
        let (peer, answer) = ask(port, &[[127, 0, 0, 2], [127, 0, 0, 1]]).await;
        assert_eq!((peer, answer), (Some(([127, 0, 0, 1], port).into()), Ok(204)));
    }

    #[tokio::test]
    async fn address_that_drops_packets_leaves_time_for_the_next_one() {
        let port = server([127, 0, 0, 1]);
        let _sockets = black_hole([127, 0, 0, 2], port).await;
        let (peer, answer) = ask(port, &[[127, 0, 0, 2], [127, 0, 0, 1]]).await;
        assert_eq!((peer, answer), (Some(([127, 0, 0, 1], port).into()), Ok(204)));
    }

    #[tokio::test]
    async fn host_that_drops_packets_at_every_address_is_connect_timeout() {
        let port = TcpListener::bind("127.0.0.2:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let _sockets = black_hole([127, 0, 0, 2], port).await;
        let (peer, answer) = ask(port, &[[127, 0, 0, 2], [127, 0, 0, 2]]).await;
        assert_eq!((peer, answer), (None, Err(Reason::ConnectTimeout)));
    }
}
