//! HTTP/2 where a server offers it: connections are opened and closed as with HTTP/1.1, and what goes wrong has a reason.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod h2_server;
mod raw_server;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::report::{HttpVersion, Phase, Trace};
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{ConnectionMode, Identity, Target, Transport, Verification};

use h2_server::{Behaviour, H2Server};
use raw_server::{Authority, Leaf, RawServer, answer, tls_config};
use targets::target;

const BOUND: Duration = Duration::from_secs(8);
const SHORT: Duration = Duration::from_millis(300);
const PONG: &str = r#"{"info":"pong","status":1}"#;

async fn ping(wire: &HttpWire, bound: Duration) -> (Result<(), Reason>, Trace) {
    let exchange = wire.ping(&AccessToken::parse("abc".to_owned()).unwrap(), bound).await;
    (exchange.result.map_err(|failure| failure.reason), exchange.trace)
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

async fn server(behaviour: Behaviour) -> H2Server {
    H2Server::start(behaviour, tls_config(&Leaf::self_signed("127.0.0.1", |_| {}), None)).await
}

fn target_of(server: &H2Server, connection: ConnectionMode) -> Target {
    let mut target = target(&format!("https://{}", server.address));
    target.ping.connection = connection;
    let transport = Transport { verification: Verification::Skip, ..Transport::default() };
    target.token.transport = transport.clone();
    target.ping.transport = transport;
    target
}

#[tokio::test]
async fn the_server_chooses_the_version() {
    let modern = server(Behaviour::Answer(PONG)).await;
    let (result, trace) = ping(&wire(target_of(&modern, ConnectionMode::Fresh)), BOUND).await;
    assert_eq!((result, trace.http_version), (Ok(()), Some(HttpVersion::Http2)));
    assert_eq!(modern.seen().requests, [modern.address.to_string()]);

    let config = tls_config(&Leaf::self_signed("127.0.0.1", |_| {}), None);
    let old = RawServer::tls(answer(200, "", PONG), config).await;
    let mut target = target_of(&modern, ConnectionMode::Fresh);
    target.ping.endpoint = format!("https://{}", old.address).parse().unwrap();
    let (result, trace) = ping(&wire(target), BOUND).await;
    assert_eq!((result, trace.http_version), (Ok(()), Some(HttpVersion::Http11)));
}

#[tokio::test]
async fn in_the_clear_the_version_is_that_of_the_answer_and_never_2() {
    for (text, version) in [("HTTP/1.1", HttpVersion::Http11), ("HTTP/1.0", HttpVersion::Http10)] {
        let whole = format!("{text} 200 OK\r\nContent-Length: {}\r\n\r\n{PONG}", PONG.len());
        let server = RawServer::plain(raw_server::bytes(whole.as_bytes())).await;
        let (result, trace) = ping(&wire(target(&format!("http://{}", server.address))), BOUND).await;
        assert_eq!((result, trace.http_version), (Ok(()), Some(version)));
    }
}

#[tokio::test]
async fn token_requests_speak_it_too() {
    let server = server(Behaviour::Answer(r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#)).await;
    let exchange = wire(target_of(&server, ConnectionMode::Fresh)).request_token(BOUND).await;
    assert!(exchange.result.is_ok());
    assert_eq!(exchange.trace.http_version, Some(HttpVersion::Http2));
}

#[tokio::test]
async fn every_fresh_ping_has_a_connection_of_its_own_which_is_then_closed() {
    let server = server(Behaviour::Answer(PONG)).await;
    let mut pool = ClientPool::new();
    let target = Arc::new(target_of(&server, ConnectionMode::Fresh));
    // They share one client and run at once, as those of many targets do.
    let wires: Vec<_> = (0..10).map(|_| HttpWire::new(Arc::clone(&target), &mut pool).unwrap()).collect();
    let pings = wires.into_iter().map(|wire| tokio::spawn(async move { ping(&wire, BOUND).await }));
    for ping in pings.collect::<Vec<_>>() {
        let (result, trace) = ping.await.unwrap();
        assert_eq!((result, trace.connections_opened), (Ok(()), 1));
        let phases: Vec<_> = trace.phases.happened().map(|(phase, _)| phase).collect();
        assert_eq!(phases, [Phase::Connect, Phase::Tls, Phase::Processing, Phase::Transfer]);
    }
    server.closed(10).await;
    let seen = server.seen();
    assert_eq!((seen.connections, seen.requests.len()), (10, 10));
}

#[tokio::test]
async fn reused_connection_is_opened_once_and_tells_of_no_certificate_again() {
    let server = server(Behaviour::Answer(PONG)).await;
    let wire = wire(target_of(&server, ConnectionMode::Reuse));
    let (result, first) = ping(&wire, BOUND).await;
    assert_eq!((result, first.connections_opened, first.server_chain.is_some()), (Ok(()), 1, true));
    for _ in 0..3 {
        let (result, next) = ping(&wire, BOUND).await;
        assert_eq!((result, next.connections_opened, next.server_chain), (Ok(()), 0, None));
        let phases: Vec<_> = next.phases.happened().map(|(phase, _)| phase).collect();
        assert_eq!(phases, [Phase::Processing, Phase::Transfer]);
    }
    assert_eq!((server.seen().connections, server.seen().closed), (1, 0));
}

#[tokio::test]
async fn reused_connection_that_the_server_closes_is_replaced() {
    let server = server(Behaviour::AnswerAndClose(PONG)).await;
    let wire = wire(target_of(&server, ConnectionMode::Reuse));
    for count in 1..4 {
        let (result, trace) = ping(&wire, BOUND).await;
        assert_eq!((result, trace.connections_opened), (Ok(()), 1));
        server.closed(count).await;
    }
}

#[tokio::test]
async fn what_goes_wrong_has_a_reason_and_nothing_is_sent_twice() {
    use Reason::{ConnectionClosed, ProtocolError, ResponseTimeout};
    for (behaviour, reason) in [
        (Behaviour::Reset(h2::Reason::INTERNAL_ERROR), ConnectionClosed),
        (Behaviour::Reset(h2::Reason::REFUSED_STREAM), ConnectionClosed),
        (Behaviour::GoAway(h2::Reason::ENHANCE_YOUR_CALM), ConnectionClosed),
        (Behaviour::GoAway(h2::Reason::NO_ERROR), ConnectionClosed),
        (Behaviour::Drop, ConnectionClosed),
        (Behaviour::Break, ConnectionClosed),
        (Behaviour::Hang, ResponseTimeout),
        (Behaviour::Stall, ResponseTimeout),
    ] {
        for mode in [ConnectionMode::Fresh, ConnectionMode::Reuse] {
            let server = server(behaviour).await;
            let bound = if reason == ResponseTimeout { SHORT } else { BOUND };
            let (result, trace) = ping(&wire(target_of(&server, mode)), bound).await;
            assert_eq!(result, Err(reason), "{behaviour:?} {mode:?}");
            assert!(trace.sent);
            server.closed(1).await;
            let seen = server.seen();
            assert_eq!((seen.connections, seen.requests.len()), (1, 1), "{behaviour:?} {mode:?}");
        }
    }
    let server = server(Behaviour::Babble).await;
    let (result, _) = ping(&wire(target_of(&server, ConnectionMode::Fresh)), BOUND).await;
    assert_eq!(result, Err(ProtocolError));
}

#[tokio::test]
async fn refused_client_certificate_is_known_by_its_alert_also_here() {
    let (authority, other) = (Authority::new(), Authority::new());
    let config = tls_config(&authority.issue("127.0.0.1", |_| {}), Some(&authority));
    let server = H2Server::start(Behaviour::Answer(PONG), config).await;
    let with = |identity: Option<&Authority>| {
        let mut target = target_of(&server, ConnectionMode::Fresh);
        target.ping.transport.identity = identity.map(|of| {
            let (cert_file, key_file) = of.files("client", &of.issue("client", |_| {}));
            Identity { cert_file, key_file }
        });
        wire(target)
    };
    assert_eq!(ping(&with(None), BOUND).await.0, Err(Reason::ClientCertificate));
    assert_eq!(ping(&with(Some(&other)), BOUND).await.0, Err(Reason::ClientCertificate));
    assert_eq!(ping(&with(Some(&authority)), BOUND).await.0, Ok(()));
}
