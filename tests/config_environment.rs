//! The target that is made of environment variables when there is no file.

mod written_again;

use std::path::PathBuf;

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::secret::Secret;
use oauth_probe_exporter::model::target::{ClientAuthentication, Config, SecretSource};
use written_again::assert_written_again;

const ADVICE: &str =
    "\nSet the four variables of the provider's guide, or name a configuration file with --config.file.";

const SERVERS: [(&str, &str); 3] = [
    ("AUTHORIZATION_SERVER", "https://auth.example.com"),
    ("RESOURCE_SERVER", "https://api.example.com/"),
    ("PARTNER_OA_CLIENT_ID", "acme\n"),
];

fn made_of(variables: &[(&str, &str)]) -> Result<Config, String> {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let config = config::from_environment(&lookup).map_err(|error| error.to_string())?;
    assert_written_again(&config);
    Ok(config)
}

fn with_secret(more: &[(&str, &str)]) -> Result<Config, String> {
    made_of(&[&SERVERS, more].concat())
}

#[test]
fn four_variables_make_the_target_default() {
    let config =
        with_secret(&[("PARTNER_OA_SECRET", "s3cret=\r\n"), ("PARTNER_OA_SECRET_FILE", "")]).expect("a target");
    let [target] = config.targets.as_slice() else { panic!("not one target") };
    assert_eq!((target.name.as_str(), target.token.client_id.as_str()), ("default", "acme"));
    assert_eq!(target.token.endpoint.as_str(), "https://auth.example.com/oauth/token");
    assert_eq!(target.ping.endpoint.as_str(), "https://api.example.com/api/v1/deliveryexperience/ping");
    let ClientAuthentication::Basic { secret, .. } = &target.token.authentication else { panic!("not basic") };
    assert_eq!(*secret, SecretSource::Inline(Secret::new("s3cret=".to_owned())));
    assert_eq!(config.history, 200);
}

#[test]
fn the_secret_may_be_in_a_file() {
    let config = with_secret(&[("PARTNER_OA_SECRET_FILE", "/run/secrets/acme")]).expect("a target");
    let ClientAuthentication::Basic { secret, .. } = &config.targets[0].token.authentication else {
        panic!("not basic")
    };
    assert_eq!(*secret, SecretSource::File(PathBuf::from("/run/secrets/acme")));
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let expected = "environment: AUTHORIZATION_SERVER: is missing; it is the URL of the server that issues tokens, such as `https://auth.example.com`
environment: PARTNER_OA_CLIENT_ID: is missing; it is the id that the provider gave beside the secret
environment: PARTNER_OA_SECRET: is missing; it is the client's secret, or PARTNER_OA_SECRET_FILE names its file
environment: RESOURCE_SERVER: is missing; it is the URL of the API's server, such as `https://api.example.com`";
    assert_eq!(made_of(&[]).expect_err("nothing is set"), format!("{expected}{ADVICE}"));
    let blank = [("AUTHORIZATION_SERVER", ""), ("PARTNER_OA_SECRET", "\n")];
    assert_eq!(made_of(&blank).expect_err("nothing is set"), format!("{expected}{ADVICE}"));
}

#[test]
fn the_rules_are_those_of_the_file_and_messages_name_the_variable() {
    let table = [
        ("AUTHORIZATION_SERVER", "auth.example.com", "has no scheme; begin with `https://`"),
        (
            "RESOURCE_SERVER",
            "http://api.example.com",
            "would send credentials in plain text; write `https://`, or `allow_plaintext: true` in the file",
        ),
        (
            "RESOURCE_SERVER",
            "https://a:b@api.example.com",
            "has a user or password; give credentials by `client_id` and `client_secret_file` only",
        ),
        ("PARTNER_OA_CLIENT_ID", " acme", "begins or ends with a space; remove it"),
        ("PARTNER_OA_SECRET_FILE", "also", "a second source of the secret beside PARTNER_OA_SECRET; unset one of them"),
    ];
    for (name, value, expected) in table {
        let variables: Vec<_> = [(name, value), ("PARTNER_OA_SECRET", "x")].into_iter().chain(SERVERS).collect();
        assert_eq!(made_of(&variables).expect_err(name), format!("environment: {name}: {expected}{ADVICE}"));
    }
    let loopback = [("AUTHORIZATION_SERVER", "http://localhost:8080"), ("PARTNER_OA_SECRET", "x")];
    let variables: Vec<_> = loopback.into_iter().chain(SERVERS).collect();
    assert!(made_of(&variables).is_ok());
}
