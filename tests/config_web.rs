//! The web configuration: what each key means, and exactly what is said about each mistake.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;
use std::time::Duration;

use oauth_probe_exporter::config::{load_web, parse_web};
use oauth_probe_exporter::model::web::{
    CipherOrder, CipherSuite, ClientAuth, Curve, Http2, PemSource, TlsVersions, WebConfig, WebHeader,
};

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nc4naRy\n-----END PRIVATE KEY-----\n";

fn good(text: &str) -> WebConfig {
    parse_web(text, "web.yml").unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"))
}

fn mistakes(text: &str) -> String {
    parse_web(text, "web.yml").map_or_else(|mistakes| mistakes.to_string(), |_| "no mistake".to_owned())
}

/// With a certificate and a key, and `more` from line 4 on.
fn tls(more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}")
}

fn file(name: &str) -> PemSource {
    PemSource::File(name.into())
}

#[test]
fn empty_file_is_valid_and_asks_for_nothing() {
    let all_empty = "tls_server_config:\nhttp_server_config: {}\nbasic_auth_users:\nrate_limit: {}\n";
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "~", all_empty, "tls_server_config: {}\n"] {
        assert_eq!(good(text), WebConfig::default(), "{text:?}");
    }
}

#[test]
fn tls_has_the_defaults_of_the_format() {
    let settings = good(&tls("")).tls.unwrap();
    assert_eq!((settings.certificate, settings.key), (file("server.crt"), file("server.key")));
    assert_eq!(settings.client_auth, ClientAuth::None);
    assert_eq!(settings.versions, TlsVersions::Both);
    assert_eq!((settings.cipher_suites, settings.curves), (None, None));
    assert_eq!(settings.cipher_order, CipherOrder::Server);
    assert_eq!(good("").http2, Http2::Offered);
}

#[test]
fn every_key_is_understood() {
    let text = tls("client_auth_type: RequireAndVerifyClientCert\n\
         client_ca_file: ca.crt\n\
         client_allowed_sans: [prometheus.example.com, 192.0.2.1]\n\
         min_version: TLS12\n\
         max_version: TLS12\n\
         cipher_suites:\n- TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n- TLS_AES_128_GCM_SHA256\n\
         - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\n\
         prefer_server_cipher_suites: false\n\
         curve_preferences: [CurveP384, X25519, CurveP256]")
        + "http_server_config:\n  http2: false\n  headers:\n    Strict-Transport-Security: max-age=1; preload\n    \
           X-Frame-Options: sameorigin\n    X-XSS-Protection: 1\n    X-Content-Type-Options: ''\n    \
           Content-Security-Policy:\n"
        + &format!(
            "basic_auth_users: {{ alice: {HASH}, 'b ö': '{HASH}' }}\nrate_limit: {{ interval: 1s, burst: 20 }}\n"
        );
    let config = good(&text);
    let settings = config.tls.unwrap();
    let allowed_names = vec!["prometheus.example.com".to_owned(), "192.0.2.1".to_owned()];
    assert_eq!(settings.client_auth, ClientAuth::Require { authorities: file("ca.crt"), allowed_names });
    assert_eq!(settings.versions, TlsVersions::Only12);
    assert_eq!(settings.cipher_suites, Some(vec![CipherSuite::EcdheRsaAes128Gcm, CipherSuite::EcdheEcdsaChaCha20]));
    assert_eq!(settings.cipher_order, CipherOrder::Client);
    assert_eq!(settings.curves, Some(vec![Curve::P384, Curve::X25519, Curve::P256]));
    assert_eq!(config.http2, Http2::Off);
    let headers: Vec<_> = config.headers.iter().map(|(header, value)| (*header, value.as_str())).collect();
    let expected = [
        (WebHeader::StrictTransportSecurity, "max-age=1; preload"),
        (WebHeader::XFrameOptions, "sameorigin"),
        (WebHeader::XXssProtection, "1"),
    ];
    assert_eq!(headers, expected, "a blank value is none");
    assert_eq!(config.users.keys().collect::<Vec<_>>(), ["alice", "b ö"]);
    let limit = config.rate_limit.unwrap();
    assert_eq!((limit.interval, limit.burst.get()), (Duration::from_secs(1), 20));
}

#[test]
fn client_auth_types_are_those_of_go() {
    for (name, expected) in [
        ("NoClientCert", ClientAuth::None),
        ("RequestClientCert", ClientAuth::Request),
        ("RequireAnyClientCert", ClientAuth::RequireAny),
        ("RequireClientCert", ClientAuth::RequireAny),
    ] {
        assert_eq!(good(&tls(&format!("client_auth_type: {name}"))).tls.unwrap().client_auth, expected, "{name}");
    }
    let text = tls("client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: ca.crt");
    assert_eq!(good(&text).tls.unwrap().client_auth, ClientAuth::VerifyIfGiven(file("ca.crt")));
}

#[test]
fn certificate_key_and_authorities_can_stand_in_the_file() {
    let block = |key: &str| {
        let lines: String = PEM.lines().map(|line| format!("    {line}\n")).collect();
        format!("  {key}: |\n{lines}")
    };
    let text = format!(
        "tls_server_config:\n{}{}{}  client_auth_type: RequireAndVerifyClientCert\n",
        block("cert"),
        block("key"),
        block("client_ca")
    );
    let settings = good(&text).tls.unwrap();
    let ClientAuth::Require { authorities, .. } = settings.client_auth else { panic!() };
    for source in [settings.certificate, settings.key, authorities] {
        let PemSource::Inline(pem) = source else { panic!() };
        assert_eq!(pem.expose(), PEM);
    }
}

#[test]
fn rate_limit_can_be_switched_off() {
    for text in ["{ interval: 0 }", "{ interval: 0s, burst: 0 }", "{ interval: 0, burst: 5 }", "{}"] {
        assert_eq!(good(&format!("rate_limit: {text}")).rate_limit, None, "{text}");
    }
}

#[test]
fn relative_file_names_start_at_the_files_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.yml");
    std::fs::write(&path, tls("client_auth_type: VerifyClientCertIfGiven\nclient_ca_file: /ca.crt")).unwrap();
    let settings = load_web(&path).unwrap().tls.unwrap();
    assert_eq!(settings.certificate, PemSource::File(directory.path().join("server.crt")));
    assert_eq!(settings.key, PemSource::File(directory.path().join("server.key")));
    assert_eq!(settings.client_auth, ClientAuth::VerifyIfGiven(file("/ca.crt")));
}

#[test]
fn file_that_cannot_be_read_is_named_with_its_flag() {
    let message = load_web(Path::new("/nonexistent/web.yml")).unwrap_err().to_string();
    assert!(message.starts_with("/nonexistent/web.yml: cannot be read: No such file"), "{message}");
    assert!(message.ends_with("check --web.config.file"), "{message}");
}

#[test]
fn keys_of_tls_that_are_refused() {
    let suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
                  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \
                  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
    let old = format!(
        "cipher_suites: has a suite without forward secrecy or with CBC, RC4 or 3DES, which rustls does not have; write \
         some of {suites}"
    );
    let table = [
        ("min_version: TLS10", "min_version: is not spoken here, since it is broken: there is `TLS12` and `TLS13`"),
        ("max_version: TLS11", "max_version: is not spoken here, since it is broken: there is `TLS12` and `TLS13`"),
        ("min_version: TLS1.3", "min_version: is none of `TLS12`, `TLS13`; did you mean `TLS13`?"),
        (
            "min_version: TLS13\nmax_version: TLS12",
            "max_version: is lower than `min_version`; write `TLS13`, or remove it",
        ),
        ("cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]", &old),
        ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]", &old),
        (
            "cipher_suites: [TLS_AES_128_GCM_SHA256]\nmax_version: TLS12",
            "cipher_suites: has none for TLS 1.2, which alone is spoken by `max_version`; add one, or remove the list",
        ),
        (
            "cipher_suites: TLS_AES",
            "cipher_suites: is not a list; write a list such as `[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]`",
        ),
        (
            "curve_preferences: [CurveP521]",
            "curve_preferences: has `CurveP521`, which rustls does not have; write some of `X25519`, `CurveP256`, `CurveP384`",
        ),
        (
            "curve_preferences: [P-256]",
            "curve_preferences: is not known; write one of `X25519`, `CurveP256`, `CurveP384`",
        ),
        (
            "client_auth_type: RequireAndVerifyClientcert\nclient_ca_file: ca.crt",
            "client_auth_type: is none of `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, \
             `RequireClientCert`, `VerifyClientCertIfGiven`, `RequireAndVerifyClientCert`; did you mean \
             `RequireAndVerifyClientCert`?",
        ),
        (
            "client_ca_file: ca.crt",
            "client_ca_file: is used to verify nothing; write `client_auth_type: RequireAndVerifyClientCert` beside it",
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven",
            "client_auth_type: needs `client_ca_file`: without it, whoever has a certificate of any public authority \
             would come in",
        ),
        (
            "client_allowed_sans: [a]\nclient_auth_type: RequireAnyClientCert",
            "client_allowed_sans: needs `client_auth_type: RequireAndVerifyClientCert`: in a certificate that is not \
             verified, or not demanded, names prove nothing",
        ),
        ("key: '-----BEGIN c4naRy'", "key: stands beside `key_file`; keep one of them"),
        (
            "prefer_server_cipher_suites: 1",
            "prefer_server_cipher_suites: is neither true nor false; write `true` or `false`, without quotes",
        ),
        ("http2: true", "http2: unknown key here; write it below `http_server_config`"),
        ("certfile: x", "certfile: unknown key; did you mean `cert_file`?"),
        ("ca_file: x", "ca_file: unknown key; did you mean `client_ca_file`?"),
    ];
    for (more, expected) in table {
        let found = mistakes(&tls(more));
        let (line, found) =
            found.strip_prefix("web.yml:").unwrap().split_once(": tls_server_config.").unwrap_or(("", &found));
        assert_eq!(found, expected, "{more}");
        assert!(["4", "5"].contains(&line), "{more}: line {line}");
    }
}

#[test]
fn other_keys_that_are_refused() {
    let hash = |cost| format!("basic_auth_users:\n  alice: {}", HASH.replace("$10$", cost));
    let table = [
        (
            "tls_server_config: { min_version: TLS13 }",
            "1: tls_server_config.cert_file: is missing; name the PEM file of the certificate and that of its key\nweb.yml:1: tls_server_config.key_file: is missing; name the PEM file of the certificate and that of its key",
        ),
        (
            "tls_server_config: { cert: server.crt, key_file: k }",
            "1: tls_server_config.cert: is no PEM text; to name a file, write `cert_file`",
        ),
        (
            "tls_server_config: { cert_file: '', key_file: k }",
            "1: tls_server_config.cert_file: is not a file name; name a file",
        ),
        ("tls_server_config: []", "1: tls_server_config: is not a mapping; write keys below it, indented"),
        (
            "http_server_config: { http2: 'no' }",
            "1: http_server_config.http2: is neither true nor false; write `true` or `false`, without quotes",
        ),
        (
            "http_server_config: { headers: { x-frame-options: deny } }",
            "1: http_server_config.headers.x-frame-options: unknown key; did you mean `X-Frame-Options`?",
        ),
        (
            "http_server_config: { headers: { X-Frame-Options: DENY } }",
            "1: http_server_config.headers.X-Frame-Options: has no such value; write `deny` or `sameorigin`",
        ),
        (
            "http_server_config: { headers: { X-Content-Type-Options: sniff } }",
            "1: http_server_config.headers.X-Content-Type-Options: has no such value; write `nosniff`",
        ),
        (
            "http_server_config: { headers: { Content-Security-Policy: \"a\\nb\" } }",
            "1: http_server_config.headers.Content-Security-Policy: has a value that no header can carry; use visible ASCII, no space at its ends",
        ),
        (
            "http_server_config: { headers: { Server: x } }",
            "1: http_server_config.headers.Server: unknown key; known here: Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
        ),
        (
            "http_server_config: { X-Frame-Options: deny }",
            "1: http_server_config.X-Frame-Options: unknown key here; write it below `http_server_config: { headers: … }`",
        ),
        (
            "basic_auth_users:\n  alice: hunter2",
            "2: basic_auth_users.alice: is no bcrypt hash; make one with `htpasswd -nBC 10 NAME`",
        ),
        (
            "basic_auth_users:\n  alice:",
            "2: basic_auth_users.alice: has no value; write the bcrypt hash of the user's password",
        ),
        (
            &hash("$18$"),
            "2: basic_auth_users.alice: has a cost above 14, so that each wrong password would take seconds; make one with `htpasswd -nBC 10 NAME`",
        ),
        (&hash("$03$"), "2: basic_auth_users.alice: has a cost below 4; make one with `htpasswd -nBC 10 NAME`"),
        (
            &format!("basic_auth_users:\n  'a:b': {HASH}"),
            "2: basic_auth_users.(key): has a colon in its name, which HTTP Basic cannot carry; choose another name",
        ),
        (
            &format!("basic_auth_users:\n  a: {HASH}\n  a: {HASH}"),
            "3: basic_auth_users.a: the key is here twice, first in line 2; keep one",
        ),
        (
            "rate_limit: { burst: 5 }",
            "1: rate_limit.burst: has no `interval` beside it; write one such as `interval: 1s`",
        ),
        (
            "rate_limit: { interval: 1s }",
            "1: rate_limit.burst: is 0 or missing, which would refuse every request; write such as `burst: 20`",
        ),
        (
            "rate_limit: { interval: 1s, burst: 0 }",
            "1: rate_limit.burst: is 0 or missing, which would refuse every request; write such as `burst: 20`",
        ),
        (
            "rate_limit: { interval: 5 }",
            "1: rate_limit.interval: has no unit; write a duration such as `30s`, `5m` or `250ms`",
        ),
        ("targets: []", "1: targets: belongs in the file of --config.file; this is the one of --web.config.file"),
        ("cert_file: x", "1: cert_file: unknown key here; write it below `tls_server_config`"),
        ("basic_auth_user: {}", "1: basic_auth_user: unknown key; did you mean `basic_auth_users`?"),
        ("- a", "1: the file is not a mapping; begin with `tls_server_config:` or `basic_auth_users:`"),
        ("hunter2", "1: the file is not a mapping; begin with `tls_server_config:` or `basic_auth_users:`"),
        ("a: b: c", "1: column 5: a `:` where no key can be; check the indentation, and put values in quotes"),
    ];
    for (text, expected) in table {
        assert_eq!(mistakes(text), format!("web.yml:{expected}"), "{text}");
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = "tls_server_config:\n  cert_file: a\n  min_version: TLS9\nbasic_auth_users:\n  alice: x\nfoo: 1\n";
    let lines: Vec<_> = mistakes(text).lines().map(|line| line.split(": ").nth(1).unwrap().to_owned()).collect();
    assert_eq!(lines, ["tls_server_config.key_file", "tls_server_config.min_version", "basic_auth_users.alice", "foo"]);
}

#[test]
fn no_message_repeats_a_secret() {
    let secrets = [
        "basic_auth_users: { alice: c4naRy }",
        "basic_auth_users: { 'alice:c4naRy' }",
        "basic_auth_users: c4naRy",
        "basic_auth_users: [c4naRy]",
        "basic_auth_users: { alice: [c4naRy] }",
        "tls_server_config: { cert_file: x, key: 'c4naRy' }",
        "tls_server_config: { cert_file: x, key_file: k, key: '-----BEGIN c4naRy' }",
        "tls_server_config: { cert_file: x, key: { c4naRy: 1 } }",
        "c4naRy",
        "c4naRy: 'c4naRy",
        "rate_limit: { interval: c4naRy, burst: c4naRy }",
        "http_server_config: { headers: { X-Frame-Options: c4naRy } }",
        "tls_server_config: { client_auth_type: c4naRy, min_version: c4naRy, cipher_suites: [c4naRy] }",
    ];
    for text in secrets {
        let message = mistakes(text);
        assert!(message.contains("web.yml:1: ") && !message.contains("c4naRy"), "{message}");
    }
    let text = tls("") + &format!("basic_auth_users: {{ alice: {HASH} }}");
    assert!(!format!("{:?}", good(&text)).contains(&HASH[7..20]));
}

#[test]
fn main_configuration_knows_what_belongs_here() {
    let message =
        oauth_probe_exporter::config::parse("targets: []\nbasic_auth_users: {}", "probe.yml", &|_| None).unwrap_err();
    assert!(message.to_string().contains("basic_auth_users: belongs in the file of --web.config.file"), "{message}");
}

#[test]
fn example_of_the_documentation_is_valid() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/web-configuration.md")).unwrap();
    let example = text.split("```yaml\n# web.yml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = good(&format!("#{example}"));
    assert!(config.tls.is_some() && config.users.contains_key("alice") && config.rate_limit.is_some());
    assert!(matches!(config.tls.unwrap().client_auth, ClientAuth::Require { .. }));
}
