//! No secret and no token appears in anything that the program writes, whatever a server makes of them: here every
//! server sends back all that it was sent, in every place of an answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use exporter::{Exporter, run, run_with};
use oauth_probe_exporter::client::{ClientPool, HttpWire};
use oauth_probe_exporter::config;
use rcgen::KeyPair;

/// In everything that must not be shown. What stands around it differs, so that every encoding has work to do.
const MARK: &str = "c4naRyM4rk";

/// Every form in which a text with the mark in it could show: plain and URL-encoded, as hexadecimal digits, and as
/// Base64 at whichever of three places the mark begins.
fn forms() -> Vec<String> {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = (0..3).map(|before| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{MARK}", "x".repeat(before)));
        // The first and the last character also depend on what stands around the mark.
        let whole_groups = encoded.len() / 4 * 4;
        encoded[before.min(1) * 4..whole_groups].to_owned()
    });
    [MARK.to_owned(), hex].into_iter().chain(base64).collect()
}

fn reveals(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    forms().iter().any(|form| text.contains(&form.to_ascii_lowercase()))
}

fn assert_silent(text: &str) {
    let line = text.lines().find(|line| reveals(line));
    assert!(line.is_none(), "{line:?} in\n{text}");
}

/// Sends back what it is sent, in the way that the request's path says.
struct Echo {
    address: SocketAddr,
    /// Everything it was sent.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let hearing = Arc::clone(&hearing);
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    let answer = answer(&request);
                    hearing.lock().unwrap().push(request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    let _ = stream.read(&mut [0]).await;
                });
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 16 * 1024];
    let mut length = 0;
    loop {
        length += stream.read(&mut bytes[length..]).await.unwrap();
        let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let stated = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= stated.unwrap_or(0) {
            return text;
        }
    }
}

fn answer(request: &str) -> String {
    let heard = request.replace(['\r', '\n'], " ").replace('"', "'");
    let echo = format!(r#"{{"error":"{heard}","error_description":"{heard}","message":"{heard}","{heard}":1}}"#);
    let way = request.split(['/', ' ', '?']).find(|part| WAYS.contains(part)).unwrap_or("demand");
    match way {
        "refuse" => noisy(401, &heard, &echo),
        "redirect" => noisy(302, &heard, &echo),
        "deny" => noisy(403, &heard, &echo),
        "break" => noisy(200, &heard, &echo).replace("Content-Length: ", "Content-Length: 9"),
        "parrot" => request.to_owned(),
        "issue" => {
            let rest = format!(r#""token_type":"bearer","expires_in":600,"scope":"{MARK}","refresh_token":"{MARK}""#);
            noisy(200, &heard, &format!(r#"{{"access_token":"{MARK}+/==",{rest}}}"#))
        }
        "mistype" => noisy(200, &heard, &format!(r#"{{"access_token":"{MARK}","token_type":"{heard}"}}"#)),
        "misspell" => noisy(200, &heard, &format!(r#"{{"access_token":"{MARK} {MARK}"}}"#)),
        "pong" => noisy(200, &heard, &format!(r#"{{"info":"pong","status":1,"echo":"{heard}"}}"#)),
        "answer" => noisy(200, &heard, &echo),
        _ => noisy(407, &heard, &echo),
    }
}

const WAYS: [&str; 10] =
    ["refuse", "redirect", "deny", "break", "parrot", "issue", "mistype", "misspell", "pong", "answer"];

/// An answer that says in every place what was heard.
fn noisy(status: u16, heard: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} {heard}\r\nContent-Length: {}\r\nContent-Type: application/json; x=\"{heard}\"\r\n\
         Location: http://127.0.0.1/{heard}\r\nRetry-After: {heard}\r\nDate: {heard}\r\nServer: {heard}\r\n\
         WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"{heard}\"\r\n\
         Proxy-Authenticate: Basic realm=\"{heard}\"\r\nSet-Cookie: a={heard}\r\n\r\n{body}",
        body.len()
    )
}

/// Ways to answer the token request, and the pings, and what each means.
const TOKEN_WAYS: [(&str, &str); 7] = [
    ("refuse", "invalid_client"),
    ("redirect", "redirected"),
    ("deny", "forbidden"),
    ("break", "connection_closed"),
    ("parrot", "protocol_error"),
    ("mistype", "bad_response"),
    ("misspell", "bad_response"),
];
const PING_WAYS: [(&str, &str); 6] = [
    ("refuse", "token_rejected"),
    ("redirect", "redirected"),
    ("deny", "forbidden"),
    ("break", "connection_closed"),
    ("parrot", "protocol_error"),
    ("answer", "unexpected_body"),
];

/// Ways to configure the secret, each with a text that looks another way in every encoding.
const SECRETS: [&str; 4] = [
    "client_secret: 'ä +%&:c4naRyM4rk'",
    "client_secret: 'c4naRyM4rk/=\"\\', token: { auth: post, params: { audience: 'x c4naRyM4rk' } }",
    "client_secret_env: SECRET, token: { basic_encoding: raw, path: '/token?key=c4naRyM4rk' }",
    "client_secret_file: secret.txt, token: { auth: post }",
];

/// Ways to sign assertions.
const ASSERTIONS: [&str; 2] = [
    "client_secret: '/ c4naRyM4rk', token: { auth: client_secret_jwt }",
    "token: { auth: private_key_jwt, jwt: { key_file: key.pem, key_id: first } }",
];
/// Of a form that is met in no other secret.
const API_KEY: &str = "key c4naRyM4rk ö";

struct Setting {
    echo: Echo,
    directory: tempfile::TempDir,
    /// In `key.pem`.
    key: KeyPair,
    configuration: String,
    environment: Vec<(&'static str, String)>,
    /// The name of each target, and how its cycles end.
    expected: Vec<(String, Option<(&'static str, &'static str)>)>,
}

impl Setting {
    async fn new() -> Self {
        let echo = Echo::start().await;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret.txt");
        std::fs::write(&file, format!("\u{feff}2 {MARK}\r\n")).unwrap();
        let (key, key_file) = (KeyPair::generate().unwrap(), directory.path().join("key.pem"));
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let mut setting = Self {
            configuration: format!(
                "defaults:\n  interval: 1s\n  timeout: 900ms\n  client_id: acme\n  checks_every: 1\n  \
                 checks: [no_token, bad_token, expired_token, api_key]\n  api_key: '{API_KEY}'\n  ping:\n    path: '/ping?key={MARK}'\n    \
                 headers: {{ x-api-key: 'k {MARK}' }}\ntargets:\n"
            ),
            environment: vec![
                ("SECRET", format!("$ {MARK}\n")),
                ("PARTNER_OA_SECRET", MARK.to_owned()),
                ("HTTPS_PROXY", format!("http://user:1{MARK}@{}", echo.address)),
            ],
            expected: Vec::new(),
            echo,
            directory,
            key,
        };
        let mut secrets = SECRETS.into_iter().cycle();
        let mut next = || secrets.next().unwrap();
        for (way, reason) in TOKEN_WAYS {
            setting.add(&format!("token-{way}"), next(), way, "pong", Some(("token", reason)));
            for (index, settings) in ASSERTIONS.into_iter().enumerate() {
                setting.add(&format!("assertion-{index}-{way}"), settings, way, "pong", Some(("token", reason)));
            }
        }
        for (way, reason) in PING_WAYS {
            setting.add(&format!("ping-{way}"), next(), "issue", way, Some(("ping", reason)));
        }
        setting.add("good", next(), "issue", "pong", None);
        setting.add_proxied("environment", "");
        let proxy = format!("proxy_url: 'http://us%20er:%20{MARK}@{}', ", setting.echo.address);
        setting.add_proxied("proxy", &proxy);
        for (name, path) in [("secret.txt", file), ("key.pem", key_file)] {
            setting.configuration = setting.configuration.replace(name, path.to_str().unwrap());
        }
        setting
    }

    fn add(&mut self, name: &str, secret: &str, token: &str, ping: &str, ends: Option<(&'static str, &'static str)>) {
        let base = format!("http://{}", self.echo.address);
        self.configuration += &format!(
            "  - {{ name: {name}, authorization_server: '{base}/{token}', resource_server: '{base}/{ping}', {secret} }}\n"
        );
        self.expected.push((name.to_owned(), ends));
    }

    fn add_proxied(&mut self, name: &str, proxy: &str) {
        let token = format!("http://{}/issue", self.echo.address);
        let secret = SECRETS[0];
        self.configuration += &format!(
            "  - {{ name: {name}, {proxy}authorization_server: '{token}', resource_server: 'https://api.invalid', {secret} }}\n"
        );
        self.expected.push((name.to_owned(), Some(("ping", "proxy"))));
    }

    fn file(&self) -> String {
        let path = self.directory.path().join("probe.yml");
        std::fs::write(&path, &self.configuration).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Neither the mark shows, nor any part of an assertion that was sent, nor a part of the key that signed some.
    fn assert_silent(&self, text: &str) {
        assert_silent(text);
        let heard = self.echo.heard();
        let assertions = heard.iter().flat_map(|request| request.split("client_assertion=").skip(1));
        let parts: Vec<&str> = assertions.flat_map(|rest| rest.split(['&', ' ']).next().unwrap().split('.')).collect();
        let pem = self.key.serialize_pem();
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        let bytes = &self.key.serialized_der()[40..60];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
        for part in parts.into_iter().chain(lines).chain([&*hex, &*numbers]) {
            assert!(part.len() > 20 && !text.contains(part), "{part} in\n{text}");
        }
    }

    /// The servers were sent what must not be shown, or the test would show nothing.
    fn assert_heard(&self) {
        let heard = self.echo.heard();
        for part in ["authorization: Basic ", "client_secret=", "audience=", "authorization: Bearer ", "x-api-key: "] {
            let mut carriers =
                heard.iter().flat_map(|request| request.split(['\r', '&'])).filter(|line| line.contains(part));
            assert!(carriers.any(reveals), "{part} in {heard:#?}");
        }
        let signed = heard.iter().filter(|request| request.contains("&client_assertion=eyJ")).count();
        assert!(signed >= ASSERTIONS.len() * TOKEN_WAYS.len(), "{signed} in {heard:#?}");
        let key = STANDARD.encode(format!("{API_KEY}:"));
        assert!(heard.iter().any(|request| request.contains(&key)), "{heard:#?}");
        let by_proxy = heard.iter().filter(|request| request.starts_with("CONNECT") && reveals(request)).count();
        assert!(by_proxy >= 2, "{heard:#?}");
    }
}

#[tokio::test]
async fn serve_shows_no_secret_in_its_log_nor_at_any_endpoint() {
    for format in ["--log.format=logfmt", "--log.format=json"] {
        let setting = Setting::new().await;
        let exporter =
            Exporter::start_with(&setting.configuration, &["--log.level=trace", format], &setting.environment).await;
        exporter.until_matching(&["check_result", "good", "api_key", "accepted"], |value| value == 1.0).await;
        for (name, ends) in &setting.expected {
            let result = if ends.is_some() { "failure" } else { "success" };
            exporter.until_matching(&["oauth_probe_cycles_total", name, result], |value| value > 0.0).await;
            if let Some((request, reason)) = ends {
                exporter.until_matching(&["cycle_failure_info", name, request, reason], |value| value == 1.0).await;
            }
        }
        for path in [
            "/",
            "/metrics",
            "/metrics?target=good",
            "/probe?target=good",
            "/sd",
            "/api/v1/targets?q=c4naRyM4rk",
            "/-/healthy",
            "/-/ready",
            "/-/reload",
            "/debug",
        ] {
            setting.assert_silent(&exporter.get(path).await.everything());
        }
        let names = || setting.expected.iter().map(|(name, _)| name);
        let targets = names().flat_map(|name| [format!("/api/v1/targets/{name}"), format!("/targets/{name}")]);
        for path in ["/config".to_owned(), "/api/v1/targets".to_owned()].into_iter().chain(targets) {
            let answer = exporter.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            setting.assert_silent(&answer.everything());
        }
        assert!(exporter.get("/config").await.text().contains("proxy_url: http://<secret>@"));
        assert_silent(&exporter.reload().await.everything());
        setting.assert_heard();
        let log = exporter.terminate_and_read_log().await;
        assert!(log.contains("target fails") && log.contains("request"), "{log}");
        setting.assert_silent(&log);
    }
}

#[tokio::test]
async fn check_shows_no_secret_in_either_form() {
    for form in ["text", "json"] {
        let setting = Setting::new().await;
        let file = setting.file();
        let arguments = ["check", "--config.file", &file, "--output", form, "--log.level=trace"];
        let output = run_with(&arguments, &setting.environment).await;
        assert_eq!(output.code, 1, "{output:?}");
        for (name, ends) in &setting.expected {
            assert!(output.stdout.contains(name), "{name} in {}", output.stdout);
            assert!(ends.is_none_or(|(_, reason)| output.stdout.contains(reason)), "{name} in {}", output.stdout);
        }
        setting.assert_heard();
        setting.assert_silent(&output.everything());
    }
}

#[tokio::test]
async fn help_and_a_look_at_the_configuration_show_no_secret() {
    let setting = Setting::new().await;
    let file = setting.file();
    for arguments in
        [&["--config.file", &file, "--config.check"][..], &["--help"], &["check", "--help"], &["check", "good"]]
    {
        setting.assert_silent(&run_with(arguments, &setting.environment).await.everything());
    }
    assert_silent(&run(&["--config.file", "/dev/null"]).await.everything());
}

/// What a panic or a log line would show of them.
#[tokio::test]
async fn debug_forms_show_no_secret() {
    let setting = Setting::new().await;
    // A query is part of a URL, which is no secret; no log, page or label shows one all the same.
    let text = setting.configuration.replace(&format!("key={MARK}"), "key=x");
    let variable =
        |name: &str| setting.environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    let config = config::parse(&text, "probe.yml", &variable).unwrap();
    setting.assert_silent(&format!("{config:?}\n{config:#?}"));
    let mut pool = ClientPool::new();
    for target in config.targets {
        let wire = HttpWire::new(target, &mut pool).unwrap();
        setting.assert_silent(&format!("{wire:?}\n{pool:?}"));
    }
}

/// A key that stands in the web configuration itself, and users whose hashes and passwords nobody may see.
fn web_configuration(key: &KeyPair, hash: &str) -> String {
    let block = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = block(&params.self_signed(key).unwrap().pem());
    let key = block(&key.serialize_pem());
    format!("tls_server_config:\n  cert: |\n{certificate}  key: |\n{key}{}", users(hash))
}

fn users(hash: &str) -> String {
    format!("basic_auth_users: {{ alice: '{hash}' }}\n")
}

#[tokio::test]
async fn web_configuration_shows_no_password_no_hash_and_no_key() {
    let password = format!("x {MARK}");
    let hash = bcrypt::hash(&password, 4).unwrap();
    let key = KeyPair::generate().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let web = directory.path().join("web.yml");
    let flag = format!("--web.config.file={}", web.display());
    let silent = |text: &str| {
        assert_silent(text);
        let pem = key.serialize_pem();
        let key_lines = pem.lines().filter(|line| !line.starts_with("-----"));
        for part in key_lines.chain([&hash[7..29], &hash[29..]]) {
            assert!(part.len() > 10 && !text.contains(part), "{part} in\n{text}");
        }
    };
    let targets = "targets:\n  - { name: x, authorization_server: 'http://127.0.0.1:1', resource_server: \
                   'http://127.0.0.1:1', client_id: c, client_secret: s }\n";
    for text in [users(&hash), web_configuration(&key, &hash)] {
        std::fs::write(&web, &text).unwrap();
        for format in ["--log.format=logfmt", "--log.format=json"] {
            let exporter = Exporter::start_with(targets, &["--log.level=trace", format, &flag], &[]).await;
            let good = STANDARD.encode(format!("alice:{password}"));
            let wrong = STANDARD.encode(format!("{MARK}:{password}{MARK}"));
            for credentials in [good, wrong, MARK.to_owned()] {
                for path in ["/", "/metrics", "/config", "/-/healthy", "/nothing"] {
                    let header = format!("Authorization: Basic {credentials}\r\nX-Forwarded-For: {MARK}\r\n");
                    silent(&exporter::http(&exporter.address, "GET", path, &header).await.everything());
                }
            }
            // What goes bad is told, and not what stands there.
            for bad in [text.replace(&hash, &password), text.replace("BEGIN", MARK), format!("{text}foo: {MARK}\n")] {
                std::fs::write(&web, bad).unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
                silent(&exporter::http(&exporter.address, "GET", "/", "").await.everything());
            }
            std::fs::write(&web, &text).unwrap();
            let log = exporter.terminate_and_read_log().await;
            assert!(log.contains("have gone bad; the last good ones stay in use"), "{log}");
            silent(&log);
        }
        for flags in [&["--config.check", &flag][..], &[&flag]] {
            std::fs::write(&web, text.replace(&hash, &password).replace("BEGIN", MARK)).unwrap();
            silent(&run_with(flags, &[("AUTHORIZATION_SERVER", MARK.to_owned())]).await.everything());
        }
        let config = config::parse_web(&text, "web.yml").unwrap();
        silent(&format!("{config:?}\n{config:#?}"));
    }
}

#[test]
fn mark_is_found_in_every_form() {
    for text in ["x", "xy", "xyz", "some user:a "].map(|before| format!("{before}{MARK}äö")) {
        assert!(reveals(&text));
        assert!(reveals(&format!("Basic {}", STANDARD_NO_PAD.encode(&text))), "{text}");
    }
    assert!(!reveals("target fails"));
}
