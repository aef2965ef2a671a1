//! Mistakes about what a client proves itself by: secrets, assertions, certificates.

use super::{HEAD, message, of_good_target, of_target};

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
