//! The target that is made of environment variables when there is no file.

mod written_again;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
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

fn made_of<V: AsRef<OsStr>>(variables: &[(&str, V)]) -> Result<Config, String> {
    let lookup =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref().to_owned());
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
    let expected =
        "environment: PARTNER_OA_CLIENT_ID: is missing; it is the id that the provider gave beside the secret
environment: PARTNER_OA_SECRET: is missing; it is the client's secret, or PARTNER_OA_SECRET_FILE names its file
environment: RESOURCE_SERVER: is missing; it is the URL of the API's server, such as `https://api.example.com`";
    let one = [SERVERS[0], ("PARTNER_OA_SECRET", "\n")];
    assert_eq!(made_of(&one).expect_err("three are missing"), format!("{expected}{ADVICE}"));
}

#[test]
fn nothing_at_all_is_answered_with_what_to_paste() {
    for variables in [&[][..], &[("AUTHORIZATION_SERVER", ""), ("PARTNER_OA_SECRET", "\n")]] {
        let message = made_of(variables).expect_err("nothing is set");
        let first = "environment: none of the provider's variables is set, and --config.file names no file\n";
        assert!(message.starts_with(first), "{message}");
        let shown: Vec<_> = message.lines().filter_map(|line| line.strip_prefix("export ")).collect();
        let variables: Vec<_> = shown
            .iter()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name, value.split_whitespace().next().expect("a value")))
            .collect();
        made_of(&variables).expect("what is shown to be set is what it takes");
        let (_, rest) = message.split_once("\ntargets:").expect("the smallest file");
        let (file, _) = rest.split_once("\n\n").expect("an end of it");
        config::parse(&format!("targets:{file}"), "file", &|_| None).expect("the file that is shown is one");
    }
}

#[test]
fn values_that_were_not_meant_so_are_refused() {
    let quotes = "has quotes around it, and whatever set it left them in the value; write it without them";
    let table = [
        ("AUTHORIZATION_SERVER", "\"https://auth.example.com\"", quotes),
        ("PARTNER_OA_CLIENT_ID", "'acme'\r\n", quotes),
        ("PARTNER_OA_SECRET", "\"s3cret\"", quotes),
        (
            "PARTNER_OA_SECRET_FILE",
            "~/acme",
            "begins with `~`, which only a shell replaces; write the home directory out",
        ),
    ];
    for (name, value, expected) in table {
        let secret = ("PARTNER_OA_SECRET", "x");
        let others = SERVERS.into_iter().chain((!name.starts_with("PARTNER_OA_SECRET")).then_some(secret));
        let variables: Vec<_> = [(name, value)].into_iter().chain(others).collect();
        assert_eq!(made_of(&variables).expect_err(name), format!("environment: {name}: {expected}{ADVICE}"));
    }
    let quote = [("PARTNER_OA_SECRET", "\"")];
    assert!(with_secret(&quote).is_ok(), "a single quote is around nothing");
}

#[test]
fn value_that_is_not_utf_8_is_set_and_refused() {
    let latin_1 = OsStr::from_bytes(b"c\xe4nary");
    for name in SERVERS.map(|(name, _)| name).into_iter().chain(["PARTNER_OA_SECRET", "PARTNER_OA_SECRET_FILE"]) {
        let is_secret = name.starts_with("PARTNER_OA_SECRET");
        let others = SERVERS.into_iter().chain((!is_secret).then_some(("PARTNER_OA_SECRET", "x")));
        let others = others.map(|(name, value)| (name, OsStr::new(value)));
        let variables: Vec<_> = [(name, latin_1)].into_iter().chain(others).collect();
        let expected = format!("environment: {name}: is set, but not to UTF-8 text; set it to that{ADVICE}");
        assert_eq!(made_of(&variables).expect_err(name), expected);
    }
}

#[test]
fn variable_under_a_name_that_is_nearly_right_is_noticed() {
    let message = with_secret(&[("PARTNER_OA_CLIENT_SECRET", "canary")]).expect_err("no secret");
    let expected = "environment: PARTNER_OA_CLIENT_SECRET: is set but never read; did you mean PARTNER_OA_SECRET?\n";
    assert!(message.starts_with(expected) && !message.contains("canary"), "{message}");
    let both = [("PARTNER_OA_CLIENT_SECRET", "another program's"), ("PARTNER_OA_SECRET_FILE", "/run/secrets/acme")];
    with_secret(&both).expect("beside the right one it is somebody else's");
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
