//! The unit: valid, shut in, and the exporter works in it under a real systemd, as its README says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::machine::{Demo, INSTALLED, Machine, change_group};
use super::{PROGRAM, output_of, read, root, run};

const UNIT: &str = "oauth-probe-exporter.service";
const FOLDER: &str = "deploy/systemd";
const CREDENTIAL: &str = "/run/credentials/oauth-probe-exporter.service/secrets_acme";
/// The secret of the demo's clients.
const SECRET: &str = "demo+secret/with=signs";
const WORKS: &str = "oauth_probe_success{target=\"production\"} 1";
const FAILS: &str = "oauth_probe_success{target=\"production\"} 0";

fn unit_file() -> std::path::PathBuf {
    root(FOLDER).join(UNIT)
}

/// The folder that is `/etc/oauth-probe-exporter` in the machine.
struct Settings(TempDir);

impl Settings {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let settings = Self(folder);
        std::fs::create_dir(settings.secrets()).unwrap();
        std::fs::set_permissions(settings.secrets(), PermissionsExt::from_mode(0o700)).unwrap();
        settings.write_secret(SECRET);
        settings
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn secrets(&self) -> std::path::PathBuf {
        self.path().join("secrets")
    }

    fn secret(&self) -> std::path::PathBuf {
        self.secrets().join("acme")
    }

    /// In place, so that group and mode stay.
    fn write_secret(&self, secret: &str) {
        let is_new = !self.secret().exists();
        std::fs::write(self.secret(), format!("{secret}\n")).unwrap();
        if is_new {
            std::fs::set_permissions(self.secret(), PermissionsExt::from_mode(0o600)).unwrap();
        }
    }

    fn write_configuration(&self, demo: &Demo, secret_file: &str) {
        let text = format!(
            "targets:\n  - name: production\n    authorization_server: {}\n    resource_server: {}\n    \
             client_id: healthy\n    client_secret_file: {secret_file}\n    interval: 200ms\n    \
             token: {{ max_age: 200ms }}\n",
            demo.authorization_server, demo.resource_server
        );
        std::fs::write(self.path().join("oauth-probe.yml"), text).unwrap();
    }
}

#[test]
fn unit_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(UNIT);
    let installed_here = read(&format!("{FOLDER}/{UNIT}")).replace(INSTALLED, PROGRAM);
    std::fs::write(&file, &installed_here).unwrap();
    let verify = || run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file));
    let said = verify();
    assert!(said.success && said.text.is_empty(), "{}", said.text);
    std::fs::write(&file, installed_here.replace("Type=exec", "Type=exce")).unwrap();
    assert!(verify().text.contains("exce"), "what is wrong is noticed");
}

#[test]
fn unit_is_shut_in_as_its_readme_says() {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", "--json=short"]).arg(unit_file());
    let items: Value = serde_json::from_str(&output_of(&mut command)).unwrap();
    let exposed: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["exposure"].as_str().is_some_and(|exposure| exposure != "0.0"))
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    let mut command = Command::new("systemd-analyze");
    let said = run(command.args(["security", "--offline=true", "--no-pager"]).arg(unit_file())).text;
    let (_, level) = said.split_once("Overall exposure level for oauth-probe-exporter.service: ").unwrap();
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level < 1.5, "{level}: {exposed:?}");
    assert!(exposed.iter().any(|name| name.contains("PrivateNetwork")), "it must reach servers: {exposed:?}");
    assert!(!exposed.iter().any(|name| name.contains("SystemCall") || name.contains("Capability")), "{exposed:?}");
}

/// The rows of README.md's table, one after the other: start, reload, a rotated secret, `check`, stop.
#[test]
fn exporter_works_in_its_unit_under_a_real_systemd() {
    let (settings, unit) = (Settings::new(), unit_file());
    let files = [(unit.as_path(), "/etc/systemd/system/oauth-probe-exporter.service")];
    let mut machine = Machine::boot(&[&files[..], &[(settings.path(), "/etc/oauth-probe-exporter")]].concat());
    let demo = machine.start_demo();
    settings.write_configuration(&demo, CREDENTIAL);
    let started = machine.run(&["systemctl", "start", UNIT]);
    assert!(started.success, "{}", started.text);
    machine.until_metrics_have(WORKS);

    let process = machine.run(&["systemctl", "show", "--value", "-P", "MainPID", UNIT]).text;
    let status = machine.run(&["cat", &format!("/proc/{}/status", process.trim())]).text;
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.lines().any(|found| found == line), "{line} in\n{status}");
    }
    assert!(!status.contains("Uid:\t0"), "{status}");
    let metrics = machine.get("/metrics");
    for name in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        let sample = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        assert!(sample.is_some_and(|value| value != "0"), "{name} can be read in there: {sample:?}");
    }

    let file = settings.path().join("oauth-probe.yml");
    let changed = std::fs::read_to_string(&file).unwrap().replace("name: production", "name: changed");
    std::fs::write(&file, changed.clone()).unwrap();
    assert!(machine.run(&["systemctl", "reload", UNIT]).success);
    machine.until_metrics_have("oauth_probe_success{target=\"changed\"} 1");
    std::fs::write(&file, changed.replace("name: changed", "name: production")).unwrap();

    settings.write_secret("another");
    assert!(machine.run(&["systemctl", "restart", UNIT]).success);
    machine.until_metrics_have(FAILS);
    let checked = machine.run(&[INSTALLED, "check", "--config.file=/etc/oauth-probe-exporter/oauth-probe.yml"]);
    assert!(!checked.success && checked.text.contains("invalid_client"), "{}", checked.text);
    assert!(machine.run(&["systemctl", "stop", UNIT]).success);
    assert_eq!(machine.run(&["systemctl", "show", "-P", "Result", UNIT]).text, "success\n");

    std::fs::write(&file, "targets: []\n").unwrap();
    machine.run(&["systemctl", "start", UNIT]);
    machine.wait_until("the unit fails for good", |machine| {
        machine.run(&["systemctl", "is-failed", UNIT]).text == "failed\n"
    });
    let said = machine.run(&["systemctl", "status", "--no-pager", "--full", "--lines=30", UNIT]).text;
    assert!(said.contains("status=2") && said.contains("oauth-probe.yml:1: targets: is empty"), "{said}");
}

#[test]
fn secret_is_rotated_without_a_restart_by_the_drop_in() {
    let (settings, unit) = (Settings::new(), unit_file());
    let drop_in = root(FOLDER).join("live-secrets.conf");
    let mut machine = Machine::boot(&[
        (&unit, "/etc/systemd/system/oauth-probe-exporter.service"),
        (&drop_in, "/etc/systemd/system/oauth-probe-exporter.service.d/live-secrets.conf"),
        (settings.path(), "/etc/oauth-probe-exporter"),
    ]);
    let demo = machine.start_demo();
    settings.write_configuration(&demo, "/etc/oauth-probe-exporter/secrets/acme");
    assert!(machine.run(&["systemd-sysusers", "--inline", "g oauth-probe-secrets 919"]).success);
    change_group("919", &[&settings.secrets(), &settings.secret()]);
    std::fs::set_permissions(settings.secrets(), PermissionsExt::from_mode(0o750)).unwrap();
    std::fs::set_permissions(settings.secret(), PermissionsExt::from_mode(0o640)).unwrap();
    let started = machine.run(&["systemctl", "start", UNIT]);
    assert!(started.success, "{}", started.text);
    machine.until_metrics_have(WORKS);
    settings.write_secret("another");
    machine.until_metrics_have("oauth_probe_request_success{target=\"production\",request=\"token\"} 0");
    settings.write_secret(SECRET);
    machine.until_metrics_have("oauth_probe_request_success{target=\"production\",request=\"token\"} 1");
}
