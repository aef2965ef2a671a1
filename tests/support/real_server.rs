//! Authorization servers from npm and PyPI, each with a protected ping beside it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::http;
use super::process::{Process, server_file, test_dep};

/// An interpreter's start on a busy machine, with much to spare.
const START: Duration = Duration::from_secs(30);

/// A running authorization server and the API that its tokens open.
///
/// Both know the clients `basic` (`client_secret_basic`) and `post` (`client_secret_post`) with [`secret`](Self::secret);
/// see the head of each server's source for more of them.
#[derive(Debug)]
pub(crate) struct RealServer {
    /// `http://127.0.0.1:PORT`
    pub(crate) authorization_server: String,
    /// `http://127.0.0.1:PORT`
    pub(crate) resource_server: String,
    /// The secret of the clients, full of characters that a wrong encoding mangles.
    pub(crate) secret: &'static str,
    _process: Process,
}

const OIDC_SECRET: &str = "p+a s:s/w%2F&=";

fn oidc_provider() -> Command {
    let mut command = Command::new(test_dep("bin/node"));
    command.arg(server_file("oidc-provider/server.mjs"));
    let modules = server_file("oidc-provider/node_modules");
    assert!(modules.exists(), "{} is missing: run tests/run.sh --only-setup", modules.display());
    command
}

/// What a [`RealServer`] has seen since its start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Stats {
    pub(crate) token_requests: u64,
    pub(crate) tokens_issued: u64,
    /// Pings answered 200.
    pub(crate) pings_accepted: u64,
    /// Pings answered 401.
    pub(crate) pings_refused: u64,
    /// Pings with a token that was good once; a part of the refused ones.
    pub(crate) expired_tokens_seen: u64,
}

impl RealServer {
    /// Where both servers hand out tokens; the exporter's default is another path.
    pub(crate) const TOKEN_PATH: &str = "/token";
    /// Where both servers are pinged, as by default.
    pub(crate) const PING_PATH: &str = "/api/v1/deliveryexperience/ping";

    /// npm's `oidc-provider`. It form-decodes Basic; asked for no scope, it names none; it counts in whole seconds of
    /// wall time, so that a token can die up to one second before its `expires_in` is over.
    pub(crate) async fn oidc_provider(ttl: Duration) -> Self {
        Self::start(oidc_provider(), ttl, OIDC_SECRET).await
    }

    /// The same behind TLS with this certificate and key (PEM), asking for a client certificate.
    pub(crate) async fn oidc_provider_by_tls(ttl: Duration, certificate: &Path, key: &Path) -> Self {
        let mut command = oidc_provider();
        command.env("TLS_CERT", certificate).env("TLS_KEY", key);
        Self::start(command, ttl, OIDC_SECRET).await
    }

    /// PyPI's `Authlib`. It takes Basic as it is, but for percent escapes: `+` stays `+`. So the secret arrives raw, and
    /// not with its space form-encoded as `+`.
    pub(crate) async fn authlib(ttl: Duration) -> Self {
        let mut command = Command::new(test_dep("venv/bin/python"));
        command.arg(server_file("authlib/server.py"));
        Self::start(command, ttl, "p+a s:s/w%ö&=").await
    }

    async fn start(mut command: Command, ttl: Duration, secret: &'static str) -> Self {
        #[derive(Deserialize)]
        struct Ready {
            authorization_server: String,
            resource_server: String,
        }

        assert!(ttl.subsec_nanos() == 0 && !ttl.is_zero(), "these servers count lifetimes in whole seconds");
        command.env("TOKEN_TTL", ttl.as_secs().to_string());
        let (process, stdout) = Process::spawn(command);
        let mut line = String::new();
        let read = timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
        let ready: Ready = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("no ready line ({read:?}, {error}): {line:?}\n{}", process.log()));
        Self {
            authorization_server: ready.authorization_server,
            resource_server: ready.resource_server,
            secret,
            _process: process,
        }
    }

    /// The token endpoint's URL.
    pub(crate) fn token_url(&self) -> String {
        format!("{}{}", self.authorization_server, Self::TOKEN_PATH)
    }

    /// The protected ping's URL.
    pub(crate) fn ping_url(&self) -> String {
        format!("{}{}", self.resource_server, Self::PING_PATH)
    }

    /// What the server has seen since its start.
    pub(crate) async fn stats(&self) -> Stats {
        let answer = http::get(&format!("{}/control/stats", self.resource_server), &[]).await;
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
    }

    /// Revokes every token issued so far.
    pub(crate) async fn revoke(&self) {
        self.control("revoke", "").await;
    }

    /// Gives a client another secret; tokens that it holds live on.
    pub(crate) async fn change_secret(&self, client_id: &str, secret: &str) {
        self.change_client(&serde_json::json!({ "client_id": client_id, "client_secret": secret })).await;
    }

    /// Changes a client's metadata (RFC 7591 names: `scope`, `token_endpoint_auth_method`, `jwks`, …), or adds a client.
    /// `oidc-provider` takes `keys`, a list of `{pem, kid}`, in place of `jwks`.
    pub(crate) async fn change_client(&self, metadata: &Value) {
        self.control("client", &metadata.to_string()).await;
    }

    async fn control(&self, what: &str, body: &str) {
        let answer = http::request("POST", &format!("{}/control/{what}", self.resource_server), &[], body).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    }
}
