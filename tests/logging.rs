//! The log's lines, and whose events reach it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use oauth_probe_exporter::telemetry::logging::{LogFormat, subscriber};
use tracing::Level;

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, level: Level, events: impl FnOnce()) -> Vec<String> {
    let capture = Capture::default();
    let writer = capture.clone();
    tracing::subscriber::with_default(subscriber(format, level, move || writer.clone()), events);
    let bytes = capture.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// Takes the time off a line after looking at its form: `2026-11-24T01:02:03.456Z`.
fn without_time(line: &str) -> String {
    let (time, rest) = line.strip_prefix("ts=").unwrap().split_once(' ').unwrap();
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
    rest.to_owned()
}

macro_rules! own {
    ($level:expr, $($event:tt)*) => {
        tracing::event!(target: "oauth_probe_exporter::tested", $level, $($event)*)
    };
}

#[test]
fn logfmt_has_time_level_and_message_before_the_fields() {
    let lines = logged(LogFormat::Logfmt, Level::INFO, || {
        own!(Level::INFO, count = 3, share = 0.5, on = true, target = "a", "cycle ended");
    });
    assert_eq!(without_time(&lines[0]), "level=info msg=\"cycle ended\" count=3 share=0.5 on=true target=a");
}

#[test]
fn no_value_can_begin_a_line_or_a_field_of_its_own() {
    let values = ["a b", "a=b", "a\"b", "a\\b", "a\nlevel=error", "\r\t\u{1b}[31m\u{85}\u{2028}\u{202e}", "", "größe"];
    let quoted = [
        r#""a b""#,
        r#""a=b""#,
        r#""a\"b""#,
        r#""a\\b""#,
        r#""a\nlevel=error""#,
        r#""\r\t\u001b[31m\u0085\u2028\u202e""#,
        r#""""#,
        "größe",
    ];
    for (value, quoted) in values.into_iter().zip(quoted) {
        let lines = logged(LogFormat::Logfmt, Level::INFO, || own!(Level::WARN, key = value, "{value}"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(without_time(&lines[0]), format!("level=warn msg={quoted} key={quoted}"));
    }
}

#[test]
fn json_has_one_object_a_line_with_the_same_keys() {
    let lines = logged(LogFormat::Json, Level::INFO, || {
        own!(Level::ERROR, count = 3, text = "a\n\"b\"", "it\nbroke");
    });
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(r#"{"ts":""#), "{}", lines[0]);
    let object: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(object["level"], "error");
    assert_eq!(object["msg"], "it\nbroke");
    assert_eq!(object["count"], 3);
    assert_eq!(object["text"], "a\n\"b\"");
}

#[test]
fn nothing_in_json_hides_or_reorders_what_a_person_reads() {
    let odd = "\u{1b}[31mpay\u{202e}txt\u{2066}\u{85}\u{feff}\u{200f}\u{200b}\u{e0061}";
    let lines = logged(LogFormat::Json, Level::INFO, || own!(Level::ERROR, target = odd, "{odd}"));
    assert!(lines[0].chars().all(|c| (' '..='~').contains(&c)), "{}", lines[0]);
    let object: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&object["msg"], &object["target"]), (&odd.into(), &odd.into()));
}

#[test]
fn error_is_written_with_what_caused_it() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("inner"));
    let lines = logged(LogFormat::Logfmt, Level::INFO, || {
        own!(Level::ERROR, error = &error as &(dyn std::error::Error + 'static), "failed");
    });
    assert_eq!(without_time(&lines[0]), r#"level=error msg=failed error="outer: inner""#);
}

#[test]
fn other_crates_are_never_heard_above_their_warnings() {
    let everyone = || {
        tracing::trace!(target: "hyper::proto", "token");
        tracing::debug!(target: "reqwest::connect", "token");
        tracing::info!(target: "h2", "token");
        tracing::warn!(target: "rustls", "odd");
        own!(Level::TRACE, "own");
    };
    let count = |level| logged(LogFormat::Logfmt, level, everyone).len();
    assert_eq!(count(Level::TRACE), 2);
    assert_eq!(count(Level::INFO), 1);
    assert_eq!(count(Level::ERROR), 0);
}
