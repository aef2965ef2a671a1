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

use exporter::{Exporter, run, run_with};
use forms::{MARK, assert_silent};
use oauth_probe_exporter::client::{ClientPool, HttpWire};
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
        setting.assert_heard();
        let log = exporter.terminate_and_read_log().await;
        assert!(log.contains("target fails") && log.contains("request"), "{log}");
        setting.assert_silent(&log);
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
    for arguments in
        [&["--config.file", &file, "--config.check"][..], &["--help"], &["check", "--help"], &["check", "good"]]
    {
        setting.assert_silent(&run_with(arguments, &setting.environment).await.everything());
    }
    assert_silent(&run(&["--config.file", "/dev/null"]).await.everything());
}

/// What a panic or a log line would show of them.
#[tokio::test]
async fn debug_forms_show_no_secret() {
    let setting = Setting::new().await;
    // A query is part of a URL, which is no secret; no log, page or label shows one all the same.
    let text = setting.configuration.replace(&format!("key={MARK}"), "key=x");
    let variable =
        |name: &str| setting.environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    let config = config::parse(&text, "probe.yml", &variable).unwrap();
    setting.assert_silent(&format!("{config:?}\n{config:#?}"));
    let mut pool = ClientPool::new();
    for target in config.targets {
        let wire = HttpWire::new(target, &mut pool).unwrap();
        setting.assert_silent(&format!("{wire:?}\n{pool:?}"));
    }
}
