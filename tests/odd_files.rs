//! Files that are no files: a FIFO that nobody writes to, and one without an end, keep no command waiting and fill no
//! memory, at the start or in a reload.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};

use exporter::{Exporter, run};

const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody listens there; no token is asked for before the first cycle.
const TARGET: &str = "name: odd, client_id: acme, interval: 1h, authorization_server: 'http://127.0.0.1:9', \
                      resource_server: 'http://127.0.0.1:9'";

fn configuration(more: &str) -> String {
    format!("targets:\n  - {{ {TARGET}, {more} }}\n")
}

/// `odd` is in turn what no sensible person would name in a configuration.
fn replace_by(odd: &str, path: &Path) {
    let _ = std::fs::remove_file(path);
    match odd {
        "fifo" => mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap(),
        "zero" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        _ => unreachable!("{odd} is not made here"),
    }
}

#[tokio::test]
async fn no_command_reads_an_odd_file_as_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    let file = path.to_str().unwrap();
    for odd in ["fifo", "zero"] {
        replace_by(odd, &path);
        for command in ["serve", "check"] {
            let output = run(&[command, "--config.file", file]).await;
            let message = format!("{file}: cannot be read: not a regular file; check --config.file");
            assert!(output.code == 2 && output.stderr.contains(&message), "{odd}, {command}: {output:?}");
        }
    }
}

#[tokio::test]
async fn reload_of_an_odd_file_is_refused_and_the_next_one_works() {
    let good = configuration("client_secret: secret");
    let exporter = Exporter::start(&good).await;
    for odd in ["fifo", "zero"] {
        replace_by(odd, &exporter.configuration_file());
        let answer = tokio::time::timeout(PATIENCE, exporter.reload()).await.expect("an answer");
        assert_eq!(answer.status, 500, "{odd}");
        assert!(answer.text().contains("not a regular file; check --config.file"), "{odd}: {}", answer.text());
        std::fs::remove_file(exporter.configuration_file()).unwrap();
        exporter.write_configuration(&good);
        assert_eq!(exporter.reload().await.status, 200, "after {odd}");
    }
}

#[tokio::test]
async fn odd_file_of_a_secret_is_told_of_without_being_read() {
    let directory = tempfile::tempdir().unwrap();
    let odd_file = directory.path().join("odd");
    let settings = [
        ("client_secret_file", "client_secret_file: PATH", "the secret cannot be read now"),
        ("key_file", "token: { auth: private_key_jwt, jwt: { key_file: PATH } }", "the private key cannot be read now"),
        ("api_key_file", "client_secret: x, checks: [api_key], api_key_file: PATH", "the API key cannot be read now"),
    ];
    for odd in ["fifo", "zero"] {
        replace_by(odd, &odd_file);
        for (key, setting, said) in settings {
            let text = configuration(&setting.replace("PATH", odd_file.to_str().unwrap()));
            let output = Exporter::check_config(&text).await;
            assert_eq!(output.code, 0, "{odd}, {key}: {output:?}");
            assert!(output.stdout.contains(said), "{odd}, {key}: {output:?}");
            assert!(output.stdout.contains("not a regular file"), "{odd}, {key}: {output:?}");

            let path = directory.path().join("probe.yml");
            std::fs::write(&path, text).unwrap();
            let output = run(&["check", "--config.file", path.to_str().unwrap()]).await;
            assert_eq!(output.code, 1, "{odd}, {key}: {output:?}");
        }
    }
}
