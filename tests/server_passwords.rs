//! HTTP Basic before everything that is served, through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod reports;
mod served;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use served::{Answer, Files, HANGS, Served, connect_from, exchange, patient};
use tokio::task::JoinSet;

/// As long as that lasts, requests from one address find the queue full. A tenth of a second and more.
const SLOW: u32 = 10;
const FAST: u32 = 4;

fn web_config(files: &Files, users: &[(&str, &str, u32)], more: &str) -> PathBuf {
    let hash = |password: &str, cost| bcrypt::hash(password, cost).unwrap();
    let users: String =
        users.iter().map(|(name, password, cost)| format!("  {name}: '{}'\n", hash(password, *cost))).collect();
    files.write("web.yml", &format!("basic_auth_users:\n{users}{more}"))
}

async fn one_user(files: &Files, cost: u32) -> Served {
    Served::protected(&web_config(files, &[("alice", "wonder", cost)], ""), patient(), 2).await
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

async fn ask(served: &Served, path: &str, headers: &str) -> Answer {
    served.send(&request("GET", path, headers)).await
}

#[tokio::test]
async fn nothing_is_served_without_a_password() {
    let files = Files::new();
    let served = one_user(&files, FAST).await;
    for path in
        ["/", "/metrics", "/metrics?target=t0", "/-/healthy", "/-/ready", "/-/reload", "/nothing", "//metrics", "*"]
    {
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let answer = served.send(&request(method, path, "")).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            let challenge = Some("basic realm=\"oauth-probe-exporter\", charset=\"utf-8\"");
            assert_eq!(answer.header("www-authenticate"), challenge, "{method} {path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
            let expected = if method == "HEAD" { "" } else { "a name and its password are needed\n" };
            assert_eq!(answer.body, expected, "{method} {path}");
        }
    }
    assert_eq!(served.reloads.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn name_and_its_password_open_everything() {
    let files = Files::new();
    let users = [("alice", "wonder", FAST), ("bob", "päss:word", FAST + 1)];
    let served = Served::protected(&web_config(&files, &users, ""), patient(), 2).await;
    for (user, password, _) in users {
        for _ in 0..2 {
            let answer = ask(&served, "/metrics", &basic(user, password)).await;
            assert!(answer.status == 200 && answer.body.contains("oauth_probe_build_info"), "{user}");
        }
    }
    for headers in [
        basic("alice", "päss:word"),
        basic("alice", "wonder "),
        basic("alice", ""),
        basic("", ""),
        basic("carol", "wonder"),
        "Authorization: Bearer wonder\r\n".to_owned(),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: Basic ????\r\n".to_owned(),
        basic("alice", "wonder") + &basic("alice", "wonder"),
        basic("alice", &"x".repeat(5000)),
    ] {
        assert_eq!(ask(&served, "/metrics", &headers).await.status, 401, "{headers}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_head_is_told_to_everybody_and_nothing_else() {
    let files = Files::new();
    let served = one_user(&files, FAST).await;
    for (request, status) in [
        (request("GET", "/metrics", &format!("X: {}\r\n", "x".repeat(20_000))), 431),
        ("GET / HTTP/9\r\n\r\n".to_owned(), 400),
        (request("GET", "/metrics?target=no-such-target", ""), 401),
        (request("POST", "/metrics", "Content-Length: 99999999\r\n"), 401),
    ] {
        let answer = served.send(&request).await;
        assert_eq!(answer.status, status);
        assert!(!answer.body.contains("target") && !answer.head.contains("oauth_probe"), "{answer:?}");
    }
}

#[tokio::test]
async fn flood_of_wrong_passwords_keeps_out_nobody_who_was_in_and_nobody_from_elsewhere() {
    let files = Files::new();
    let served = one_user(&files, SLOW).await;
    assert_eq!(ask(&served, "/metrics", &basic("alice", "wonder")).await.status, 200);
    let mut flood = JoinSet::new();
    for number in 0..200 {
        // Half of them guess at a user that there is not.
        let user = if number % 2 == 0 { "alice" } else { "carol" };
        let stream = served.connect_from(1).await;
        let request = request("GET", "/metrics", &basic(user, &format!("guess {number}")));
        flood.spawn(async move { exchange(stream, &request).await.status });
    }
    let mut statuses = Vec::new();
    // Most are refused at once, which shows that the queue is full.
    while statuses.iter().filter(|status| **status == 503).count() < 100 {
        statuses.push(flood.join_next().await.unwrap().unwrap());
    }
    assert_eq!(ask(&served, "/metrics", &basic("alice", "wonder")).await.status, 200);
    let elsewhere = served.connect_from(2).await;
    let wrong = request("GET", "/metrics", &basic("alice", "another"));
    let answer = tokio::time::timeout(HANGS, exchange(elsewhere, &wrong)).await.expect("its turn");
    assert_eq!(answer.status, 401);
    assert!(!flood.is_empty(), "it came before the crowd");
    while let Some(status) = flood.join_next().await {
        statuses.push(status.unwrap());
    }
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
}

/// Guesses from an address, time and again.
fn guess(served: &Served, from: u32, at_once: usize) -> JoinSet<()> {
    let mut guessing = JoinSet::new();
    for number in 0..at_once {
        let (address, request) = (served.address, request("GET", "/", &basic("alice", &format!("guess {number}"))));
        guessing.spawn(async move {
            loop {
                let stream = connect_from(address, from).await;
                exchange(stream, &request).await;
            }
        });
    }
    guessing
}

#[tokio::test]
async fn flood_from_a_whole_network_keeps_nobody_out_from_another() {
    let files = Files::new();
    let served = one_user(&files, SLOW).await;
    let mut flood = JoinSet::new();
    for number in 0..200 {
        let stream = served.connect_from(number).await;
        let request = request("GET", "/metrics", &basic("alice", &format!("guess {number}")));
        flood.spawn(async move { exchange(stream, &request).await.status });
    }
    let mut refused = 0;
    while refused < 100 {
        refused += usize::from(flood.join_next().await.unwrap().unwrap() == 503);
    }
    // For the first time, so that it has to be checked.
    let elsewhere = served.connect_from(256).await;
    let good = request("GET", "/metrics", &basic("alice", "wonder"));
    assert_eq!(tokio::time::timeout(HANGS, exchange(elsewhere, &good)).await.expect("its turn").status, 200);
    assert!(!flood.is_empty(), "it came before the crowd");
}

#[tokio::test]
async fn change_of_anything_else_forgets_no_password() {
    let files = Files::new();
    let user = format!("basic_auth_users: {{ alice: '{}' }}\n", bcrypt::hash("wonder", SLOW).unwrap());
    let served = Served::protected(&files.write("web.yml", &user), patient(), 2).await;
    let good = request("GET", "/", &basic("alice", "wonder"));
    assert_eq!(served.send(&good).await.status, 200);
    // From the address of who guesses, a password that has to be checked finds the queue full.
    let _guessing = guess(&served, 1, 50);
    files.write("web.yml", &format!("{user}http_server_config: {{ headers: {{ X-Frame-Options: sameorigin }} }}\n"));
    let changed = async {
        loop {
            let answer = exchange(served.connect_from(1).await, &good).await;
            assert_eq!(answer.status, 200);
            if answer.headers("x-frame-options") == ["sameorigin"] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANGS, changed).await.expect("the change is in force");
}

#[tokio::test]
async fn who_waits_for_an_answer_about_a_password_frees_its_place_when_it_goes() {
    let files = Files::new();
    let served = one_user(&files, SLOW).await;
    // More than ever wait, from as many addresses.
    for number in 0..100 {
        let stream = served.connect_from(number).await;
        let request = request("GET", "/", &basic("alice", "wrong"));
        let asking = tokio::spawn(async move { exchange(stream, &request).await });
        tokio::task::yield_now().await;
        asking.abort();
    }
    let answer = tokio::time::timeout(HANGS, ask(&served, "/", &basic("alice", "wonder"))).await.expect("its turn");
    assert_eq!(answer.status, 200);
}

async fn until(served: &Served, headers: &str, status: u16) {
    let waiting = async {
        while ask(served, "/", headers).await.status != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.expect("the change is in force");
}

#[tokio::test]
async fn users_change_while_it_serves_and_are_never_all_taken_away() {
    let files = Files::new();
    let served = one_user(&files, FAST).await;
    let (old, new) = (basic("alice", "wonder"), basic("alice", "looking glass"));
    assert_eq!(ask(&served, "/", &old).await.status, 200);
    web_config(&files, &[("alice", "looking glass", FAST), ("bob", "b", FAST)], "");
    until(&served, &old, 401).await;
    assert_eq!(ask(&served, "/", &new).await.status, 200);
    assert_eq!(ask(&served, "/", &basic("bob", "b")).await.status, 200);
    for text in ["", "basic_auth_users: {}", "basic_auth_users: { alice: x }"] {
        files.write("web.yml", text);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(ask(&served, "/", "").await.status, 401, "{text:?}");
        assert_eq!(ask(&served, "/", &new).await.status, 200, "{text:?}");
    }
    web_config(&files, &[("alice", "looking glass", FAST)], "");
    until(&served, &basic("bob", "b"), 401).await;
}

#[tokio::test]
async fn requests_beyond_the_rate_are_refused_whoever_asks() {
    let files = Files::new();
    let limit = "rate_limit: { interval: 1h, burst: 3 }\n";
    let served = Served::protected(&web_config(&files, &[("alice", "wonder", FAST)], limit), patient(), 2).await;
    let mut statuses = Vec::new();
    for headers in
        [basic("alice", "wonder"), String::new(), basic("alice", "wonder"), basic("alice", "wonder"), String::new()]
    {
        statuses.push(ask(&served, "/metrics", &headers).await.status);
    }
    assert_eq!(statuses, [200, 401, 200, 429, 429]);
}

#[tokio::test]
async fn configured_headers_are_on_every_answer_and_the_usual_ones_beside_them() {
    let files = Files::new();
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=9\n    X-Frame-Options: \
                   sameorigin\n    Content-Security-Policy: default-src 'self'\n";
    let served = Served::protected(&web_config(&files, &[("alice", "wonder", FAST)], headers), patient(), 2).await;
    for credentials in [basic("alice", "wonder"), String::new()] {
        for path in ["/", "/metrics", "/nothing"] {
            let answer = ask(&served, path, &credentials).await;
            for (name, value) in [
                ("strict-transport-security", "max-age=9"),
                ("x-frame-options", "sameorigin"),
                ("content-security-policy", "default-src 'self'"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(answer.headers(name), [value], "{path}");
            }
        }
    }
}
