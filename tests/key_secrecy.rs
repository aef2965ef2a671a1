//! Nothing of a private key appears in what is said about it, however it is damaged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use exporter::{Output, run};

/// In the key; it is good Base64.
const MARK: &str = "c4naRyM4rk12";

/// A configuration in a directory of its own, with the certificate `certificate` and the key `key` to name in it.
struct Setting(tempfile::TempDir);

impl Setting {
    fn new(settings: &str) -> Self {
        let setting = Self(tempfile::tempdir().unwrap());
        let certificate = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        setting.write("certificate", &certificate.cert.pem());
        setting.write(
            "probe.yml",
            &format!(
                "targets: [{{ name: a, client_id: a, client_secret: b, {settings}, \
                 authorization_server: 'https://a.invalid', resource_server: 'https://a.invalid' }}]"
            ),
        );
        setting
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    async fn run(&self, command: &str) -> Output {
        let file = self.0.path().join("probe.yml");
        run(&[command, "--config.file", file.to_str().unwrap()]).await
    }
}

/// A key whose line ends were lost on its way through a variable or a template, and other damage; and the problem that
/// is found with each.
fn damaged_keys() -> [(String, &'static str); 9] {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{MARK}{MARK}\n-----END PRIVATE KEY-----\n");
    [
        (key.replace('\n', ""), "line ends may be lost"),
        (key.replace('\n', "\\n"), "line ends may be lost"),
        (key.replace('\n', " "), "line ends may be lost"),
        (key.replace("-----\n", ""), "line ends may be lost"),
        (key.replace(MARK, &format!("{MARK}!")), "no Base64"),
        (key.replace("-----", ""), "there is none in it"),
        (key.replace("PRIVATE", "ENCRYPTED PRIVATE"), "it is encrypted; store it decrypted"),
        (
            key.replace("PRIVATE", "RSA PRIVATE").replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
            "it is encrypted; store it decrypted",
        ),
        (key, "of no use"),
    ]
}

async fn is_refused_in_silence(setting: &Setting, key: &str, problem: &str) {
    setting.write("key", key);
    let bytes = format!("{:?}", MARK.as_bytes());
    for command in ["--config.check", "check", "serve"] {
        let output = setting.run(command).await;
        assert_eq!(output.code, 2, "{output:?}");
        let named = setting.0.path().join("key").display().to_string();
        assert!(output.stderr.contains(problem) && output.stderr.contains(&named), "{key}: {}", output.stderr);
        for form in [MARK, bytes.trim_matches(['[', ']'])] {
            assert!(!output.everything().contains(form), "{output:?}");
        }
    }
}

#[tokio::test]
async fn damaged_key_of_a_certificate_is_not_part_of_what_is_said_about_it() {
    let setting = Setting::new("tls: { cert_file: certificate, key_file: key }");
    for (key, problem) in damaged_keys() {
        let problem = problem.replace("of no use", "cannot be used together");
        is_refused_in_silence(&setting, &key, &problem).await;
    }
}

#[tokio::test]
async fn damaged_key_for_assertions_is_not_part_of_what_is_said_about_it() {
    let setting = Setting::new("token: { auth: private_key_jwt, jwt: { key_file: key } }");
    for (key, problem) in damaged_keys() {
        let problem = problem.replace(
            "of no use",
            "it holds no RSA key of 2048 to 8192 bits, no EC key on P-256, P-384 or P-521, and no Ed25519 key",
        );
        is_refused_in_silence(&setting, &key, &problem).await;
    }
    for (key, problem) in [
        (String::new(), "it is empty, or no UTF-8 text"),
        (format!("{{\"k\":\"{MARK}\"}}"), "it is JSON; convert the key to PEM (PKCS#8)"),
    ] {
        is_refused_in_silence(&setting, &key, problem).await;
    }
}

#[tokio::test]
async fn key_that_does_not_fit_the_algorithm_is_refused() {
    let setting = Setting::new("token: { auth: private_key_jwt, jwt: { key_file: key, algorithm: RS256 } }");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let problem = "cannot be used to sign with: it is an EC key on P-256, which cannot sign RS256; correct \
                   token.jwt.algorithm, or leave it out";
    is_refused_in_silence(&setting, &key, problem).await;
}

#[tokio::test]
async fn key_that_is_not_there_yet_is_no_reason_not_to_start() {
    let setting = Setting::new("token: { auth: private_key_jwt, jwt: { key_file: later } }");
    let checked = setting.run("--config.check").await;
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.stdout.contains("the private key cannot be read now, and cycles fail until it can"));
    assert!(checked.stdout.contains("later: No such file or directory"), "{checked:?}");
    let once = setting.run("check").await;
    assert_eq!(once.code, 1, "{once:?}");
    assert!(once.stdout.contains("secret_unavailable") && once.stdout.contains("later: No such file"), "{once:?}");
}
