//! The text that Prometheus reads: whatever names and labels there are, it parses to the same ones. The input is split at
//! the byte 0x1E: vantage, then targets, each a name and the value of a label.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter_fuzz::{configuration, target};

fuzz_target!(|text: &str| {
    let mut parts = text.split('\x1e');
    let vantage = parts.next().filter(|vantage| !vantage.is_empty()).map(str::to_owned);
    let mut targets = BTreeMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        targets.insert(name.to_owned(), value.to_owned());
    }
    if targets.is_empty() {
        return;
    }
    let written = written(&configuration(targets.iter().map(named).collect(), vantage.clone()));
    let mut found = BTreeSet::new();
    for line in written.lines().filter(|line| !line.starts_with('#')) {
        let (family, labels, value) = parse(line);
        assert!(family.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert_eq!(labels.get("vantage"), vantage.as_ref(), "{line}");
        if let Some(name) = labels.get("target") {
            assert_eq!(labels.get("some"), targets.get(name), "{line}");
            found.insert(name.clone());
        }
        assert!(labels.keys().all(|name| !name.contains(char::is_whitespace)), "{line}");
    }
    assert!(found.iter().eq(targets.keys()), "{found:?}");
});

fn named((name, value): (&String, &String)) -> Target {
    Target { name: name.clone(), labels: [("some".to_owned(), value.clone())].into(), ..target() }
}

fn written(config: &Config) -> String {
    let now = Stamp { moment: Moment::default(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
    let pieces: Vec<_> = Metrics::new(config, now).exposition(now, None).collect();
    String::from_utf8(pieces.concat()).expect("text")
}

/// One sample, as the text format 0.0.4 defines it and no laxer: name, labels, value.
fn parse(line: &str) -> (&str, BTreeMap<String, String>, &str) {
    let Some((name, mut rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').expect("a value");
        return (name, BTreeMap::new(), value);
    };
    let mut labels = BTreeMap::new();
    loop {
        let (label, quoted) = rest.split_once("=\"").expect("a label");
        let (value, after) = unescaped(quoted);
        assert!(labels.insert(label.to_owned(), value).is_none(), "{label} is there twice: {line}");
        if let Some(value) = after.strip_prefix("} ") {
            return (name, labels, value);
        }
        rest = after.strip_prefix(',').expect("a comma");
    }
}

/// What stands in quotes, and what comes after them.
fn unescaped(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.push(match letters.next().expect("an escape").1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                other => panic!("\\{other} is no escape"),
            }),
            plain => value.push(plain),
        }
    }
    panic!("quotes without an end: {quoted}");
}
