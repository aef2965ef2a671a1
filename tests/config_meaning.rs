//! Good configurations, and what they mean.

mod written_again;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oauth_probe_exporter::config;
use oauth_probe_exporter::model::check::{Check, CheckSettings};
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::secret::Secret;
use oauth_probe_exporter::model::target::{
    BasicEncoding, ClientAuthentication, Config, ConnectionMode, Expectation, Identity, ProxyUrl, ScheduleMode,
    SecretSource, Target, TokenPolicy, Transport, Verification,
};
use serde_json::json;
use url::Host;
use written_again::assert_written_again;

const SMALLEST: &str = "targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme
";

const EVERY_KEY: &str = r#"
vantage: berlin
latency_buckets: [10ms, 100ms, 1s]
metrics: { histograms: native }
history: 50
defaults:
  interval: 1m
targets:
  - name: every key
    authorization_server: https://auth.example.com/tenant/
    resource_server: http://api.example.com:8080
    interval: 20s
    schedule: off
    timeout: 5s 500ms
    labels: { environment: production, tier: 1 }
    client_id: 007
    client_secret_env: ACME_SECRET
    client_secret_expires: 2027-01-31
    token:
      path: /token?tenant=a
      auth: basic
      basic_encoding: raw
      scopes: [read, write]
      params: { audience: https://api.example.com, resource: 12 }
      max_age: off
      refresh_margin: 45s
      default_lifetime: 1h
      expected_scopes: read write
      tls: { ca_file: auth.pem, server_name: AUTH.example.net }
    ping:
      path: /ping
      method: POST
      headers: { X-Api-Version: 2 }
      expect:
        status: [204, 200, 200]
        json: { "": { ok: true }, /list/0: [1, 2.5, ~, x], /name: "1" }
      connection: reuse
      tls: { insecure_skip_verify: true, cert_file: other.pem, key_file: other.key }
    latency_objective: 250ms
    checks: [api_key, no_token]
    checks_every: 3
    api_key_env: ACME_KEY
    tls: { ca_file: both.pem, cert_file: client.pem, key_file: client.key, insecure_skip_verify: false, server_name: '2001:db8::1' }
    proxy_url: http://user:p%40ss@proxy.example.com:3128
    allow_plaintext: true
"#;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "ACME_SECRET" => "s3cret\n",
        "ACME_KEY" => "k3y\n",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Whatever is read here must also be shown so that it reads the same.
fn parse(text: &str) -> Config {
    let config = config::parse(text, "probe.yml", &environment).unwrap_or_else(|error| panic!("{error}"));
    assert_written_again(&config);
    config
}

fn only(config: Config) -> Target {
    let [target] = <[Arc<Target>; 1]>::try_from(config.targets).expect("one target");
    Arc::unwrap_or_clone(target)
}

fn inline(secret: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(secret.to_owned()))
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn secrets<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, Secret> {
    pairs.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).into()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn the_smallest_file_means_the_documented_defaults() {
    let config = parse(SMALLEST);
    assert_eq!(config.vantage, None);
    assert_eq!(config.latency_buckets, [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
    assert_eq!((config.histograms, config.history), (Histograms::Classic, 200));
    let target = only(config);
    assert_eq!(target.name, "production");
    assert_eq!((target.interval, target.timeout), (seconds(30), seconds(10)));
    assert_eq!((target.schedule, target.latency_objective), (ScheduleMode::On, seconds(1)));
    assert_eq!((target.labels, target.client_secret_expires), (BTreeMap::new(), None));
    assert_eq!(target.token.endpoint.as_str(), "https://auth.example.com/oauth/token");
    assert_eq!(target.token.client_id, "acme");
    let ClientAuthentication::Basic { secret, encoding } = target.token.authentication else { panic!("not basic") };
    assert_eq!(secret, SecretSource::File(PathBuf::from("/run/secrets/acme")));
    assert_eq!(encoding, BasicEncoding::Form);
    let policy = TokenPolicy {
        interval: seconds(30),
        max_age: Some(seconds(300)),
        refresh_margin: None,
        default_lifetime: seconds(600),
    };
    assert_eq!(target.token.policy, policy);
    assert!(target.token.scopes.is_empty() && target.token.expected_scopes.is_empty());
    assert_eq!(target.token.transport, Transport::default());
    assert_eq!(target.ping.endpoint.as_str(), "https://api.example.com/api/v1/deliveryexperience/ping");
    assert_eq!((target.ping.method.as_str(), target.ping.connection), ("GET", ConnectionMode::Fresh));
    let json = [("/status".to_owned(), json!(1)), ("/info".to_owned(), json!("pong"))];
    assert_eq!(target.ping.expect, Expectation { status: vec![200], json: Arc::new(json.into()) });
    assert_eq!(target.ping.transport, Transport::default());
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let config = parse(EVERY_KEY);
    assert_eq!(config.vantage.as_deref(), Some("berlin"));
    assert_eq!((config.latency_buckets.as_slice(), config.history), ([0.01, 0.1, 1.0].as_slice(), 50));
    assert_eq!(config.histograms, Histograms::Native);
    let target = only(config);
    assert_eq!((target.interval, target.timeout), (seconds(20), Duration::from_millis(5500)));
    assert_eq!((target.schedule, target.latency_objective), (ScheduleMode::Off, Duration::from_millis(250)));
    assert_eq!(target.labels, texts([("environment", "production"), ("tier", "1")]));
    let expires = SystemTime::UNIX_EPOCH + seconds(1_801_353_600);
    assert_eq!(target.client_secret_expires, Some(expires));

    let token = &target.token;
    assert_eq!(token.endpoint.as_str(), "https://auth.example.com/tenant/token?tenant=a");
    assert_eq!(token.client_id, "007");
    let ClientAuthentication::Basic { secret, encoding } = &token.authentication else { panic!("not basic") };
    assert_eq!((secret, *encoding), (&inline("s3cret"), BasicEncoding::Raw));
    assert_eq!(
        (&*token.scopes, &*token.expected_scopes),
        (["read", "write"].map(str::to_owned).as_slice(), ["read", "write"].map(str::to_owned).as_slice())
    );
    assert_eq!(token.params, secrets([("audience", "https://api.example.com"), ("resource", "12")]));
    let policy = TokenPolicy {
        interval: seconds(20),
        max_age: None,
        refresh_margin: Some(seconds(45)),
        default_lifetime: seconds(3600),
    };
    assert_eq!(token.policy, policy);
}

#[test]
fn every_key_of_the_ping_and_of_the_connection_arrives_where_it_belongs() {
    let target = only(parse(EVERY_KEY));
    assert_eq!(target.ping.endpoint.as_str(), "http://api.example.com:8080/ping");
    assert_eq!((target.ping.method.as_str(), target.ping.connection), ("POST", ConnectionMode::Reuse));
    assert_eq!(target.ping.headers, secrets([("x-api-version", "2")]));
    let json = [("", json!({"ok": true})), ("/list/0", json!([1, 2.5, null, "x"])), ("/name", json!("1"))];
    let json = json.map(|(pointer, value)| (pointer.to_owned(), value)).into();
    assert_eq!(target.ping.expect, Expectation { status: vec![200, 204], json: Arc::new(json) });

    let identity = |cert: &str, key: &str| Some(Identity { cert_file: cert.into(), key_file: key.into() });
    let proxy = Some(ProxyUrl {
        address: "http://proxy.example.com:3128".parse().expect("a URL"),
        credentials: Some((Secret::new("user".to_owned()), Secret::new("p@ss".to_owned()))),
    });
    let token_transport = Transport {
        ca_file: Some("auth.pem".into()),
        identity: identity("client.pem", "client.key"),
        server_name: Some(Host::Domain("auth.example.net".to_owned())),
        verification: Verification::Full,
        proxy: proxy.clone(),
    };
    assert_eq!(target.token.transport, token_transport);
    let ping_transport = Transport {
        ca_file: Some("both.pem".into()),
        identity: identity("other.pem", "other.key"),
        server_name: Some(Host::Ipv6("2001:db8::1".parse().expect("an address"))),
        verification: Verification::Skip,
        proxy,
    };
    assert_eq!(target.ping.transport, ping_transport);
}

#[test]
fn checks_are_off_by_default_and_arrive_where_they_belong() {
    let settings = |checks: &[Check], every, api_key| {
        let every = NonZeroU32::new(every).expect("not zero");
        CheckSettings { checks: checks.to_vec(), every, api_key }
    };
    assert_eq!(only(parse(SMALLEST)).checks, settings(&[], 10, None));
    let all = settings(&[Check::ApiKey, Check::NoToken], 3, Some(inline("k3y")));
    assert_eq!(only(parse(EVERY_KEY)).checks, all);
}

#[test]
fn checks_of_a_target_replace_those_of_the_defaults_and_a_key_there_is_for_those_who_use_it() {
    let defaults = "defaults: { checks: [no_token, bad_token], api_key_file: key, checks_every: 2 }\n";
    let checks_of = |more: &str| {
        let CheckSettings { checks, every, api_key } = only(parse(&format!("{defaults}{SMALLEST}{more}"))).checks;
        (checks, every.get(), api_key)
    };
    assert_eq!(checks_of(""), (vec![Check::NoToken, Check::BadToken], 2, None));
    assert_eq!(checks_of("    checks: []\n"), (vec![], 2, None));
    let key = SecretSource::File(PathBuf::from("key"));
    assert_eq!(checks_of("    checks: [api_key]\n"), (vec![Check::ApiKey], 2, Some(key)));
    assert_eq!(
        checks_of("    checks: [api_key]\n    api_key: other\n"),
        (vec![Check::ApiKey], 2, Some(inline("other"))),
        "one source replaces another"
    );
}

#[test]
fn a_target_is_laid_over_the_defaults() {
    let config = parse(
        "defaults:
  authorization_server: https://auth.example.com
  resource_server: https://api.example.com
  client_secret_file: shared
  interval: 1m
  labels: { environment: production, team: a, region: eu }
  token: { auth: post, scopes: [a, b], params: { audience: x, resource: y } }
  ping: { headers: { X-One: 1, x-two: 2 }, expect: { status: [200, 204], json: { /a: 1 } } }
  tls: { ca_file: shared.pem }
targets:
  - { name: plain, client_id: one }
  - name: changed
    client_id: two
    client_secret: own
    interval: 15s
    labels: { team: b, tier: gold, region: '' }
    token: { scopes: [c], params: { resource: z }, tls: { insecure_skip_verify: true } }
    ping: { headers: { x-one: 3 }, expect: { json: {} } }
",
    );
    let [plain, changed] = <[Arc<Target>; 2]>::try_from(config.targets).expect("two targets");
    let source = |target: &Target| match &target.token.authentication {
        ClientAuthentication::Post { secret } => secret.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(plain.interval, seconds(60));
    assert_eq!(plain.labels, texts([("environment", "production"), ("team", "a"), ("region", "eu")]));
    assert_eq!(source(&plain), SecretSource::File("shared".into()));
    assert_eq!(*plain.ping.expect.json, BTreeMap::from([("/a".to_owned(), json!(1))]));

    assert_eq!((changed.interval, changed.token.policy.interval), (seconds(15), seconds(15)));
    assert_eq!(changed.labels, texts([("environment", "production"), ("team", "b"), ("tier", "gold")]));
    assert_eq!(source(&changed), inline("own"));
    assert_eq!(changed.token.scopes, ["c"]);
    assert_eq!(changed.token.params, secrets([("audience", "x"), ("resource", "z")]));
    assert_eq!(changed.ping.headers, secrets([("x-one", "3"), ("x-two", "2")]));
    assert_eq!(changed.ping.expect, Expectation { status: vec![200, 204], json: Arc::default() });
    assert_eq!(changed.token.transport.ca_file, Some("shared.pem".into()));
    assert_eq!(changed.token.transport.verification, Verification::Skip);
    assert_eq!(changed.ping.transport.verification, Verification::Full);
}

#[test]
fn the_default_timeout_follows_a_shorter_interval() {
    let target = only(parse(&format!("{SMALLEST}    interval: 2s\n")));
    assert_eq!(target.timeout, seconds(2));
}

#[test]
fn a_client_certificate_needs_no_secret() {
    let text = SMALLEST.replace("client_secret_file: /run/secrets/acme", "token: { auth: tls }");
    let target = only(parse(&format!("{text}    tls: {{ cert_file: c.pem, key_file: k.pem }}\n")));
    assert!(matches!(target.token.authentication, ClientAuthentication::Tls));
}

#[test]
fn booleans_stand_for_on_and_off_as_older_tools_write_them() {
    for (text, mode) in [
        ("on", ScheduleMode::On),
        ("true", ScheduleMode::On),
        ("'off'", ScheduleMode::Off),
        ("false", ScheduleMode::Off),
    ] {
        let target = only(parse(&format!("{SMALLEST}    schedule: {text}\n    token: {{ max_age: false }}\n")));
        assert_eq!((target.schedule, target.token.policy.max_age), (mode, None), "{text}");
    }
}

#[test]
fn a_secret_is_taken_as_written_but_for_line_ends_behind_it() {
    for (written, expected) in [
        ("'0123'", "0123"),
        ("0123", "0123"),
        ("1e3", "1e3"),
        ("|\n      s3 cret==\n", "s3 cret=="),
        ("' x '", " x "),
        ("!!str null", "null"),
    ] {
        let text = SMALLEST.replace("client_secret_file: /run/secrets/acme", &format!("client_secret: {written}"));
        let ClientAuthentication::Basic { secret, .. } = only(parse(&text)).token.authentication else {
            panic!("not basic")
        };
        assert_eq!(secret, inline(expected), "{written}");
    }
}

#[test]
fn sections_may_be_left_empty_and_anchors_are_understood() {
    let text = "targets:
  - &one
    name: one
    authorization_server: &server https://one.example.com
    resource_server: *server
    client_id: acme
    client_secret: x
    labels:
    token:
    ping: { headers: , expect: { json: &body { /a: &b [1] , /b: *b } } }
";
    let target = only(parse(text));
    assert_eq!(target.ping.endpoint.host_str(), Some("one.example.com"));
    assert_eq!(target.ping.expect.json["/b"], json!([1]));
}

#[test]
fn relative_file_names_start_at_the_directory_of_the_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("probe.yml");
    let text = SMALLEST.replace("/run/secrets/acme", "acme.secret") + "    tls: { ca_file: /etc/ca.pem }\n";
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("a file");
    let target = only(config::load(&path, &environment).unwrap_or_else(|error| panic!("{error}")));
    let ClientAuthentication::Basic { secret, .. } = target.token.authentication else { panic!("not basic") };
    assert_eq!(secret, SecretSource::File(directory.path().join("acme.secret")));
    assert_eq!(target.token.transport.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = config::load(Path::new("/nowhere/probe.yml"), &environment).expect_err("no such file");
    assert_eq!(error.to_string(), "/nowhere/probe.yml: cannot be read: No such file or directory; check --config.file");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("probe.yml");
    fs::write(&path, b"targets:\n  - name: \xff\n").expect("a file");
    let error = config::load(&path, &environment).expect_err("not UTF-8").to_string();
    assert_eq!(error, format!("{}: line 2 is not UTF-8; save the file as UTF-8", path.display()));
}

#[test]
fn ten_thousand_targets_are_understood() {
    let target =
        "  - { name: NAME, client_id: a, client_secret: b, labels: { tier: gold }, token: { scopes: [a, b] } }\n";
    let targets: String = (0..10_000).map(|index| target.replace("NAME", &format!("target-{index}"))).collect();
    let text = format!(
        "defaults: {{ authorization_server: https://a.example, resource_server: https://b.example, timeout: 1s }}\ntargets:\n{targets}"
    );
    let config = config::parse(&text, "probe.yml", &environment).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.targets.len(), 10_000);
}
