//! HTTP/2 on the exporter's own port: that it serves, and what a client can do wrong in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod reports;
mod served;
mod targets;

use std::time::Duration;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use oauth_probe_exporter::server::Limits;
use served::{Files, HANGS, Served, exchange, patient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

// RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// `GET`, `https`, `/`, all from the static table (RFC 7541 appendix A), and `:authority: x`.
const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'x'];
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn greeted(served: &Served, files: &Files) -> TlsStream<TcpStream> {
    let mut client = files.client();
    client.alpn_protocols = vec![b"h2".to_vec()];
    served.greet(client).await.unwrap()
}

/// A client that behaves.
async fn client(served: &Served, files: &Files, window: u32) -> SendRequest<Bytes> {
    let builder = || {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window);
        builder
    };
    let (sender, connection) = builder().handshake(greeted(served, files).await).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Bytes>, path: &str, header: (&str, &str)) -> ResponseFuture {
    let request = Request::get(format!("https://localhost{path}")).header(header.0, header.1).body(()).unwrap();
    std::future::poll_fn(|context| sender.poll_ready(context)).await.unwrap();
    sender.send_request(request, true).unwrap().0
}

async fn text(response: ResponseFuture) -> (StatusCode, String) {
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    (head.status, String::from_utf8(bytes).unwrap())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The kinds of frames that come until the connection ends or nothing more comes for a while.
async fn kinds(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut bytes = Vec::new();
    tokio::time::timeout(HANGS, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap_or_default();
    let (mut kinds, mut rest) = (Vec::new(), &bytes[..]);
    while let Some((&[a, b, c, kind, ..], _)) = rest.split_first_chunk::<9>() {
        kinds.push(kind);
        rest = rest.get(9 + u32::from_be_bytes([0, a, b, c]) as usize..).unwrap_or_default();
    }
    kinds
}

async fn files_and_server(limits: Limits, targets: usize) -> (Files, Served) {
    let files = Files::new();
    let served = Served::protected(&files.web_config("", ""), limits, targets).await;
    (files, served)
}

#[tokio::test]
async fn scrapes_and_pages_come_over_one_connection_at_the_same_time() {
    let (files, served) = files_and_server(patient(), 3000).await;
    let mut sender = client(&served, &files, 65_535).await;
    let mut answers = Vec::new();
    for path in ["/metrics", "/-/healthy", "/nothing", "/metrics?target=t7", "/"] {
        answers.push(ask(&mut sender, path, ("x", "y")).await);
    }
    // They share one window, so that nobody may be left unread.
    let mut reading = JoinSet::new();
    for (answer, expected) in answers.into_iter().zip([200, 200, 404, 200, 200]) {
        reading.spawn(async move { (text(answer).await, expected) });
    }
    while let Some(read) = tokio::time::timeout(HANGS, reading.join_next()).await.expect("an answer") {
        let ((status, text), expected) = read.unwrap();
        assert!(status == expected && !text.is_empty(), "{status} {expected}");
    }
}

#[tokio::test]
async fn discovery_names_the_address_that_was_asked() {
    let (files, served) = files_and_server(patient(), 1).await;
    let mut sender = client(&served, &files, 65_535).await;
    for header in [("x", "y"), ("host", "another.example.com")] {
        let (status, text) = text(ask(&mut sender, "/sd", header).await).await;
        assert!(status == 200 && text.contains(r#"["localhost"]"#), "{status} {text}");
    }
}

#[tokio::test]
async fn header_list_that_is_too_long_is_refused() {
    let (files, served) = files_and_server(patient(), 1).await;
    let mut sender = client(&served, &files, 65_535).await;
    let answer = ask(&mut sender, "/", ("x-long", &"x".repeat(20_000))).await;
    assert_eq!(answer.await.unwrap().status(), 431);
    assert_eq!(text(ask(&mut sender, "/-/healthy", ("x", "y")).await).await.0, 200, "the connection is still good");
}

#[tokio::test]
async fn each_request_needs_its_own_password() {
    let files = Files::new();
    let users = format!("basic_auth_users: {{ alice: '{}' }}\n", bcrypt::hash("wonder", 4).unwrap());
    let served = Served::protected(&files.web_config("", &users), patient(), 1).await;
    let mut sender = client(&served, &files, 65_535).await;
    // `alice:wonder`
    let good = ("authorization", "Basic YWxpY2U6d29uZGVy");
    for (header, status) in [(good, 200), (("x", "y"), 401), (good, 200)] {
        assert_eq!(ask(&mut sender, "/metrics", header).await.await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_on_a_connection_than_it_may_have() {
    // None of these gives way, so that all of them wait.
    let (files, served) = files_and_server(Limits { large_answers: 0, ..patient() }, 1).await;
    let mut stream = greeted(&served, &files).await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, ACK, 0, &[])].concat();
    // `:path: /metrics`
    let scrape = [&GET[..2], &[0x44, 8], b"/metrics", &GET[3..]].concat();
    for number in 0..16 {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &scrape));
    }
    bytes.extend(frame(GOAWAY, 0, 0, &[0; 8]));
    stream.write_all(&bytes).await.unwrap();
    let mut seen = vec![0; 4096];
    let mut resets = 0;
    while resets < 8 {
        let count = tokio::time::timeout(HANGS, stream.read(&mut seen)).await.expect("a frame").unwrap();
        assert!(count > 0, "{resets}");
        // REFUSED_STREAM, as the whole payload of such a frame.
        let refused = frame(RST_STREAM, 0, 0, &[0, 0, 0, 7]);
        resets +=
            seen[..count].windows(13).filter(|part| part[..5] == refused[..5] && part[9..] == refused[9..]).count();
    }
}

#[tokio::test]
async fn requests_that_are_reset_at_once_end_the_connection() {
    let (files, served) = files_and_server(patient(), 1).await;
    let mut stream = greeted(&served, &files).await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for number in 0..10_000 {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, GET));
        bytes.extend(frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    // The end may come before all of it is written.
    let _ = stream.write_all(&bytes).await;
    assert!(kinds(&mut stream).await.contains(&GOAWAY));
    let mut sender = client(&served, &files, 65_535).await;
    assert_eq!(text(ask(&mut sender, "/-/healthy", ("x", "y")).await).await.0, 200);
}

#[tokio::test]
async fn head_without_an_end_ends_the_connection() {
    let (files, served) = files_and_server(patient(), 1).await;
    let mut stream = greeted(&served, &files).await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, END_STREAM, 1, GET)].concat();
    // A header that is in no table: `a: ` and 100 bytes.
    let field = [&[0, 1, b'a', 100][..], &[b'x'; 100]].concat();
    for _ in 0..100_000 {
        bytes.extend(frame(CONTINUATION, 0, 1, &field));
    }
    let _ = stream.write_all(&bytes).await;
    assert!(kinds(&mut stream).await.contains(&GOAWAY));
}

#[tokio::test]
async fn silence_and_half_a_head_end_in_time() {
    let limits = Limits { head_timeout: Duration::from_millis(200), ..patient() };
    let (files, served) = files_and_server(limits, 1).await;
    let settings = frame(SETTINGS, 0, 0, &[]);
    for bytes in [
        vec![],
        PREFACE[..10].to_vec(),
        [PREFACE, &settings].concat(),
        [PREFACE, &settings, &frame(HEADERS, END_STREAM, 1, GET)].concat(),
        [PREFACE, &settings, &frame(PING, 0, 0, &[0; 8]).repeat(10)].concat(),
    ] {
        let mut stream = greeted(&served, &files).await;
        stream.write_all(&bytes).await.unwrap();
        assert!(!kinds(&mut stream).await.contains(&DATA));
    }
}

#[tokio::test]
async fn answer_for_which_there_is_no_window_ends_in_time() {
    let limits = Limits { answer_timeout: Duration::from_millis(300), ..patient() };
    let (files, served) = files_and_server(limits, 100).await;
    let mut sender = client(&served, &files, 0).await;
    let (head, mut body) = ask(&mut sender, "/metrics", ("x", "y")).await.await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    let ended = tokio::time::timeout(HANGS, body.data()).await.expect("an end");
    assert!(!matches!(ended, Some(Ok(_))), "{ended:?}");
}

#[tokio::test]
async fn nothing_compresses_for_who_reads_nothing_unless_it_has_a_turn() {
    let (files, served) = files_and_server(patient(), 10).await;
    let mut sender = client(&served, &files, 0).await;
    // What is compressed as it is sent has no length that is known before.
    for (path, is_whole) in [("/metrics", false), ("/api/v1/targets/t1", false), ("/probe?target=t1", true)] {
        let answer = ask(&mut sender, path, ("accept-encoding", "gzip")).await.await.unwrap();
        let headers = answer.headers();
        assert!(headers.get("content-encoding").is_some_and(|coding| coding == "gzip"), "{path}");
        assert_eq!(headers.contains_key("content-length"), is_whole, "{path}");
    }
    let answer = ask(&mut sender, "/no/such/path", ("accept-encoding", "gzip")).await.await.unwrap();
    assert!(!answer.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn connection_that_has_to_go_takes_its_requests_with_it() {
    let (files, served) = files_and_server(Limits { connections: 2, large_answers: 2, ..patient() }, 100).await;
    let mut unread = Vec::new();
    for _ in 0..2 {
        let mut sender = client(&served, &files, 0).await;
        unread.push((ask(&mut sender, "/metrics", ("x", "y")).await.await.unwrap(), sender));
    }
    // From elsewhere it gets a place, and its scrape the turn of the one whose connection had to go.
    let stream = served.greet_on(served.connect_from(5).await, files.client()).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = tokio::time::timeout(HANGS, exchange(stream, request)).await.expect("its turn");
    assert!(answer.status == 200 && answer.body.contains("oauth_probe_build_info"));
    let (first, _) = unread.remove(0);
    assert!(!matches!(first.into_body().data().await, Some(Ok(_))));
}

#[tokio::test]
async fn requests_that_wait_end_with_their_connection() {
    // None ever has its turn, and as many as may wait do.
    let (files, served) = files_and_server(Limits { large_answers: 0, ..patient() }, 1).await;
    for _ in 0..3 {
        let mut senders = Vec::new();
        let mut waiting = JoinSet::new();
        for _ in 0..4 {
            let mut sender = client(&served, &files, 65_535).await;
            for _ in 0..8 {
                waiting.spawn(ask(&mut sender, "/metrics", ("x", "y")).await);
            }
            senders.push(sender);
        }
        until_crowded(&served, &files, true).await;
        assert!(waiting.try_join_next().is_none(), "all of them wait");
        drop((senders, waiting));
        until_crowded(&served, &files, false).await;
    }
}

/// Whether a further scrape is refused, and does not wait.
async fn until_crowded(served: &Served, files: &Files, expected: bool) {
    let is_so = async {
        loop {
            let scraping = served.get_by_tls(files.client(), "/metrics", "");
            let answer = tokio::time::timeout(Duration::from_millis(200), scraping).await;
            if answer.is_ok_and(|answer| answer.unwrap().status == 503) == expected {
                return;
            }
        }
    };
    tokio::time::timeout(HANGS, is_so).await.expect("it comes to that");
}

#[tokio::test]
async fn stop_ends_idle_connections_and_waits_for_requests() {
    let (files, served) = files_and_server(Limits { drain: Duration::from_secs(3600), ..patient() }, 3000).await;
    let mut busy = client(&served, &files, 65_535).await;
    let answer = ask(&mut busy, "/metrics", ("x", "y")).await.await.unwrap();
    let mut idle = client(&served, &files, 65_535).await;
    assert_eq!(text(ask(&mut idle, "/-/healthy", ("x", "y")).await).await.0, 200);
    served.stop.send(()).unwrap();
    let closing = async {
        while std::future::poll_fn(|context| idle.poll_ready(context)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANGS, closing).await.expect("an end");
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        text.extend_from_slice(&chunk);
    }
    assert!(String::from_utf8(text).unwrap().contains("oauth_probe_build_info"));
    tokio::time::timeout(HANGS, served.ended).await.unwrap().unwrap();
}
