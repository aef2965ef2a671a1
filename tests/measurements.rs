//! What is measured of a request, through real sockets: the phases that happened and no others, and the server's clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::report::{Phase, Trace};
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{ConnectionMode, Target, Transport, Verification};
use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};

use raw_server::{Authority, Behaviour, RawServer, answer, tls_config};
use targets::target;

const BOUND: Duration = Duration::from_secs(8);
const PONG: &str = r#"{"info":"pong","status":1}"#;

async fn ping(wire: &HttpWire, bound: Duration) -> Trace {
    wire.ping(&AccessToken::parse("abc".to_owned()).unwrap(), bound).await.trace
}

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

fn phases(trace: &Trace) -> Vec<Phase> {
    trace.phases.happened().map(|(phase, _)| phase).collect()
}

fn sum_of_phases(trace: &Trace) -> Duration {
    trace.phases.happened().map(|(_, duration)| duration).sum()
}

#[tokio::test]
async fn a_name_over_tls_has_all_five_and_their_sum_is_within_the_duration() {
    let authority = Authority::new();
    let server = RawServer::tls(answer(200, "", PONG), tls_config(&authority.issue("localhost", |_| {}), None)).await;
    let mut target = target(&format!("https://localhost:{}", server.address.port()));
    target.ping.transport = Transport { ca_file: Some(authority.ca_file()), ..Transport::default() };
    let trace = ping(&wire(target), BOUND).await;
    use Phase::{Connect, Processing, Resolve, Tls, Transfer};
    assert_eq!(phases(&trace), [Resolve, Connect, Tls, Processing, Transfer]);
    assert!(sum_of_phases(&trace) <= trace.duration, "{:?} of {:?}", trace.phases, trace.duration);
    assert_eq!(trace.connections_opened, 1);
    assert_eq!(trace.peer.unwrap().port(), server.address.port());
}

#[tokio::test]
async fn an_address_in_the_clear_has_no_resolution_and_no_tls_and_the_phases_are_all_of_the_duration() {
    let server = RawServer::plain(answer(200, "", PONG)).await;
    let trace = ping(&wire(target(&format!("http://{}", server.address))), BOUND).await;
    assert_eq!(phases(&trace), [Phase::Connect, Phase::Processing, Phase::Transfer]);
    assert_eq!(sum_of_phases(&trace), trace.duration);
}

#[tokio::test]
async fn the_phase_in_which_a_request_times_out_lasts_until_then_and_the_peer_is_known() {
    use Phase::{Connect, Processing, Tls, Transfer};
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".as_slice();
    for (scheme, behaviour, expected) in [
        ("http", Behaviour::Stall(b"".as_slice().into()), [Connect, Processing].as_slice()),
        ("http", Behaviour::Stall(cut.into()), &[Connect, Processing, Transfer]),
        ("https", Behaviour::Silent, &[Connect, Tls]),
    ] {
        let server = RawServer::plain(behaviour).await;
        let mut target = target(&format!("{scheme}://{}", server.address));
        target.ping.transport.verification = Verification::Skip;
        let trace = ping(&wire(target), Duration::from_millis(100)).await;
        assert_eq!(phases(&trace), expected);
        assert_eq!(trace.broke_off_in, expected.last().copied());
        let last = trace.phases.happened().last().unwrap().1;
        assert!(last > trace.duration / 2, "{last:?} of {:?}", trace.duration);
        assert_eq!(trace.peer, (scheme == "http").then_some(server.address));
    }
}

#[tokio::test]
async fn a_whole_answer_breaks_off_in_no_phase_however_bad_it_is() {
    let server = RawServer::plain(answer(503, "", "")).await;
    let trace = ping(&wire(target(&format!("http://{}", server.address))), BOUND).await;
    assert_eq!(trace.broke_off_in, None);
}

#[tokio::test]
async fn the_servers_clock_is_compared_with_ours() {
    let an_hour_ahead = httpdate::fmt_http_date(BootClock.now().wall + Duration::from_secs(3600));
    for (headers, expected) in [(format!("Date: {an_hour_ahead}\r\n"), Some(3600.0)), (String::new(), None)] {
        let server = RawServer::plain(answer(503, &headers, "")).await;
        let skew = ping(&wire(target(&format!("http://{}", server.address))), BOUND).await.clock_skew;
        assert_eq!(skew.map(|skew| (skew / 60.0).round() * 60.0), expected);
    }
}

#[tokio::test]
async fn a_connection_that_is_used_again_is_opened_once() {
    let clients = vec![ClientSettings::new("acme", "secret")];
    let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
    for (mode, opened, phase_count) in [(ConnectionMode::Reuse, 0, 2), (ConnectionMode::Fresh, 1, 3)] {
        let mut target = target(simulator.resource_server().as_str().trim_end_matches('/'));
        target.ping.connection = mode;
        let wire = wire(target);
        assert_eq!(ping(&wire, BOUND).await.connections_opened, 1);
        let second = ping(&wire, BOUND).await;
        assert_eq!(second.connections_opened, opened, "{mode:?}");
        assert_eq!(phases(&second).len(), phase_count, "{mode:?}");
    }
}
