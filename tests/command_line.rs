//! The program as its user meets it: exit codes, what it prints, how it starts and stops.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod raw_server;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, Whom};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use exporter::{Exporter, PROGRAM, run, run_with};
use raw_server::{Authority, RawServer, answer, tls_config};

const SECRET: &str = "canary-secret";

async fn simulator() -> Simulator {
    let clients = vec![ClientSettings::new("acme", SECRET)];
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

/// The four variables of the provider's guide.
fn variables(simulator: &Simulator) -> Vec<(&'static str, String)> {
    vec![
        ("AUTHORIZATION_SERVER", simulator.authorization_server().to_string()),
        ("RESOURCE_SERVER", simulator.resource_server().to_string()),
        ("PARTNER_OA_CLIENT_ID", "acme".to_owned()),
        ("PARTNER_OA_SECRET", SECRET.to_owned()),
    ]
}

#[tokio::test]
async fn check_works_from_the_four_variables_alone() {
    let simulator = simulator().await;
    let output = run_with(&["check"], &variables(&simulator)).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("✓ token") && output.stdout.contains("✓ ping"), "{}", output.stdout);
    assert!(output.stdout.contains("a token that lives"), "{}", output.stdout);
    assert!(output.stdout.contains("status 200 over HTTP/1.1 from 127.0.0.1:"), "{}", output.stdout);
    assert_eq!(simulator.control().counts("acme").token_requests, 1);
    assert_eq!(simulator.control().counts("acme").pings_accepted, 1);
}

#[tokio::test]
async fn check_says_what_a_failure_means_and_what_to_do() {
    let simulator = simulator().await;
    simulator.control().change_secret("acme", "another");
    let output = run_with(&["check"], &variables(&simulator)).await;
    assert_eq!(output.code, 1);
    for expected in ["✗ token", "status 401", "invalid_client, fault: auth", "What it means:", "What to do:", "– ping"]
    {
        assert!(output.stdout.contains(expected), "{expected} in\n{}", output.stdout);
    }
    assert!(!output.everything().contains(SECRET));
    assert_eq!(simulator.control().counts("acme").token_requests, 1, "a refused secret is sent once");
}

#[tokio::test]
async fn check_never_prints_the_token_that_a_server_echoes() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Api, Whom::client("acme"), [Fault::RefuseTokens]);
    for form in ["text", "json"] {
        let output = run_with(&["check", "--output", form, "--log.level=trace"], &variables(&simulator)).await;
        assert_eq!(output.code, 1);
        assert!(output.stdout.contains("token_rejected"), "{}", output.stdout);
        assert!(!output.everything().contains("Invalid access token"), "{}", output.everything());
    }
}

#[tokio::test]
async fn check_tells_a_script_the_same_as_a_person() {
    let simulator = simulator().await;
    simulator.control().set_faults(
        Server::Api,
        Whom::Everyone,
        [Fault::status(oauth_probe_exporter::simulator::StatusCode::SERVICE_UNAVAILABLE)],
    );
    let output = run_with(&["check", "--output=json"], &variables(&simulator)).await;
    assert_eq!(output.code, 1);
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let target = &document["targets"][0];
    assert_eq!(document["success"], false);
    assert_eq!(target["target"], "default");
    assert_eq!(target["request"], "ping");
    assert_eq!(target["reason"], "server_error");
    assert_eq!(target["fault"], "resource_server");
    assert_eq!(target["steps"][0]["success"], true);
    assert_eq!(target["steps"][1]["status"], 503);
    assert_eq!(target["steps"][1]["http_version"], "HTTP/1.1");
    assert!(target["steps"][1]["duration_seconds"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn check_shows_each_target_as_soon_as_those_before_it_are_done() {
    let clients = ["first", "hangs"].map(|id| ClientSettings::new(id, SECRET));
    let simulator = Simulator::start(Settings { clients: clients.into(), ..Settings::default() }).await.unwrap();
    simulator.control().set_faults(Server::Api, Whom::client("hangs"), [Fault::Hang]);
    let mut text = format!(
        "defaults: {{ authorization_server: '{}', resource_server: '{}', client_secret: {SECRET}, timeout: 1h, \
         interval: 1h }}\ntargets:\n",
        simulator.authorization_server(),
        simulator.resource_server()
    );
    for name in ["first", "hangs"] {
        writeln!(text, "  - {{ name: {name}, client_id: {name} }}").unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("probe.yml");
    std::fs::write(&file, text).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["check", "--config.file", file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut shown = String::new();
    let shown_first = async {
        while !shown.contains("accepts this client's tokens") {
            shown += &lines.next_line().await.unwrap().expect("more");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shown_first).await.expect("the first one's result");
    assert!(shown.starts_with("first (client first)"), "{shown}");
}

#[tokio::test]
async fn check_tells_when_certificates_expire_also_those_that_it_refuses() {
    let authority = Authority::new();
    let until = |year| {
        move |params: &mut rcgen::CertificateParams| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
    };
    let token = answer(200, "", r#"{"access_token":"abc","token_type":"Bearer","expires_in":60}"#);
    let good = authority.intermediate(until(2098)).issue("127.0.0.1", until(2099));
    let authorization = RawServer::tls(token, tls_config(&good, Some(&authority))).await;
    let expired = authority.issue("127.0.0.1", until(2022));
    let api = RawServer::tls(answer(200, "", "{}"), tls_config(&expired, None)).await;
    let (cert_file, key_file) = authority.files("client", &authority.issue("client", until(2097)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    let text = format!(
        "targets:\n  - name: x\n    authorization_server: https://{}\n    resource_server: https://{}\n    \
         client_id: c\n    client_secret: s\n    tls: {{ ca_file: {}, cert_file: {}, key_file: {} }}\n",
        authorization.address,
        api.address,
        authority.ca_file().display(),
        cert_file.display(),
        key_file.display(),
    );
    std::fs::write(&path, text).unwrap();
    let run_check = async |form| run(&["check", "--output", form, "--config.file", path.to_str().unwrap()]).await;
    let text = run_check("text").await.stdout;
    for (kind, expected) in [
        ("  certificate expires in ", " days, at 2099-01-01T00:00:00Z"),
        ("an intermediate certificate expires in ", " days, at 2098-01-01T00:00:00Z"),
        ("our certificate expires in ", " days, at 2097-01-01T00:00:00Z"),
        ("  certificate expired ", " days ago, at 2022-01-01T00:00:00Z"),
    ] {
        assert!(text.lines().any(|line| line.contains(kind) && line.ends_with(expected)), "{kind} in {text}");
    }
    let document: Value = serde_json::from_str(&run_check("json").await.stdout).unwrap();
    let steps = &document["targets"][0]["steps"];
    assert_eq!(steps[0]["certificate"]["leaf_expires"], "2099-01-01T00:00:00Z");
    assert_eq!(steps[0]["certificate"]["earliest_expires"], "2098-01-01T00:00:00Z");
    assert!(steps[0]["certificate"]["days_left"].as_f64().unwrap() > 0.0);
    assert_eq!(steps[0]["client_certificate_expires"], "2097-01-01T00:00:00Z");
    assert!(text.contains("has expired, by this machine's clock") && !text.contains("tls.ca_file"), "{text}");
    assert_eq!(steps[1]["reason"], "certificate");
    assert_eq!(steps[1]["certificate_defect"], "expired");
    assert!(steps[1]["certificate"]["days_left"].as_f64().unwrap() < 0.0);
}

#[tokio::test]
async fn nothing_configured_says_what_to_set() {
    for arguments in [&["check"][..], &[]] {
        let output = run(arguments).await;
        assert_eq!(output.code, 2);
        for variable in ["AUTHORIZATION_SERVER", "RESOURCE_SERVER", "PARTNER_OA_CLIENT_ID", "PARTNER_OA_SECRET"] {
            assert!(output.stderr.contains(variable), "{}", output.stderr);
        }
        assert!(output.stderr.contains("--config.file"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn bad_file_is_refused_with_every_mistake_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, "targets:\n  - name: x\n    intervall: 5s\n    client_secret: canary-secret\n").unwrap();
    let output = run(&["--config.file", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 2);
    for expected in ["probe.yml:3: ", "did you mean `interval`", "authorization_server", "resource_server", "client_id"]
    {
        assert!(output.stderr.contains(expected), "{expected} in\n{}", output.stderr);
    }
    assert!(!output.everything().contains(SECRET));
}

#[tokio::test]
async fn config_check_prints_what_would_run_and_runs_nothing() {
    let simulator = simulator().await;
    let output = run_with(&["--config.check"], &variables(&simulator)).await;
    assert_eq!(output.code, 0, "{output:?}");
    for expected in ["default\n", "as client acme, by HTTP Basic", "/deliveryexperience/ping, every 30s"] {
        assert!(output.stdout.contains(expected), "{expected} in\n{}", output.stdout);
    }
    assert_eq!(simulator.control().counts("acme").token_requests, 0);
}

#[tokio::test]
async fn certificate_files_that_cannot_be_read_are_all_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    let target = |name: &str, file: &str| {
        format!(
            "  - {{ name: {name}, authorization_server: 'https://a.example', resource_server: 'https://b.example', \
             client_id: c, client_secret: s, tls: {{ ca_file: {file} }} }}\n"
        )
    };
    let targets = target("x", "none.pem") + &target("y", "no-such.pem") + &target("z", "none.pem");
    std::fs::write(&path, format!("targets:\n{targets}")).unwrap();
    for command in ["--config.check", "check", "serve"] {
        let output = run(&[command, "--config.file", path.to_str().unwrap()]).await;
        assert_eq!(output.code, 2);
        for (targets, file) in [("targets x, z", "none.pem"), ("target y", "no-such.pem")] {
            let named = |line: &str| line.contains(&format!("{targets}: ")) && line.contains(file);
            assert!(output.stderr.lines().any(named), "{command}: {}", output.stderr);
        }
    }
}

#[tokio::test]
async fn secret_file_that_cannot_be_read_is_named_with_the_reason() {
    let simulator = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret").to_str().unwrap().to_owned();
    let mut variables = variables(&simulator);
    variables.retain(|(name, _)| *name != "PARTNER_OA_SECRET");
    variables.push(("PARTNER_OA_SECRET_FILE", path.clone()));
    for (problem, content) in [("No such file", None), ("is empty", Some(""))] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let checked = run_with(&["check"], &variables).await;
        assert_eq!(checked.code, 1);
        assert!(checked.stdout.contains(&format!("{path}: {problem}")), "{}", checked.stdout);
        let valid = run_with(&["--config.check"], &variables).await;
        assert_eq!(valid.code, 0, "a secret may be mounted later");
        assert!(valid.stdout.contains(&format!("{path}: {problem}")), "{}", valid.stdout);
    }
    std::fs::write(&path, "\n").unwrap();
    let checked = run_with(&["check"], &variables).await;
    assert!(checked.stdout.contains(&format!("{path}: is empty or blank")), "{}", checked.stdout);
}

#[tokio::test]
async fn secret_file_that_would_keep_its_reader_waiting_is_named_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let simulator = simulator().await;
    let mut variables = variables(&simulator);
    variables.retain(|(name, _)| *name != "PARTNER_OA_SECRET");
    variables.push(("PARTNER_OA_SECRET_FILE", fifo.to_str().unwrap().to_owned()));
    for (command, code) in [("check", 1), ("--config.check", 0)] {
        let output = run_with(&[command], &variables).await;
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.stdout.contains("fifo: not a regular file"), "{}", output.stdout);
    }
}

#[tokio::test]
async fn check_tells_a_hanging_server_from_one_that_does_not_connect() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Hang]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, targets(&simulator, "1s")).unwrap();
    let output = run(&["check", "--config.file", path.to_str().unwrap()]).await;
    assert!(output.stdout.contains("no answer from 127.0.0.1:"), "{}", output.stdout);
    let (before, _) = output.stdout.split_once(" (broke off)").unwrap();
    assert!(before.rsplit_once(", ").unwrap().1.starts_with("processing "), "{}", output.stdout);
    assert!(output.stdout.contains("response_timeout, fault: resource_server"), "{}", output.stdout);
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_and_no_panic() {
    let simulator = simulator().await;
    let run_into = |output: Stdio| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oauth-probe-exporter"));
        command.args(["check", "--output=json"]).env_clear().envs(variables(&simulator)).stdout(output);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = run_into(full.into()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write to standard output") && !stderr.contains("panicked"), "{stderr}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = run_into(writer.into()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn machine_without_trusted_roots_probes_in_the_clear_and_refuses_https_at_the_start() {
    let simulator = simulator().await;
    let mut variables = variables(&simulator);
    variables.push(("SSL_CERT_FILE", "/nonexistent".to_owned()));
    variables.push(("SSL_CERT_DIR", "/nonexistent".to_owned()));
    assert_eq!(run_with(&["check"], &variables).await.code, 0);
    variables[1].1 = "https://api.example.com".to_owned();
    let output = run_with(&["check"], &variables).await;
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("install ca-certificates or set tls.ca_file"), "{}", output.stderr);
}

#[tokio::test]
async fn unknown_flag_is_exit_code_2() {
    assert_eq!(run(&["--no-such-flag"]).await.code, 2);
}

#[tokio::test]
async fn wrong_flag_is_named_whatever_the_configuration_says() {
    for (flag, wrong, advice) in [
        ("--web.listen-address", "10917", "write :PORT"),
        ("--web.route-prefix", "x", "begin with /"),
        ("--web.telemetry-path", "/probe", "taken by another endpoint"),
        ("--web.external-url", "x", "write http://HOST"),
        ("--timeout-offset", "x", "write a duration"),
    ] {
        for arguments in [&["--config.file=no-such.yml", flag, wrong][..], &["--config.check", flag, wrong]] {
            let output = run(arguments).await;
            assert_eq!(output.code, 2, "{flag}");
            assert!(output.stderr.contains(flag) && output.stderr.contains(advice), "{}", output.stderr);
        }
    }
}

#[tokio::test]
async fn flag_before_the_command_is_refused_and_not_ignored() {
    let misplaced = [
        (&["--web.listen-address=127.0.0.1:0", "serve"][..], "write it after 'serve'"),
        (&["--web.listen-address=127.0.0.1:0", "demo"], "write it after 'demo'"),
        (&["--config.check", "check"], "'check' has no such flag"),
        (&["demo", "--config.file=probe.yml"], "demo brings its own targets"),
    ];
    for (arguments, advice) in misplaced {
        let output = run(arguments).await;
        assert_eq!(output.code, 2, "{arguments:?}");
        assert!(output.stderr.contains(advice), "{}", output.stderr);
    }
    let output = run(&["--config.file=no-such.yml", "check"]).await;
    assert!(output.stderr.contains("no-such.yml"), "flags of every command may stand before it: {}", output.stderr);
}

#[tokio::test]
async fn version_is_printed() {
    let output = run(&["--version"]).await;
    assert_eq!(output.stdout.trim(), format!("oauth-probe-exporter {}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn port_in_use_is_a_clear_error_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let simulator = simulator().await;
    let output = run_with(&["--web.listen-address", &address], &variables(&simulator)).await;
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains(&address) && output.stderr.contains("in use"), "{}", output.stderr);
    assert_eq!(simulator.control().counts("acme").token_requests, 0, "nothing runs before the ports are open");
}

#[tokio::test]
async fn address_within_another_one_is_not_said_to_be_somebody_elses() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (all, loopback) = (format!(":{free}"), format!("127.0.0.1:{free}"));
    let simulator = simulator().await;
    let arguments = ["--web.listen-address", &all, "--web.listen-address", &loopback];
    let output = run_with(&arguments, &variables(&simulator)).await;
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains(&loopback) && output.stderr.contains("leave one of the two out"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn sigterm_ends_it_with_exit_code_0_even_while_a_request_hangs() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [Fault::Hang]);
    let exporter = Exporter::start(&targets(&simulator, "5s")).await;
    while simulator.control().counts("acme").token_requests == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The end of the request, by its timeout, would be a failure.
    let log = exporter.terminate_and_read_log().await;
    assert!(!log.contains("target fails"), "{log}");
}

#[tokio::test]
async fn healthcheck_asks_the_running_exporter() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&targets(&simulator, "1s")).await;
    let address = exporter.address.clone();
    assert_eq!(run(&["healthcheck", "--web.listen-address", &address]).await.code, 0);
    exporter.terminate().await;
    let output = run(&["healthcheck", "--web.listen-address", &address]).await;
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("not healthy"), "{}", output.stderr);
}

#[tokio::test]
async fn healthcheck_ends_though_bytes_trickle_in() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let output = run(&["healthcheck", "--web.listen-address", &address]).await;
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("not healthy: no whole answer within 3 s"), "{}", output.stderr);
}

#[tokio::test]
async fn healthcheck_refuses_flags_that_serve_would_refuse() {
    for (flag, advice) in [("--web.listen-address=10917", "write :PORT"), ("--web.route-prefix=x", "begin with /")] {
        let output = run(&["healthcheck", flag]).await;
        assert_eq!(output.code, 2, "{flag}");
        assert!(output.stderr.contains(advice), "{}", output.stderr);
    }
}

#[tokio::test]
async fn endpoints_answer_as_a_prometheus_user_expects() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&targets(&simulator, "1s")).await;
    assert_eq!(exporter.get("/-/healthy").await.status, 200);
    assert_eq!(exporter.get("/-/ready").await.status, 200);
    assert_eq!(exporter.get("/nope").await.status, 404);
    assert_eq!(exporter.get("/metrics?target=production").await.status, 200);
    assert_eq!(exporter.get("/metrics?target=nobody").await.status, 404);
    let metrics = exporter.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("oauth_probe_build_info"));
}

fn targets(simulator: &Simulator, interval: &str) -> String {
    format!(
        "targets:\n  - name: production\n    authorization_server: {}\n    resource_server: {}\n    client_id: acme\n    \
         client_secret: {SECRET}\n    interval: {interval}\n",
        simulator.authorization_server(),
        simulator.resource_server()
    )
}
