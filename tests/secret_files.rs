//! The file of a secret, in every state in which a rotation or an accident leaves it: while a token lives nothing fails,
//! without one the exporter blames itself, and the next good content is used by itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};

use exporter::Exporter;
use reports::Scrape;

const SECRET: &str = "secret";
/// Of the target `brief`, which soon has no token when something is wrong.
const BRIEF: Duration = Duration::from_secs(1);
/// Whom no file belongs to.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// What happens to the file, by its name, and what a reader has of it.
type Accident = (&'static str, fn(&Path), Read);

#[derive(Clone, Copy, PartialEq)]
enum Read {
    Impossible,
    Wrong,
}

const ACCIDENTS: [Accident; 7] = [
    ("deleted", |file| fs::remove_file(file).unwrap(), Read::Impossible),
    ("empty", |file| fs::write(file, "").unwrap(), Read::Impossible),
    ("half written", |file| fs::write(file, "sec").unwrap(), Read::Wrong),
    ("no text", |file| fs::write(file, [0xff, 0xfe, 0x00]).unwrap(), Read::Impossible),
    ("a directory", by_directory, Read::Impossible),
    ("not to be read", |file| fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap(), Read::Impossible),
    ("a link to nowhere", by_dangling_link, Read::Impossible),
];

fn by_directory(file: &Path) {
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
}

fn by_dangling_link(file: &Path) {
    fs::remove_file(file).unwrap();
    symlink("/nonexistent", file).unwrap();
}

/// However it was left.
fn mend(file: &Path) {
    if file.is_dir() {
        fs::remove_dir(file).unwrap();
    } else if file.symlink_metadata().is_ok() {
        fs::remove_file(file).unwrap();
    }
    fs::write(file, SECRET).unwrap();
}

struct Stage {
    simulator: Simulator,
    exporter: Exporter,
    /// Not below the one of the exporter: its own user must come in here.
    directory: tempfile::TempDir,
}

impl Stage {
    /// `lasting` holds a token for an hour and asks for another every second; `brief` gets one for a second. Both have
    /// their secret from `file`, which is made beforehand.
    async fn set(make: fn(&Path) -> PathBuf) -> Self {
        let brief = ClientSettings { lifetime: BRIEF, ..ClientSettings::new("brief", SECRET) };
        let clients = vec![ClientSettings::new("lasting", SECRET), brief];
        let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let configuration = format!(
            "defaults: {{ interval: 200ms, token: {{ max_age: 1s }}, client_secret_file: '{}', \
             authorization_server: '{}', resource_server: '{}' }}\n\
             targets: [{{ name: lasting, client_id: lasting }}, {{ name: brief, client_id: brief }}]",
            make(directory.path()).display(),
            simulator.authorization_server(),
            simulator.resource_server()
        );
        // Root may read everything.
        let launcher = if rustix::process::geteuid().is_root() { NOBODY.as_slice() } else { &[] };
        let exporter = Exporter::start_by(launcher, "127.0.0.1:0", &configuration).await;
        let stage = Self { simulator, exporter, directory };
        stage.until_well("lasting").await;
        stage.until_well("brief").await;
        stage
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("secret")
    }

    async fn until_well(&self, target: &str) {
        self.exporter.until_well(target).await;
        let target = format!("target=\"{target}\"");
        self.exporter.until_matching(&["request_success", &target, "\"token\""], |value| value == 1.0).await;
    }

    /// Failed cycles of `lasting` for which the secret is to blame; there must be none.
    async fn failed_cycles(&self) -> f64 {
        let scrape = Scrape::of(&self.exporter.metrics().await);
        let of = |fault| scrape.one("cycle_failures_total", &[("target", "lasting"), ("fault", fault)]);
        of("auth") + of("exporter")
    }

    /// Token requests that were sent with a wrong secret.
    fn refused(&self) -> u64 {
        self.simulator.control().counts("brief").bad_credentials
    }
}

#[tokio::test]
async fn whatever_happens_to_the_file_a_live_token_is_used_and_the_next_good_content_is_found() {
    let stage = Stage::set(|directory| {
        let file = directory.join("secret");
        fs::write(&file, SECRET).unwrap();
        file
    })
    .await;
    for (what, befall, read) in ACCIDENTS {
        let refused = stage.refused();
        befall(&stage.file());
        let (reason, fault) = match read {
            Read::Impossible => ("secret_unavailable", "exporter"),
            Read::Wrong => ("invalid_client", "auth"),
        };
        stage.exporter.until_blamed("cycle_failure_info", "brief", reason, fault).await;
        stage.exporter.until_blamed("request_failure_info", "lasting", reason, fault).await;
        mend(&stage.file());
        // A content that was not sent yet, or one that could not be read before, ends the back-off. The right secret was
        // sent before: behind a wrong one it waits for the back-off's own end.
        stage.until_well("brief").await;
        stage.until_well("lasting").await;
        assert_eq!(stage.failed_cycles().await, 0.0, "{what}: the token that lives is used");
        assert!(read == Read::Wrong || stage.refused() == refused, "{what}: nothing is sent that is no secret");
    }
}

/// As Kubernetes does: `secret` leads through `..data` to a directory, and that link is swapped in one step.
fn project(directory: &Path) -> PathBuf {
    write_version(directory, "..1", SECRET);
    symlink("..1", directory.join("..data")).unwrap();
    symlink("..data/secret", directory.join("secret")).unwrap();
    directory.join("secret")
}

fn write_version(directory: &Path, version: &str, secret: &str) {
    fs::create_dir(directory.join(version)).unwrap();
    fs::write(directory.join(version).join("secret"), secret).unwrap();
}

#[tokio::test]
async fn secrets_that_kubernetes_swaps_are_used_as_soon_as_the_server_takes_them() {
    let stage = Stage::set(project).await;
    for version in 2..6 {
        let secret = format!("secret-{version}");
        // First the server: the old secret is refused meanwhile, and the new one ends the back-off.
        stage.simulator.control().change_secret("lasting", &secret);
        stage.simulator.control().change_secret("brief", &secret);
        stage.exporter.until_blamed("cycle_failure_info", "brief", "invalid_client", "auth").await;
        let directory = stage.directory.path();
        write_version(directory, &format!("..{version}"), &secret);
        symlink(format!("..{version}"), directory.join("..next")).unwrap();
        fs::rename(directory.join("..next"), directory.join("..data")).unwrap();
        fs::remove_dir_all(directory.join(format!("..{}", version - 1))).unwrap();
        stage.until_well("brief").await;
        stage.until_well("lasting").await;
        assert_eq!(stage.failed_cycles().await, 0.0);
    }
}
