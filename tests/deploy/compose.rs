//! The compose files: taken by docker-compose, shut in, mounting this repository's own files; and what they provision
//! works together with a real Prometheus and Alertmanager.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::documents::document;
use super::support::{Alertmanager, Prometheus, http};
use super::{PROGRAM, output_of, read, root, run, test_dep};

const FOLDER: &str = "deploy/compose";

fn compose(files: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("docker-compose");
    for file in files {
        command.arg("--file").arg(root(FOLDER).join(file));
    }
    command.args(arguments).env_remove("COMPOSE_FILE").current_dir(root(FOLDER));
    command
}

fn services() -> Vec<(String, Value)> {
    let file = document(&read("deploy/compose/compose.yaml"));
    let services = file["services"].as_object().unwrap();
    services.iter().map(|(name, service)| (name.clone(), service.clone())).collect()
}

/// What is mounted from this repository: host path and path in the container.
fn mounts(service: &Value) -> Vec<(PathBuf, String)> {
    let listed = service["volumes"].as_array().into_iter().flatten().map(|volume| volume.as_str().unwrap());
    // A variable's default is the repository's own file.
    let without_variable = |mount: &str| match mount.strip_prefix("${") {
        Some(rest) => {
            let (variable, rest) = rest.split_once('}').unwrap();
            format!("{}{rest}", variable.split_once(":-").unwrap().1)
        }
        None => mount.to_owned(),
    };
    let parts = |mount: String| {
        let (host, inside) = mount.split_once(':').unwrap();
        (host.to_owned(), inside.to_owned())
    };
    let mounted = listed.map(without_variable).map(parts).filter(|(host, _)| host.starts_with('.'));
    mounted.map(|(host, inside)| (root(FOLDER).join(host), inside)).collect()
}

#[test]
fn docker_compose_takes_the_demo_and_ones_own() {
    for files in [&["compose.yaml"][..], &["compose.yaml", "compose.own.yaml"]] {
        let merged = document(&output_of(&mut compose(files, &["config"])));
        assert_eq!(merged["services"].as_object().unwrap().len(), 4, "{files:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, read("deploy/compose/compose.yaml").replace("cap_drop:", "cap_dorp:")).unwrap();
    let said = run(&mut compose(&[file.to_str().unwrap()], &["config", "--quiet"]));
    assert!(!said.success && said.text.contains("cap_dorp"), "what is wrong is noticed: {}", said.text);
}

#[test]
fn example_environment_chooses_ones_own_targets() {
    let example = read("deploy/compose/env.example");
    let set: Vec<_> = example.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(set, ["COMPOSE_FILE=compose.yaml:compose.own.yaml", "OAUTH_PROBE_CONFIG=./config"]);
    let text = ["compose.yaml", "compose.own.yaml"].map(|file| read(&format!("{FOLDER}/{file}"))).concat();
    for variable in example.lines().filter_map(|line| line.trim_start_matches('#').split_once('=')) {
        let is_known = variable.0 == "COMPOSE_FILE" || text.contains(&format!("${{{}:-", variable.0));
        assert!(is_known || variable.0.contains(' '), "{variable:?}");
    }
    let own = root(FOLDER).join("config/oauth-probe.yml");
    let config = oauth_probe_exporter::config::load(&own, &|_| None).unwrap();
    let secret = config.targets[0].token.authentication.file().unwrap();
    assert_eq!(secret, root(FOLDER).join("config/secrets/acme"), "in the folder that is mounted");
}

#[test]
fn containers_are_shut_in_and_of_a_certain_version() {
    for (name, service) in services() {
        assert_eq!((&service["read_only"], &service["cap_drop"][0]), (&true.into(), &"ALL".into()), "{name}");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        let (_, version) = service["image"].as_str().unwrap().rsplit_once(':').expect("a version");
        assert!(version.trim_start_matches('v').split('.').count() == 3, "{name}: {version}");
        let ports = service["ports"].as_array().unwrap();
        assert!(ports.iter().all(|port| port.as_str().unwrap().starts_with("127.0.0.1:")), "{name}: for this machine");
        // The exporter's is in its image.
        assert!(!service["healthcheck"].is_null() || !service["build"].is_null(), "{name}");
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let mount = mount.as_str().unwrap();
            assert!(mount.ends_with(":ro") || !mount.starts_with('.'), "{name}: {mount}");
        }
    }
    assert!(read("Dockerfile").contains("\nHEALTHCHECK "));
}

#[test]
fn what_is_mounted_is_this_repositorys_own() {
    let mounted: Vec<_> = services().iter().flat_map(|(_, service)| mounts(service)).collect();
    for (host, inside) in &mounted {
        assert!(host.exists(), "{} for {inside}", host.display());
    }
    for own in ["alerts/rules.yml", "alerts/alertmanager.example.yml", "dashboards/oauth-probe.json"] {
        let is_own = |host: &PathBuf| host.canonicalize().unwrap() == root(own).canonicalize().unwrap();
        assert!(mounted.iter().any(|(host, _)| is_own(host)), "{own}");
    }
    let places = |name: &str| mounted.iter().any(|(_, inside)| inside.starts_with(name));
    let provider = document(&read("dashboards/provisioning/dashboards/oauth-probe.yml"));
    assert!(places(provider["providers"][0]["options"]["path"].as_str().unwrap()), "where Grafana looks for it");
    let rules = document(&read("deploy/compose/prometheus.yml"))["rule_files"][0].as_str().unwrap().to_owned();
    assert!(places(&rules), "{rules}");
    let mut ours = document(&read("deploy/compose/datasource.yml"));
    assert_eq!(ours["datasources"][0]["url"], "http://prometheus:9090");
    ours["datasources"][0]["url"] = "http://localhost:9090".into();
    let theirs = document(&read("dashboards/provisioning/datasources/prometheus.yml"));
    assert_eq!(ours, theirs, "but for the address");
}

/// The compose's own file, with the names of containers and the folders in them replaced by what is here.
fn prometheus_yml(exporter: &str, alertmanager: &str) -> String {
    read("deploy/compose/prometheus.yml")
        .replace("/etc/prometheus/oauth-probe/rules.yml", root("alerts/rules.yml").to_str().unwrap())
        .replace("exporter:10917", exporter)
        .replace("alertmanager:9093", alertmanager)
        // Itself; its port is not known here.
        .replace("localhost:9090", "127.0.0.1:9")
        .replace("15s", "1s")
}

/// `demo`, as the compose file has it run.
struct Demo {
    process: Child,
    address: String,
}

impl Demo {
    fn start() -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--web.listen-address=127.0.0.1:0", "--log.level=error"]);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let page = lines.find(|line| line.starts_with("  http://")).expect("where the status page is");
        let address = page.trim().trim_start_matches("http://").split('/').next().unwrap().to_owned();
        Self { process, address }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn prometheus_and_alertmanager_find_their_files_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, prometheus_yml("exporter:10917", "alertmanager:9093")).unwrap();
    let said = run(Command::new(test_dep("bin/promtool")).args(["check", "config"]).arg(&file));
    assert!(said.success && said.text.contains("SUCCESS: 1 rule files found"), "{}", said.text);
    let example = root("alerts/alertmanager.example.yml");
    let said = run(Command::new(test_dep("bin/amtool")).arg("check-config").arg(example));
    assert!(said.success, "{}", said.text);
}

#[tokio::test]
async fn demo_shows_in_a_prometheus_that_runs_the_rules_and_knows_its_alertmanager() {
    let demo = Demo::start();
    let alertmanager = Alertmanager::start(&read("alerts/alertmanager.example.yml")).await;
    let alertmanager = alertmanager.url.strip_prefix("http://").unwrap();
    let prometheus = Prometheus::start(&prometheus_yml(&demo.address, alertmanager)).await;
    let patience = Duration::from_secs(60);
    let recorded = prometheus.wait_for("target:oauth_probe_success:majority{target=\"healthy\"} == 1", patience).await;
    assert_eq!(recorded[0]["metric"]["job"], "oauth-probe");
    prometheus.wait_for("ALERTS{alertname=\"OAuthProbeWatchdog\",alertstate=\"firing\"}", patience).await;
    let known = http::get(&format!("{}/api/v1/alertmanagers", prometheus.url), &[]).await.json();
    let url = known["data"]["activeAlertmanagers"][0]["url"].as_str().unwrap_or_default();
    assert!(url.contains(alertmanager), "{known}");
    let rules = http::get(&format!("{}/api/v1/rules", prometheus.url), &[]).await.json();
    let groups = rules["data"]["groups"].as_array().unwrap().iter();
    let failed: Vec<_> =
        groups.flat_map(|group| group["rules"].as_array().unwrap()).filter(|rule| rule["health"] == "err").collect();
    assert!(failed.is_empty(), "{failed:?}");
}
