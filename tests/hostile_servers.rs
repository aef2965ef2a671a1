//! Servers that mean harm or have lost their mind: whatever they send, a request ends in time, with a reason, and
//! costs no more than a bounded answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod targets;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, Wire};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{Target, Transport, Verification};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use raw_server::{Authority, Behaviour, RawServer, answer, bytes, tls_config};
use targets::target;

/// Longer than any of these takes, unless it has no end.
const BOUND: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);
const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#;

fn wire(target: Target) -> HttpWire {
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap()
}

/// How the token request and the ping end at `address`, neither of which may outlast its bound by much.
async fn ask(target: &Target, bound: Duration) -> [Result<(), Reason>; 2] {
    let wire = wire(target.clone());
    let token = AccessToken::parse("abc=".to_owned()).unwrap();
    let both = async {
        let asked = wire.request_token(bound).await.result;
        let pinged = wire.ping(&token, bound).await.result;
        [asked.map(drop).map_err(|failure| failure.reason), pinged.map_err(|failure| failure.reason)]
    };
    tokio::time::timeout(BOUND * 3, both).await.expect("a request ends in time")
}

async fn both_end(behaviour: Behaviour, reason: Reason, bound: Duration) {
    let shown = match &behaviour {
        Behaviour::Answer(start) | Behaviour::Stall(start) | Behaviour::Repeat(start, _) => {
            String::from_utf8_lossy(&start[..start.len().min(200)]).into_owned()
        }
        Behaviour::Trickle(..) | Behaviour::Silent | Behaviour::Tunnel(_) => String::new(),
    };
    let server = RawServer::plain(behaviour).await;
    let ends = ask(&target(&format!("http://{}", server.address)), bound).await;
    assert_eq!(ends, [Err(reason), Err(reason)], "{shown}");
    assert_eq!(server.connections(), 2, "nothing is ever sent twice: {shown}");
}

fn endless(start: &str, again: &str) -> Behaviour {
    Behaviour::Repeat(start.as_bytes().into(), again.as_bytes().into())
}

#[tokio::test]
async fn body_without_end_is_a_bad_response() {
    let spaces = " ".repeat(10_000);
    let chunk = format!("2710\r\n{spaces}\r\n");
    for (head, again) in [
        ("", &spaces),
        ("Content-Length: 9223372036854775807\r\n", &spaces),
        ("Content-Encoding: gzip\r\n", &spaces),
        ("Transfer-Encoding: chunked\r\n", &chunk),
    ] {
        both_end(endless(&format!("HTTP/1.1 200 OK\r\n{head}\r\n"), again), Reason::BadResponse, BOUND).await;
    }
}

#[tokio::test]
async fn head_without_end_is_a_protocol_error() {
    let long = "a".repeat(10_000);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (start, again) in [
        ("HTTP/1.1 ", "2"),
        ("HTTP/1.1 200 ", &long),
        ("HTTP/1.1 200 OK\r\nX-Long: ", &long),
        ("HTTP/1.1 200 OK\r\n", "X-Many: aaaaaaaaaaaaaa\r\n"),
        (&format!("{chunked}1;"), &long),
        (&format!("{chunked}0\r\n"), "X-Trailer: aaaaaaaaaaaaaaa\r\n"),
        (&format!("{chunked}0\r\nX-Trailer: "), &long),
    ] {
        both_end(endless(start, again), Reason::ProtocolError, BOUND).await;
    }
}

/// What HTTP/1 reads on and on without getting anywhere: what comes first, and then again and again.
const PRETENCES: [(&str, &str); 5] = [
    ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ("", "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"),
    ("", "\r\n"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", " "),
];

/// It is counted what comes in; the timeout would come much later.
#[tokio::test]
async fn answer_that_only_pretends_to_come_is_a_protocol_error() {
    let authority = Authority::new();
    let leaf = authority.issue("127.0.0.1", |_| {});
    for (start, again) in PRETENCES {
        let again = again.repeat(16 * 1024 / again.len());
        both_end(endless(start, &again), Reason::ProtocolError, BOUND).await;
        let server = RawServer::tls(endless(start, &again), tls_config(&leaf, None)).await;
        let mut target = target(&format!("https://{}", server.address));
        target.token.transport = Transport { verification: Verification::Skip, ..Transport::default() };
        target.ping.transport = target.token.transport.clone();
        target.timeout = BOUND;
        assert_eq!(ask(&target, BOUND).await, [Err(Reason::ProtocolError); 2], "{start:?}, then {again:.9?}");
    }
}

/// As on a thread that probes. The servers are on others, and always have more to send.
#[test]
fn flood_in_the_clear_leaves_turns_for_other_requests() {
    let servers = Runtime::new().unwrap();
    let good = servers.block_on(RawServer::plain(answer(200, "", r#"{"info":"pong","status":1}"#)));
    let good = wire(target(&format!("http://{}", good.address)));
    let token = AccessToken::parse("abc=".to_owned()).unwrap();
    let thread = Builder::new_current_thread().enable_all().build().unwrap();
    for (start, again) in PRETENCES {
        let flood = endless(start, &again.repeat(512 * 1024 / again.len()));
        let flood = servers.block_on(RawServer::plain(flood));
        let hostile = wire(target(&format!("http://{}", flood.address)));
        let in_between = thread.block_on(async {
            let mut flooded = pin!(hostile.ping(&token, BOUND));
            let mut in_between = 0;
            loop {
                tokio::select! {
                    ping = &mut flooded => break ping.result.is_err().then_some(in_between),
                    ping = good.ping(&token, BOUND) => ping.result.map(|()| in_between += 1).unwrap(),
                }
            }
        });
        assert!(in_between >= Some(3), "{start:?}, then {again:?}: {in_between:?}");
    }
}

#[tokio::test]
async fn head_that_breaks_the_rules_is_a_protocol_error() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 60\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 60\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}xx",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\n: x\r\n\r\n{}",
        "HTTP/1.1 99 OK\r\n\r\n{}",
        "HTTP/1.1 1000 OK\r\n\r\n{}",
        "HTTP/1.1 000 OK\r\n\r\n{}",
        "HTTP/1.1 2O0 OK\r\n\r\n{}",
        "HTTP/2.0 200 OK\r\n\r\n{}",
        "HTTP/1.1\x00200 OK\r\n\r\n{}",
        "{\"access_token\":\"abc\"}\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        both_end(bytes(head.as_bytes()), Reason::ProtocolError, BOUND).await;
    }
    both_end(bytes(b"HTTP/1.1 200 \xff\0\xfe\r\n\r\n{}"), Reason::ProtocolError, BOUND).await;
}

#[tokio::test]
async fn answer_is_read_as_far_as_its_length_says() {
    let shorter = format!("HTTP/1.1 200 \u{fc}\r\nContent-Length: 9\r\nX: \u{fc}\r\n\r\n{TOKEN}");
    both_end(bytes(shorter.as_bytes()), Reason::BadResponse, BOUND).await;
    let longer = format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{TOKEN}");
    both_end(bytes(longer.as_bytes()), Reason::ConnectionClosed, BOUND).await;
    both_end(answer(101, "Connection: upgrade\r\nUpgrade: x\r\n", TOKEN), Reason::UnexpectedStatus, BOUND).await;
}

/// How a token request ends that is answered with this body.
async fn token_by(body: &str) -> Result<(), Reason> {
    let server = RawServer::plain(answer(200, "Content-Type: application/json\r\n", body)).await;
    ask(&target(&format!("http://{}", server.address)), BOUND).await[0]
}

#[tokio::test]
async fn token_answer_out_of_its_mind_is_a_bad_response() {
    let deep = |start: &str, count| format!("{start}{}", "[".repeat(count));
    for body in [
        deep("", 1_000_000),
        deep(r#"{"access_token":"#, 1_000_000),
        deep(r#"{"access_token":"abc","x":"#, 1_000_000),
        r#"{"a":"#.repeat(150_000),
        r#"{"access_token":"abc","access_token":"def","token_type":"bearer"}"#.to_owned(),
        r#"{"access_token":"abc","expires_in":-1e300}"#.to_owned(),
        format!(r#"{{"access_token":"{}","token_type":"bearer"}}"#, "x".repeat(1_000_000)),
        format!(r#"{{"access_token":[{}[]]}}"#, "[],".repeat(300_000)),
        r#"{"access_token":"a\u0000b"}"#.to_owned(),
        r#"{"access_token":"a\r\nX-Injected: b"}"#.to_owned(),
        r#"{"access_token":"\ud800"}"#.to_owned(),
        "{\"access_token\":\"a\0b\"}".to_owned(),
        "\u{feff}{}".to_owned(),
        "\0".repeat(1_000_000),
    ] {
        assert_eq!(token_by(&body).await, Err(Reason::BadResponse), "{}", &body[..body.len().min(80)]);
    }
}

#[tokio::test]
async fn token_answer_with_odd_company_is_good() {
    let ignored = format!(r#"{{"x":{}{},"access_token":"abc"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        ignored,
        r#"{"access_token":"abc","expires_in":1e999}"#.to_owned(),
        format!(r#"{{"access_token":"abc","expires_in":1{}}}"#, "0".repeat(300)),
        format!(r#"{{"access_token":"abc","expires_in":"{}"}}"#, "9".repeat(500_000)),
        format!(r#"{{"access_token":"abc","scope":"{}"}}"#, "a ".repeat(400_000)),
    ] {
        assert_eq!(token_by(&body).await, Ok(()), "{}", &body[..body.len().min(80)]);
    }
}

/// A server that resets each connection after so many bytes of a good answer.
async fn resetting(cut: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{TOKEN}", TOKEN.len());
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&answer.as_bytes()[..cut]).await;
            let _ = stream.set_zero_linger();
        }
    });
    address
}

#[tokio::test]
async fn reset_at_any_byte_is_connection_closed() {
    for cut in (0..90).step_by(3) {
        let ends = ask(&target(&format!("http://{}", resetting(cut).await)), BOUND).await;
        assert_eq!(ends, [Err(Reason::ConnectionClosed); 2], "after {cut} bytes");
    }
}

/// Passes on what is sent to `server`, and so many bytes of what comes back; then closes, or goes silent.
async fn cutting(server: SocketAddr, cut: u64, then_closes: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let _ = tokio::io::copy(&mut from_server.take(cut), &mut to_client).await;
                if !then_closes {
                    let _ = up.await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn tls_that_stops_midway_is_told_from_an_answer_that_does() {
    let authority = Authority::new();
    let server = RawServer::tls(answer(200, "", TOKEN), tls_config(&authority.issue("127.0.0.1", |_| {}), None)).await;
    let skip = Transport { verification: Verification::Skip, ..Transport::default() };
    for cut in [0, 5, 50, 130, 600] {
        for (then_closes, reason, bound) in [(true, Reason::Tls, BOUND), (false, Reason::ConnectTimeout, SHORT)] {
            let mut target = target(&format!("https://{}", cutting(server.address, cut, then_closes).await));
            target.token.transport = skip.clone();
            target.ping.transport = skip.clone();
            let ends = ask(&target, bound).await;
            assert_eq!(ends, [Err(reason); 2], "after {cut} bytes, closing: {then_closes}");
        }
    }
}

#[tokio::test]
async fn tls_that_is_cut_at_any_byte_is_no_tls_first_and_no_whole_answer_later() {
    let authority = Authority::new();
    let server = RawServer::tls(answer(200, "", TOKEN), tls_config(&authority.issue("127.0.0.1", |_| {}), None)).await;
    let mut seen = Vec::new();
    for cut in (0..).step_by(7) {
        let mut target = target(&format!("https://{}", cutting(server.address, cut, true).await));
        target.token.transport = Transport { verification: Verification::Skip, ..Transport::default() };
        let token = wire(target).request_token(BOUND).await.result.map(drop).map_err(|failure| failure.reason);
        if seen.last() != Some(&token) {
            seen.push(token);
        }
        if token.is_ok() {
            break;
        }
    }
    assert_eq!(seen, [Err(Reason::Tls), Err(Reason::ConnectionClosed), Ok(())]);
}
