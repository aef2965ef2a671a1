//! Every reason and fault of CONTRACT §4, through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::{Fault, Reason, Request};
use oauth_probe_exporter::model::report::Trace;
use oauth_probe_exporter::model::secret::{AccessToken, Secret};
use oauth_probe_exporter::model::target::{
    ClientAuthentication, Identity, ProxyUrl, SecretSource, Target, Transport, Verification,
};

use raw_server::{Authority, Behaviour, RawServer, answer, bytes, tls_config};
use targets::target;

/// No request of these tests is meant to take as long, but for those that are meant to time out.
const BOUND: Duration = Duration::from_secs(8);
const SHORT: Duration = Duration::from_millis(150);
const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#;
const PONG: &str = r#"{"info":"pong","status":1}"#;

/// What came of a request, as far as these tests go.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    result: Result<(), (Reason, Fault)>,
    status: Option<u16>,
    sent: bool,
}

async fn token_request(target: Target, bound: Duration) -> (Outcome, Option<Duration>) {
    let exchange = wire(target).request_token(bound).await;
    let retry_after = exchange.result.as_ref().err().and_then(|failure| failure.retry_after);
    let reason = exchange.result.map(drop).map_err(|failure| failure.reason);
    (outcome(Request::Token, reason, &exchange.trace), retry_after)
}

async fn ping(target: Target, bound: Duration) -> Outcome {
    let token = AccessToken::parse("abc=".to_owned()).unwrap();
    let exchange = wire(target).ping(&token, bound).await;
    outcome(Request::Ping, exchange.result.map_err(|failure| failure.reason), &exchange.trace)
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

fn outcome(request: Request, result: Result<(), Reason>, trace: &Trace) -> Outcome {
    let result = result.map_err(|reason| (reason, reason.fault(request)));
    Outcome { result, status: trace.status, sent: trace.sent }
}

fn failed(reason: Reason, fault: Fault) -> Outcome {
    Outcome { result: Err((reason, fault)), status: None, sent: false }
}

fn answered(reason: Reason, fault: Fault, status: u16) -> Outcome {
    Outcome { result: Err((reason, fault)), status: Some(status), sent: true }
}

async fn token_answer(behaviour: Behaviour) -> Outcome {
    let server = RawServer::plain(behaviour).await;
    let outcome = token_request(target(&format!("http://{}", server.address)), BOUND).await.0;
    assert_eq!(server.connections(), 1, "nothing is ever sent twice");
    outcome
}

async fn ping_answer(behaviour: Behaviour) -> Outcome {
    let server = RawServer::plain(behaviour).await;
    let outcome = ping(target(&format!("http://{}", server.address)), BOUND).await;
    assert_eq!(server.connections(), 1, "nothing is ever sent twice");
    outcome
}

/// A target whose two servers are reached by `transport`.
fn target_by(base: &str, transport: Transport) -> Target {
    let mut target = target(base);
    target.token.transport = transport.clone();
    target.ping.transport = transport;
    target
}

/// Both requests fail so, each by the fault of the server it asked unless `fault` says otherwise.
async fn both_fail(base: &str, transport: Transport, reason: Reason, fault: Option<Fault>, bound: Duration) {
    let (token, _) = token_request(target_by(base, transport.clone()), bound).await;
    assert_eq!(token.result, Err((reason, fault.unwrap_or(Fault::AuthorizationServer))));
    let ping = ping(target_by(base, transport), bound).await;
    assert_eq!(ping.result, Err((reason, fault.unwrap_or(Fault::ResourceServer))));
}

#[tokio::test]
async fn good_answers_are_good() {
    assert_eq!(token_answer(answer(200, "", TOKEN)).await, Outcome { result: Ok(()), status: Some(200), sent: true });
    assert_eq!(ping_answer(answer(200, "", PONG)).await, Outcome { result: Ok(()), status: Some(200), sent: true });
}

#[tokio::test]
async fn secret_that_cannot_be_read_is_secret_unavailable_and_nothing_is_sent() {
    let server = RawServer::plain(answer(200, "", TOKEN)).await;
    let mut target = target(&format!("http://{}", server.address));
    let secret = SecretSource::File(PathBuf::from("/nonexistent/secret"));
    target.token.authentication = ClientAuthentication::Post { secret };
    assert_eq!(token_request(target, BOUND).await.0, failed(Reason::SecretUnavailable, Fault::Exporter));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn name_that_does_not_resolve_is_dns() {
    both_fail("http://no-such-host.invalid", Transport::default(), Reason::Dns, Some(Fault::Network), BOUND).await;
}

#[tokio::test]
async fn closed_port_is_connect() {
    let address = RawServer::plain(Behaviour::Silent).await.address;
    tokio::task::yield_now().await;
    let base = format!("http://{address}");
    // The server above is gone; its port may linger until its task is.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    both_fail(&base, Transport::default(), Reason::Connect, Some(Fault::Network), BOUND).await;
}

#[tokio::test]
async fn handshake_that_never_ends_is_connect_timeout() {
    let server = RawServer::plain(Behaviour::Silent).await;
    let base = format!("https://{}", server.address);
    both_fail(&base, skip(), Reason::ConnectTimeout, Some(Fault::Network), SHORT).await;
}

#[tokio::test]
async fn server_that_speaks_no_tls_is_tls() {
    for behaviour in [bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), bytes(b"")] {
        // It answers the first bytes, whatever they are.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let Behaviour::Answer(answer) = behaviour else { unreachable!() };
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
            }
        });
        both_fail(&base, skip(), Reason::Tls, Some(Fault::Network), BOUND).await;
        server.abort();
    }
}

#[tokio::test]
async fn certificate_that_does_not_verify_is_certificate() {
    let authority = Authority::new();
    let expired = authority.issue("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let misnamed = authority.issue("other.example", |_| {});
    let stranger = Authority::new().issue("127.0.0.1", |_| {});
    for leaf in [expired, misnamed, stranger] {
        let server = RawServer::tls(answer(200, "", PONG), tls_config(&leaf, None)).await;
        let transport = Transport { ca_file: Some(authority.ca_file()), ..Transport::default() };
        both_fail(&format!("https://{}", server.address), transport, Reason::Certificate, None, BOUND).await;
    }
}

#[tokio::test]
async fn certificate_of_a_private_authority_verifies_by_its_ca_file_and_skipped_verification_takes_any() {
    let authority = Authority::new();
    let server = RawServer::tls(answer(200, "", PONG), tls_config(&authority.issue("127.0.0.1", |_| {}), None)).await;
    let base = format!("https://{}", server.address);
    let trusting = Transport { ca_file: Some(authority.ca_file()), ..Transport::default() };
    for transport in [trusting, skip()] {
        assert_eq!(ping(target_by(&base, transport), BOUND).await.result, Ok(()));
    }
}

#[tokio::test]
async fn missing_or_unknown_client_certificate_is_client_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let config = tls_config(&authority.issue("127.0.0.1", |_| {}), Some(&authority));
    let server = RawServer::tls(answer(200, "", PONG), config).await;
    let base = format!("https://{}", server.address);
    let with = |identity| Transport { ca_file: Some(authority.ca_file()), identity, ..Transport::default() };
    let identity = |of: &Authority| {
        let (cert_file, key_file) = of.files("client", &of.issue("client", |_| {}));
        Some(Identity { cert_file, key_file })
    };
    both_fail(&base, with(None), Reason::ClientCertificate, Some(Fault::Auth), BOUND).await;
    both_fail(&base, with(identity(&other)), Reason::ClientCertificate, Some(Fault::Auth), BOUND).await;
    let good = with(identity(&authority));
    assert_eq!(ping(target_by(&base, good), BOUND).await.result, Ok(()));
}

#[tokio::test]
async fn proxy_that_cannot_be_reached_or_refuses_is_proxy() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let refusing = RawServer::plain(answer(403, "", "not this one")).await;
    let demanding = RawServer::plain(answer(407, "Proxy-Authenticate: Basic realm=\"x\"\r\n", "")).await;
    let silent = RawServer::plain(Behaviour::Silent).await;
    let by = |address| {
        let address = format!("http://{address}").parse().unwrap();
        Transport { proxy: Some(ProxyUrl { address, credentials: None }), ..skip() }
    };
    for base in ["http://api.example.invalid", "https://api.example.invalid"] {
        both_fail(base, by(closed), Reason::Proxy, Some(Fault::Network), BOUND).await;
        both_fail(base, by(demanding.address), Reason::Proxy, Some(Fault::Network), BOUND).await;
    }
    let base = "https://api.example.invalid";
    both_fail(base, by(refusing.address), Reason::Proxy, Some(Fault::Network), BOUND).await;
    both_fail(base, by(silent.address), Reason::Proxy, Some(Fault::Network), SHORT).await;
}

#[tokio::test]
async fn loopback_is_never_proxied() {
    let server = RawServer::plain(answer(200, "", PONG)).await;
    let address = "http://127.0.0.1:9".parse().unwrap();
    let secret = |text: &str| Secret::new(text.to_owned());
    let credentials = Some((secret("user"), secret("password")));
    let transport = Transport { proxy: Some(ProxyUrl { address, credentials }), ..Transport::default() };
    assert_eq!(ping(target_by(&format!("http://{}", server.address), transport), BOUND).await.result, Ok(()));
}

#[tokio::test]
async fn answer_that_does_not_come_or_end_in_time_is_response_timeout() {
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let server = RawServer::plain(Behaviour::Stall(start.as_bytes().into())).await;
        let base = format!("http://{}", server.address);
        both_fail(&base, Transport::default(), Reason::ResponseTimeout, None, SHORT).await;
    }
}

#[tokio::test]
async fn answer_that_breaks_off_is_connection_closed() {
    for start in ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let server = RawServer::plain(bytes(start.as_bytes())).await;
        let base = format!("http://{}", server.address);
        both_fail(&base, Transport::default(), Reason::ConnectionClosed, None, BOUND).await;
    }
}

#[tokio::test]
async fn what_is_not_http_is_protocol_error() {
    for text in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x28 no HTTP at all"] {
        let server = RawServer::plain(bytes(text.as_bytes())).await;
        let base = format!("http://{}", server.address);
        both_fail(&base, Transport::default(), Reason::ProtocolError, None, BOUND).await;
    }
}

#[tokio::test]
async fn statuses_of_the_token_endpoint() {
    use Fault::{Auth, AuthorizationServer as Server};
    let error = |code: &str| format!(r#"{{"error":"{code}"}}"#);
    let spring = r#"{"timestamp":1,"status":401,"error":"Unauthorized","path":"/oauth/token"}"#.to_owned();
    let table = [
        (302, error("x"), Reason::Redirected, Server),
        (429, String::new(), Reason::RateLimited, Server),
        (500, error("invalid_client"), Reason::ServerError, Server),
        (503, String::new(), Reason::ServerError, Server),
        (403, error("invalid_client"), Reason::Forbidden, Auth),
        (401, spring, Reason::InvalidClient, Auth),
        (401, error("invalid_client"), Reason::InvalidClient, Auth),
        (400, error("unauthorized_client"), Reason::UnauthorizedClient, Auth),
        (400, error("invalid_scope"), Reason::InvalidScope, Auth),
        (400, error("unsupported_grant_type"), Reason::UnsupportedGrantType, Auth),
        (400, error("invalid_request"), Reason::BadRequest, Auth),
        (400, "what?".to_owned(), Reason::BadRequest, Auth),
        (200, error("invalid_client"), Reason::InvalidClient, Auth),
        (404, String::new(), Reason::UnexpectedStatus, Server),
        (200, "<html>Please log in</html>".to_owned(), Reason::BadResponse, Server),
        (200, r#"{"access_token":"x","token_type":"mac"}"#.to_owned(), Reason::BadResponse, Server),
        (200, "{}".to_owned(), Reason::BadResponse, Server),
        (200, format!(r#"{{"access_token":"x","pad":"{}"}}"#, "x".repeat(1 << 20)), Reason::BadResponse, Server),
    ];
    for (status, body, reason, fault) in table {
        let shown = body.get(..60).unwrap_or(&body).to_owned();
        assert_eq!(token_answer(answer(status, "", &body)).await, answered(reason, fault, status), "{status} {shown}");
    }
}

#[tokio::test]
async fn statuses_of_the_ping() {
    use Fault::{Auth, ResourceServer as Server};
    let table = [
        (301, "", Reason::Redirected, Server),
        (429, "", Reason::RateLimited, Server),
        (502, "", Reason::ServerError, Server),
        (403, r#"{"error":"insufficient_scope"}"#, Reason::Forbidden, Auth),
        (401, r#"{"error":"invalid_token"}"#, Reason::TokenRejected, Auth),
        (400, "", Reason::UnexpectedStatus, Server),
        (404, "", Reason::UnexpectedStatus, Server),
        (204, "", Reason::UnexpectedStatus, Server),
        (200, "<html>", Reason::BadResponse, Server),
        (200, "{}", Reason::UnexpectedBody, Server),
        (200, r#"{"info":"pong","status":2}"#, Reason::UnexpectedBody, Server),
    ];
    for (status, body, reason, fault) in table {
        assert_eq!(ping_answer(answer(status, "", body)).await, answered(reason, fault, status), "{status} {body}");
    }
}

#[tokio::test]
async fn retry_after_reaches_the_policy() {
    for status in [429, 503] {
        let server = RawServer::plain(answer(status, "Retry-After: 120\r\n", "")).await;
        let (_, retry_after) = token_request(target(&format!("http://{}", server.address)), BOUND).await;
        assert_eq!(retry_after, Some(Duration::from_secs(120)));
    }
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = RawServer::plain(answer(200, "", TOKEN)).await;
    let location = format!("Location: http://{}/\r\n", elsewhere.address);
    assert_eq!(token_answer(answer(307, &location, "")).await.status, Some(307));
    assert_eq!(elsewhere.connections(), 0);
}

fn skip() -> Transport {
    Transport { verification: Verification::Skip, ..Transport::default() }
}
