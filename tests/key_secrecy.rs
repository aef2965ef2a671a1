//! Nothing of a private key appears in what is said about it, however it is damaged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use exporter::run;

/// In the key; it is good Base64.
const MARK: &str = "c4naRyM4rk12";

/// A key whose line ends were lost on its way through a variable or a template, and other damage.
#[tokio::test]
async fn damaged_key_is_not_part_of_what_is_said_about_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let certificate = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    std::fs::write(at("certificate"), certificate.cert.pem()).unwrap();
    let key = format!("-----BEGIN PRIVATE KEY-----\n{MARK}{MARK}\n-----END PRIVATE KEY-----\n");
    let settings = format!("tls: {{ cert_file: {}, key_file: {} }}", at("certificate"), at("key"));
    std::fs::write(
        at("probe.yml"),
        format!(
            "targets: [{{ name: a, client_id: a, client_secret: b, {settings}, \
             authorization_server: 'https://a.invalid', resource_server: 'https://a.invalid' }}]"
        ),
    )
    .unwrap();
    let bytes = format!("{:?}", MARK.as_bytes());
    for (content, problem) in [
        (key.replace('\n', ""), "line ends may be lost"),
        (key.replace('\n', "\\n"), "line ends may be lost"),
        (key.replace('\n', " "), "line ends may be lost"),
        (key.replace("-----\n", ""), "line ends may be lost"),
        (key.replace(MARK, &format!("{MARK}!")), "no Base64"),
        (key.replace("-----", ""), "there is none in it"),
        (key, "cannot be used together"),
    ] {
        std::fs::write(at("key"), &content).unwrap();
        for command in [&["--config.check"][..], &["check"], &["serve"]] {
            let output = run(&[command, &["--config.file", &at("probe.yml")]].concat()).await;
            assert_eq!(output.code, 2, "{output:?}");
            assert!(output.stderr.contains(problem), "{content}: {}", output.stderr);
            for form in [MARK, bytes.trim_matches(['[', ']'])] {
                assert!(!output.everything().contains(form), "{output:?}");
            }
        }
    }
}
