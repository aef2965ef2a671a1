//! Keys and values that a configuration may not have, and exactly what is said about each.

mod credentials;
mod requests;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use oauth_probe_exporter::config;

const HEAD: &str = "targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
";

fn message(text: &str) -> String {
    let environment = |name: &str| match name {
        "EMPTY" => Some(OsString::new()),
        "LATIN_1" => Some(OsString::from_vec(b"c\xe4nary".to_vec())),
        _ => None,
    };
    match config::parse(text, "probe.yml", &environment) {
        Ok(_) => "no mistake".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What is said about a good target with `more` behind it, which begins in line 6.
fn of_target(more: &str) -> String {
    message(&format!("{HEAD}{more}"))
}

/// The same, with a good secret in line 6, so that `more` begins in line 7.
fn of_good_target(more: &str) -> String {
    let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
    of_target(&format!("    client_secret_file: secret\n{more}"))
}

#[test]
fn top_level_keys_that_are_refused() {
    let good = of_good_target("");
    assert_eq!(good, "no mistake");
    let table = [
        ("vantage: ''", "vantage: is empty; name where this exporter stands"),
        ("vantage: [a]", "vantage: is a list; name where this exporter stands"),
        ("history: 10001", "history: is out of range; write a whole number from 0 to 10000"),
        ("history: many", "history: is not a whole number; write a whole number from 0 to 10000"),
        ("latency_buckets: []", "latency_buckets: is empty or has more than 30 bounds; write 1 to 30 durations"),
        (
            "latency_buckets: 1s",
            "latency_buckets: is not a list; write a list of durations such as `[10ms, 100ms, 1s]`",
        ),
        ("latency_buckets: [1s, 1s]", "latency_buckets: does not ascend; write each bound once, the smallest first"),
        ("latency_buckets: [0s]", "latency_buckets: is too short; write at least `1ms`"),
        ("latency_buckets: [0.5]", "latency_buckets: has no unit; write a duration such as `30s`, `5m` or `250ms`"),
        ("metrics: native", "metrics: is not a mapping; write keys below it, indented"),
        ("metrics: { histograms: }", "metrics.histograms: has no value; write one of `classic`, `native`"),
        ("metrics: { histograms: both }", "metrics.histograms: is not known; write one of `classic`, `native`"),
        (
            "metrics: { histograms: nativ }",
            "metrics.histograms: is none of `classic`, `native`; did you mean `native`?",
        ),
        ("metrics: { buckets: 3 }", "metrics.buckets: unknown key; known here: histograms"),
        (
            "histograms: native",
            "histograms: unknown key; known here: vantage, latency_buckets, metrics, history, defaults, targets",
        ),
        ("defaults: []", "defaults: is not a mapping; write keys below it, indented"),
        ("defaults: { name: x }", "defaults: name: belongs to one target; write it there"),
        ("target: []", "target: unknown key; did you mean `targets`?"),
        ("interval: 5s", "interval: unknown key at the top level; write it below `defaults` or in a target"),
        ("<<: {}", "<<: merge keys are not part of YAML 1.2; write common keys below `defaults`"),
        (
            "modules: {}",
            "modules: unknown key; known here: vantage, latency_buckets, metrics, history, defaults, targets",
        ),
        ("history: 5\nhistory: 6", "history: the key is here twice, first in line 7; keep one"),
    ];
    for (text, expected) in table {
        let line = 6 + text.lines().count();
        let text = format!("{HEAD}    client_secret_file: secret\n{text}\n");
        assert_eq!(message(&text), format!("probe.yml:{line}: {expected}"), "{text}");
    }
}

#[test]
fn target_keys_that_are_refused() {
    let table = [
        ("intervall: 5s", "intervall: unknown key; did you mean `interval`?"),
        ("history: 5", "history: unknown key here; write it at the top level, beside `targets`"),
        ("max_age: 5m", "max_age: unknown key at this level; write such as `token: { max_age: … }`"),
        (
            "ping: { status: 200 }",
            "ping.status: unknown key at this level; write such as `ping: { expect: { status: … } }`",
        ),
        ("token: { interval: 5s }", "token.interval: unknown key at this level; write it beside `token` and `ping`"),
        ("interval: ten", "interval: is not a duration; write a duration such as `30s`, `5m` or `250ms`"),
        ("interval: 30", "interval: has no unit; write a duration such as `30s`, `5m` or `250ms`"),
        ("interval: 99ms", "interval: is too short; write at least `100ms`"),
        ("interval: 30y", "interval: is too long; write at most ten years"),
        ("interval:", "interval: has no value; write a duration such as `30s`, `5m` or `250ms`"),
        ("interval: { a: b }", "interval: is a mapping; write a duration such as `30s`, `5m` or `250ms`"),
        ("timeout: 31s", "timeout: 31s is longer than the interval; write at most `30s`"),
        ("timeout: 0s", "timeout: is too short; write at least `1ms`"),
        ("schedule: offf", "schedule: is none of `on`, `off`; did you mean `off`?"),
        ("schedule: never", "schedule: is not known; write one of `on`, `off`"),
        (
            "latency_objective: fast",
            "latency_objective: is not a duration; write a duration such as `30s`, `5m` or `250ms`",
        ),
        (
            "client_secret_expires: soon",
            "client_secret_expires: is not a date of RFC 3339; write a date such as `2027-01-31` or `2027-01-31T12:00:00Z`",
        ),
        (
            "allow_plaintext: 'true'",
            "allow_plaintext: is neither true nor false; write `true` or `false`, without quotes",
        ),
        ("labels: [a]", "labels: is not a mapping; write `name: value` pairs below it"),
        ("labels: { 1a: b }", "labels.1a: is no label name; use letters, digits and `_`, and begin with no digit"),
        ("labels: { le: b }", "labels.le: is a label that the exporter or Prometheus sets; choose another name"),
        (
            "labels: { certificate: b }",
            "labels.certificate: is a label that the exporter or Prometheus sets; choose another name",
        ),
        ("labels: { __x: b }", "labels.__x: begins like labels that Prometheus keeps to itself; choose another name"),
        (
            "labels: { exported_x: b }",
            "labels.exported_x: begins like labels that Prometheus keeps to itself; choose another name",
        ),
        ("labels: { a: [b] }", "labels.a: is a list; write the label's value"),
        ("labels: { a: b, a: c }", "labels.a: the key is here twice, first in line 7; keep one"),
        ("proxy_url: socks5://x", "proxy_url: has a scheme that is not HTTP; write `https://` and the host"),
        (
            "proxy_url: http://x/y",
            "proxy_url: has more than scheme, credentials, host and port; write such as `http://proxy.example.com:3128`",
        ),
        ("tls: { cert_file: c }", "tls.cert_file: is of no use alone; write `key_file` beside it"),
        ("ping: { tls: { key_file: k } }", "ping.tls.key_file: is of no use alone; write `cert_file` beside it"),
        (
            "tls: { server_name: '*.example.com' }",
            "tls.server_name: is neither a host name nor an IP address; write such as `api.example.com`",
        ),
        (
            "tls: { server_name: api.example.com:443 }",
            "tls.server_name: is neither a host name nor an IP address; write such as `api.example.com`",
        ),
        (
            "tls: { server_name: api..example.com }",
            "tls.server_name: is neither a host name nor an IP address; write such as `api.example.com`",
        ),
        (
            "tls: { server_name: -a.example.com }",
            "tls.server_name: is neither a host name nor an IP address; write such as `api.example.com`",
        ),
        (
            "tls: { server_name: '' }",
            "tls.server_name: is neither a host name nor an IP address; write such as `api.example.com`",
        ),
        (
            "ping: { tls: { server_name: 'https://api.example.com' } }",
            "ping.tls.server_name: is not a name alone; write the host without scheme and path, such as `api.example.com`",
        ),
        ("tls: { ca_file: '' }", "tls.ca_file: is not a file name; name a file"),
        (
            "tls: { insecure_skip_verify: yes }",
            "tls.insecure_skip_verify: is neither true nor false; write `true` or `false`, without quotes",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(of_good_target(text), format!("probe.yml:7: targets[0] (production): {expected}"), "{text}");
    }
}

#[test]
fn server_urls_that_are_refused() {
    let table = [
        ("auth.example.com", "has no scheme; begin with `https://`"),
        ("ftp://auth.example.com", "has a scheme that is not HTTP; write `https://` and the host"),
        ("https://", "is not a URL; write such as `https://auth.example.com`"),
        ("https://a b", "has spaces, backslashes or control characters; write such as `https://auth.example.com`"),
        (
            "https://u:p@auth.example.com",
            "has a user or password; give credentials by `client_id` and `client_secret_file` only",
        ),
        (
            "https://auth.example.com?a=b",
            "has a query; write the part before `?`, the rest belongs to `token.path` or `ping.path`",
        ),
        ("https://auth.example.com/#a", "has a fragment; write the part before `#`"),
        (
            "https://auth.example.com/oauth/token",
            "ends with the path that `token.path` appends; write the part before it",
        ),
        (
            "http://auth.example.com",
            "would send credentials in plain text; write `https://`, or `allow_plaintext: true` in the file",
        ),
    ];
    for (url, expected) in table {
        let text = HEAD.replace("https://auth.example.com", url) + "    client_secret_file: secret\n";
        let expected = format!("probe.yml:3: targets[0] (production): authorization_server: {expected}");
        assert_eq!(message(&text), expected, "{url}");
    }
}
