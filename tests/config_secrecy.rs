//! No message about a configuration repeats a value of it: people put secrets where none is expected.

use oauth_probe_exporter::config;

const CANARY: &str = "c4naryS3cret";

const TEMPLATE: &str = "defaults: { timeout: 5s }
targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret: x
";

/// Every key that a value can stand behind, wrong ones among them.
const KEYS: [&str; 47] = [
    "secret",
    "clientsecret",
    "password",
    "<<",
    "history",
    "resource_server2",
    "interval",
    "schedule",
    "timeout",
    "labels",
    "client_secret_file",
    "client_secret_env",
    "client_secret_expires",
    "latency_objective",
    "checks",
    "checks_every",
    "api_key",
    "api_key_env",
    "api_key_file",
    "proxy_url",
    "allow_plaintext",
    "token",
    "token.path",
    "token.auth",
    "token.basic_encoding",
    "token.jwt",
    "token.jwt.key_file",
    "token.jwt.algorithm",
    "token.jwt.key_id",
    "token.jwt.audience",
    "token.scopes",
    "token.params",
    "token.params.client_secret",
    "token.max_age",
    "token.refresh_margin",
    "token.default_lifetime",
    "token.secret",
    "token.tls",
    "ping",
    "ping.method",
    "ping.headers",
    "ping.headers.authorization",
    "ping.expect",
    "ping.expect.status",
    "ping.connection",
    "tls",
    "tls.server_name",
];

/// Shapes that a value can have, quoted or not.
const SHAPES: [&str; 26] = [
    "CANARY",
    "\"CANARY\"",
    "'CANARY",
    "\"CANARY\\x",
    "\"\\tCANARY\"",
    "' CANARY'",
    "|\n      CANARY\n",
    "[CANARY]",
    "[[CANARY]]",
    "[CANARY",
    "{ a: CANARY }",
    "{ CANARY a: b }",
    "{ x y: CANARY }",
    "{ le: CANARY }",
    "!CANARY",
    "!<CANARY> x",
    "*CANARY",
    "&CANARY",
    "@CANARY",
    "`CANARY",
    "%CANARY",
    "a: CANARY",
    "a CANARY: b: c",
    "http://u:CANARY@[",
    "https://u:CANARY@example.com/CANARY?CANARY#CANARY",
    "CANARY\n  - CANARY",
];

fn messages(text: &str) -> String {
    let lookup = |_: &str| None;
    config::parse(text, "probe.yml", &lookup).map_or_else(|error| format!("{error} {error:?}"), |_| String::new())
}

fn written(key: &str, shape: &str) -> String {
    let value = shape.replace("CANARY", CANARY);
    let mut parts = key.split('.').rev();
    let last = parts.next().unwrap_or_default();
    parts.fold(format!("{last}: {value}"), |inner, part| format!("{part}: {{ {inner} }}"))
}

#[test]
fn no_message_repeats_a_value_wherever_it_stands() {
    let mut complaints = 0;
    for key in KEYS {
        for shape in SHAPES {
            let line = written(key, shape);
            for text in [
                format!("{TEMPLATE}    {line}\n"),
                format!("{TEMPLATE}{line}\n"),
                TEMPLATE.replace("timeout: 5s", &line),
                TEMPLATE.replace("client_secret: x", &line),
                line.clone(),
            ] {
                let messages = messages(&text);
                assert!(!messages.contains(CANARY), "{text}\n{messages}");
                complaints += usize::from(!messages.is_empty());
            }
        }
    }
    assert!(complaints > 4000, "only {complaints} complaints: the test no longer tests much");
}

#[test]
fn no_message_repeats_a_known_value_that_is_wrong() {
    for key in ["authorization_server", "resource_server", "client_id", "client_secret", "targets", "defaults"] {
        let mut complaints = 0;
        for shape in SHAPES {
            let text: String = TEMPLATE
                .lines()
                .map(|line| match line.split_once(':') {
                    Some((head, _)) if head.trim() == key => format!("{head}: {}\n", shape.replace("CANARY", CANARY)),
                    _ => format!("{line}\n"),
                })
                .collect();
            let messages = messages(&text);
            assert!(!messages.contains(CANARY), "{text}\n{messages}");
            complaints += usize::from(!messages.is_empty());
        }
        // An id and a secret may be many a text.
        assert!(complaints >= SHAPES.len() / 2, "only {complaints} complaints about {key}: it is not put there");
    }
}

#[test]
fn no_message_repeats_a_variable() {
    const NAMES: [&str; 5] = [
        "AUTHORIZATION_SERVER",
        "RESOURCE_SERVER",
        "PARTNER_OA_CLIENT_ID",
        "PARTNER_OA_SECRET",
        "PARTNER_OA_SECRET_FILE",
    ];
    for shape in SHAPES {
        for name in NAMES {
            let lookup = |asked: &str| (asked == name).then(|| shape.replace("CANARY", CANARY).into());
            let error = config::from_environment(&lookup).expect_err("one variable is not enough").to_string();
            assert!(!error.contains(CANARY), "{name} {shape}: {error}");
        }
        let lookup = |_: &str| Some(shape.replace("CANARY", CANARY).into());
        let error = config::from_environment(&lookup).expect_err("two secrets").to_string();
        assert!(!error.contains(CANARY), "{shape}: {error}");
    }
}
