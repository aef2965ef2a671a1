//! The built program with a web configuration: what is said about it, who gets in, and a real Prometheus that does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod raw_server;
mod reports;
mod served;
mod support;
mod targets;

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use exporter::{Exporter, one_target, run};
use raw_server::Authority;
use served::{Files, HANGS, client, raise_descriptor_limit, try_exchange};
use support::Prometheus;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;

const CONFIGURATION: &str = "targets:\n  - name: x\n    authorization_server: http://127.0.0.1:1\n    \
                             resource_server: http://127.0.0.1:1\n    client_id: c\n    client_secret: s\n";
const CLIENTS: &str = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem";

fn users(cost: u32) -> String {
    format!("basic_auth_users: {{ alice: '{}' }}\n", bcrypt::hash("wonder", cost).unwrap())
}

fn basic() -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode("alice:wonder"))
}

async fn start(web_config: &Path, more: &[&str]) -> Exporter {
    let flag = format!("--web.config.file={}", web_config.display());
    Exporter::start_with(CONFIGURATION, &[&[flag.as_str(), "--log.level=debug"], more].concat(), &[]).await
}

/// The same with a web configuration that no file holds yet.
async fn start_with(files: &Files, web_config: &str) -> Exporter {
    start(&files.write("web.yml", web_config), &[]).await
}

async fn healthcheck(exporter: &Exporter, more: &[&str]) -> exporter::Output {
    run(&[&["healthcheck", "--web.listen-address", exporter.address.as_str()], more].concat()).await
}

#[tokio::test]
async fn check_says_how_the_port_is_served_and_every_mistake() {
    let files = Files::new();
    let directory = tempfile::tempdir().unwrap();
    let probe = directory.path().join("probe.yml");
    std::fs::write(&probe, CONFIGURATION).unwrap();
    let check = async |web: &Path| {
        let flags =
            ["--config.check", "--config.file", probe.to_str().unwrap(), "--web.config.file", web.to_str().unwrap()];
        run(&flags).await
    };
    let output = check(&files.web_config(CLIENTS, &users(4))).await;
    assert_eq!(output.code, 0, "{output:?}");
    let lines = ", metrics at https://localhost:10917/metrics\n  TLS 1.2 and 1.3 with HTTP/2, client certificates demanded \
                 and verified; passwords of 1 user\n";
    assert!(output.stdout.contains(lines), "{}", output.stdout);
    let output = check(&files.write("web.yml", "")).await;
    assert!(
        output.code == 0 && output.stdout.contains("http://localhost:10917/metrics\n  no TLS; no passwords\n"),
        "{output:?}"
    );
    let bad = files.write("web.yml", "foo: 1\nbasic_auth_users: { alice: wonder }\n");
    for output in [
        check(&bad).await,
        run(&["--web.config.file", bad.to_str().unwrap(), "--config.file", probe.to_str().unwrap()]).await,
    ] {
        assert_eq!(output.code, 2, "{output:?}");
        let shown = bad.display();
        assert!(output.stderr.contains(&format!("{shown}:1: foo: unknown key; known here: ")), "{}", output.stderr);
        assert!(
            output.stderr.contains(&format!("{shown}:2: basic_auth_users.alice: is no bcrypt hash")),
            "{}",
            output.stderr
        );
        assert!(!output.everything().contains("wonder"));
    }
    let output = check(Path::new("/nonexistent/web.yml")).await;
    assert!(output.code == 2 && output.stderr.contains("/nonexistent/web.yml: cannot be read"), "{output:?}");
    std::fs::remove_file(files.path("server.key")).unwrap();
    let output = check(&files.web_config("", "")).await;
    assert!(output.code == 2 && output.stderr.contains("web.yml: tls_server_config.key_file: "), "{output:?}");
}

#[tokio::test]
async fn healthcheck_knows_an_exporter_that_lives_however_it_is_protected() {
    let files = Files::new();
    let tls = |keys: &str, sections: &str| std::fs::read_to_string(files.web_config(keys, sections)).unwrap();
    let only12 = format!("{CLIENTS}\nmax_version: TLS12");
    let exhausted = "rate_limit: { interval: 1h, burst: 1 }";
    for web_config in [
        String::new(),
        users(4),
        exhausted.to_owned(),
        tls("", ""),
        tls("max_version: TLS12", ""),
        tls("", &users(4)),
        tls("", exhausted),
        tls(CLIENTS, ""),
        tls(&only12, ""),
        tls("client_auth_type: RequireAnyClientCert", &users(4)),
    ] {
        let exporter = start_with(&files, &web_config).await;
        for more in [&[][..], &["--web.config.file=/nonexistent"]] {
            let output = healthcheck(&exporter, more).await;
            assert_eq!(output.code, 0, "{output:?} {web_config}");
        }
        let output = healthcheck(&exporter, &["--web.route-prefix=/elsewhere"]).await;
        let is_seen =
            !web_config.contains("basic_auth") && !web_config.contains("client_auth") && !web_config.contains("rate");
        assert_eq!(output.code, i32::from(is_seen), "{output:?} {web_config}");
        assert!(!is_seen || output.stderr.contains("status 404 at /elsewhere/-/healthy; check --web.route-prefix"));
    }
}

/// What `openssl s_client` makes of the exporter: its answer, and what it says itself.
async fn openssl(exporter: &Exporter, files: &Files, more: &[&str]) -> String {
    let ca = files.path("ca.pem");
    let request = "printf 'GET /-/healthy HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 60";
    let mut requesting =
        Command::new("/bin/sh").args(["-c", request]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let stdin: Stdio = requesting.stdout.take().unwrap().try_into().unwrap();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &exporter.address, "-servername", "localhost", "-verify_return_error"])
        .arg("-CAfile")
        .arg(ca)
        .args(more)
        .stdin(stdin)
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(HANGS, output).await.expect("an end").expect("openssl: run tests/run.sh --only-setup");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn openssl_comes_in_as_the_configuration_says() {
    const HEALTHY: &str = "oauth-probe-exporter is healthy.";
    let files = Files::new();
    let ours = files.authority.issue("prometheus", |_| {});
    let (certificate, key) = files.authority.files("client", &ours);
    let identity = ["-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    for (keys, tls12, tls13) in
        [("", true, true), ("min_version: TLS13", false, true), ("max_version: TLS12", true, false)]
    {
        let exporter = start(&files.web_config(keys, ""), &[]).await;
        for (more, expected) in [(&["-tls1_2"][..], tls12), (&["-tls1_3"], tls13), (&old, false)] {
            let said = openssl(&exporter, &files, more).await;
            assert_eq!(said.contains(HEALTHY), expected, "{keys} {more:?}\n{said}");
            assert!(
                expected || said.contains("alert protocol version") || said.contains("alert handshake failure"),
                "{said}"
            );
        }
    }
    let exporter = start(&files.web_config(CLIENTS, ""), &[]).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let said = openssl(&exporter, &files, &[&[version], &identity[..]].concat()).await;
        assert!(said.contains(HEALTHY), "{version}\n{said}");
        let said = openssl(&exporter, &files, &[version]).await;
        assert!(!said.contains(HEALTHY) && said.contains("alert certificate required"), "{version}\n{said}");
    }
}

/// A job of `prometheus.yml` for the exporter at `address`.
fn job(name: &str, address: &str, files: &Files, more: &str) -> String {
    let (ca, certificate, key) = (files.path("trusted.pem"), files.path("client.crt"), files.path("client.key"));
    format!(
        "  - job_name: {name}\n    scheme: https\n    static_configs: [{{ targets: ['{address}'] }}]\n    \
         tls_config: {{ ca_file: '{}', server_name: localhost, CERTIFICATE }}\n{more}",
        ca.display()
    )
    .replace("CERTIFICATE", &format!("cert_file: '{}', key_file: '{}'", certificate.display(), key.display()))
}

const PASSWORD: &str = "    basic_auth: { username: alice, password: wonder }\n";
const GLOBAL: &str = "global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n";

#[tokio::test]
async fn prometheus_scrapes_with_client_certificate_and_password_while_certificates_rotate() {
    let files = Files::new();
    let ours = files.authority.issue("prometheus", |_| {});
    files.write("client.crt", &ours.chain);
    files.write("client.key", &ours.key.serialize_pem());
    files.write("trusted.pem", &files.authority.pem());
    let exporter = start(&files.web_config(CLIENTS, &users(10)), &[]).await;
    let address = exporter.address.as_str();
    let wrong = "    basic_auth: { username: alice, password: wrong }\n";
    let nobody = job("nobody", address, &files, PASSWORD).replace(", cert_file", " }\n#");
    let plain = job("plain", address, &files, PASSWORD).replace("scheme: https", "scheme: http");
    let old = job("http1", address, &files, PASSWORD) + "    enable_http2: false\n";
    let jobs =
        [job("good", address, &files, PASSWORD), old, job("wrong", address, &files, wrong), nobody, plain].concat();
    let prometheus = Prometheus::start(&format!("{GLOBAL}{jobs}")).await;
    for name in ["good", "http1"] {
        prometheus.wait_for(&format!("up{{job='{name}'}} == 1"), HANGS).await;
        prometheus.wait_for(&format!("oauth_probe_build_info{{job='{name}'}}"), HANGS).await;
    }
    for (name, reason) in
        [("wrong", "401 Unauthorized"), ("nobody", "certificate required"), ("plain", "400 Bad Request")]
    {
        prometheus.wait_for(&format!("up{{job='{name}'}} == 0"), HANGS).await;
        prometheus.until_last_error(name, reason, HANGS).await;
    }

    // Another authority signs from now on. Who trusts it alone comes in, and who was in notices nothing.
    let next = Authority::new();
    files.rotate(&next.issue("localhost", |_| {}));
    let by_next = async {
        let trusting = || client(next.roots(), Some(&ours), rustls::DEFAULT_VERSIONS);
        while ask(address, trusting(), "/-/healthy").await.is_none_or(|status| status != 200) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANGS, by_next).await.expect("the new certificate");
    files.write("trusted.pem", &next.pem());
    let newcomer = Prometheus::start(&format!("{GLOBAL}{}", job("good", address, &files, PASSWORD))).await;
    newcomer.wait_for("up{job='good'} == 1", HANGS).await;
    let before = prometheus.wait_for("count_over_time(up{job='good'}[1h])", HANGS).await;
    let count: f64 = before[0]["value"][1].as_str().unwrap().parse().unwrap();
    prometheus.wait_for(&format!("count_over_time(up{{job='good'}}[1h]) > {}", count + 3.0), HANGS).await;
    for name in ["good", "http1"] {
        let failed = prometheus.query(&format!("min_over_time(up{{job='{name}'}}[1h]) == 0")).await;
        assert_eq!(failed.as_array().unwrap().len(), 0, "{name}: {failed}");
    }
    let log = exporter.terminate_and_read_log().await;
    assert!(log.contains("the web configuration or its files changed"), "{log}");
    assert!(!log.contains("wonder") && !log.contains("wrong"), "{log}");
}

/// The status of one request by TLS, with the password.
async fn ask(address: &str, client: rustls::ClientConfig, path: &str) -> Option<u16> {
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.ok()?;
    let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client)).connect(name, stream).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", basic());
    try_exchange(stream, &request).await.ok().map(|answer| answer.status)
}

async fn value(exporter: &Exporter, series: &str) -> f64 {
    let answer = exporter::http(&exporter.address, "GET", "/metrics", &basic()).await;
    assert_eq!(answer.status, 200, "a scrape goes through whatever else happens");
    let text = answer.text();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{series} in\n{text}")).parse().unwrap()
}

/// Comes again and again with half a head, and with a password that is wrong.
async fn attack(address: String) {
    let wrong = format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode("alice:guess"));
    let mut half_open = VecDeque::new();
    loop {
        tokio::task::yield_now().await;
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\n").await;
        half_open.push_back(stream);
        if half_open.len() > 50 {
            half_open.pop_front();
        }
        if let Ok(stream) = TcpStream::connect(&address).await {
            let _ = try_exchange(stream, &format!("GET / HTTP/1.0\r\n{wrong}\r\n")).await;
        }
    }
}

#[tokio::test]
async fn attackers_do_not_disturb_the_schedule_of_the_probes() {
    const CYCLES: f64 = 8.0;
    raise_descriptor_limit(4000);
    let (simulator, configuration) = one_target("interval: 1s").await;
    let files = Files::new();
    let flag = format!("--web.config.file={}", files.write("web.yml", &users(12)).display());
    let exporter = Exporter::start_with(&configuration, &[&flag], &[]).await;
    let mut attackers = JoinSet::new();
    for _ in 0..40 {
        attackers.spawn(attack(exporter.address.clone()));
    }
    let cycles = "oauth_probe_cycles_total{target=\"x\",result=\"success\"}";
    let probing = async {
        while value(&exporter, cycles).await < CYCLES {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(HANGS, probing).await.expect("probes go on");
    assert_eq!(value(&exporter, "oauth_probe_skipped_cycles_total{target=\"x\"}").await, 0.0);
    assert_eq!(value(&exporter, "oauth_probe_cycles_total{target=\"x\",result=\"failure\"}").await, 0.0);
    assert!(attackers.try_join_next().is_none(), "they go on to the end");
    let pings = simulator.control().counts("acme").pings_accepted;
    assert!(pings as f64 >= CYCLES, "{pings}");
}
