//! Forward proxies, of our own making and Debian's tinyproxy: whose fault a failure is, and who is never proxied.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod namespace;
mod raw_server;
mod support;
mod targets;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire, PingExchange, Wire};
use oauth_probe_exporter::model::fault::{Fault, Reason, Request};
use oauth_probe_exporter::model::report::Phase;
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::{ProxyUrl, Transport};
use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use serde_json::Value;

use namespace::outside;
use raw_server::{Authority, Behaviour, RawServer, answer, tls_config};
use targets::target;

const BOUND: Duration = Duration::from_secs(8);
const SHORT: Duration = Duration::from_millis(300);
const PONG: &str = r#"{"info":"pong","status":1}"#;

/// Pings `server` through a proxy at `address`, whose certificate is judged as the server's is.
async fn ping_through(address: &str, server: &str, authority: &Authority, bound: Duration) -> PingExchange {
    let mut target = target(server);
    target.ping.transport = Transport {
        ca_file: Some(authority.ca_file()),
        proxy: Some(ProxyUrl { address: address.parse().unwrap(), credentials: None }),
        ..Transport::default()
    };
    let token = AccessToken::parse("abc=".to_owned()).unwrap();
    HttpWire::new(Arc::new(target), &mut ClientPool::new()).unwrap().ping(&token, bound).await
}

fn blame(exchange: &PingExchange) -> Option<(Reason, Fault)> {
    exchange.result.err().map(|failure| (failure.reason, failure.reason.fault(Request::Ping)))
}

#[tokio::test]
async fn what_a_proxy_does_wrong_over_its_own_tls_is_the_proxys_fault() {
    let authority = Authority::new();
    let good = || tls_config(&authority.issue("localhost", |_| {}), None);
    let other = tls_config(&authority.issue("other.example", |_| {}), None);
    let demanding = tls_config(&authority.issue("localhost", |_| {}), Some(&authority));
    let proxies = [
        ("no TLS at all", RawServer::plain(answer(400, "", "")).await, BOUND),
        ("a handshake that hangs", RawServer::plain(Behaviour::Silent).await, SHORT),
        ("a certificate for another name", RawServer::tls(answer(200, "", ""), other).await, BOUND),
        ("a client certificate is demanded", RawServer::tls(answer(200, "", ""), demanding).await, BOUND),
        ("the tunnel is refused", RawServer::tls(answer(403, "", ""), good()).await, BOUND),
        ("credentials are demanded", RawServer::tls(answer(407, "", ""), good()).await, BOUND),
        ("the answer hangs", RawServer::tls(Behaviour::Stall(b"".as_slice().into()), good()).await, SHORT),
    ];
    for (what, proxy, bound) in proxies {
        let address = format!("https://localhost:{}", proxy.address.port());
        let exchange = ping_through(&address, "https://api.example.invalid", &authority, bound).await;
        assert_eq!(blame(&exchange), Some((Reason::Proxy, Fault::Network)), "{what}");
        assert_eq!(exchange.trace.phases.tls, None, "{what}: a proxy's handshake is part of connecting");
    }
}

#[tokio::test]
async fn what_the_server_does_wrong_in_the_tunnel_is_the_servers_fault() {
    let authority = Authority::new();
    let certificate = |name: &str| tls_config(&authority.issue(name, |_| {}), None);
    let servers = [
        (RawServer::tls(answer(200, "", PONG), certificate("api.example.invalid")).await, None),
        (
            RawServer::tls(answer(200, "", PONG), certificate("other.example")).await,
            Some((Reason::Certificate, Fault::ResourceServer)),
        ),
        (RawServer::plain(Behaviour::Silent).await, Some((Reason::ConnectTimeout, Fault::Network))),
    ];
    for (server, expected) in servers {
        let bound = if matches!(expected, Some((Reason::ConnectTimeout, _))) { SHORT } else { BOUND };
        let tunnel = Behaviour::Tunnel(server.address);
        let plain = RawServer::plain(tunnel.clone()).await;
        let secure = RawServer::tls(tunnel, certificate("localhost")).await;
        for (scheme, proxy) in [("http", plain), ("https", secure)] {
            let address = format!("{scheme}://localhost:{}", proxy.address.port());
            let exchange = ping_through(&address, "https://api.example.invalid", &authority, bound).await;
            assert_eq!(blame(&exchange), expected, "by {scheme}");
            let phases: Vec<_> = exchange.trace.phases.happened().map(|(phase, _)| phase).collect();
            assert!(phases.starts_with(&[Phase::Resolve, Phase::Connect, Phase::Tls]), "{phases:?}");
        }
    }
}

// ── tinyproxy ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// An address that is not loopback's, so that it is proxied (RFC 5737).
const OUTSIDE: &str = "192.0.2.1";
const NETWORK: &str = "ip link set lo up; ip address add 192.0.2.1/32 dev lo";
#[test]
fn tinyproxy_takes_both_requests_with_credentials_and_its_failures_are_its_own() {
    if !namespace::is_inside() {
        let name = "tinyproxy_takes_both_requests_with_credentials_and_its_failures_are_its_own";
        return namespace::run_inside(name, NETWORK);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stage = Stage::set().await;
        stage.proxied_by_configuration_and_by_environment().await;
        stage.refused_by_the_proxy().await;
        stage.not_proxied().await;
        stage.server_down_behind_the_proxy().await;
        stage.proxy_down().await;
    });
}

/// Servers that can be reached at [`OUTSIDE`], in the clear and over TLS, and a proxy that wants credentials.
struct Stage {
    simulator: Simulator,
    authority: Authority,
    tls: RawServer,
    proxy: Tinyproxy,
    directory: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let clients = vec![ClientSettings::new("acme", "secret")];
        let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
        let authority = Authority::new();
        let config = tls_config(&authority.issue(OUTSIDE, |_| {}), None);
        let tls = RawServer::tls(answer(200, "", PONG), config).await;
        let directory = tempfile::tempdir().unwrap();
        Self { simulator, authority, tls, proxy: Tinyproxy::start(), directory }
    }

    /// What `check` finds of a target with these lines, in an environment with these variables: its two steps.
    async fn check(&self, lines: &str, environment: &[(&str, String)]) -> [Value; 2] {
        let token = outside(OUTSIDE, self.simulator.authorization_server().port().unwrap()).await;
        let ping = outside(OUTSIDE, self.tls.address.port()).await;
        let config = format!(
            "targets:\n  - name: x\n    authorization_server: http://{token}\n    resource_server: https://{ping}\n    \
             allow_plaintext: true\n    client_id: acme\n    client_secret: secret\n    timeout: 5s\n    \
             tls: {{ ca_file: '{}' }}\n{lines}",
            self.authority.ca_file().display(),
        );
        self.check_file(&config, environment).await
    }

    async fn check_file(&self, config: &str, environment: &[(&str, String)]) -> [Value; 2] {
        let file = self.directory.path().join("probe.yml");
        std::fs::write(&file, config).unwrap();
        let arguments = ["check", "--output=json", "--config.file", file.to_str().unwrap()];
        let output = exporter::run_with(&arguments, environment).await;
        let mut report: Value = serde_json::from_str(&output.stdout).expect(&output.stderr);
        let steps = report["targets"][0]["steps"].as_array_mut().unwrap();
        steps.resize(2, Value::Null);
        [steps[0].take(), steps[1].take()]
    }

    async fn proxied_by_configuration_and_by_environment(&self) {
        let url = self.proxy.url("user:pass");
        let by_file = self.check(&format!("    proxy_url: {url}\n"), &[]).await;
        let variables = [("HTTP_PROXY", url.clone()), ("HTTPS_PROXY", url)];
        let by_environment = self.check("", &variables).await;
        for [token, ping] in [by_file, by_environment] {
            assert_eq!((&token["success"], &ping["success"]), (&true.into(), &true.into()), "{token} {ping}");
            assert_eq!(token["address"], self.proxy.address.to_string(), "the proxy is who was spoken to");
        }
        let log = self.proxy.log();
        assert_eq!(log.matches("POST http://192.0.2.1").count(), 2, "{log}");
        assert_eq!(log.matches("CONNECT 192.0.2.1").count(), 2, "{log}");
    }

    async fn refused_by_the_proxy(&self) {
        // To a wrong password tinyproxy answers 401 in the clear, as the server could: only in a tunnel it is known.
        let [token, _] = self.check(&format!("    proxy_url: http://{}\n", self.proxy.address), &[]).await;
        assert_eq!((&token["reason"], &token["fault"]), (&"proxy".into(), &"network".into()), "{token}");
        assert_eq!(token["status"], 407);
        // A token from loopback, which is not proxied, so that the refusal meets the ping's tunnel.
        let [token, ping] = self.check_with_direct_token(&self.proxy.url("user:wrong")).await;
        assert_eq!(token["success"], true, "{token}");
        assert_eq!((&ping["reason"], &ping["fault"]), (&"proxy".into(), &"network".into()), "{ping}");
        assert_eq!(ping["broke_off_in"], "connect");
    }

    async fn check_with_direct_token(&self, proxy: &str) -> [Value; 2] {
        let ping = outside(OUTSIDE, self.tls.address.port()).await;
        let config = format!(
            "targets: [{{ name: x, authorization_server: '{}', resource_server: 'https://{ping}', client_id: acme, \
             client_secret: secret, timeout: 5s, proxy_url: '{proxy}', tls: {{ ca_file: '{}' }} }}]",
            self.simulator.authorization_server(),
            self.authority.ca_file().display(),
        );
        self.check_file(&config, &[]).await
    }

    async fn not_proxied(&self) {
        let before = self.proxy.log().len();
        let variables = [
            ("HTTP_PROXY", self.proxy.url("user:pass")),
            ("HTTPS_PROXY", self.proxy.url("user:pass")),
            ("NO_PROXY", OUTSIDE.to_owned()),
        ];
        let [token, ping] = self.check("", &variables).await;
        assert_eq!((&token["success"], &ping["success"]), (&true.into(), &true.into()), "{token} {ping}");
        assert_eq!(self.proxy.log()[before..].matches("192.0.2.1").count(), 0);
    }

    /// In a tunnel the proxy's word is told from the server's; in the clear the protocol has no way to tell them apart.
    async fn server_down_behind_the_proxy(&self) {
        let url = self.proxy.url("user:pass");
        let target = |scheme: &str| {
            format!(
                "targets: [{{ name: x, authorization_server: '{scheme}://{OUTSIDE}:9', resource_server: 'https://{OUTSIDE}:9', \
                 client_id: acme, client_secret: secret, timeout: 5s, allow_plaintext: true, proxy_url: '{url}' }}]"
            )
        };
        let [tunnelled, _] = self.check_file(&target("https"), &[]).await;
        assert_eq!((&tunnelled["reason"], &tunnelled["fault"]), (&"proxy".into(), &"network".into()), "{tunnelled}");
        let [clear, _] = self.check_file(&target("http"), &[]).await;
        // It resets the connection before the end of its page, so that the reason may be either of two.
        assert_eq!((&clear["status"], &clear["fault"]), (&500.into(), &"authorization_server".into()), "{clear}");
    }

    async fn proxy_down(&self) {
        let url = self.proxy.url("user:pass");
        self.proxy.stop();
        let [token, _] = self.check(&format!("    proxy_url: {url}\n"), &[]).await;
        assert_eq!((&token["reason"], &token["fault"]), (&"proxy".into(), &"network".into()), "{token}");
        assert_eq!(token["broke_off_in"], "connect");
    }
}

/// Debian's forward proxy, which wants `user` and `pass`.
struct Tinyproxy {
    address: SocketAddr,
    child: std::sync::Mutex<std::process::Child>,
    directory: tempfile::TempDir,
}

impl Tinyproxy {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // On a network of its own no other process can take the port meanwhile.
        let address: SocketAddr = "127.0.0.1:3128".parse().unwrap();
        let log = directory.path().join("log");
        let config = directory.path().join("tinyproxy.conf");
        std::fs::write(
            &config,
            format!(
                "Port {}\nListen {}\nTimeout 10\nMaxClients 20\nLogLevel Connect\nLogFile \"{}\"\nBasicAuth user pass\n",
                address.port(),
                address.ip(),
                log.display()
            ),
        )
        .unwrap();
        let mut child = std::process::Command::new(support::test_dep("bin/tinyproxy"))
            .arg("-d")
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "tinyproxy ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { address, child: child.into(), directory }
    }

    fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}@{}", self.address)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        self.stop();
    }
}
