//! The status page as it goes over the wire: what browsers are told of it, what is kept, and how large it is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;
mod targets;

use std::sync::Arc;

use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::model::report::{Achievement, Phases};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::token::TokenView;
use oauth_probe_exporter::server::{App, Bound, WebSettings};
use oauth_probe_exporter::telemetry::Metrics;

use exporter::{Response, http};
use reports::{answered, at, cause, config, cycle, failed, held, unsent};

struct Served {
    address: String,
    metrics: Arc<Metrics>,
}

impl Served {
    async fn start(names: &[String]) -> Self {
        let named = |name: &String| Target { name: name.clone(), ..targets::target("https://auth.example.com") };
        let metrics = Arc::new(Metrics::new(&config(names.iter().map(named).collect()), at(0.0)));
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = bound.addresses()[0].to_string();
        let app = App {
            metrics: Arc::clone(&metrics),
            now: Arc::new(|| at(5000.0)),
            reload: Arc::new(|| Box::pin(std::future::ready(Ok(String::new())))),
            probe: Arc::new(|_name| None),
            settings: WebSettings::default(),
        };
        tokio::spawn(bound.serve(app, std::future::pending()));
        Self { address, metrics }
    }

    async fn get(&self, path: &str) -> Response {
        http(&self.address, "GET", path, "").await
    }

    fn record_good(&self, name: &str, cycles: u32) {
        let numbers = self.metrics.target(name).unwrap();
        for number in 0..cycles {
            let started = f64::from(number) * 30.0;
            let mut ping = answered(Request::Ping, Achievement::Ponged, started, 0.08);
            // It would be warned of.
            ping.trace.client_certificate_expiry = None;
            numbers.record(&cycle(started, started + 0.1, Ok(()), vec![ping], held(0.0, 6000.0)));
        }
    }

    /// Good cycles and one that fails.
    fn record(&self, name: &str, cycles: u32) {
        self.record_good(name, cycles);
        let numbers = self.metrics.target(name).unwrap();
        let ping = failed(Request::Ping, Reason::ServerError, Some(503), 4990.0, 0.1);
        let why = Err(cause(Request::Ping, Reason::ServerError));
        numbers.record(&cycle(4990.0, 4990.1, why, vec![ping], held(0.0, 6000.0)));
    }
}

/// Every address that the page names in this attribute.
fn links<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn browsers_are_told_to_run_and_load_nothing_but_ours_and_to_keep_nothing() {
    let served = Served::start(&["acme".to_owned()]).await;
    for (path, status) in [
        ("/", 200),
        ("/targets/acme", 200),
        ("/targets/nobody", 404),
        ("/?label=x", 400),
        ("/?state=odd", 400),
        ("/?sate=failing", 400),
    ] {
        let page = served.get(path).await;
        assert_eq!(page.status, status, "{path}");
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn every_link_is_relative_and_files_are_kept_for_ever() {
    let served = Served::start(&["acme".to_owned()]).await;
    for (path, up) in [("/", "./"), ("/targets/acme", "../"), ("/targets/nobody", "../")] {
        let text = served.get(path).await.text();
        let all = [links(&text, "href"), links(&text, "src"), links(&text, "action")].concat();
        assert!(all.iter().all(|link| link.starts_with(up) || *link == "#content"), "{path}: {all:?}");
        let files: Vec<_> = all.iter().filter(|link| link.contains("assets/")).collect();
        assert_eq!(files.len(), 3, "icon, stylesheet and script: {files:?}");
        for file in files {
            let answer = served.get(&file.replacen(up, "/", 1)).await;
            let expected = [
                ("css", "text/css; charset=utf-8"),
                ("js", "text/javascript; charset=utf-8"),
                ("svg", "image/svg+xml"),
            ];
            let (_, media_type) = expected.iter().find(|(extension, _)| file.ends_with(extension)).unwrap();
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(*media_type)), "{file}");
            assert_eq!(answer.header("cache-control"), Some("max-age=31536000, immutable"));
        }
    }
    assert_eq!(served.get("/assets/style-0000000000000000.css").await.status, 404);
}

#[tokio::test]
async fn names_that_no_path_can_hold_have_a_page_too() {
    let served = Served::start(&[".".to_owned(), "..".to_owned(), "a/b".to_owned()]).await;
    for (path, name) in
        [("/targets/?name=.", "."), ("/targets/?name=..", ".."), ("/targets/a%2Fb", "a/b"), ("/targets/a/b", "a/b")]
    {
        let page = served.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains(&format!("<title>{name}: ")), "{path}");
    }
    let list = served.get("/targets/").await;
    assert_eq!((list.status, list.header("location")), (302, Some("../")));
}

#[tokio::test]
async fn target_that_nobody_probes_any_more_works_no_longer_but_worked_once() {
    let served = Served::start(&["acme".to_owned()]).await;
    served.record_good("acme", 160);
    for path in ["/", "/targets/acme"] {
        let text = served.get(path).await.text().replace('\u{a0}', " ");
        assert!(text.contains("Worked 3 min") && !text.contains("Works for"), "{path}: {text}");
        assert!(text.contains("nothing here is current") && text.contains("restart the exporter"), "{path}: {text}");
    }
}

#[tokio::test]
async fn request_that_was_not_sent_is_not_said_to_have_had_no_answer() {
    let served = Served::start(&["acme".to_owned()]).await;
    let mut attempt = unsent(Request::Token, Reason::SecretUnavailable, 4990.0, 0.0);
    attempt.trace.phases = Phases::default();
    let why = Err(cause(Request::Token, Reason::SecretUnavailable));
    served.metrics.target("acme").unwrap().record(&cycle(4990.0, 4990.0, why, vec![attempt], TokenView::default()));
    let text = served.get("/targets/acme").await.text();
    assert!(text.contains(", not sent.") && text.contains(" · not sent"), "{text}");
    assert!(!text.contains("no answer") && !text.contains("0.0\u{a0}ms"), "{text}");
}

#[tokio::test]
async fn page_of_the_list_does_not_grow_with_the_fleet() {
    let names: Vec<_> = (0..2000).map(|number| format!("target-{number}")).collect();
    let (few, many) = (Served::start(&names[..60]).await, Served::start(&names).await);
    for served in [&few, &many] {
        for name in &names[..60] {
            served.record(name, 200);
        }
    }
    let length = |page: Response| page.body.len();
    let (few, many) = (length(few.get("/").await), length(many.get("/").await));
    println!("{few} and {many} bytes with 50 failing targets");
    assert!(few.abs_diff(many) < 1000, "{few} and {many}");
    assert!(many < 300_000, "{many}");
}

/// The figures of `docs/status-page.md`: `cargo test --release --test status_page figures -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and is worth something only in a release build on a quiet machine"]
async fn figures_of_ten_thousand_targets() {
    let names: Vec<_> = (0..10_000).map(|number| format!("target-{number}")).collect();
    let served = Served::start(&names).await;
    for (number, name) in names.iter().enumerate() {
        if number % 500 == 0 { served.record(name, 200) } else { served.record_good(name, 200) }
    }
    for path in ["/", "/?page=200", "/?q=target-9&label=", "/?state=failing", "/targets/target-500"] {
        let mut times = Vec::new();
        for _ in 0..200 {
            let begun = tokio::time::Instant::now();
            served.get(path).await;
            times.push(begun.elapsed());
        }
        times.sort();
        let plain = served.get(path).await.body.len();
        let packed = http(&served.address, "GET", path, "Accept-Encoding: gzip\r\n").await.body.len();
        println!("{path}: median {:?}, 95 % {:?}, {plain} bytes, {packed} with gzip", times[100], times[190]);
    }
}
