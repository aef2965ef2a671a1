//! When certificates expire, as it is seen through real sockets: of good chains and of those for which handshakes fail.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::report::{CertificateDefect, ChainExpiry, Trace};
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{Identity, Target, Transport, Verification};
use rcgen::CertificateParams;

use raw_server::{Authority, Leaf, RawServer, answer, tls_config};
use targets::target;

const BOUND: Duration = Duration::from_secs(8);
const PONG: &str = r#"{"info":"pong","status":1}"#;

/// What came of a ping, and when the chain expires.
type Seen = (Result<(), Reason>, Option<ChainExpiry>);

async fn ping(wire: &HttpWire) -> (Result<(), Reason>, Trace) {
    let exchange = wire.ping(&AccessToken::parse("abc".to_owned()).unwrap(), BOUND).await;
    (exchange.result.map_err(|failure| failure.reason), exchange.trace)
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

/// A ping to a server with this certificate.
async fn served(leaf: &Leaf, transport: Transport) -> Seen {
    let (result, trace) = traced(leaf, transport).await;
    (result, trace.server_chain)
}

async fn traced(leaf: &Leaf, transport: Transport) -> (Result<(), Reason>, Trace) {
    let server = RawServer::tls(answer(200, "", PONG), tls_config(leaf, None)).await;
    let mut target = target(&format!("https://{}", server.address));
    target.ping.transport = transport;
    ping(&wire(target)).await
}

fn trusting(authority: &Authority) -> Transport {
    Transport { ca_file: Some(authority.ca_file()), ..Transport::default() }
}

/// Valid until the first day of the year.
fn until(year: i32) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    }
}

fn first_day(year: i32) -> SystemTime {
    rcgen::date_time_ymd(year, 1, 1).into()
}

fn alone(year: i32) -> Option<ChainExpiry> {
    Some(ChainExpiry { leaf: first_day(year), earliest: first_day(year) })
}

#[tokio::test]
async fn good_certificate_tells_its_expiry_beyond_what_two_digits_of_a_year_can_say() {
    let authority = Authority::new();
    for year in [2049, 2051, 9999] {
        let leaf = authority.issue("127.0.0.1", until(year));
        assert_eq!(served(&leaf, trusting(&authority)).await, (Ok(()), alone(year)));
    }
}

#[tokio::test]
async fn certificate_for_which_the_handshake_fails_tells_its_expiry_too() {
    let authority = Authority::new();
    let expired = authority.issue("127.0.0.1", until(2021));
    let misnamed = authority.issue("other.example", until(2090));
    let stranger = Authority::new().issue("127.0.0.1", until(2091));
    for (leaf, year) in [(expired, 2021), (misnamed, 2090), (stranger, 2091)] {
        assert_eq!(served(&leaf, trusting(&authority)).await, (Err(Reason::Certificate), alone(year)));
    }
}

#[tokio::test]
async fn certificate_that_is_refused_tells_why() {
    let authority = Authority::new();
    let from_2090 = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2090, 1, 1);
        params.not_after = rcgen::date_time_ymd(2091, 1, 1);
    };
    let for_clients = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let by_expired = authority.intermediate(until(2021));
    for (leaf, defect) in [
        (authority.issue("127.0.0.1", until(2021)), CertificateDefect::Expired),
        (by_expired.issue("127.0.0.1", until(2090)), CertificateDefect::Expired),
        (authority.issue("127.0.0.1", from_2090), CertificateDefect::NotYetValid),
        (authority.issue("other.example", until(2090)), CertificateDefect::WrongName),
        (Authority::new().issue("127.0.0.1", until(2090)), CertificateDefect::UnknownAuthority),
        (authority.issue("127.0.0.1", for_clients), CertificateDefect::Other),
    ] {
        let (result, trace) = traced(&leaf, trusting(&authority)).await;
        assert_eq!((result, trace.certificate_defect), (Err(Reason::Certificate), Some(defect)));
    }
    let good = authority.issue("127.0.0.1", until(2090));
    let (result, trace) = traced(&good, trusting(&authority)).await;
    assert_eq!((result, trace.certificate_defect), (Ok(()), None));
}

#[tokio::test]
async fn certificate_that_nobody_looks_at_tells_its_expiry_too() {
    let leaf = Leaf::self_signed("anything.example", until(2021));
    let skip = Transport { verification: Verification::Skip, ..Transport::default() };
    assert_eq!(served(&leaf, skip).await, (Ok(()), alone(2021)));
}

#[tokio::test]
async fn intermediate_that_expires_first_is_the_earliest() {
    let root = Authority::new();
    for (intermediate, result) in [(2089, Ok(())), (2021, Err(Reason::Certificate))] {
        let leaf = root.intermediate(until(intermediate)).issue("127.0.0.1", until(2090));
        let chain = ChainExpiry { leaf: first_day(2090), earliest: first_day(intermediate) };
        assert_eq!(served(&leaf, trusting(&root)).await, (result, Some(chain)));
    }
}

#[tokio::test]
async fn self_signed_root_that_is_sent_along_does_not_count() {
    let root = Authority::root(until(2080));
    let mut leaf = root.intermediate(until(2089)).issue("127.0.0.1", until(2090));
    leaf.chain += &root.pem();
    let chain = ChainExpiry { leaf: first_day(2090), earliest: first_day(2089) };
    assert_eq!(served(&leaf, trusting(&root)).await, (Ok(()), Some(chain)));
}

#[tokio::test]
async fn self_signed_leaf_counts() {
    let leaf = Leaf::self_signed("127.0.0.1", until(2088));
    assert_eq!(served(&leaf, trusting(&Authority::new())).await, (Err(Reason::Certificate), alone(2088)));
}

#[tokio::test]
async fn what_is_asked_in_the_clear_tells_nothing() {
    let server = RawServer::plain(answer(200, "", PONG)).await;
    let (result, trace) = ping(&wire(target(&format!("http://{}", server.address)))).await;
    assert_eq!((result, trace.server_chain, trace.client_certificate_expiry), (Ok(()), None, None));
}

#[tokio::test]
async fn both_requests_tell_of_their_own_server_and_of_their_own_client_certificate() {
    let root = Authority::new();
    let servers = [2081, 2082].map(|year| tls_config(&root.issue("127.0.0.1", until(year)), Some(&root)));
    let [token_server, ping_server] = servers.map(|config| RawServer::tls(answer(200, "", PONG), config));
    let (token_server, ping_server) = (token_server.await, ping_server.await);
    let mut target = target(&format!("https://{}", token_server.address));
    target.ping.endpoint = format!("https://{}", ping_server.address).parse().unwrap();
    let identity = |name, leaf| {
        let (cert_file, key_file) = root.files(name, &leaf);
        Some(Identity { cert_file, key_file })
    };
    let direct = identity("direct", root.issue("client", until(2071)));
    let by_intermediate = identity("by_intermediate", root.intermediate(until(2072)).issue("client", until(2073)));
    target.token.transport = Transport { identity: direct, ..trusting(&root) };
    target.ping.transport = Transport { identity: by_intermediate, ..trusting(&root) };
    let wire = wire(target);
    let token = wire.request_token(BOUND).await.trace;
    assert_eq!(token.status, Some(200));
    assert_eq!((token.server_chain, token.client_certificate_expiry), (alone(2081), Some(first_day(2071))));
    let (result, ping) = ping(&wire).await;
    assert_eq!(result, Ok(()));
    assert_eq!((ping.server_chain, ping.client_certificate_expiry), (alone(2082), Some(first_day(2072))));
}
