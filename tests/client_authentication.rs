//! Every method of client authentication, from the configuration to servers that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod support;

use std::path::Path;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, TokenExchange, Wire};
use oauth_probe_exporter::config;
use oauth_probe_exporter::model::assertion::{HmacAlgorithm, SignatureAlgorithm};
use oauth_probe_exporter::model::fault::Reason;
use rcgen::KeyPair;
use serde_json::json;

use raw_server::Authority;
use support::RealServer;

const MINUTE: Duration = Duration::from_secs(60);

/// The wire of a client of `server` in a configuration that lies in `directory`.
fn wire(server: &RealServer, directory: &Path, client_id: &str, more: &str) -> HttpWire {
    let text = format!(
        "targets:\n  - name: real\n    authorization_server: {}\n    resource_server: {}\n    client_id: '{client_id}'\n{more}\n",
        server.authorization_server, server.resource_server,
    );
    let path = directory.join("probe.yml");
    std::fs::write(&path, text).unwrap();
    let mut config = config::load(&path, &|_| None).unwrap_or_else(|error| panic!("{error}"));
    HttpWire::new(config.targets.remove(0), &mut ClientPool::new()).unwrap()
}

fn outcome(exchange: TokenExchange) -> Result<(), Reason> {
    exchange.result.map(drop).map_err(|failure| failure.reason)
}

async fn ask(wire: &HttpWire) -> Result<(), Reason> {
    outcome(wire.request_token(MINUTE).await)
}

/// Settings of `token` for `method`; the secret is in the file `secret`.
fn by_secret(method: &str) -> String {
    format!("    client_secret_file: secret\n    token: {{ path: /token, {method} }}")
}

fn by_key(jwt: &str) -> String {
    format!("    token: {{ path: /token, auth: private_key_jwt, jwt: {{ key_file: key.pem, {jwt} }} }}")
}

/// Every printable ASCII character, which is all that oidc-provider lets a secret have, forwards and backwards: in
/// neither does anything look like a percent escape, which Authlib would undo.
fn awkward_secrets() -> [String; 2] {
    let ascending: String = (b' '..=b'~').map(char::from).collect();
    let descending = ascending.chars().rev().collect();
    [ascending, descending]
}

/// As people leave it: with a byte-order mark and a line end.
fn write_secret(directory: &Path, secret: &str) {
    std::fs::write(directory.join("secret"), format!("\u{feff}{secret}\r\n")).unwrap();
}

/// A key, its file `key.pem`, and the public half for the server.
fn write_key(directory: &Path, kind: &'static rcgen::SignatureAlgorithm) -> String {
    let key = KeyPair::generate_for(kind).unwrap();
    std::fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
    key.public_key_pem()
}

#[tokio::test]
async fn secrets_of_every_character_reach_oidc_provider_by_every_method() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    for secret in awkward_secrets() {
        for (name, method) in [
            ("client_secret_basic", "auth: basic"),
            ("client_secret_post", "auth: post"),
            ("client_secret_jwt", "auth: client_secret_jwt"),
        ] {
            let client =
                json!({ "client_id": "a:c+m e%2F", "client_secret": secret, "token_endpoint_auth_method": name });
            server.change_client(&client).await;
            let wire = wire(&server, directory, "a:c+m e%2F", &by_secret(method));
            write_secret(directory, &secret);
            assert_eq!(ask(&wire).await, Ok(()), "{method}");
            write_secret(directory, &secret[1..]);
            assert_eq!(ask(&wire).await, Err(Reason::InvalidClient), "{method}");
        }
    }
}

#[tokio::test]
async fn secrets_of_every_character_reach_authlib_raw_and_in_the_form() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::authlib(MINUTE).await;
    for secret in awkward_secrets() {
        for (client_id, method) in
            [("basic", "basic_encoding: raw"), ("basic", "basic_encoding: form"), ("post", "auth: post")]
        {
            server.change_secret(client_id, &secret).await;
            write_secret(directory, &secret);
            let wire = wire(&server, directory, client_id, &by_secret(method));
            assert_eq!(ask(&wire).await, Ok(()), "{method}");
        }
    }
}

#[tokio::test]
async fn assertions_signed_with_the_secret_are_taken_with_every_algorithm() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    let secret = "x".repeat(64);
    write_secret(directory, &secret);
    for algorithm in HmacAlgorithm::ALL.map(HmacAlgorithm::as_str) {
        let client = json!({
            "client_id": "jwt", "client_secret": secret, "token_endpoint_auth_method": "client_secret_jwt",
            "token_endpoint_auth_signing_alg": algorithm
        });
        server.change_client(&client).await;
        let method =
            |algorithm: &str| by_secret(&format!("auth: client_secret_jwt, jwt: {{ algorithm: {algorithm} }}"));
        assert_eq!(ask(&wire(&server, directory, "jwt", &method(algorithm))).await, Ok(()), "{algorithm}");
        let another = if algorithm == "HS256" { "HS512" } else { "HS256" };
        assert_eq!(ask(&wire(&server, directory, "jwt", &method(another))).await, Err(Reason::InvalidClient));
    }
}

#[tokio::test]
async fn assertions_signed_with_a_private_key_are_taken_with_every_algorithm() {
    use SignatureAlgorithm::{Ed25519, EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let kinds: [(_, &[SignatureAlgorithm]); 5] = [
        (&rcgen::PKCS_RSA_SHA256, &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]),
        (&rcgen::PKCS_ECDSA_P256_SHA256, &[Es256]),
        (&rcgen::PKCS_ECDSA_P384_SHA384, &[Es384]),
        (&rcgen::PKCS_ECDSA_P521_SHA512, &[Es512]),
        (&rcgen::PKCS_ED25519, &[EdDsa, Ed25519]),
    ];
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    for (kind, algorithms) in kinds {
        let public = write_key(directory, kind);
        for algorithm in algorithms.iter().map(|algorithm| algorithm.as_str()) {
            let client = json!({
                "client_id": "key", "keys": [{ "pem": public, "kid": "one" }],
                "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": algorithm
            });
            server.change_client(&client).await;
            let jwt = format!("algorithm: {algorithm}, key_id: one");
            assert_eq!(ask(&wire(&server, directory, "key", &by_key(&jwt))).await, Ok(()), "{algorithm}");
            if algorithm == algorithms[0].as_str() {
                assert_eq!(ask(&wire(&server, directory, "key", &by_key(""))).await, Ok(()), "{algorithm} is usual");
            }
        }
    }
}

/// A client with a key on P-256 known as `one`, and its public half.
async fn client_with_a_key(server: &RealServer, directory: &Path) -> String {
    let public = write_key(directory, &rcgen::PKCS_ECDSA_P256_SHA256);
    let client = json!({
        "client_id": "key", "keys": [{ "pem": public, "kid": "one" }], "token_endpoint_auth_method": "private_key_jwt"
    });
    server.change_client(&client).await;
    public
}

#[tokio::test]
async fn key_audience_and_key_id_must_be_those_that_the_server_expects() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    client_with_a_key(&server, directory).await;
    let issuer = server.authorization_server.clone();
    for (jwt, expected) in [
        (String::new(), Ok(())),
        ("key_id: one".to_owned(), Ok(())),
        ("key_id: two".to_owned(), Err(Reason::InvalidClient)),
        (format!("audience: '{issuer}'"), Ok(())),
        (format!("audience: '{issuer}/token'"), Ok(())),
        (format!("audience: '{issuer}/'"), Err(Reason::InvalidClient)),
        ("audience: 'https://auth.example'".to_owned(), Err(Reason::InvalidClient)),
    ] {
        assert_eq!(ask(&wire(&server, directory, "key", &by_key(&jwt))).await, expected, "{jwt}");
    }
    write_key(directory, &rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(ask(&wire(&server, directory, "key", &by_key(""))).await, Err(Reason::InvalidClient));
}

#[tokio::test]
async fn every_request_has_an_assertion_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    client_with_a_key(&server, directory).await;
    let wire = wire(&server, directory, "key", &by_key(""));
    // The server refuses an id that it has seen.
    for _ in 0..3 {
        assert_eq!(ask(&wire).await, Ok(()));
    }
}

#[tokio::test]
async fn key_is_read_anew_and_a_bad_one_sends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = RealServer::oidc_provider(MINUTE).await;
    let file = directory.join("key.pem");
    // Not there yet: that is no reason not to start.
    let wire = wire(&server, directory, "key", &by_key(""));
    let unavailable = async |wire: &HttpWire| {
        let before = server.stats().await.token_requests;
        let exchange = wire.request_token(MINUTE).await;
        assert!(!exchange.trace.sent && exchange.secret.is_none());
        assert_eq!(wire.secret(MINUTE).await, None);
        assert_eq!(server.stats().await.token_requests, before);
        outcome(exchange)
    };
    assert_eq!(unavailable(&wire).await, Err(Reason::SecretUnavailable));

    client_with_a_key(&server, directory).await;
    let good = std::fs::read_to_string(&file).unwrap();
    let first = wire.request_token(MINUTE).await.secret;
    assert_eq!((ask(&wire).await, wire.secret(MINUTE).await), (Ok(()), first));
    assert!(first.is_some());

    std::fs::write(&file, good.replace('\n', " ")).unwrap();
    assert_eq!(unavailable(&wire).await, Err(Reason::SecretUnavailable));
    std::fs::write(&file, "").unwrap();
    assert_eq!(unavailable(&wire).await, Err(Reason::SecretUnavailable));
    std::fs::write(&file, format!("\u{feff}{}\r\n", good.replace('\n', "\r\n"))).unwrap();
    assert_eq!(ask(&wire).await, Ok(()));

    // Rotated: the fingerprint tells, which ends a back-off.
    client_with_a_key(&server, directory).await;
    assert_eq!(ask(&wire).await, Ok(()));
    assert_ne!(wire.secret(MINUTE).await, first);
}

#[tokio::test]
async fn registered_client_certificate_is_all_that_mutual_tls_needs() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.files("server", &authority.issue("127.0.0.1", |_| {}));
    let server = RealServer::oidc_provider_by_tls(MINUTE, &certificate, &key).await;
    let files = ["registered", "unknown"].map(|name| authority.files(name, &authority.issue(name, |_| {})));
    let [(registered, _), _] = &files;
    let client = json!({
        "client_id": "certificate", "keys": [{ "pem": std::fs::read_to_string(registered).unwrap() }],
        "token_endpoint_auth_method": "self_signed_tls_client_auth"
    });
    server.change_client(&client).await;
    let ca_file = authority.ca_file();
    let wires = files.each_ref().map(|(certificate, key)| {
        let tls = format!(
            "tls: {{ ca_file: {}, cert_file: {}, key_file: {} }}",
            ca_file.display(),
            certificate.display(),
            key.display()
        );
        let more = format!("    token: {{ path: /token, auth: tls, {tls} }}");
        wire(&server, directory.path(), "certificate", &more)
    });
    assert_eq!(ask(&wires[0]).await, Ok(()));
    assert_eq!(ask(&wires[1]).await, Err(Reason::InvalidClient));
}
