//! Names, labels and other text of the configuration neither hide nor reorder anything where a person reads them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use oauth_probe_exporter::model::seen::is_unseen;

use exporter::{Exporter, Output, run};

/// U+202E turns what follows it around, U+2066 isolates it, U+200F, U+FEFF, U+200B and U+E0061 are not seen at all.
const ODD: &str = "pay\u{202e}txt\u{2066}\u{200f}\u{feff}\u{200b}\u{e0061}.";
const SHOWN: &str = r"pay\u{202e}txt\u{2066}\u{200f}\u{feff}\u{200b}\u{e0061}.";

fn configuration() -> String {
    format!(
        "vantage: \"{ODD}\"\ntargets:\n  - name: \"{ODD}\"\n    authorization_server: http://127.0.0.1:1\n    \
         resource_server: http://127.0.0.1:1\n    client_id: \"{ODD}\"\n    client_secret: \"odd secret \"\n    \
         labels: {{ note: \"{ODD}\" }}\n    schedule: off\n"
    )
}

/// That a terminal shows what is in it.
fn assert_is_seen(what: &str, text: &str) {
    let hidden: Vec<_> = text.chars().filter(|c| is_unseen(*c) && *c != '\n').collect();
    assert!(hidden.is_empty(), "{what}: {hidden:?} in\n{text}");
}

#[tokio::test]
async fn commands_write_odd_characters_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.yml");
    std::fs::write(&file, configuration()).unwrap();
    let flag = format!("--config.file={}", file.display());
    for (arguments, expected) in [
        (&["--config.check"][..], SHOWN),
        (&["check"], SHOWN),
        (&["check", "--output=json"], r#""pay\u202etxt\u2066\u200f\ufeff\u200b\udb40\udc61.""#),
        (&["check", ODD], SHOWN),
        (&["check", "another\u{202e}"], r"another\u{202e}"),
    ] {
        let output: Output = run(&[arguments, &[&flag]].concat()).await;
        assert_is_seen(&format!("{arguments:?}"), &output.everything());
        assert!(output.everything().contains(expected), "{arguments:?}: {}", output.everything());
    }
}

#[tokio::test]
async fn mistakes_write_odd_characters_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.yml");
    let flag = format!("--config.file={}", file.display());
    for (from, to) in [
        ("schedule: off", "schedule: \"\u{202e}\""),
        ("schedule: off", "\"\u{202e}\": off"),
        ("schedule: off", "interval: \"\u{202e}\"\n    labels: {}"),
        ("labels: { note", "labels: { \"\u{202e}\""),
        ("client_id: ", "client_id: \"\u{1b}[31m\"\n    client_identity: "),
    ] {
        std::fs::write(&file, configuration().replace(from, to)).unwrap();
        let output = run(&["--config.check", &flag]).await;
        assert_eq!(output.code, 2, "{to}");
        assert_is_seen(to, &output.everything());
    }
}

#[tokio::test]
async fn log_and_answers_write_odd_characters_out() {
    for (format, expected) in [("logfmt", r"pay\u202etxt"), ("json", r"pay\u202etxt")] {
        let flags = ["--log.level=debug", &format!("--log.format={format}")];
        let exporter = Exporter::start_with(&configuration(), &flags, &[]).await;
        exporter.get("/probe?target=pay%E2%80%AEtxt%E2%81%A6%E2%80%8F%EF%BB%BF%E2%80%8B%F3%A0%81%A1.").await;
        for path in ["/probe?target=%E2%80%AE", "/metrics?target=%E2%80%AE%1B", "/-/reload", "/%E2%80%AE"] {
            assert_is_seen(path, &exporter.get(path).await.text());
        }
        let log = exporter.terminate_and_read_log().await;
        assert!(log.contains(expected), "{log}");
        assert_is_seen(format, &log);
    }
}

#[tokio::test]
async fn title_of_the_page_writes_odd_characters_out() {
    let exporter = Exporter::start(&configuration()).await;
    let page = exporter.get("/targets/pay%E2%80%AEtxt%E2%81%A6%E2%80%8F%EF%BB%BF%E2%80%8B%F3%A0%81%A1.").await.text();
    let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    assert!(title.contains(SHOWN), "{title}");
    assert_is_seen("title", title);
}
