//! What clients can make the server hold, and that none of it keeps Prometheus out. Nothing ends by itself here: where
//! a scrape goes on working, somebody gave way to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod reports;
mod served;
mod targets;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::BufMut as _;
use oauth_probe_exporter::server::Limits;
use served::{Answer, HANGS, Served, exchange, is_closed, is_closed_by_now, patient, raise_descriptor_limit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HALF_A_HEAD: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n";
const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

async fn is_scraped(served: &Served) -> bool {
    let answer = tokio::time::timeout(HANGS, served.get("/metrics")).await.expect("an answer");
    answer.status == 200 && answer.body.contains("oauth_probe_build_info")
}

/// How many of these the server has closed, once it has closed so many.
async fn closed(streams: &[TcpStream], at_least: usize) -> usize {
    let count = || streams.iter().filter(|stream| is_closed_by_now(stream)).count();
    let waiting = async {
        while count() < at_least {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.expect("enough are closed");
    count()
}

#[tokio::test]
async fn thousands_of_half_open_connections_delay_no_scrape() {
    const HALF_OPEN: usize = 2000;
    raise_descriptor_limit(8000);
    let places = Limits::default().connections;
    // All from one address, which is Prometheus' own, and each from another.
    for addresses in [1, HALF_OPEN] {
        let served = Served::plain(patient(), 10).await;
        let mut half_open = Vec::new();
        for number in 0..HALF_OPEN {
            let mut stream = match addresses {
                1 => served.connect().await,
                _ => served.connect_from(u32::try_from(number).unwrap()).await,
            };
            stream.write_all(HALF_A_HEAD).await.unwrap();
            half_open.push(stream);
        }
        for _ in 0..5 {
            assert!(is_scraped(&served).await);
        }
        let closed = closed(&half_open, HALF_OPEN - places + 1).await;
        assert!(closed <= HALF_OPEN - places + 5, "{closed} had to go, {addresses} addresses");
    }
}

#[tokio::test]
async fn ten_thousand_connections_are_opened_and_few_are_held() {
    raise_descriptor_limit(12_000);
    let served = Served::plain(patient(), 10).await;
    let mut streams = Vec::new();
    for number in 0..10_000 {
        streams.push(served.connect_from(number % 100).await);
        if number % 1000 == 0 {
            assert!(is_scraped(&served).await);
        }
    }
    assert!(is_scraped(&served).await);
    let held = streams.len() - closed(&streams, 10_000 - Limits::default().connections).await;
    assert!(held > Limits::default().connections / 2, "{held}: no more are closed than must be");
}

#[tokio::test]
async fn place_is_given_away_by_who_holds_the_most_and_is_silent_for_longest() {
    let served = Served::plain(Limits { connections: 4, ..patient() }, 1).await;
    let mut friend = served.connect_from(1).await;
    let mut hogs = Vec::new();
    for _ in 0..3 {
        hogs.push(served.connect_from(2).await);
    }
    // Whoever was accepted last has an answer, so that all have been.
    friend.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(friend.read(&mut [0; 1024]).await.unwrap() > 0);
    let newcomer = served.connect_from(3).await;
    assert!(is_closed(&mut hogs[0]).await);
    assert!(!is_closed_by_now(&friend) && !is_closed_by_now(&hogs[1]) && !is_closed_by_now(&hogs[2]));
    drop(newcomer);
}

#[tokio::test]
async fn idle_connection_gives_its_place_away_and_a_busy_one_does_not() {
    let served = Served::plain(Limits { connections: 2, ..patient() }, 3000).await;
    let mut busy = served.connect().await;
    busy.write_all(SCRAPE.as_bytes()).await.unwrap();
    busy.readable().await.unwrap();
    for _ in 0..3 {
        assert_eq!(served.get("/-/healthy").await.status, 200);
        let mut idle = served.connect().await;
        idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(idle.read(&mut [0; 1024]).await.unwrap() > 0);
    }
    let answer = exchange(busy, "").await;
    assert!(answer.body.contains("oauth_probe_build_info"), "the scrape is whole");
}

#[tokio::test]
async fn scrapes_take_turns_and_a_full_queue_says_so() {
    let limits = Limits { large_answers: 2, ..patient() };
    let served = Served::plain(limits, 3000).await;
    let mut unread = Vec::new();
    // Two are under way, and 32 wait.
    for _ in 0..34 {
        let mut stream = served.connect().await;
        stream.write_all(SCRAPE.as_bytes()).await.unwrap();
        unread.push(stream);
    }
    let refused = served.get("/metrics").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.body, "too many scrapes are under way\n");
    assert_eq!(served.get("/-/healthy").await.status, 200, "nothing else waits");
    // From elsewhere there is a place in the queue, and it comes first.
    let other = served.connect_from(7).await;
    let scraping = tokio::spawn(async move { exchange(other, SCRAPE).await });
    let first = unread.remove(0);
    assert_eq!(exchange(first, "").await.status, 200);
    let answer = tokio::time::timeout(HANGS, scraping).await.expect("its turn").unwrap();
    assert!(answer.status == 200 && answer.body.contains("oauth_probe_build_info"));
}

#[tokio::test]
async fn scrapes_that_nobody_reads_give_way_to_one_that_waits() {
    let limits = Limits { large_answers: 2, large_answer_turn: Duration::from_millis(50), ..patient() };
    let served = Served::plain(limits, 3000).await;
    let mut unread = Vec::new();
    for _ in 0..2 {
        let mut stream = served.connect_from(1).await;
        stream.write_all(SCRAPE.as_bytes()).await.unwrap();
        stream.readable().await.unwrap();
        unread.push(stream);
    }
    assert!(is_scraped(&served).await);
    let mut text = Vec::new();
    let _ = unread.remove(0).read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("oauth_probe_build_info"), "it was cut off");
}

#[tokio::test]
async fn answer_that_is_never_read_or_read_byte_by_byte_ends() {
    let unread = Limits { unread_timeout: Duration::from_millis(100), ..patient() };
    let whole = Limits { answer_timeout: Duration::from_millis(300), ..patient() };
    for (limits, byte_by_byte) in [(unread, false), (whole, true)] {
        let served = Served::plain(limits, 3000).await;
        let mut stream = served.connect().await;
        stream.write_all(SCRAPE.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        for _ in 0..600 {
            if byte_by_byte {
                let _ = stream.read_buf(&mut (&mut text).limit(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // What came is all that comes.
        let _ = tokio::time::timeout(HANGS, stream.read_to_end(&mut text)).await.expect("an end");
        assert!(!String::from_utf8_lossy(&text).contains("oauth_probe_build_info"), "{byte_by_byte}");
    }
}

#[tokio::test]
async fn head_that_comes_a_byte_at_a_time_ends() {
    let limits = Limits { head_timeout: Duration::from_millis(200), ..patient() };
    let served = Served::plain(limits, 1).await;
    // The first head of a connection, and a later one.
    for before in ["", "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = served.connect().await;
        stream.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        }
        let (mut reading, mut writing) = stream.split();
        let dribble = async {
            loop {
                if writing.write_all(b"X").await.is_err() {
                    return std::future::pending().await;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::select! {
            ended = is_closed(&mut reading) => ended,
            () = dribble => unreachable!(),
        };
        assert!(ended, "after {before:?}");
    }
}

#[tokio::test]
async fn heads_are_bounded_in_length_and_number_of_fields() {
    let served = Served::plain(patient(), 1).await;
    let head = |fields: &str| format!("GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    let table = [
        (head(&format!("X-Long: {}\r\n", "x".repeat(8000))), 200),
        (head(&format!("X-Long: {}\r\n", "x".repeat(20_000))), 431),
        (head(&"X-Many: x\r\n".repeat(60)), 200),
        (head(&"X-Many: x\r\n".repeat(100)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "X".repeat(20_000)), 431),
        ("x".repeat(1_000_000), 431),
        ("X-Bad\0: x\r\n\r\n".to_owned(), 400),
        (head("A b: x\r\n"), 400),
        (head("A: x\r\n folded\r\n"), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned(), 400),
    ];
    for (request, status) in table {
        let answer = served.send(&request).await;
        let shown = &request[..request.len().min(60)];
        assert_eq!(answer.status, status, "{shown}");
        assert!(status == 200 || answer.body.is_empty(), "{shown}: {}", answer.body);
    }
}

#[tokio::test]
async fn bodies_are_neither_read_nor_waited_for() {
    let served = Served::plain(patient(), 1).await;
    for framing in ["Content-Length: 1000000000", "Transfer-Encoding: chunked"] {
        for (method, path, status) in
            [("POST", "/-/reload", 200), ("GET", "/-/healthy", 200), ("POST", "/metrics", 405)]
        {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{framing}\r\n\r\n");
            let answer = served.send(&request).await;
            assert_eq!(answer.status, status, "{method} {path} {framing}");
        }
    }
    assert_eq!(served.reloads.load(SeqCst), 2);
    // Two lengths are none, whatever stands in front of us would make of them.
    for framing in
        ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: x", "Content-Length: 5\r\nTransfer-Encoding: gzip"]
    {
        let answer = served.send(&format!("POST /-/reload HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{framing}");
    }
    assert_eq!(served.reloads.load(SeqCst), 2);
}

#[tokio::test]
async fn tricks_with_paths_and_methods_lead_nowhere() {
    let served = Served::plain(patient(), 1).await;
    let ask = async |line: &str| served.send(&format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    for path in [
        "//metrics",
        "/metrics/",
        "/-/../metrics",
        "/../../etc/passwd",
        "/%2e%2e/metrics",
        "/-/%2e%2e/metrics",
        "/%6detrics",
        "/metrics%00",
        "/metrics%2f",
        "/metrics;a=b",
        "/METRICS",
        "http://other/../metrics",
        "x",
        "*",
        "x:1",
    ] {
        let answer = ask(&format!("GET {path}")).await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains("oauth_probe"), "{path}");
    }
    // The form for proxies is one that every server takes (RFC 9112 §3.2.2).
    assert_eq!(ask("GET http://other/-/healthy").await.status, 200);
    for (line, statuses) in [
        ("OPTIONS *", [404, 400]),
        ("CONNECT x:443", [404, 405]),
        ("CONNECT /metrics", [400, 405]),
        ("TRACE /metrics", [405, 405]),
        ("get /metrics", [405, 405]),
        ("GETT /metrics", [405, 405]),
        ("PRI /metrics", [405, 405]),
        ("DELETE /-/reload", [405, 405]),
    ] {
        let answer = ask(line).await;
        assert!(statuses.contains(&answer.status), "{line}: {answer:?}");
        assert!(answer.header("upgrade").is_none() && !answer.body.contains("oauth_probe"), "{line}");
    }
    assert_eq!(served.reloads.load(SeqCst), 0);
}

#[tokio::test]
async fn nothing_of_a_request_becomes_a_header_of_the_answer() {
    let served = Served::plain(patient(), 1).await;
    let injected = "%0d%0aX-Injected:%20yes%0d%0a";
    for path in [format!("/metrics?target={injected}"), format!("/{injected}"), format!("/?{injected}")] {
        let answer = served.get(&path).await;
        assert!(!answer.head.contains("x-injected"), "{}", answer.head);
        assert!(!answer.body.contains("\nX-Injected"), "{}", answer.body);
    }
}

#[tokio::test]
async fn every_answer_carries_the_usual_headers_once() {
    let served = Served::plain(patient(), 1).await;
    let ask = async |line: &str| -> Answer {
        served.send(&format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    };
    for line in
        ["GET /", "GET /metrics", "GET /nothing", "POST /metrics", "POST /-/reload", "HEAD /", "GET /metrics?target=x"]
    {
        let answer = ask(line).await;
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("x-frame-options", "deny"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(answer.headers(name), [value], "{line}");
        }
    }
}

#[tokio::test]
async fn requests_in_one_go_are_answered_one_after_the_other() {
    let served = Served::plain(patient(), 1).await;
    let one = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = served.send(&(one.repeat(1000) + last)).await;
    assert_eq!(answer.body.matches("HTTP/1.1 200").count(), 1000);
}
