//! The server from outside, through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod reports;
mod targets;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::server::{App, Bound, Limits, WebSettings};
use oauth_probe_exporter::telemetry::Metrics;
use reports::{Scrape, at, config, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What takes this long never ends.
const HANGS: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    /// What comes of a reload.
    reload: Arc<Mutex<Result<String, String>>>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Server {
    async fn start(settings: WebSettings, limits: Limits, targets: Vec<Target>) -> Self {
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap().with_limits(limits);
        let address = bound.addresses()[0];
        let metrics = Arc::new(Metrics::new(&config(targets), at(0.0)));
        let reload = Arc::new(Mutex::new(Ok("1 changed".to_owned())));
        let outcome = Arc::clone(&reload);
        let app = App {
            metrics: Arc::clone(&metrics),
            now: Arc::new(|| at(1.0)),
            reload: Arc::new(move || Box::pin(std::future::ready(outcome.lock().unwrap().clone()))),
            probe: Arc::new(|_name| None),
            settings,
        };
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(bound.serve(app, async {
            let _ = stopped.await;
        }));
        Self { address, metrics, reload, stop, ended }
    }

    async fn with_targets(names: &[&str]) -> Self {
        let named = |name: &&str| Target { name: (*name).to_owned(), ..targets::target("https://auth.example.com") };
        Self::start(WebSettings::default(), Limits::default(), names.iter().map(named).collect()).await
    }

    async fn with_settings(route_prefix: &str, telemetry_path: &str) -> Self {
        Self::start(WebSettings::new(route_prefix, telemetry_path).unwrap(), Limits::default(), Vec::new()).await
    }

    async fn with_limits(limits: Limits) -> Self {
        // More than the buffers of both sockets hold.
        let many = |number| Target { name: format!("t{number}"), ..targets::target("https://auth.example.com") };
        Self::start(WebSettings::default(), limits, (0..3000).map(many).collect()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    /// Asks by HTTP/1.0, so that the body ends with the connection and is not chunked.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(format!("{method} {path} HTTP/1.0\r\n{headers}\r\n").as_bytes()).await.unwrap();
        Answer::read(stream).await
    }
}

impl Answer {
    async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
        Self { status: head[9..12].parse().unwrap(), head, body }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The targets' part of an exposition; what follows it is about the process and changes.
fn of_targets(text: &str) -> &str {
    text.split_once("# HELP oauth_probe_build_info").unwrap().0
}

#[tokio::test]
async fn metrics_are_the_exposition_in_the_text_format() {
    let server = Server::with_targets(&["a", "b"]).await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(of_targets(answer.text()), of_targets(&join(server.metrics.exposition(at(1.0), None))));
    assert!(answer.text().contains("process_resident_memory_bytes"));
}

#[tokio::test]
async fn gzip_is_given_when_asked_for_and_reads_back_the_same() {
    let server = Server::with_targets(&["a", "b"]).await;
    let answer = server.ask("GET", "/metrics", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
    assert_eq!(of_targets(&text), of_targets(&join(server.metrics.exposition(at(1.0), None))));
}

#[tokio::test]
async fn filter_shows_the_named_targets_alone() {
    let server = Server::with_targets(&["a", "b b", "ü&"]).await;
    let answer = server.get("/metrics?target=a&target=%C3%BC%26&other=b").await;
    let scrape = Scrape::of(answer.text());
    assert_eq!(scrape.all("target_info", &[]).len(), 2);
    assert_eq!(scrape.one("target_info", &[("target", "ü&")]), 1.0);
    assert_eq!(Scrape::of(server.get("/metrics?target=b+b").await.text()).all("target_info", &[]).len(), 1);
}

#[tokio::test]
async fn unknown_target_is_not_found() {
    let server = Server::with_targets(&["a"]).await;
    for (query, named) in [("target=b", "\"b\""), ("target=a&target=", "\"\""), ("target=%0Ab", "\"\\nb\"")] {
        let answer = server.get(&format!("/metrics?{query}")).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.text(), format!("no target is named {named}\n"));
    }
}

#[tokio::test]
async fn server_is_healthy_and_ready() {
    let server = Server::with_targets(&[]).await;
    for (path, text) in
        [("/-/healthy", "oauth-probe-exporter is healthy.\n"), ("/-/ready", "oauth-probe-exporter is ready.\n")]
    {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, text));
    }
}

#[tokio::test]
async fn status_page_names_the_version_and_links_to_the_metrics() {
    let server = Server::with_settings("/", "/some/metrics").await;
    let answer = server.get("/").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().contains(env!("CARGO_PKG_VERSION")));
    assert!(answer.text().contains("<a href=\"./some/metrics\">"));
}

#[tokio::test]
async fn head_has_the_head_of_get_and_no_body() {
    let server = Server::with_targets(&["a"]).await;
    for path in ["/metrics", "/", "/-/healthy"] {
        let (head, get) = (server.ask("HEAD", path, "").await, server.get(path).await);
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
}

#[tokio::test]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    let server = Server::with_targets(&["a"]).await;
    for path in ["/nothing", "/metrics/", "/-/", "//metrics"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    for (method, path) in
        [("POST", "/metrics"), ("DELETE", "/"), ("PUT", "/-/healthy"), ("OPTIONS", "/metrics"), ("POST", "/probe")]
    {
        let answer = server.ask(method, path, "").await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!((answer.header("allow"), answer.text()), (Some("get,head"), "this takes GET\n"));
    }
}

#[tokio::test]
async fn page_that_is_not_there_leads_to_the_status_page_where_there_is_one() {
    for (prefix, metrics, advice) in [
        ("/", "/metrics", "404 page not found; / is the status page, and its foot has the other addresses\n"),
        ("/p", "/metrics", "404 page not found; /p/ is the status page, and its foot has the other addresses\n"),
        ("/", "/", "404 page not found\n"),
    ] {
        let answer = Server::with_settings(prefix, metrics).await.get("/nothing").await;
        assert_eq!((answer.status, answer.text()), (404, advice), "{prefix} {metrics}");
    }
}

#[tokio::test]
async fn host_of_a_whole_url_is_the_one_that_was_asked() {
    let server = Server::with_targets(&["a"]).await;
    let answer = server.ask("GET", "http://probe.example.com/sd", "Host: another.example.com\r\n").await;
    assert!(answer.text().contains(r#"["probe.example.com"]"#), "{}", answer.text());
}

#[tokio::test]
async fn reload_is_answered_with_what_came_of_it() {
    let server = Server::with_settings("/p", "/metrics").await;
    let post = || server.ask("POST", "/p/-/reload", "");
    let answer = post().await;
    assert_eq!((answer.status, answer.text()), (200, "configuration reloaded: 1 changed\n"));
    *server.reload.lock().unwrap() = Err("probe.yml:1: wrong\nprobe.yml:2: wrong too\n".to_owned());
    let answer = post().await;
    let text = "failed to reload the configuration; nothing has changed:\nprobe.yml:1: wrong\nprobe.yml:2: wrong too\n";
    assert_eq!((answer.status, answer.text()), (500, text));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn form_of_another_site_reloads_nothing() {
    let server = Server::with_settings("/p", "/metrics").await;
    let ours = format!("Host: {0}\r\nOrigin: http://{0}\r\n", server.address);
    for (headers, status) in [
        ("Origin: https://evil.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 403),
        (&*ours, 200),
        ("", 200),
    ] {
        assert_eq!(server.ask("POST", "/p/-/reload", headers).await.status, status, "{headers}");
    }
}

#[tokio::test]
async fn only_a_post_reloads() {
    let server = Server::with_targets(&["a"]).await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let answer = server.ask(method, "/-/reload", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("post")), "{method}");
    }
    let server = Server::with_settings("/p", "/metrics").await;
    for (host, shown) in [("Host: probe.example:9\r\n", "probe.example:9"), ("Host: a'b\r\n", "HOST:PORT")] {
        let answer = server.ask("GET", "/p/-/reload", host).await;
        assert_eq!(answer.text(), format!("this takes POST: curl -X POST http://{shown}/p/-/reload\n"));
    }
}

#[tokio::test]
async fn everything_moves_under_the_route_prefix() {
    let server = Server::with_settings("/oauth/probe/", "/m").await;
    for path in ["/oauth/probe/m", "/oauth/probe/", "/oauth/probe/-/healthy", "/oauth/probe/-/ready"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    for path in ["/m", "/metrics", "/-/healthy"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    for path in ["/", "/oauth/probe"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some("/oauth/probe/")), "{path}");
    }
}

#[tokio::test]
async fn metrics_can_take_the_place_of_the_status_page() {
    for prefix in ["/", "/p"] {
        let server = Server::with_settings(prefix, "/").await;
        let answer = server.get(&format!("{}/", prefix.trim_end_matches('/'))).await;
        assert!(answer.text().contains("oauth_probe_build_info"));
    }
}

#[tokio::test]
async fn head_that_is_too_long_is_refused() {
    let server = Server::with_targets(&[]).await;
    let one_long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(server.ask("GET", "/metrics", &one_long).await.status, 431);
    let many = "X-Many: x\r\n".repeat(100);
    assert_eq!(server.ask("GET", "/metrics", &many).await.status, 431);
}

#[tokio::test]
async fn connection_whose_head_does_not_come_is_closed() {
    let limits = Limits { head_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with_limits(limits).await;
    for start in ["", "GET /metrics HTTP/1.1\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(HANGS, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "still open after {start:?}");
        assert!(!String::from_utf8(rest).unwrap().contains("200 OK"));
    }
}

/// On one thread: the scrape, its client and the task that counts its turns.
#[tokio::test]
async fn other_tasks_have_their_turns_while_a_large_scrape_is_sent() {
    let server = Server::with_limits(Limits::default()).await;
    let pieces = server.metrics.exposition(at(1.0), None).count();
    for encoding in ["identity", "gzip"] {
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let counter = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let answer = server.ask("GET", "/metrics", &format!("Accept-Encoding: {encoding}\r\n")).await;
        counter.abort();
        assert_eq!(answer.header("content-encoding").unwrap_or("identity"), encoding);
        let turns = turns.load(Relaxed);
        assert!(turns * 3 > pieces, "{turns} turns, {pieces} pieces, {encoding}");
    }
}

#[tokio::test]
async fn stop_lets_a_scrape_under_way_finish_and_closes_idle_connections() {
    let server = Server::with_limits(Limits { drain: Duration::from_secs(60), ..Limits::default() }).await;
    let mut idle = server.connect().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    stream.readable().await.unwrap();
    server.stop.send(()).unwrap();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    let answer = Answer::read(stream).await;
    assert!(answer.text().ends_with('\n') && answer.text().contains("process_resident_memory_bytes"));
    server.ended.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn stop_does_not_wait_for_a_scrape_that_nobody_reads() {
    let server = Server::with_limits(Limits { drain: Duration::from_millis(100), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    stream.readable().await.unwrap();
    server.stop.send(()).unwrap();
    tokio::time::timeout(HANGS, server.ended).await.unwrap().unwrap();
    let mut text = String::new();
    let outcome = stream.read_to_string(&mut text).await;
    assert!(outcome.is_err() || !text.contains("process_resident_memory_bytes"));
}

#[tokio::test]
async fn port_without_a_host_is_reached_by_both_protocols() {
    let bound = Bound::bind(&[":0".parse().unwrap()]).await.unwrap();
    let port = bound.addresses()[0].port();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if bound.addresses()[0].is_ipv6() {
        TcpStream::connect(("::1", port)).await.unwrap();
    }
}

#[tokio::test]
async fn several_addresses_are_served_and_names_resolve() {
    let addresses = ["127.0.0.1:0", "localhost:0"].map(|address| address.parse().unwrap());
    let bound = Bound::bind(&addresses).await.unwrap();
    for address in bound.addresses() {
        TcpStream::connect(address).await.unwrap();
    }
    assert_eq!(bound.addresses().len(), 2);
}

#[tokio::test]
async fn address_that_cannot_be_bound_is_named_with_what_to_do() {
    let first = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let taken = first.addresses()[0].to_string();
    let error = Bound::bind(&[taken.parse().unwrap()]).await.unwrap_err().to_string();
    let advice = "the port is in use; stop what listens there (`ss -ltnp` shows it) or choose another port";
    assert_eq!(error, format!("cannot listen on {taken}: {advice}"));

    let error = Bound::bind(&["192.0.2.1:0".parse().unwrap()]).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot listen on 192.0.2.1:0: this machine has no such address"), "{error}");
}
