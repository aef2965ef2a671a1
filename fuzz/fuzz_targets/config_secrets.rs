//! A value that is put where it should or should not be: no message repeats it, and where it is a secret, nothing shows
//! it. The first byte says behind which key it stands, the second where in the input; the rest is what it stands in.
#![no_main]

#[path = "../../tests/written_again/mod.rs"]
mod written_again;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::config;
use oauth_probe_exporter_fuzz::{MARK, marked};

const FILE: &str = "defaults:
  timeout: 5s
targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret: secret
";

/// Behind these stands a secret.
const SECRET: [&str; 6] =
    ["client_secret", "api_key", "token.params.some", "ping.headers.X-Some", "token.params.client_secret", "proxy_url"];

/// Behind these stands something else, but who knows what was put there.
const OPEN: [&str; 22] = [
    "authorization_server",
    "resource_server",
    "client_id",
    "client_secret_file",
    "client_secret_env",
    "client_secret_expires",
    "interval",
    "labels",
    "token",
    "token.path",
    "token.auth",
    "token.jwt",
    "token.scopes",
    "token.params",
    "token.max_age",
    "ping.headers",
    "ping.expect.json",
    "ping.method",
    "checks",
    "tls",
    "secret",
    "targets",
];

fuzz_target!(|data: &[u8]| {
    let [key, place, fragment @ ..] = data else { return };
    let Ok(fragment) = std::str::from_utf8(fragment) else { return };
    // On its line it cannot get out of its place, where a target's name may be shown.
    if fragment.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return;
    }
    let place = (0..=usize::from(*place)).rev().find(|place| fragment.is_char_boundary(*place)).unwrap_or(0);
    let (head, tail) = fragment.split_at(place);
    let keys = [&SECRET[..], &OPEN[..]].concat();
    let key = keys[usize::from(*key) % keys.len()];
    let value = format!("{head}{MARK}{tail}");
    let in_defaults = FILE.replace("  timeout: 5s\n", &written(key, &value, 2));
    for text in [with_target_key(key, &value), FILE.to_owned() + &written(key, &value, 0), in_defaults] {
        match config::parse(&text, "probe.yml", &|_| None) {
            Err(error) => assert!(!marked(&format!("{error} {error:?}")), "{text}\n{error}"),
            Ok(config) if SECRET.contains(&key) => {
                assert!(!marked(&format!("{config:?}")), "{text}\n{config:?}");
                assert!(!marked(&written_again::shown(&config)), "{text}\n{}", written_again::shown(&config));
            }
            Ok(config) => written_again::assert_written_again(&config),
        }
    }
});

/// In the place of what the file says already.
fn with_target_key(key: &str, value: &str) -> String {
    let begins = format!("{key}:");
    let kept = FILE.lines().filter(|line| !line.trim().starts_with(&begins)).map(|line| format!("{line}\n"));
    let more = if key == "api_key" { "    checks: [api_key]\n" } else { "" };
    kept.collect::<String>() + &written(key, value, 4) + more
}

/// `a.b` as `b` below `a`, on lines of their own: between braces a comma would make a name of what is meant as a value.
fn written(key: &str, value: &str, indent: usize) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let lines = parts.iter().enumerate().map(|(depth, part)| format!("{:1$}{part}:", "", indent + 2 * depth));
    format!("{} {value}\n", lines.collect::<Vec<_>>().join("\n"))
}
