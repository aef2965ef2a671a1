//! Files that are bad as a whole or in many places: every mistake is said, once, in the order of lines.

use oauth_probe_exporter::config;

const EXAMPLE: &str = "
The smallest configuration is:

targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme";

fn message(text: &str) -> String {
    match config::parse(text, "probe.yml", &|_| None) {
        Ok(_) => "no mistake".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn whole_files_that_are_refused() {
    let table: &[(&str, String)] = &[
        ("", format!("probe.yml:1: the file is empty; write at least one target{EXAMPLE}")),
        ("# nothing\n---\n", format!("probe.yml:1: the file is empty; write at least one target{EXAMPLE}")),
        ("hello", format!("probe.yml:1: the file is not a mapping; begin with `targets:`{EXAMPLE}")),
        ("history: 5", format!("probe.yml:1: targets: is missing; write at least one target below it{EXAMPLE}")),
        ("targets:\n", format!("probe.yml:1: targets: is empty; write at least one target below it{EXAMPLE}")),
        ("targets: []", format!("probe.yml:1: targets: is empty; write at least one target below it{EXAMPLE}")),
        ("targets: {}", "probe.yml:1: targets: is not a list; begin each target with `- name:`".to_owned()),
        ("targets: [5]", "probe.yml:1: targets[0]: is not a mapping; write keys below it, indented".to_owned()),
        ("a: b\n---\nc: d", "probe.yml:2: column 1: a second YAML document begins here; write one document a file".to_owned()),
        (
            "targets:\n\t- name: x",
            "probe.yml:2: column 2: a tab where YAML allows only spaces; indent with spaces".to_owned(),
        ),
        (
            "targets:\n  - name: x: y\n",
            "probe.yml:2: column 12: a `:` where no key can be; check the indentation, and put values in quotes".to_owned(),
        ),
        (
            "targets:\n  - client_secret: @x\n",
            "probe.yml:2: column 20: a value may not begin with this character; put the value in quotes".to_owned(),
        ),
        (
            "targets:\n  - client_secret: !x\n",
            "probe.yml:2: column 20: tags are not known here; put a value that begins with `!` in quotes".to_owned(),
        ),
        (
            "targets:\n  - client_secret: *x\n",
            "probe.yml:2: column 20: an alias to an anchor that is not there; put a value that begins with `*` in quotes"
                .to_owned(),
        ),
        (
            "targets:\n  - name: \"x\n",
            "probe.yml:2: column 11: a quoted text without an end; close the quote".to_owned(),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(message(text), *expected, "{text:?}");
    }
}

#[test]
fn every_mistake_is_shown_at_once_in_the_order_of_lines() {
    let text = "history: -1
defaults:
  timeuot: 5s
targets:
  - name: one
    labels: { job: x }
    token:
      max_age: soon
  - name: one
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret: x
  - authorization_server: auth
";
    let expected = "probe.yml:1: history: is out of range; write a whole number from 0 to 10000
probe.yml:3: defaults: timeuot: unknown key; did you mean `timeout`?
probe.yml:5: targets[0] (one): authorization_server: is missing; it is the URL of the server that issues tokens, such as `https://auth.example.com`
probe.yml:5: targets[0] (one): client_id: is missing; it is the id that the provider gave beside the secret
probe.yml:5: targets[0] (one): client_secret_file: is missing; name the file that holds the secret, or use `client_secret_env` or `client_secret`
probe.yml:5: targets[0] (one): resource_server: is missing; it is the URL of the API's server, such as `https://api.example.com`
probe.yml:6: targets[0] (one): labels.job: is a label that the exporter or Prometheus sets; choose another name
probe.yml:8: targets[0] (one): token.max_age: is not a duration; write a duration such as `30s`, `5m` or `250ms`
probe.yml:9: targets[1] (one): name: another target has this name, in line 5; write a name of its own
probe.yml:14: targets[2]: authorization_server: has no scheme; begin with `https://`
probe.yml:14: targets[2]: client_id: is missing; it is the id that the provider gave beside the secret
probe.yml:14: targets[2]: client_secret_file: is missing; name the file that holds the secret, or use `client_secret_env` or `client_secret`
probe.yml:14: targets[2]: name: is missing; it tells the target from the others
probe.yml:14: targets[2]: resource_server: is missing; it is the URL of the API's server, such as `https://api.example.com`";
    assert_eq!(message(text), expected);
}

#[test]
fn a_mistake_in_defaults_is_reported_once_and_replaces_no_other() {
    let text = "defaults:
  authorization_server: http://auth.example.com
  resource_server: https://api.example.com
  client_id: acme
  client_secret_env: UNSET
  interval: 20s
  timeout: 25s
  latency_objective: fast
  tls: { key_file: k }
targets:
  - name: one
  - name: two
    timeout: 5s
  - name: three
    interval: 10s
    client_secret: x
";
    let expected = "probe.yml:2: defaults: authorization_server: would send credentials in plain text; write `https://`, or `allow_plaintext: true` in the file
probe.yml:5: defaults: client_secret_env: names an environment variable that is not set or empty; set it, or name another
probe.yml:7: defaults: timeout: 25s is longer than the interval; write at most `20s`
probe.yml:8: defaults: latency_objective: is not a duration; write a duration such as `30s`, `5m` or `250ms`
probe.yml:9: defaults: tls.key_file: is of no use alone; write `cert_file` beside it
probe.yml:15: targets[2] (three): interval: 10s is shorter than the timeout of `defaults`, 25s; write a `timeout`";
    assert_eq!(message(text), expected);
}

#[test]
fn files_of_other_programs_are_recognised() {
    let table = [
        ("modules:\n  http_2xx:\n    prober: http\n", "the configuration of another exporter"),
        ("global:\n  scrape_interval: 15s\nscrape_configs: []\n", "Prometheus' configuration"),
        ("groups:\n  - name: x\n", "Prometheus' rules"),
        ("route: {}\nreceivers: []\n", "Alertmanager's configuration"),
        ("tls_server_config: { cert_file: x }\n", "--web.config.file"),
        ("services: { exporter: {} }\n", "a compose file"),
        ("apiVersion: v1\nkind: ConfigMap\n", "a Kubernetes manifest"),
    ];
    for (text, expected) in table {
        let message = message(text);
        let (said, example) = message.split_once('\n').expect("an example");
        assert!(said.starts_with("probe.yml:1: this is ") && said.contains(expected), "{message}");
        assert_eq!(format!("\n{example}"), EXAMPLE, "nothing but what to write instead follows");
    }
    let mixed = message("modules: {}\ntargets: []\n");
    assert!(mixed.contains("modules: unknown key"), "a file with targets is ours: {mixed}");
}

#[test]
fn file_names_that_only_a_shell_understands_are_refused() {
    let target =
        "name: x, authorization_server: 'https://a.example', resource_server: 'https://b.example', client_id: c";
    let text = format!("targets:\n  - {{ {target}, client_secret_file: ~/acme }}\n");
    let expected = "client_secret_file: begins with `~`, which only a shell replaces; write the home directory out";
    assert_eq!(message(&text), format!("probe.yml:2: targets[0] (x): {expected}"));
    assert_eq!(message(&text.replace("~/acme", "./~/acme")), "no mistake");
}
