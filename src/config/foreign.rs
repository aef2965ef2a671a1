//! Files of other programs that are named by mistake, told by the keys at their top.

/// A key that only such a file has, and what to say of the file.
const SIGNS: [(&str, &str); 10] = [
    ("scrape_configs", PROMETHEUS),
    ("scrape_config_files", PROMETHEUS),
    ("rule_files", PROMETHEUS),
    ("groups", "this is a file of Prometheus' rules; name the one with `targets:`"),
    ("modules", "this is the configuration of another exporter, whose modules are not known here; write `targets:`"),
    ("receivers", "this is Alertmanager's configuration; name the one with `targets:`"),
    ("tls_server_config", WEB),
    ("basic_auth_users", WEB),
    ("services", "this is a compose file; name the one with `targets:` that it mounts"),
    ("apiVersion", "this is a Kubernetes manifest; name the file with `targets:` that its ConfigMap holds"),
];

const PROMETHEUS: &str = "this is Prometheus' configuration, which names this exporter; this exporter's has `targets:`";
const WEB: &str = "this is a web configuration, for --web.config.file; --config.file names the one with `targets:`";

/// What the file is and what to name instead, if it is one of another kind.
pub(super) fn recognise<'k>(mut keys: impl Iterator<Item = &'k str>) -> Option<&'static str> {
    keys.find_map(|key| SIGNS.iter().find(|(sign, _)| *sign == key)).map(|(_, what)| *what)
}
