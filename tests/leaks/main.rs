//! No secret and no token appears in anything that the program writes, whatever a server makes of them: here every
//! server sends back all that it was sent, in every place of an answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod echo;
#[path = "../exporter/mod.rs"]
mod exporter;
mod forms;
#[path = "../raw_server/mod.rs"]
mod raw_server;
mod setting;
mod web;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use echo::PING_WAYS;
use exporter::{Exporter, run, run_with};
use forms::{MARK, assert_silent};
use oauth_probe_exporter::client::{CheckCredential, ClientPool, HttpWire, Wire};
use oauth_probe_exporter::config;
use setting::Setting;

#[tokio::test]
async fn serve_shows_no_secret_in_its_log_nor_at_any_endpoint() {
    for format in ["--log.format=logfmt", "--log.format=json"] {
        let setting = Setting::new().await;
        let exporter =
            Exporter::start_with(&setting.configuration, &["--log.level=trace", format], &setting.environment).await;
        exporter.until_matching(&["check_result", "good", "api_key", "accepted"], |value| value == 1.0).await;
        for (name, ends) in &setting.expected {
            let result = if ends.is_some() { "failure" } else { "success" };
            exporter.until_matching(&["oauth_probe_cycles_total", name, result], |value| value > 0.0).await;
            if let Some((request, reason)) = ends {
                exporter.until_matching(&["cycle_failure_info", name, request, reason], |value| value == 1.0).await;
            }
        }
        for path in [
            "/",
            "/metrics",
            "/metrics?target=good",
            "/probe?target=good",
            "/sd",
            "/api/v1/targets?q=c4naRyM4rk",
            "/-/healthy",
            "/-/ready",
            "/-/reload",
            "/debug",
        ] {
            setting.assert_silent(&exporter.get(path).await.everything());
        }
        let names = || setting.expected.iter().map(|(name, _)| name);
        let targets = names().flat_map(|name| [format!("/api/v1/targets/{name}"), format!("/targets/{name}")]);
        for path in ["/config".to_owned(), "/api/v1/targets".to_owned()].into_iter().chain(targets) {
            let answer = exporter.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            setting.assert_silent(&answer.everything());
        }
        assert!(exporter.get("/config").await.text().contains("proxy_url: http://<secret>@"));
        assert_silent(&exporter.reload().await.everything());
        every_endpoint_is_silent(&setting, &exporter).await;
        bad_reloads_are_silent(&setting, &exporter).await;
        process_shows_what_its_user_put_there(&setting, &exporter);
        setting.assert_heard();
        let log = exporter.terminate_and_read_log().await;
        assert_whole(&log, &setting);
        setting.assert_silent(&log);
    }
}

/// Each request of every target is in the log, and each failure with its reason.
fn assert_whole(log: &str, setting: &Setting) {
    let has_line = |parts: &[&str]| log.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    for (name, ends) in &setting.expected {
        let target = ["target=", "\"target\":\""].map(|key| format!("{key}{name}"));
        let is_told = |parts: &[&str]| target.iter().any(|target| has_line(&[&[&**target], parts].concat()));
        assert!(is_told(&["debug", "request"]), "{name} in {log}");
        assert!(ends.is_none_or(|(_, reason)| is_told(&["target fails", reason])), "{name} in {log}");
    }
}

/// With the methods that it takes and those that it does not, with other forms of an answer, and where there is none.
async fn every_endpoint_is_silent(setting: &Setting, exporter: &Exporter) {
    for path in [
        "/",
        "/metrics",
        "/probe",
        "/probe?target=ping-refuse",
        "/probe?target=nobody",
        "/sd",
        "/config",
        "/api/v1/targets",
        "/api/v1/targets/nobody",
        "/targets/nobody",
        "/-/healthy",
        "/-/reload",
        "/nothing",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            for accept in ["application/json", "application/yaml", "text/html", "*/*"] {
                let headers = format!("Accept: {accept}\r\n");
                let answer = exporter::http(&exporter.address, method, path, &headers).await;
                assert!(answer.status < 500, "{method} {path}");
                setting.assert_silent(&answer.everything());
            }
        }
    }
}

/// Mistakes of which each has a secret in what is wrong.
async fn bad_reloads_are_silent(setting: &Setting, exporter: &Exporter) {
    for mistake in [
        format!("api_key: ['{MARK}']"),
        format!("api_key: {{ '{MARK}': 1 }}"),
        format!("client_secret: [ {MARK}"),
        format!("client_secret: \"{MARK}"),
        format!("client_secret: '{MARK}', client_secret: '{MARK}2'"),
        format!("client_secrte: '{MARK}'"),
        format!("client_secret: !!binary {MARK}"),
        format!("client_secret: &a '{MARK}', api_key: *{MARK}"),
        format!("proxy_url: 'http://user:{MARK}@'"),
        format!("proxy_url: 'ftp://user:{MARK}@host'"),
        format!("authorization_server: 'https://user:{MARK}@host'"),
        format!("ping: {{ headers: ['{MARK}'] }}"),
        format!("ping: {{ headers: {{ x-key: \"{MARK}\\n\" }} }}"),
        format!("token: {{ params: {{ audience: ['{MARK}'] }} }}"),
    ] {
        let targets = "authorization_server: 'http://127.0.0.1:1', resource_server: 'http://127.0.0.1:1', client_id: c";
        exporter.write_configuration(&format!("targets:\n  - {{ name: x, {targets}, {mistake} }}\n"));
        let answer = exporter.reload().await;
        assert_eq!(answer.status, 500, "{mistake}");
        setting.assert_silent(&answer.everything());
        setting.assert_silent(&exporter.get("/").await.everything());
    }
}

fn process_shows_what_its_user_put_there(setting: &Setting, exporter: &Exporter) {
    let read = |name: &str| {
        let path = format!("/proc/{}/{name}", exporter.pid().unwrap().as_raw_nonzero());
        String::from_utf8(std::fs::read(path).unwrap()).unwrap()
    };
    setting.assert_silent(&read("cmdline"));
    setting.assert_silent(&read("comm"));
    let put: Vec<_> = setting.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut found: Vec<_> = read("environ").split_terminator('\0').map(str::to_owned).collect();
    found.sort();
    assert_eq!(found, {
        let mut put = put;
        put.sort();
        put
    });
}

#[tokio::test]
async fn demo_shows_none_of_its_own_secrets() {
    let demo = Exporter::start_demo(&["--log.level=trace"]).await;
    demo.until_matching(&["cycles_total", "healthy", "success"], |count| count >= 1.0).await;
    let mut shown = String::new();
    for path in ["/", "/metrics", "/config", "/api/v1/targets", "/targets/healthy", "/sd"] {
        shown += &demo.get(path).await.everything();
    }
    shown += &demo.terminate_and_read_log().await;
    for secret in ["demo+secret", "demo%2Bsecret", &STANDARD_NO_PAD.encode("healthy:demo%2Bsecret")[..24], "Bearer "] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn healthcheck_shows_no_secret() {
    let setting = Setting::new().await;
    let exporter = Exporter::start_with(&setting.configuration, &[], &setting.environment).await;
    let url = format!("--web.listen-address={}", exporter.address);
    for (address, code) in [(url.as_str(), 0), ("--web.listen-address=127.0.0.1:1", 1)] {
        let output = run_with(&["healthcheck", address, "--log.level=trace"], &setting.environment).await;
        assert_eq!(output.code, code, "{output:?}");
        setting.assert_silent(&output.everything());
    }
}

#[tokio::test]
async fn check_shows_no_secret_in_either_form() {
    for form in ["text", "json"] {
        let setting = Setting::new().await;
        let file = setting.file();
        let arguments = ["check", "--config.file", &file, "--output", form, "--log.level=trace"];
        let output = run_with(&arguments, &setting.environment).await;
        assert_eq!(output.code, 1, "{output:?}");
        for (name, ends) in &setting.expected {
            assert!(output.stdout.contains(name), "{name} in {}", output.stdout);
            assert!(ends.is_none_or(|(_, reason)| output.stdout.contains(reason)), "{name} in {}", output.stdout);
        }
        setting.assert_heard();
        setting.assert_silent(&output.everything());
    }
}

#[tokio::test]
async fn help_and_a_look_at_the_configuration_show_no_secret() {
    let setting = Setting::new().await;
    let file = setting.file();
    for (arguments, code) in [
        (&["--config.file", &file, "--config.check"][..], 0),
        (&["--help"], 0),
        (&["check", "--help"], 0),
        (&["check", "good"], 2),
    ] {
        let output = run_with(arguments, &setting.environment).await;
        assert_eq!(output.code, code, "{output:?}");
        setting.assert_silent(&output.everything());
    }
    assert_silent(&run(&["--config.file", "/dev/null"]).await.everything());
}

/// What a panic or a log line would show of them: a program that forbids `unsafe` can show no more than `Debug` does.
#[tokio::test]
async fn debug_forms_show_no_secret() {
    let setting = Setting::new().await;
    // A query is part of a URL, which is no secret; no log, page or label shows one all the same.
    let text = setting.configuration.replace(&format!("key={MARK}"), "key=x");
    let variable = |name: &str| setting.environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    let config = config::parse(&text, "probe.yml", &variable).unwrap();
    setting.assert_silent(&format!("{config:?}\n{config:#?}"));
    let mut pool = ClientPool::new();
    let mut answered = 0;
    for target in config.targets {
        let wire = HttpWire::new(target, &mut pool).unwrap();
        setting.assert_silent(&format!("{wire:?}\n{pool:?}"));
        let asked = wire.request_token(Duration::from_secs(5)).await;
        setting.assert_silent(&format!("{asked:?}\n{asked:#?}"));
        let Ok(answer) = asked.result else { continue };
        answered += 1;
        let pinged = wire.ping(&answer.access_token, Duration::from_secs(5)).await;
        setting.assert_silent(&format!("{pinged:?}"));
        let checked = wire.check(CheckCredential::ExpiredToken(&answer.access_token), Duration::from_secs(5)).await;
        setting.assert_silent(&format!("{checked:?} {:?}", CheckCredential::ExpiredToken(&answer.access_token)));
        let died = tokio::spawn(async move { panic!("{wire:?} {answer:?}") }).await.unwrap_err();
        setting.assert_silent(died.into_panic().downcast_ref::<String>().unwrap());
    }
    // With its token each was pinged: all whose tokens are well, one of a certificate, and those behind a proxy.
    assert_eq!(answered, PING_WAYS.len() + 4);
}
