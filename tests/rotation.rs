//! Certificate files that are swapped while the exporter runs, the way Kubernetes does it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod raw_server;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use exporter::Exporter;
use raw_server::{Authority, Leaf, RawServer, answer, tls_config};

/// In a key that is damaged; it is good Base64.
const MARK: &str = "c4naRyM4rk12";
const BOTH: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60,"info":"pong","status":1}"#;
const EXPIRY: &str = "client_certificate_expiry_timestamp_seconds{";

/// A mounted secret: its files are links through `..data`, a link to the directory of one version.
struct Mount {
    directory: tempfile::TempDir,
    version: usize,
}

impl Mount {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["ca.crt", "tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(Path::new("..data").join(name), directory.path().join(name)).unwrap();
        }
        Self { directory, version: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Swaps all files at once.
    fn put(&mut self, ca: &str, certificate: &str, key: &str) {
        self.version += 1;
        let version = format!("..{}", self.version);
        std::fs::create_dir(self.path(&version)).unwrap();
        for (name, content) in [("ca.crt", ca), ("tls.crt", certificate), ("tls.key", key)] {
            std::fs::write(self.path(&version).join(name), content).unwrap();
        }
        std::os::unix::fs::symlink(&version, self.path("..next")).unwrap();
        std::fs::rename(self.path("..next"), self.path("..data")).unwrap();
    }

    fn settings(&self) -> String {
        let [ca, certificate, key] = ["ca.crt", "tls.crt", "tls.key"].map(|name| self.path(name).display().to_string());
        format!("{{ ca_file: {ca}, cert_file: {certificate}, key_file: {key} }}")
    }
}

fn client(authority: &Authority, year: i32) -> (Leaf, f64) {
    let expiry = rcgen::date_time_ymd(year, 1, 1);
    let leaf = authority.issue("client", |params| params.not_after = expiry);
    let seconds = SystemTime::from(expiry).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    (leaf, seconds)
}

#[tokio::test]
async fn good_content_is_used_and_bad_content_is_said_once_while_the_last_good_stays_in_use() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let config = tls_config(&authority.issue("127.0.0.1", |_| {}), Some(&authority));
    let server = RawServer::tls(answer(200, "", BOTH), config).await;
    let put = |mount: &mut Mount, ca: &Authority, leaf: &Leaf| {
        mount.put(&ca.pem(), &leaf.chain, &leaf.key.serialize_pem());
    };
    let mut mount = Mount::new();
    let (first, first_expiry) = client(&authority, 2071);
    put(&mut mount, &stranger, &first);
    let exporter = Exporter::start(&format!(
        "targets:\n  - {{ name: x, client_id: x, interval: 250ms, token: {{ auth: tls, max_age: 250ms }}, \
         authorization_server: 'https://{0}', resource_server: 'https://{0}', tls: {1} }}\n",
        server.address,
        mount.settings(),
    ))
    .await;
    exporter.until_matching(&["cycle_failure_info", "reason=\"certificate\""], |value| value == 1.0).await;

    put(&mut mount, &authority, &first);
    exporter.until_matching(&["oauth_probe_success{"], |value| value == 1.0).await;
    exporter.until_matching(&[EXPIRY], |value| value == first_expiry).await;

    let (second, second_expiry) = client(&authority, 2072);
    put(&mut mount, &authority, &second);
    exporter.until_matching(&[EXPIRY], |value| value == second_expiry).await;

    let damaged = format!("-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n");
    for (certificate, key) in [(&*second.chain, &*damaged), (&first.chain, &second.key.serialize_pem())] {
        mount.put(&authority.pem(), certificate, key);
        let succeeded = ["oauth_probe_cycles_total", "result=\"success\""];
        let before = value(&exporter.metrics().await, &succeeded);
        // Long enough for the files to have been looked at twice.
        exporter.until_matching(&succeeded, |value| value > before + 12.0).await;
        let metrics = exporter.metrics().await;
        assert_eq!(value(&metrics, &[EXPIRY]), second_expiry);
        assert_eq!(value(&metrics, &["oauth_probe_success{"]), 1.0);
    }

    let (third, third_expiry) = client(&authority, 2073);
    put(&mut mount, &authority, &third);
    exporter.until_matching(&[EXPIRY], |value| value == third_expiry).await;

    let log = exporter.terminate_and_read_log().await;
    let lines = |part: &str| log.lines().filter(|line| line.contains(part)).map(str::to_owned).collect::<Vec<_>>();
    let [damaged, mismatched] = &*lines("gone bad") else { panic!("{log}") };
    assert!(damaged.contains("tls.key: cannot be used") || damaged.contains("cannot be used together"), "{damaged}");
    assert!(mismatched.contains("tls.crt") && mismatched.contains("cannot be used together"), "{mismatched}");
    assert_eq!(lines("certificate files changed").len(), 3, "{log}");
    assert!(!log.contains(MARK), "{log}");
}

fn value(metrics: &str, parts: &[&str]) -> f64 {
    let mut found = metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let (_, value) = found.find(|(name, _)| parts.iter().all(|part| name.contains(part))).expect("such a series");
    value.parse().unwrap()
}

#[tokio::test]
async fn files_that_are_of_no_use_are_refused_at_the_start_with_name_and_reason() {
    let authority = Authority::new();
    let (leaf, other) = (client(&authority, 2071).0, client(&authority, 2071).0);
    let (ca, certificate, key) = (authority.pem(), &*leaf.chain, &*leaf.key.serialize_pem());
    for (ca, certificate, key, parts) in [
        ("no PEM", certificate, key, ["ca.crt: cannot be read as a PEM certificate", "there is none in it"]),
        (&ca, "no PEM", key, ["tls.crt: cannot be read as a PEM certificate", "there is none in it"]),
        (&ca, certificate, "", ["tls.key: cannot be read as a PEM private key", "there is none in it"]),
        (&ca, key, certificate, ["tls.crt: cannot be read as a PEM certificate", "there is none in it"]),
        (&ca, certificate, &other.key.serialize_pem(), ["tls.key: cannot be used together", "KeyMismatch"]),
    ] {
        let mut mount = Mount::new();
        mount.put(ca, certificate, key);
        assert_refused(&mount, &parts).await;
    }
    let mut mount = Mount::new();
    mount.put(&ca, certificate, key);
    std::fs::remove_file(mount.path("ca.crt")).unwrap();
    assert_refused(&mount, &["ca.crt: cannot be read as a PEM certificate", "No such file"]).await;
    std::fs::create_dir(mount.path("ca.crt")).unwrap();
    assert_refused(&mount, &["ca.crt: cannot be read as a PEM certificate", "is a directory"]).await;
}

async fn assert_refused(mount: &Mount, parts: &[&str]) {
    let path = mount.path("probe.yml");
    let text = format!(
        "targets: [{{ name: x, client_id: x, client_secret: s, tls: {}, \
         authorization_server: 'https://a.invalid', resource_server: 'https://a.invalid' }}]",
        mount.settings()
    );
    std::fs::write(&path, text).unwrap();
    let output = exporter::run(&["--config.check", "--config.file", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(parts.iter().all(|part| output.stderr.contains(part)), "{parts:?} in {}", output.stderr);
}
