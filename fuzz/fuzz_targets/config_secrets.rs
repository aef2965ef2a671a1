//! A value that is put where it should or should not be: no message repeats it, and where it is a secret, nothing shows
//! it. The first byte says behind which key it stands, the second where in the input; the rest is what it stands in.
#![no_main]

#[path = "../../tests/written_again/mod.rs"]
mod written_again;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::config;
use oauth_probe_exporter_fuzz::{MARK, marked};

const FILE: &str = "defaults: { timeout: 5s }
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
    let line = written(key, &format!("{head}{MARK}{tail}"));
    for text in [with_target_key(key, &line), format!("{FILE}{line}\n"), FILE.replace("timeout: 5s", &line)] {
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
fn with_target_key(key: &str, line: &str) -> String {
    let kept: String = FILE
        .lines()
        .filter(|kept| !kept.trim().starts_with(&format!("{key}:")))
        .fold(String::new(), |kept, line| kept + line + "\n");
    let more = if key == "api_key" { "    checks: [api_key]\n" } else { "" };
    format!("{kept}    {line}\n{more}")
}

/// `a.b` as `a: { b: … }`.
fn written(key: &str, value: &str) -> String {
    let mut parts = key.split('.').rev();
    let last = parts.next().unwrap_or_default();
    parts.fold(format!("{last}: {value}"), |inner, part| format!("{part}: {{ {inner} }}"))
}
