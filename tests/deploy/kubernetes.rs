//! The manifests as `kubectl kustomize` builds them: valid, shut in, and each selector selects what it is meant to.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::target::{Config, ScheduleMode, SecretSource};
use serde_json::{Value, json};

use super::custom_resources;
use super::documents::{Judge, document, documents};
use super::{output_of, read, root, run, test_dep};

const FOLDER: &str = "deploy/kubernetes";
/// Those in which an exporter runs.
const OVERLAYS: [&str; 4] = ["base", "overlays/regions/eu-west", "overlays/regions/us-east", "overlays/sharded"];
const CENTRAL: &str = "overlays/regions/central";
const ALERTS: &str = "alerts/rules.yml";
const RULES: &str = "deploy/kubernetes/rules/prometheusrule.yaml";
const HEAD: &str = "# Made from alerts/rules.yml by UPDATE_DEPLOY=1 cargo test --test deploy; what it assumes is said \
                    there.\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  \
                    name: oauth-probe\nspec:\n";

/// What is applied.
struct Built(Vec<Value>);

/// That of an overlay, built once for all tests; of rules that were written before, if they are to be.
fn built(overlay: &str) -> &'static Built {
    static ALL: OnceLock<BTreeMap<&str, Built>> = OnceLock::new();
    let build = || {
        if std::env::var_os("UPDATE_DEPLOY").is_some() {
            fs::write(root(RULES), wanted_rules()).unwrap();
        }
        OVERLAYS.into_iter().chain([CENTRAL]).map(|overlay| (overlay, Built::of(overlay))).collect()
    };
    &ALL.get_or_init(build)[overlay]
}

/// The rules of `alerts/` as the operator's resource.
fn wanted_rules() -> String {
    let rules = read(ALERTS);
    let groups = &rules[rules.find("groups:\n").unwrap()..];
    let indented = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    HEAD.to_owned() + &groups.lines().map(indented).collect::<String>()
}

impl Built {
    fn of(overlay: &str) -> Self {
        let mut command = Command::new(test_dep("bin/kubectl"));
        let text = output_of(command.arg("kustomize").arg(root(FOLDER).join(overlay)));
        Self(documents(&text, Judge::Kubernetes).unwrap_or_else(|problem| panic!("{overlay}: {problem}")))
    }

    fn all(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|document| document["kind"] == kind).collect()
    }

    fn only(&self, kind: &str) -> &Value {
        let found = self.all(kind);
        assert_eq!(found.len(), 1, "{kind}");
        found[0]
    }

    /// The Deployment or StatefulSet.
    fn workload(&self) -> &Value {
        let found = [self.all("Deployment"), self.all("StatefulSet")].concat();
        assert_eq!(found.len(), 1);
        found[0]
    }

    fn pod(&self) -> &Value {
        &self.workload()["spec"]["template"]
    }

    fn container(&self) -> &Value {
        &self.pod()["spec"]["containers"][0]
    }

    /// As the exporter would read it in the pod.
    fn configuration(&self) -> Config {
        let text = self.only("ConfigMap")["data"]["oauth-probe.yml"].as_str().unwrap();
        config::parse(text, "oauth-probe.yml", &|_| None).unwrap_or_else(|problem| panic!("{problem}"))
    }
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().expect("labels that are selected");
    !wanted.is_empty() && wanted.iter().all(|(name, value)| labels[name] == *value)
}

#[test]
fn operators_resources_are_what_its_api_knows() {
    for overlay in OVERLAYS.into_iter().chain([CENTRAL]) {
        let built = built(overlay);
        let custom = built.0.iter().filter(|document| {
            document["apiVersion"].as_str().is_some_and(|version| version.starts_with("monitoring.coreos.com/"))
        });
        let judged =
            custom.map(|document| custom_resources::judge(document).unwrap_or_else(|problem| panic!("{problem}")));
        assert!(judged.count() > 0, "{overlay}");
    }
}

#[test]
fn what_kubernetes_would_refuse_is_noticed() {
    let good = "apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { ports: [{ port: 1 }] }\n";
    documents(good, Judge::Kubernetes).unwrap();
    assert!(documents(&good.replace("ports", "prots"), Judge::Kubernetes).unwrap_err().contains("prots"));
    let monitor = built("base").only("ServiceMonitor").to_string();
    let wrong = monitor.replace("\"scrapeTimeout\"", "\"scrapetimeout\"");
    assert!(custom_resources::judge(&serde_json::from_str(&wrong).unwrap()).unwrap_err().contains("scrapetimeout"));
}

#[test]
fn rules_are_those_of_alerts() {
    let wanted = document(&read(ALERTS));
    for overlay in ["base", CENTRAL, "overlays/sharded"] {
        let built = built(overlay);
        assert_eq!(built.only("PrometheusRule")["spec"], wanted, "{overlay}: UPDATE_DEPLOY=1 cargo test --test deploy");
    }
    assert!(read(RULES) == wanted_rules(), "they differ: UPDATE_DEPLOY=1 cargo test --test deploy");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml");
    // JSON is YAML.
    fs::write(&file, built("base").only("PrometheusRule")["spec"].to_string()).unwrap();
    let said = run(Command::new(test_dep("bin/promtool")).args(["check", "rules"]).arg(&file));
    assert!(said.success, "{}", said.text);
}

#[test]
fn pods_may_do_nothing_but_probe() {
    for overlay in OVERLAYS {
        let built = built(overlay);
        let (pod, container) = (&built.pod()["spec"], built.container());
        assert_eq!(pod["automountServiceAccountToken"], false, "{overlay}");
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
        let expected = json!({
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(pod["securityContext"], expected, "{overlay}");
        let expected = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], expected, "{overlay}");
        assert_eq!(built.only("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        assert!(!container["resources"]["requests"].is_null() && !container["resources"]["limits"]["memory"].is_null());
        assert!(container["volumeMounts"].as_array().unwrap().iter().all(|mount| mount["readOnly"] == true));
        assert_eq!(container["readinessProbe"]["httpGet"], json!({ "path": "/-/ready", "port": "metrics" }));
        assert_eq!(container["livenessProbe"]["httpGet"], json!({ "path": "/-/healthy", "port": "metrics" }));
        let user = read("Dockerfile").lines().find_map(|line| Some(line.strip_prefix("USER ")?.to_owned())).unwrap();
        assert_eq!(user, "65532:65532", "the image's user is the pod's");
    }
}

#[test]
fn selectors_select_the_exporter_and_ports_are_its_own() {
    for overlay in OVERLAYS {
        let built = built(overlay);
        let labels = &built.pod()["metadata"]["labels"];
        assert!(selects(&built.workload()["spec"]["selector"]["matchLabels"], labels), "{overlay}");
        assert!(selects(&built.only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels), "{overlay}");
        let policy = &built.only("NetworkPolicy")["spec"];
        assert!(selects(&policy["podSelector"]["matchLabels"], labels), "{overlay}");
        let from = &policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"];
        assert_eq!(*from, json!({ "app.kubernetes.io/name": "prometheus" }), "{overlay}");
        let services = built.all("Service");
        assert!(services.iter().all(|service| selects(&service["spec"]["selector"], labels)), "{overlay}");
        let monitor = &built.only("ServiceMonitor")["spec"]["selector"]["matchLabels"];
        let scraped: Vec<_> =
            services.iter().filter(|service| selects(monitor, &service["metadata"]["labels"])).collect();
        assert_eq!(scraped.len(), 1, "{overlay}: no exporter is scraped twice");
        let port = &built.container()["ports"][0];
        assert_eq!((&port["name"], &port["containerPort"]), (&json!("metrics"), &json!(10917)));
        let expected = json!({ "name": "metrics", "port": 10917, "targetPort": "metrics" });
        assert_eq!(scraped[0]["spec"]["ports"][0], expected, "{overlay}");
    }
}

#[test]
fn another_configuration_is_another_name_and_its_secrets_are_mounted() {
    for overlay in OVERLAYS {
        let built = built(overlay);
        let name = built.only("ConfigMap")["metadata"]["name"].as_str().unwrap();
        assert_ne!(name, "oauth-probe-exporter", "{overlay}: with a hash of the content");
        let volumes = built.pod()["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == "config").unwrap();
        assert_eq!(volume["configMap"]["name"], name, "{overlay}");
        let mounts = built.container()["volumeMounts"].as_array().unwrap();
        let secrets = mounts.iter().find(|mount| mount["name"] == "secrets").unwrap();
        assert!(secrets["subPath"].is_null(), "{overlay}: such a mount never changes");
        let configuration = built.configuration();
        let file = configuration.targets[0].token.authentication.file().unwrap();
        assert!(file.starts_with(secrets["mountPath"].as_str().unwrap()), "{overlay}: {}", file.display());
        assert!(!matches!(configuration.targets[0].checks.api_key, Some(SecretSource::Inline(_))));
    }
}

#[test]
fn each_region_has_a_vote_of_its_own_and_the_rules_are_where_all_meet() {
    let vantages = ["eu-west", "us-east"].map(|region| {
        let built = built(&format!("overlays/regions/{region}"));
        assert!(built.all("PrometheusRule").is_empty(), "{region}");
        assert_eq!(built.configuration().vantage.as_deref(), Some(region));
        built.configuration().targets
    });
    assert_eq!(vantages[0], vantages[1], "targets are equal everywhere, as the votes need it");
    let central = built(CENTRAL);
    assert_eq!(central.0.len(), central.all("PrometheusRule").len());
}

/// The ScrapeConfig as Prometheus' own configuration; discovery itself is not tried, and what it finds stands there.
fn scrape_config(spec: &Value, found: &[&str]) -> Value {
    let snake = |name: &str| match name {
        "sourceLabels" => "source_labels".to_owned(),
        "targetLabel" => "target_label".to_owned(),
        other => other.to_owned(),
    };
    let relabelings = |key: &str| -> Vec<BTreeMap<String, Value>> {
        let steps = spec[key].as_array().unwrap().iter();
        steps
            .map(|step| step.as_object().unwrap().iter().map(|(name, value)| (snake(name), value.clone())).collect())
            .collect()
    };
    // As /sd gives them.
    let group = |name: &&str| {
        json!({
            "targets": ["oauth-probe-exporter.oauth-probe.svc:10917"],
            "labels": {
                "__param_target": name, "__metrics_path__": "/probe", "__meta_oauth_probe_target": name,
                "__meta_oauth_probe_schedule": "off", "__meta_oauth_probe_label_environment": "production",
            },
        })
    };
    json!({ "scrape_configs": [{
        "job_name": "scrapeConfig/oauth-probe/oauth-probe-targets",
        "scrape_interval": spec["scrapeInterval"],
        "scrape_timeout": spec["scrapeTimeout"],
        "static_configs": found.iter().map(group).collect::<Vec<_>>(),
        "relabel_configs": relabelings("relabelings"),
        "honor_labels": spec["honorLabels"],
        "metric_relabel_configs": relabelings("metricRelabelings"),
    }] })
}

/// By Prometheus itself: how it would scrape the targets that are found.
fn scraped(spec: &Value, found: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    let scrape_config = scrape_config(spec, found);
    fs::write(&file, scrape_config.to_string()).unwrap();
    let promtool = || Command::new(test_dep("bin/promtool"));
    output_of(promtool().args(["check", "config"]).arg(&file));
    let job = scrape_config["scrape_configs"][0]["job_name"].as_str().unwrap();
    let listed = output_of(promtool().args(["check", "service-discovery", "--timeout=1s"]).arg(&file).arg(job));
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    listed.into_iter().map(|target| target["labels"].clone()).collect()
}

#[test]
fn fleet_is_dealt_out_over_all_exporters_by_prometheus() {
    let built = built("overlays/sharded");
    assert!(built.configuration().targets.iter().all(|target| target.schedule == ScheduleMode::Off));
    let spec = &built.only("ScrapeConfig")["spec"];
    let replicas = built.workload()["spec"]["replicas"].as_u64().unwrap();
    assert_eq!(spec["relabelings"][0]["modulus"], replicas, "the number stands twice");
    let names: Vec<_> = (0..100).map(|index| format!("target-{index}")).collect();
    let scraped = scraped(spec, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(scraped.len(), names.len());
    let (shards, name) = (built.workload()["spec"]["serviceName"].as_str().unwrap(), "oauth-probe-exporter");
    let mut of_shard: BTreeMap<String, usize> = BTreeMap::new();
    let mut series_of_up: Vec<String> = Vec::new();
    for labels in &scraped {
        let instance = labels["instance"].as_str().unwrap();
        *of_shard.entry(instance.to_owned()).or_default() += 1;
        assert_eq!(labels["__address__"], format!("{instance}.{shards}.oauth-probe.svc:10917"));
        assert_eq!((&labels["__metrics_path__"], &labels["job"]), (&json!("/probe"), &json!("oauth-probe")));
        let shown = labels.as_object().unwrap().iter().filter(|(label, _)| !label.starts_with("__"));
        series_of_up.push(shown.map(|(label, value)| format!("{label}={value}")).collect());
    }
    series_of_up.dedup();
    assert_eq!(series_of_up.len(), names.len(), "no two scrapes write the same series of up");
    let expected: Vec<_> = (0..replicas).map(|ordinal| format!("{name}-{ordinal}")).collect();
    assert_eq!(of_shard.keys().cloned().collect::<Vec<_>>(), expected, "every exporter has some");
    assert!(of_shard.values().all(|count| *count > 15), "{of_shard:?}");
}
