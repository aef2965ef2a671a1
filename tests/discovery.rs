//! `/sd` through real sockets: what Prometheus is told, and what nobody can make it tell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::{Value, json};

use exporter::{Exporter, Response, http, run_with};

/// Nobody is asked for anything: an address that leads nowhere will do.
const DEFAULTS: &str = "defaults:\n  authorization_server: https://auth.example.com\n  \
                        resource_server: https://api.example.com:8443\n  client_id: acme\n  client_secret: canary-secret\n  \
                        interval: 1h\n";

const TARGETS: &str = "targets:\n  - { name: production, labels: { environment: production, team: a\"b } }\n  \
                       - { name: 'a b&ü', schedule: off, interval: 90s, timeout: 1500ms }\n";

fn groups(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap()
}

fn names(answer: &Response) -> Vec<String> {
    groups(answer).iter().map(|group| group["labels"]["__param_target"].as_str().unwrap().to_owned()).collect()
}

async fn with(arguments: &[&str]) -> Exporter {
    Exporter::start_with(&format!("vantage: here\n{DEFAULTS}{TARGETS}"), arguments, &[]).await
}

/// By HTTP/1.0 with these headers alone.
async fn asked_as(exporter: &Exporter, headers: &[u8]) -> Response {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(&exporter.address).await.unwrap();
    stream.write_all(&[b"GET /sd HTTP/1.0\r\n", headers, b"\r\n"].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Response::parse(&answer)
}

#[tokio::test]
async fn each_target_is_a_group_with_what_the_configuration_says_of_it() {
    let exporter = with(&[]).await;
    let common = |name: &str| {
        json!({
            "__param_target": name,
            "__metrics_path__": "/probe",
            "__meta_oauth_probe_target": name,
            "__meta_oauth_probe_authorization_server": "auth.example.com",
            "__meta_oauth_probe_resource_server": "api.example.com:8443",
            "__meta_oauth_probe_vantage": "here",
        })
    };
    let labels = |name: &str, own: Value| {
        let mut labels = common(name);
        labels.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        json!({ "targets": [exporter.address], "labels": labels })
    };
    let expected = [
        labels(
            "production",
            json!({
                "__meta_oauth_probe_schedule": "on",
                "__meta_oauth_probe_interval_seconds": "3600",
                "__meta_oauth_probe_timeout_seconds": "10",
                "__meta_oauth_probe_label_environment": "production",
                "__meta_oauth_probe_label_team": "a\"b",
            }),
        ),
        labels(
            "a b&ü",
            json!({
                "__meta_oauth_probe_schedule": "off",
                "__meta_oauth_probe_interval_seconds": "90",
                "__meta_oauth_probe_timeout_seconds": "1.5",
            }),
        ),
    ];
    assert_eq!(groups(&exporter.get("/sd").await), expected);
}

#[tokio::test]
async fn no_label_stays_on_the_series_by_itself() {
    let exporter = with(&["--web.external-url=https://probe.example.com"]).await;
    for group in groups(&exporter.get("/sd").await) {
        for label in group["labels"].as_object().unwrap().keys() {
            assert!(label.starts_with("__"), "{label}");
        }
    }
}

#[tokio::test]
async fn schedule_selects_who_is_listed() {
    let exporter = with(&[]).await;
    for (query, listed) in [
        ("", &["production", "a b&ü"][..]),
        ("?schedule=on", &["production"]),
        ("?schedule=off&other=1", &["a b&ü"]),
        ("?other=1", &["production", "a b&ü"]),
    ] {
        assert_eq!(names(&exporter.get(&format!("/sd{query}")).await), listed, "{query}");
    }
    for query in ["schedule=", "schedule=Off", "schedule=off&schedule=on", "schedule=off,on"] {
        let answer = exporter.get(&format!("/sd?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with("write schedule=off for"), "{}", answer.text());
    }
}

#[tokio::test]
async fn list_without_targets_is_an_empty_one() {
    let exporter = Exporter::start(&format!("{DEFAULTS}targets:\n  - {{ name: a }}\n")).await;
    let answer = exporter.get("/sd?schedule=off").await;
    assert_eq!((groups(&answer), answer.text().as_str()), (vec![], "[]\n"));
}

#[tokio::test]
async fn reload_changes_who_is_listed_and_the_files_order_is_kept() {
    let exporter = Exporter::start(&format!("{DEFAULTS}targets: [{{ name: b }}, {{ name: a }}]\n")).await;
    assert_eq!(names(&exporter.get("/sd").await), ["b", "a"]);
    for listed in [&["c", "b"][..], &["b", "c", "a"], &["a"]] {
        let targets: Vec<_> = listed.iter().map(|name| format!("{{ name: {name} }}")).collect();
        exporter.write_configuration(&format!("{DEFAULTS}targets: [{}]\n", targets.join(", ")));
        assert_eq!(exporter.reload().await.status, 200);
        assert_eq!(names(&exporter.get("/sd").await), listed);
    }
    exporter.write_configuration("targets: [");
    assert_eq!(exporter.reload().await.status, 500);
    assert_eq!(names(&exporter.get("/sd").await), ["a"]);
}

#[tokio::test]
async fn address_is_the_one_that_was_asked_if_that_can_be_one() {
    let exporter = with(&[]).await;
    for host in ["probe.example.com", "probe.example.com:1", "10.0.0.7:80", "[::1]:10917"] {
        let answer = asked_as(&exporter, format!("Host: {host}\r\nX-Forwarded-Host: evil\r\n").as_bytes()).await;
        assert!(groups(&answer).iter().all(|group| group["targets"] == json!([host])), "{}", answer.text());
    }
    for headers in [
        &b""[..],
        b"Host:\r\n",
        b"Host: a b\r\n",
        b"Host: a\r\nHost: b\r\n",
        b"Host: user@evil\r\n",
        b"Host: evil/path?\r\n",
        b"Host: \"}],\"x\":[{\"\r\n",
        b"Host: evil:99999\r\n",
        b"Host: \xff\xfe\r\n",
    ] {
        let answer = asked_as(&exporter, headers).await;
        assert_eq!(answer.status, 400, "{headers:?}");
        assert!(!answer.text().contains("evil"), "{}", answer.text());
    }
}

#[tokio::test]
async fn external_url_says_it_whatever_the_request_says() {
    for (arguments, address, scheme, path, asked) in [
        (&["--web.external-url=https://probe.example.com"][..], "probe.example.com:443", "https", "/probe", "/sd"),
        (&["--web.external-url=http://h:8080/a/b/"], "h:8080", "http", "/a/b/probe", "/a/b/sd"),
        // A proxy takes the prefix off.
        (&["--web.external-url=http://h/a", "--web.route-prefix=/"], "h:80", "http", "/a/probe", "/sd"),
        (&["--web.external-url=http://h", "--web.route-prefix=/in"], "h:80", "http", "/probe", "/in/sd"),
    ] {
        let exporter = with(arguments).await;
        let answer = http(&exporter.address, "GET", asked, "").await;
        for group in groups(&answer) {
            let labels = &group["labels"];
            assert_eq!(group["targets"], json!([address]), "{arguments:?}");
            assert_eq!((&labels["__scheme__"], &labels["__metrics_path__"]), (&json!(scheme), &json!(path)));
        }
        if asked == "/sd" {
            assert_eq!(asked_as(&exporter, b"Host: a b\r\n").await.status, 200);
        }
    }
    let exporter = with(&["--web.route-prefix=/in"]).await;
    let answer = exporter.get("/in/sd").await;
    assert!(groups(&answer).iter().all(|group| group["labels"]["__metrics_path__"] == "/in/probe"));
    assert!(!answer.text().contains("__scheme__"), "the job that scrapes says it");
}

#[tokio::test]
async fn wrong_flags_are_refused_with_what_to_write() {
    let variables = ["AUTHORIZATION_SERVER", "RESOURCE_SERVER", "PARTNER_OA_CLIENT_ID", "PARTNER_OA_SECRET"]
        .map(|name| (name, "https://example.com".to_owned()));
    for (argument, wanted) in [
        ("--web.external-url=/prefix", "write http://HOST[:PORT][/PATH]"),
        ("--web.external-url=https://user:canary@host", "leave user and password out"),
        ("--web.external-url=http://host/a%20b", "is no plain path"),
        ("--timeout-offset=soon", "write a duration such as 0.5s or 500ms, or a number of seconds"),
        ("--timeout-offset=-1", "write a duration"),
    ] {
        let output = run_with(&[argument], &variables).await;
        assert_eq!(output.code, 2, "{argument}: {output:?}");
        assert!(output.stderr.contains(wanted) && !output.stderr.contains("canary"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn ten_thousand_targets_are_listed_whole_also_compressed() {
    let mut text = format!("{DEFAULTS}targets:\n");
    for number in 0..10_000 {
        writeln!(text, "  - {{ name: target-{number}, schedule: off, labels: {{ number: \"{number}\" }} }}").unwrap();
    }
    let exporter = Exporter::start_with(&text, &[], &[]).await;
    let answer = exporter.get("/sd").await;
    let listed: BTreeSet<_> = names(&answer).into_iter().collect();
    assert_eq!(listed.len(), 10_000);
    let compressed = http(&exporter.address, "GET", "/sd", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&*compressed.body).read_to_end(&mut body).unwrap();
    assert!(body == answer.body, "the same again");
    assert!(!String::from_utf8(body).unwrap().contains("canary"));
    let head = http(&exporter.address, "HEAD", "/sd", "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(http(&exporter.address, "POST", "/sd", "").await.status, 405);
}
