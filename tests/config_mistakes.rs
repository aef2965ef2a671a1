//! Keys and values that a configuration may not have, and exactly what is said about each.

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
fn token_and_ping_keys_that_are_refused() {
    let table = [
        (
            "token: { auth: basik }",
            "token.auth: is none of `basic`, `post`, `client_secret_jwt`, `private_key_jwt`, `tls`; did you mean `basic`?",
        ),
        ("token: { auth: tls }", "token.auth: `tls` has no certificate; write `tls.cert_file` and `tls.key_file`"),
        ("token: { basic_encoding: url }", "token.basic_encoding: is not known; write one of `form`, `raw`"),
        (
            "token: { path: token }",
            "token.path: does not begin with `/`; write the path on the server, such as `/oauth/token`",
        ),
        ("token: { path: /a#b }", "token.path: has a fragment; write the part before `#`"),
        (
            "token: { scopes: [a b] }",
            "token.scopes: has an item that is no scope (RFC 6749 §3.3); use visible ASCII without spaces, `\"` and `\\`",
        ),
        (
            "token: { scopes: 'a \"b' }",
            "token.scopes: has a scope with characters outside RFC 6749 §3.3; use visible ASCII without `\"` and `\\`",
        ),
        ("token: { params: { scope: a } }", "token.params.scope: is not set here; write `token.scopes`"),
        (
            "token: { params: { client_secret: a } }",
            "token.params.client_secret: is not set here; write it beside `token`",
        ),
        ("token: { params: { grant_type: a } }", "token.params.grant_type: is always `client_credentials`; remove it"),
        (
            "token: { params: { client_assertion_type: a } }",
            "token.params.client_assertion_type: is set by `token.auth`; remove it",
        ),
        ("token: { max_age: 0s }", "token.max_age: is too short; write at least `1ms`"),
        ("token: { max_age: on }", "token.max_age: is not a duration; write a duration such as `30s`, `5m` or `250ms`"),
        ("token: { default_lifetime: 0s }", "token.default_lifetime: is too short; write at least `1ms`"),
        ("ping: { method: get }", "ping.method: is no method, since case matters; write `GET`"),
        ("ping: { method: G T }", "ping.method: is not a method for a ping; write a method such as `GET`"),
        ("ping: { headers: { Authorization: x } }", "ping.headers.Authorization: carries the token; remove it"),
        ("ping: { headers: { HOST: x } }", "ping.headers.HOST: follows from `resource_server`; remove it"),
        ("ping: { headers: { x y: z } }", "ping.headers.(key): is no header name; use letters, digits and `-`"),
        (
            "ping: { headers: { a: ä } }",
            "ping.headers.a: has a value that no header can carry; use visible ASCII, no space at its ends",
        ),
        ("ping: { headers: { a: b, A: c } }", "ping.headers.A: the name is here twice, in other letter case; keep one"),
        (
            "ping: { expect: { status: 99 } }",
            "ping.expect.status: is out of range; write a whole number from 100 to 599",
        ),
        (
            "ping: { expect: { status: [200, 2xx] } }",
            "ping.expect.status: is not a whole number; write a whole number from 100 to 599",
        ),
        (
            "ping: { expect: { status: [] } }",
            "ping.expect.status: is empty; write at least one status code, such as `[200]`",
        ),
        (
            "ping: { expect: { json: } }",
            "ping.expect.json: has no value; write JSON pointers and values below it, or `{}` to ignore the body",
        ),
        (
            "ping: { expect: { json: { status: 1 } } }",
            "ping.expect.json.status: is no JSON pointer (RFC 6901); begin with `/`, and write `~0` for `~`, `~1` for `/` in a name",
        ),
        (
            "ping: { expect: { json: { /a: .inf } } }",
            "ping.expect.json./a: has a number that JSON does not know; write a finite one",
        ),
        ("ping: { connection: new }", "ping.connection: is not known; write one of `fresh`, `reuse`"),
    ];
    for (text, expected) in table {
        assert_eq!(of_good_target(text), format!("probe.yml:7: targets[0] (production): {expected}"), "{text}");
    }
}

#[test]
fn checks_that_are_refused() {
    let list = "write a list such as `[no_token, bad_token]`";
    let names = "`no_token`, `bad_token`, `expired_token`, `api_key`";
    let table = [
        ("checks: no_token", format!("checks: is not a list; {list}")),
        ("checks:", format!("checks: is not a list; {list}")),
        ("checks: [no_tokn]", format!("checks: is none of {names}; did you mean `no_token`?")),
        ("checks: [ping]", format!("checks: is not known; write one of {names}")),
        ("checks: [[no_token]]", format!("checks: is a list; write one of {names}")),
        ("checks: [no_token, bad_token, no_token]", "checks: names a check twice; keep one".to_owned()),
        ("checks_every: 0", "checks_every: is out of range; write a whole number from 1 to 100000".to_owned()),
        ("checks_every: 5m", "checks_every: is not a whole number; write a whole number from 1 to 100000".to_owned()),
        (
            "api_key: ${KEY}",
            "api_key: is a placeholder, and variables are not put in here; name one with `api_key_env`".to_owned(),
        ),
        ("api_key: ''", "api_key: is empty; write the API key, or name its file with `api_key_file`".to_owned()),
        ("api_key: x", "api_key: is of no use without the check; write `api_key` into `checks`".to_owned()),
        (
            "checks: [no_token]\napi_key_file: x",
            "api_key_file: is of no use without the check; write `api_key` into `checks`".to_owned(),
        ),
        (
            "checks: [api_key]\napi_key_env: UNSET",
            "api_key_env: names an environment variable that is not set or empty; set it, or name another".to_owned(),
        ),
    ];
    for (text, expected) in table {
        let line = 6 + text.lines().count();
        let expected = format!("probe.yml:{line}: targets[0] (production): {expected}");
        assert_eq!(of_good_target(text), expected, "{text}");
    }
    let missing = "api_key_file: is missing; name the file that holds the API key, or use `api_key_env` or `api_key`";
    let expected = format!("probe.yml:2: targets[0] (production): {missing}");
    assert_eq!(of_good_target("checks: [api_key]"), expected);
    assert_eq!(
        of_good_target("checks: [api_key]\napi_key: x\napi_key_file: y"),
        "probe.yml:8: targets[0] (production): api_key: a second source of the API key beside `api_key_file`; keep one \
         of them"
    );
}

#[test]
fn a_secret_needs_exactly_one_source() {
    let missing = "probe.yml:2: targets[0] (production): client_secret_file: is missing; name the file that holds the \
                   secret, or use `client_secret_env` or `client_secret`";
    assert_eq!(of_target(""), missing);
    assert_eq!(of_target("    token: { auth: post }"), missing);
    let table = [
        (
            "client_secret: ${SECRET}",
            "client_secret: is a placeholder, and variables are not put in here; name one with `client_secret_env`",
        ),
        ("client_secret: ''", "client_secret: is empty; write the secret, or name its file with `client_secret_file`"),
        (
            "client_secret: \"\\n\"",
            "client_secret: is empty; write the secret, or name its file with `client_secret_file`",
        ),
        ("client_secret:", "client_secret: has no value; write the secret, or name its file with `client_secret_file`"),
        (
            "client_secret_env: UNSET",
            "client_secret_env: names an environment variable that is not set or empty; set it, or name another",
        ),
        (
            "client_secret_env: EMPTY",
            "client_secret_env: names an environment variable that is not set or empty; set it, or name another",
        ),
        (
            "client_secret_env: LATIN_1",
            "client_secret_env: names an environment variable that is set, but not to UTF-8 text; set it to that",
        ),
    ];
    for (text, expected) in table {
        let expected = format!("probe.yml:6: targets[0] (production): {expected}");
        assert_eq!(of_target(&format!("    {text}\n")), expected, "{text}");
    }
    assert_eq!(
        of_good_target("client_secret: x\nclient_secret_env: HOME"),
        "probe.yml:7: targets[0] (production): client_secret: a second source of the secret beside \
         `client_secret_file`; keep one of them
probe.yml:8: targets[0] (production): client_secret_env: a second source of the secret beside `client_secret_file`; \
         keep one of them"
    );
}

#[test]
fn settings_of_assertions_that_do_not_fit_the_method_are_refused() {
    const UNUSED: &str = "goes with `client_secret_jwt` and `private_key_jwt` only; write one of them in `token.auth`, \
                          or remove it";
    let table = [
        ("jwt: { key_file: k }", format!("token.jwt.key_file: {UNUSED}")),
        ("auth: post, jwt: { algorithm: RS256 }", format!("token.jwt.algorithm: {UNUSED}")),
        ("auth: tls, tls: { cert_file: c, key_file: k }, jwt: { key_id: x }", format!("token.jwt.key_id: {UNUSED}")),
        ("auth: basic, jwt: { audience: x }", format!("token.jwt.audience: {UNUSED}")),
        (
            "auth: client_secret_jwt, jwt: { key_file: k }",
            "token.jwt.key_file: goes with `private_key_jwt` only; remove it: the client's secret signs".to_owned(),
        ),
        (
            "auth: client_secret_jwt, jwt: { algorithm: RS256 }",
            "token.jwt.algorithm: needs a private key, but `client_secret_jwt` signs with the secret; write such as \
             `HS256`"
                .to_owned(),
        ),
        ("auth: private_key_jwt", "token.auth: `private_key_jwt` has no key; write `token.jwt.key_file`".to_owned()),
        (
            "auth: private_key_jwt, jwt: { algorithm: HS256, key_file: k }",
            "token.jwt.algorithm: needs a secret, but `private_key_jwt` signs with a private key; write such as \
             `RS256`"
                .to_owned(),
        ),
        (
            "auth: private_key_jwt, jwt: { algorithm: rs256, key_file: k }",
            "token.jwt.algorithm: is none of `HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, \
             `PS512`, `ES256`, `ES384`, `ES512`, `EdDSA`, `Ed25519`; did you mean `RS256`?"
                .to_owned(),
        ),
        (
            "auth: private_key_jwt, jwt: { key_file: '' }",
            "token.jwt.key_file: is not a file name; name a file".to_owned(),
        ),
        (
            "auth: private_key_jwt, jwt: { key_file: k, key_id: '' }",
            "token.jwt.key_id: is empty; write the key's id at the provider".to_owned(),
        ),
        (
            "auth: client_secret_jwt, jwt: { audience: [a] }",
            "token.jwt.audience: is a list; write the server's issuer, or the URL of its token endpoint".to_owned(),
        ),
        ("jwt: k", "token.jwt: is not a mapping; write keys below it, indented".to_owned()),
        ("jwt: { keyfile: k }", "token.jwt.keyfile: unknown key; did you mean `key_file`?".to_owned()),
        (
            "key_id: k",
            "token.key_id: unknown key at this level; write such as `token: { jwt: { key_id: … } }`".to_owned(),
        ),
    ];
    for (text, expected) in table {
        let message = of_good_target(&format!("token: {{ {text} }}"));
        assert_eq!(message, format!("probe.yml:7: targets[0] (production): {expected}"), "{text}");
    }
    let missing = "probe.yml:2: targets[0] (production): client_secret_file: is missing; name the file that holds the \
                   secret, or use `client_secret_env` or `client_secret`";
    assert_eq!(of_target("    token: { auth: client_secret_jwt }\n"), missing);
}

#[test]
fn a_client_certificate_is_not_sent_in_plain_text() {
    let text = HEAD.replace("https://auth.example.com", "http://localhost")
        + "    token: { auth: tls }\n    tls: { cert_file: c, key_file: k }\n";
    let expected = "token.auth: `tls` needs TLS; write `https://` in `authorization_server`";
    assert_eq!(message(&text), format!("probe.yml:6: targets[0] (production): {expected}"));
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
