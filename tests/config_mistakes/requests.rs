//! Mistakes about what is sent: token requests, pings and checks.

use super::of_good_target;

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
