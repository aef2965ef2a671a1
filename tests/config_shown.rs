//! What `/config` shows: every key, readable again, without a secret.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod written_again;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::secret::Secret;
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::telemetry::settings::TargetSettings;
use serde_json::{Value, json};
use written_again::{assert_written_again, shown};

const SMALLEST: &str = "targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme
";

const AWKWARD: &str = r##"
vantage: "on: # 7"
latency_buckets: [1ms, 1s 500ms]
metrics:
  histograms: native
history: 0
targets:
  - name: "\"5\" 'ä' {a}: [b], #c"
    authorization_server: http://[::1]:8080/base//path/
    resource_server: http://10.0.0.1
    allow_plaintext: true
    client_id: "null"
    client_secret: c4naRyM4rk
    client_secret_expires: 2027-01-31T12:00:00.5+02:00
    schedule: off
    labels: { empty: "", number: 1, on: "off", odd: "a\nb\tc\u202e\0\"\\", colon: "a: b" }
    token:
      path: /%2F/token?key=c4naRyM4rk
      auth: client_secret_jwt
      max_age: off
      refresh_margin: 0s
      scopes: ["urn:a", "b,c", "[d]", "#e", "~"]
      params: { "a b": c4naRyM4rk, resource: c4naRyM4rk }
      tls: { server_name: "::1", ca_file: "./~/ca: 1.pem" }
    ping:
      path: //evil.example/x
      headers: { X-Odd: "c4naRyM4rk" }
      expect:
        status: 204
        json: { "": null, /a~1b: [1, 1.5, -1e300, "1", "null", "\u2028", { "on": true, "": [] }] }
    checks: [api_key, no_token]
    api_key: c4naRyM4rk
    proxy_url: https://c4naRyM4rk:c4naRyM4rk@proxy.example:3128
"##;

fn parse(text: &str) -> Config {
    config::parse(text, "probe.yml", &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn smallest_file_is_shown_with_every_default() {
    let expected = "\
# The configuration in force, with every default spelled out. Instead of <secret> there is a secret that is not shown,
# be it from this file, from a variable or from the query of a URL.

# vantage: no label of that name
latency_buckets: [5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2s 500ms, 5s, 10s]
metrics:
  histograms: classic
history: 200
targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    allow_plaintext: false
    interval: 30s
    schedule: \"on\"
    timeout: 10s
    latency_objective: 1s
    labels: {}
    client_id: acme
    client_secret_file: /run/secrets/acme
    # client_secret_expires: not known
    token:
      path: /oauth/token
      auth: basic
      basic_encoding: form
      scopes: []
      params: {}
      max_age: 5m
      # refresh_margin: the larger of a tenth of the lifetime, 30s and two intervals, at most half the lifetime
      default_lifetime: 10m
      expected_scopes: []
    ping:
      path: /api/v1/deliveryexperience/ping
      method: GET
      headers: {}
      expect:
        status: [200]
        json: {\"/info\": \"pong\", \"/status\": 1}
      connection: fresh
    checks: []
    checks_every: 10
    tls:
      # ca_file: the system's roots
      # cert_file: no certificate is sent
      # key_file: no certificate is sent
      # server_name: the URL's host
      insecure_skip_verify: false
    # proxy_url: from the environment, if it has one
";
    assert_eq!(shown(&parse(SMALLEST)), expected);
}

#[test]
fn awkward_values_are_read_again_as_they_were() {
    let config = parse(AWKWARD);
    assert_written_again(&config);
    assert!(!shown(&config).contains("c4naRyM4rk"));
}

#[test]
fn any_text_is_read_again_as_it_was() {
    let mut random = fastrand::Rng::with_seed(11);
    let pieces =
        ["a", "0", " ", ":", "#", "'", "\"", "\\", "\n", "\r", "\t", "\0", "-", "?", "&", "*", "!", "|", ">", "%", "@"];
    let more = [
        "`", "{", "}", "[", "]", ",", "~", "=", "<", "é", "\u{301}", "\u{85}", "\u{2028}", "\u{feff}", "\u{202e}", "🦀",
    ];
    for _ in 0..3000 {
        let mut text = || -> String {
            let count = random.usize(0..6);
            (0..count)
                .map(|_| if random.bool() { random.choice(pieces) } else { random.choice(more) }.unwrap())
                .collect()
        };
        let mut config = parse(SMALLEST);
        let target = Arc::make_mut(&mut config.targets[0]);
        target.labels = [("a".to_owned(), format!("x{}", text()))].into();
        target.token.params = [(format!("p{}", text()), Secret::new("s".to_owned()))].into();
        target.ping.expect.json =
            Arc::new([(format!("/{}", text().replace('~', "~0")), json!([text(), { text(): text() }]))].into());
        let name: String = text().chars().filter(|character| !character.is_control()).collect();
        target.name = format!("n{}", name.trim());
        assert_written_again(&config);
    }
}

#[test]
fn settings_of_one_target_are_the_same_as_json_and_as_yaml() {
    let config = parse(SMALLEST);
    let settings = TargetSettings::of(&config.targets[0]);
    let shown = shown(&config);
    let in_file = settings.yaml().lines().map(|line| format!("    {line}\n")).collect::<String>();
    assert!(shown.replace("  - name", "    name").ends_with(&in_file), "{in_file}");
    let json = serde_json::to_value(&settings).unwrap();
    assert_eq!(json["token"]["max_age"], "5m");
    assert_eq!(json["ping"]["expect"]["json"], json!({ "/status": 1, "/info": "pong" }));
    assert_eq!(json["proxy_url"], Value::Null);
}

/// In YAML 1.1, which many still read, it merges another mapping.
#[test]
fn key_that_looks_like_a_merge_is_read_again_as_it_was() {
    let mut config = parse(SMALLEST);
    let target = Arc::make_mut(&mut config.targets[0]);
    target.token.params = [("<<".to_owned(), Secret::new("s".to_owned()))].into();
    target.labels = [("a".to_owned(), "<<".to_owned())].into();
    assert!(shown(&config).contains("\"<<\": <secret>"), "{}", shown(&config));
    assert_written_again(&config);
}

/// A setting that is forgotten would read again as its default.
#[test]
fn change_of_any_setting_shows() {
    let changes: [fn(&mut Target); 8] = [
        |target| target.interval = Duration::from_secs(31),
        |target| target.timeout = Duration::from_secs(9),
        |target| target.latency_objective = Duration::from_millis(1),
        |target| target.token.policy.default_lifetime = Duration::from_secs(1),
        |target| target.ping.method = "HEAD".to_owned(),
        |target| target.ping.expect.status = vec![201, 204],
        |target| target.token.expected_scopes = vec!["a".to_owned()],
        |target| target.checks.every = 7.try_into().unwrap(),
    ];
    for change in changes {
        let mut config = parse(SMALLEST);
        let before = shown(&config);
        change(Arc::make_mut(&mut config.targets[0]));
        assert_ne!(shown(&config), before);
    }
}
