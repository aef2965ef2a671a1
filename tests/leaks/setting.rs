//! Targets with every kind of secret, at servers that send back all of them in every way.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::KeyPair;

use super::echo::{self, Echo, PING_WAYS, TOKEN_WAYS};
use super::forms::{MARK, assert_silent, reveals};
use super::raw_server::{Authority, RawServer, answer, tls_config};

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

pub(crate) struct Setting {
    pub(crate) echo: Echo,
    directory: tempfile::TempDir,
    /// In `key.pem`.
    pub(crate) key: KeyPair,
    authority: Authority,
    certified: Option<RawServer>,
    pub(crate) configuration: String,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The name of each target, and how its cycles end.
    pub(crate) expected: Vec<(String, Option<(&'static str, &'static str)>)>,
}

impl Setting {
    pub(crate) async fn new() -> Self {
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
            authority: Authority::new(),
            certified: None,
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
        setting.add_certified(next()).await;
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

    /// An API whose certificate bears no name but the mark.
    async fn add_certified(&mut self, secret: &str) {
        let leaf = self.authority.issue(&format!("{MARK}.example"), |_| {});
        let server = RawServer::tls(answer(200, "", MARK), tls_config(&leaf, None)).await;
        self.configuration += &format!(
            "  - {{ name: certified, authorization_server: 'http://{}/issue', resource_server: 'https://{}', \
             tls: {{ ca_file: '{}' }}, {secret} }}\n",
            self.echo.address,
            server.address,
            self.authority.ca_file().display()
        );
        self.expected.push(("certified".to_owned(), Some(("ping", "certificate"))));
        self.certified = Some(server);
    }

    fn add_proxied(&mut self, name: &str, proxy: &str) {
        let token = format!("http://{}/issue", self.echo.address);
        let secret = SECRETS[0];
        self.configuration += &format!(
            "  - {{ name: {name}, {proxy}authorization_server: '{token}', resource_server: 'https://api.invalid', {secret} }}\n"
        );
        self.expected.push((name.to_owned(), Some(("ping", "proxy"))));
    }

    pub(crate) fn file(&self) -> String {
        let path = self.directory.path().join("probe.yml");
        std::fs::write(&path, &self.configuration).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Neither the mark shows, nor any part of an assertion that was sent, nor a part of the key that signed some.
    pub(crate) fn assert_silent(&self, text: &str) {
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

    /// The servers were sent each of the secrets, in the form that belongs to it, and sent it back; or the test would show
    /// nothing.
    pub(crate) fn assert_heard(&self) {
        let heard = self.echo.heard();
        let basic = |credentials: &str| format!("uthorization: Basic {}", STANDARD.encode(credentials));
        for carrier in [
            basic(&format!("acme:%C3%A4%20%2B%25%26%3A{MARK}")),
            format!("client_secret={MARK}%2F%3D%22%5C"),
            format!("audience=x+{MARK}"),
            basic(&format!("acme:$ {MARK}")),
            format!("/token?key={MARK} "),
            format!("client_secret=2+{MARK}"),
            format!("authorization: Bearer {MARK}+/=="),
            format!("/ping?key={MARK} "),
            format!("x-api-key: k {MARK}"),
            basic(&format!("{API_KEY}:")),
            basic(&format!("user:1{MARK}")),
            basic(&format!("us er: {MARK}")),
        ] {
            let mut carried = heard.iter().filter(|request| request.contains(&carrier));
            assert!(carried.any(|request| reveals(&echo::answer(request))), "{carrier} in {heard:#?}");
        }
        for algorithm in ["HS256", "ES256"] {
            let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{algorithm}\","));
            let assertion = format!("&client_assertion={header}");
            let signed = heard.iter().filter(|request| request.contains(&assertion)).count();
            assert!(signed >= TOKEN_WAYS.len(), "{signed} by {algorithm} in {heard:#?}");
        }
    }
}
