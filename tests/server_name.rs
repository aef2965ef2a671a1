//! `tls.server_name`: another name is sent and verified, and nothing else changes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::report::{Phase, Trace};
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{ConnectionMode, ProxyUrl, Target, Transport};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use url::Host;

use raw_server::{Authority, RawServer, answer, tls_config};
use targets::target;

const BOUND: Duration = Duration::from_secs(8);
const PONG: &str = r#"{"info":"pong","status":1}"#;
const NAME: &str = "api.example.test";

/// Notes the names by which clients call the server.
#[derive(Debug)]
struct Names {
    certificate: Arc<dyn ResolvesServerCert>,
    called: Arc<Mutex<Vec<Option<String>>>>,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.called.lock().unwrap().push(hello.server_name().map(str::to_owned));
        self.certificate.resolve(hello)
    }
}

/// A server with a certificate for one name.
struct Named {
    raw: RawServer,
    called: Arc<Mutex<Vec<Option<String>>>>,
}

impl Named {
    async fn start(authority: &Authority, name: &str, body: &str) -> Self {
        let mut config = tls_config(&authority.issue(name, |_| {}), None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let called = Arc::new(Mutex::new(Vec::new()));
        config.cert_resolver =
            Arc::new(Names { certificate: Arc::clone(&config.cert_resolver), called: Arc::clone(&called) });
        Self { raw: RawServer::tls(answer(200, "", body), config).await, called }
    }

    fn called(&self) -> Vec<Option<String>> {
        self.called.lock().unwrap().clone()
    }

    fn port(&self) -> u16 {
        self.raw.address.port()
    }
}

fn target_at(base: &str, authority: &Authority, name: Host<String>) -> Target {
    let mut target = target(base);
    let ca_file = Some(authority.ca_file());
    let transport = Transport { ca_file, server_name: Some(name), ..Transport::default() };
    target.token.transport = transport.clone();
    target.ping.transport = transport;
    target
}

fn domain(name: &str) -> Host<String> {
    Host::Domain(name.to_owned())
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

async fn ping(wire: &HttpWire) -> (Result<(), Reason>, Trace) {
    let exchange = wire.ping(&AccessToken::parse("abc".to_owned()).unwrap(), BOUND).await;
    (exchange.result.map_err(|failure| failure.reason), exchange.trace)
}

fn host_header(head: &str) -> &str {
    let header = |line: &'_ str| line.to_ascii_lowercase().starts_with("host:");
    let mut hosts = head.lines().filter(|line| header(line));
    let host = hosts.next().unwrap().split_once(':').unwrap().1.trim();
    assert_eq!(hosts.next(), None);
    host
}

#[tokio::test]
async fn name_is_sent_and_verified_while_connection_and_host_header_stay_the_urls() {
    let authority = Authority::new();
    for host in ["127.0.0.1", "localhost"] {
        let server = Named::start(&authority, NAME, PONG).await;
        for mode in [ConnectionMode::Fresh, ConnectionMode::Reuse] {
            let mut target = target_at(&format!("https://{host}:{}", server.port()), &authority, domain(NAME));
            target.ping.connection = mode;
            let (result, trace) = ping(&wire(target)).await;
            assert_eq!(result, Ok(()), "{host}");
            assert_eq!(trace.peer, Some(server.raw.address));
            assert_eq!(trace.phases.happened().any(|(phase, _)| phase == Phase::Resolve), host == "localhost");
        }
        assert_eq!(server.called(), [Some(NAME.to_owned()), Some(NAME.to_owned())]);
        for head in server.raw.heads() {
            assert_eq!(host_header(&head), format!("{host}:{}", server.port()));
            assert!(head.starts_with("GET /api/v1/deliveryexperience/ping HTTP/1.1\r\n"), "{head}");
        }
    }
}

#[tokio::test]
async fn token_request_uses_it_too() {
    let authority = Authority::new();
    let token = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#;
    let server = Named::start(&authority, NAME, token).await;
    let target = target_at(&format!("https://127.0.0.1:{}", server.port()), &authority, domain(NAME));
    assert!(wire(target).request_token(BOUND).await.result.is_ok());
    assert_eq!(host_header(&server.raw.heads()[0]), server.raw.address.to_string());
}

#[tokio::test]
async fn certificate_without_the_name_is_refused_though_it_bears_the_urls_host() {
    let authority = Authority::new();
    let server = Named::start(&authority, "127.0.0.1", PONG).await;
    let base = format!("https://127.0.0.1:{}", server.port());
    let (result, trace) = ping(&wire(target_at(&base, &authority, domain(NAME)))).await;
    assert_eq!(result, Err(Reason::Certificate));
    assert!(trace.server_chain.is_some());
}

#[tokio::test]
async fn address_as_a_name_is_verified_and_never_sent() {
    let authority = Authority::new();
    let server = Named::start(&authority, "127.0.0.77", PONG).await;
    let base = format!("https://localhost:{}", server.port());
    let named = |last| target_at(&base, &authority, Host::Ipv4(Ipv4Addr::new(127, 0, 0, last)));
    // The server here speaks no HTTP/2, which is offered: the handshake is what counts.
    let (_, trace) = ping(&wire(named(77))).await;
    assert!(trace.sent);
    assert_eq!(ping(&wire(named(78))).await.0, Err(Reason::Certificate));
    assert_eq!(server.called(), [None, None]);
}

#[tokio::test]
async fn targets_that_share_a_name_are_led_each_to_its_own_host() {
    let authority = Authority::new();
    let server = Named::start(&authority, NAME, PONG).await;
    let mut pool = ClientPool::new();
    // Nobody listens at the second address.
    for (host, result) in [("127.0.0.1", Ok(())), ("127.0.0.2", Err(Reason::Connect))] {
        let target = target_at(&format!("https://{host}:{}", server.port()), &authority, domain(NAME));
        let wire = HttpWire::new(Arc::new(target), &mut pool).unwrap();
        assert_eq!(ping(&wire).await.0, result, "{host}");
    }
}

#[tokio::test]
async fn name_and_proxy_together_are_refused_at_the_start() {
    let authority = Authority::new();
    for (name, proxy) in [
        (domain(NAME), "http://proxy.example.com:3128"),
        (Host::Ipv4(Ipv4Addr::new(192, 0, 2, 1)), "https://proxy.example.com"),
    ] {
        let mut target = target_at("https://api.example.com", &authority, name);
        let address = proxy.parse().unwrap();
        target.ping.transport.proxy = Some(ProxyUrl { address, credentials: None });
        let refused = HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap_err().to_string();
        assert_eq!(refused, "the proxy for api.example.com: tls.server_name does not work through a proxy");
    }
}
