//! What each check sends, and what the answers mean, through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod support;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_probe_exporter::client::{CheckCredential, CheckExchange, ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::check::CheckResult::{self, Accepted, Inconclusive, Refused};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::secret::{AccessToken, Secret};
use oauth_probe_exporter::model::target::{BasicEncoding, ClientAuthentication, ConnectionMode, SecretSource, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use raw_server::{Behaviour, RawServer, answer, bytes};
use support::RealServer;

/// No request of these tests is meant to take as long, but for those that are meant to time out.
const BOUND: Duration = Duration::from_secs(8);
const SHORT: Duration = Duration::from_millis(150);
const KEY: &str = "k+3y ö";

fn token() -> AccessToken {
    AccessToken::parse("expired+/=".to_owned()).unwrap()
}

fn every_credential(token: &AccessToken) -> [CheckCredential<'_>; 4] {
    [CheckCredential::Nothing, CheckCredential::BadToken, CheckCredential::ExpiredToken(token), CheckCredential::ApiKey]
}

fn target(base: &str, key: SecretSource) -> Target {
    let mut target = targets::target(base);
    target.checks.api_key = Some(key);
    target
}

fn inline_key() -> SecretSource {
    SecretSource::Inline(Secret::new(KEY.to_owned()))
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

/// The result, and why there was no whole answer.
fn outcome(exchange: &CheckExchange) -> (CheckResult, Option<Reason>) {
    (CheckResult::of_status(exchange.trace.status), exchange.failure)
}

#[tokio::test]
async fn every_check_means_the_same_by_every_answer() {
    const LOCATION: &str = "Location: http://127.0.0.1:1/\r\n";
    let stall = |head: &str| Behaviour::Stall(head.as_bytes().into());
    let table = [
        (answer(401, "", "{}"), BOUND, (Refused, None)),
        (answer(403, "", ""), BOUND, (Refused, None)),
        (answer(200, "", r#"{"info":"pong","status":1}"#), BOUND, (Accepted, None)),
        (answer(204, "", ""), BOUND, (Accepted, None)),
        (answer(200, "", "<html>login</html>"), BOUND, (Accepted, None)),
        (answer(500, "", ""), BOUND, (Inconclusive, None)),
        (answer(302, LOCATION, ""), BOUND, (Inconclusive, None)),
        (answer(404, "", ""), BOUND, (Inconclusive, None)),
        (answer(429, "Retry-After: 1\r\n", ""), BOUND, (Inconclusive, None)),
        (stall(""), SHORT, (Inconclusive, Some(Reason::ResponseTimeout))),
        // The status says enough where the body never comes.
        (stall("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), SHORT, (Accepted, Some(Reason::ResponseTimeout))),
        (stall("HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n"), SHORT, (Refused, Some(Reason::ResponseTimeout))),
        (bytes(b"SSH-2.0-OpenSSH\r\n\r\n"), BOUND, (Inconclusive, Some(Reason::ProtocolError))),
    ];
    for (number, (behaviour, bound, expected)) in table.into_iter().enumerate() {
        let server = RawServer::plain(behaviour).await;
        let wire = wire(target(&format!("http://{}", server.address), inline_key()));
        let token = token();
        for (made, credential) in every_credential(&token).into_iter().enumerate() {
            let exchange = wire.check(credential, bound).await;
            assert_eq!(outcome(&exchange), expected, "row {number}, {credential:?}");
            assert_eq!(server.connections(), made + 1, "nothing is sent twice, no redirect is followed");
        }
    }
}

#[tokio::test]
async fn port_that_is_closed_is_inconclusive() {
    let exchange = wire(target("http://127.0.0.1:1", inline_key())).check(CheckCredential::Nothing, BOUND).await;
    assert_eq!(outcome(&exchange), (Inconclusive, Some(Reason::Connect)));
}

/// The heads of the requests that come to a server which refuses them all and would keep every connection.
async fn heads() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heard, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            heard.send(String::from_utf8(head).unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            tokio::spawn(async move { stream.read(&mut [0]).await });
        }
    });
    (base, heads)
}

fn authorization(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("authorization: "))
}

/// All that a head says but for its credential.
fn rest(head: &str) -> Vec<&str> {
    head.lines().filter(|line| !line.starts_with("authorization: ")).collect()
}

#[tokio::test]
async fn check_is_the_ping_but_for_its_credential() {
    let (base, mut heads) = heads().await;
    let mut target = target(&base, inline_key());
    target.ping.method = "POST".to_owned();
    target.ping.headers = BTreeMap::from([("x-version".to_owned(), Secret::new("2".to_owned()))]);
    let wire = wire(target);
    let live = AccessToken::parse("live".to_owned()).unwrap();
    let _ = wire.ping(&live, BOUND).await;
    let ping = heads.recv().await.unwrap();
    assert!(ping.starts_with("POST ") && ping.contains("x-version: 2"), "{ping}");
    let token = token();
    let mut shown = Vec::new();
    for credential in every_credential(&token) {
        wire.check(credential, BOUND).await;
        let head = heads.recv().await.unwrap();
        assert_eq!(rest(&head), rest(&ping), "{credential:?}");
        shown.push(authorization(&head).map(str::to_owned));
    }
    assert_eq!(shown[0], None);
    let bad = shown[1].as_deref().unwrap().strip_prefix("Bearer ").unwrap();
    assert!(STANDARD.decode(bad).is_ok_and(|random| random.len() == 20), "{bad}");
    assert_eq!(shown[2].as_deref(), Some("Bearer expired+/="));
    assert_eq!(shown[3], Some(format!("Basic {}", STANDARD.encode(format!("{KEY}:")))));
}

#[tokio::test]
async fn checks_take_no_connection_that_is_kept_for_the_ping() {
    let server = RealServer::oidc_provider(Duration::from_secs(60)).await;
    let mut target = target(&server.resource_server, inline_key());
    target.ping.connection = ConnectionMode::Reuse;
    let wire = wire(target);
    let opened = async || wire.ping(&token(), BOUND).await.trace.connections_opened;
    assert_eq!((opened().await, opened().await), (1, 0));
    assert_eq!(wire.check(CheckCredential::Nothing, BOUND).await.trace.connections_opened, 1);
    assert_eq!(opened().await, 0);
}

#[tokio::test]
async fn key_file_is_read_for_every_check_and_nothing_is_sent_without_one() {
    let (base, mut heads) = heads().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let wire = wire(target(&base, SecretSource::File(path.clone())));
    for key in ["old", "new"] {
        std::fs::write(&path, format!("\u{feff}{key}\r\n")).unwrap();
        assert_eq!(outcome(&wire.check(CheckCredential::ApiKey, BOUND).await), (Refused, None));
        let expected = format!("Basic {}", STANDARD.encode(format!("{key}:")));
        assert_eq!(authorization(&heads.recv().await.unwrap()), Some(&*expected));
    }
    std::fs::write(&path, "").unwrap();
    let exchange = wire.check(CheckCredential::ApiKey, BOUND).await;
    assert_eq!((outcome(&exchange), exchange.trace.sent), ((Inconclusive, Some(Reason::SecretUnavailable)), false));
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn oidc_provider_refuses_calls_without_token_with_a_bad_one_and_with_an_expired_one() {
    let server = RealServer::oidc_provider(Duration::from_secs(2)).await;
    let mut target = target(&server.resource_server, inline_key());
    target.token.endpoint = server.token_url().parse().unwrap();
    target.token.client_id = "basic".to_owned();
    target.token.authentication = ClientAuthentication::Basic {
        secret: SecretSource::Inline(Secret::new(server.secret.to_owned())),
        encoding: BasicEncoding::Form,
    };
    let wire = wire(target);
    let issued = wire.request_token(BOUND).await.result.unwrap();
    assert_eq!(wire.ping(&issued.access_token, BOUND).await.result, Ok(()));
    // Its tokens live for two seconds of its own clock, which no test can turn.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for credential in every_credential(&issued.access_token) {
        assert_eq!(outcome(&wire.check(credential, BOUND).await), (Refused, None), "{credential:?}");
    }
    let stats = server.stats().await;
    assert_eq!((stats.pings_accepted, stats.pings_refused, stats.expired_tokens_seen), (1, 4, 1));
}
