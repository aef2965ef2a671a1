//! What the web configuration holds: a key, passwords and their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_probe_exporter::config;
use rcgen::KeyPair;

use super::exporter::{self, Exporter, run_with};
use super::forms::{MARK, assert_silent};

/// A key that stands in the web configuration itself, and users whose hashes and passwords nobody may see.
fn web_configuration(key: &KeyPair, hash: &str) -> String {
    let block = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = block(&params.self_signed(key).unwrap().pem());
    let key = block(&key.serialize_pem());
    format!("tls_server_config:\n  cert: |\n{certificate}  key: |\n{key}{}", users(hash))
}

fn users(hash: &str) -> String {
    format!("basic_auth_users: {{ alice: '{hash}' }}\n")
}

#[tokio::test]
async fn web_configuration_shows_no_password_no_hash_and_no_key() {
    let password = format!("x {MARK}");
    let hash = bcrypt::hash(&password, 4).unwrap();
    let key = KeyPair::generate().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let web = directory.path().join("web.yml");
    let flag = format!("--web.config.file={}", web.display());
    let silent = |text: &str| {
        assert_silent(text);
        let pem = key.serialize_pem();
        let key_lines = pem.lines().filter(|line| !line.starts_with("-----"));
        for part in key_lines.chain([&hash[7..29], &hash[29..]]) {
            assert!(part.len() > 10 && !text.contains(part), "{part} in\n{text}");
        }
    };
    let targets = "targets:\n  - { name: x, authorization_server: 'http://127.0.0.1:1', resource_server: \
                   'http://127.0.0.1:1', client_id: c, client_secret: s }\n";
    for text in [users(&hash), web_configuration(&key, &hash)] {
        std::fs::write(&web, &text).unwrap();
        for format in ["--log.format=logfmt", "--log.format=json"] {
            let exporter = Exporter::start_with(targets, &["--log.level=trace", format, &flag], &[]).await;
            let good = STANDARD.encode(format!("alice:{password}"));
            let wrong = STANDARD.encode(format!("{MARK}:{password}{MARK}"));
            // By TLS that was not spoken nothing arrives.
            let is_in_the_clear = !text.contains("tls_server_config");
            for (credentials, status) in [(good, 200), (wrong, 401), (MARK.to_owned(), 401)] {
                let status = if is_in_the_clear { status } else { 400 };
                for path in ["/", "/metrics", "/config", "/-/healthy", "/nothing"] {
                    let header = format!("Authorization: Basic {credentials}\r\nX-Forwarded-For: {MARK}\r\n");
                    let answer = exporter::http(&exporter.address, "GET", path, &header).await;
                    if path == "/" {
                        assert_eq!(answer.status, status, "{credentials}");
                    }
                    silent(&answer.everything());
                }
            }
            // What goes bad is told, and not what stands there.
            for bad in [text.replace(&hash, &password), text.replace("BEGIN", MARK), format!("{text}foo: {MARK}\n")] {
                std::fs::write(&web, bad).unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
                silent(&exporter::http(&exporter.address, "GET", "/", "").await.everything());
            }
            std::fs::write(&web, &text).unwrap();
            let log = exporter.terminate_and_read_log().await;
            assert!(log.contains("have gone bad; the last good ones stay in use"), "{log}");
            silent(&log);
        }
        for flags in [&["--config.check", &flag][..], &[&flag]] {
            std::fs::write(&web, text.replace(&hash, &password).replace("BEGIN", MARK)).unwrap();
            let output = run_with(flags, &[("AUTHORIZATION_SERVER", MARK.to_owned())]).await;
            assert_eq!(output.code, 2, "{output:?}");
            silent(&output.everything());
        }
        let config = config::parse_web(&text, "web.yml").unwrap();
        silent(&format!("{config:?}\n{config:#?}"));
    }
}
