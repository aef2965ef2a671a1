//! What the settings of signed assertions mean, and which of them go together.

mod written_again;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::assertion::{Assertion, AssertionKey, HmacAlgorithm, SignatureAlgorithm};
use oauth_probe_exporter::model::target::{ClientAuthentication, Config, SecretSource, Target};
use written_again::assert_written_again;

const SMALLEST: &str = "targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme
";

/// Whatever is read here must also be shown so that it reads the same.
fn parse(text: &str) -> Config {
    let config = config::parse(text, "probe.yml", &|_| None).unwrap_or_else(|error| panic!("{error}"));
    assert_written_again(&config);
    config
}

fn assertion_of(target: &Target) -> Assertion {
    match &target.token.authentication {
        ClientAuthentication::Assertion(assertion) => assertion.clone(),
        other => panic!("{other:?}"),
    }
}

fn only_assertion(text: &str) -> Assertion {
    let [target] = <[Arc<Target>; 1]>::try_from(parse(text).targets).expect("one target");
    assertion_of(&target)
}

#[test]
fn an_assertion_is_for_the_token_endpoint_unless_told_otherwise() {
    let least = "    token: { auth: client_secret_jwt, path: '/token?tenant=a' }\n";
    let least = only_assertion(&format!("{SMALLEST}{least}"));
    assert_eq!((least.key_id, least.audience.as_str()), (None, "https://auth.example.com/token?tenant=a"));
    let AssertionKey::Secret { secret, algorithm } = least.key else { panic!("no secret") };
    assert_eq!(secret, SecretSource::File("/run/secrets/acme".into()));
    assert_eq!(algorithm, HmacAlgorithm::Hs256);

    let full = "    token: { auth: client_secret_jwt, jwt: { algorithm: HS512, key_id: 7, audience: 'urn:issuer' } }\n";
    let full = only_assertion(&format!("{SMALLEST}{full}"));
    assert_eq!((full.key_id.as_deref(), full.audience.as_str()), (Some("7"), "urn:issuer"));
    assert!(matches!(full.key, AssertionKey::Secret { algorithm: HmacAlgorithm::Hs512, .. }));
}

#[test]
fn a_private_key_needs_no_secret_and_minds_none() {
    let without = SMALLEST.replace("    client_secret_file: /run/secrets/acme\n", "");
    for text in [SMALLEST, &without] {
        let jwt =
            |jwt: &str| only_assertion(&format!("{text}    token: {{ auth: private_key_jwt, jwt: {{ {jwt} }} }}\n"));
        let AssertionKey::PrivateKey { file, algorithm } = jwt("key_file: key.pem").key else { panic!("no key") };
        assert_eq!((file, algorithm), (PathBuf::from("key.pem"), None));
        let AssertionKey::PrivateKey { algorithm, .. } = jwt("key_file: key.pem, algorithm: PS256").key else {
            panic!("no key")
        };
        assert_eq!(algorithm, Some(SignatureAlgorithm::Ps256));
    }
}

#[test]
fn a_relative_key_file_starts_at_the_directory_of_the_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("probe.yml");
    let token = "    token: { auth: private_key_jwt, jwt: { key_file: key.pem } }\n";
    std::fs::write(&path, format!("{SMALLEST}{token}")).expect("a file");
    let config = config::load(&path, &|_| None).unwrap_or_else(|error| panic!("{error}"));
    let file = config.targets[0].token.authentication.file().map(Path::to_owned);
    assert_eq!(file, Some(directory.path().join("key.pem")));
}

#[test]
fn settings_of_assertions_in_defaults_do_not_disturb_targets_that_sign_nothing() {
    let defaults = "defaults: { token: { auth: private_key_jwt, jwt: { key_file: k, audience: 'urn:a' } } }\n";
    let own = "    token: { auth: basic }
  - name: signed
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    token: { jwt: { audience: 'urn:b' } }
";
    let config = parse(&format!("{defaults}{SMALLEST}{own}"));
    let [plain, signed] = <[Arc<Target>; 2]>::try_from(config.targets).expect("two targets");
    assert!(matches!(plain.token.authentication, ClientAuthentication::Basic { .. }));
    assert_eq!(assertion_of(&signed).audience, "urn:b");
}
