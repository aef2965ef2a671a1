//! A client that hides nothing: it writes a request to a socket and reports what came back and how that ended.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth_probe_exporter::simulator::{ClientSettings, PING_PATH, Settings, Simulator, TOKEN_PATH};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Over any delay of a test, and long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Refused,
    Closed,
    Reset,
    StillOpen,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) bytes: String,
    pub(crate) end: End,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        let status = self.bytes.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        status.unwrap_or_else(|| panic!("no HTTP answer: {self:?}")).parse().expect("a status")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.bytes.split_once("\r\n\r\n")?;
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn body(&self) -> &str {
        self.bytes.split_once("\r\n\r\n").expect("a head").1
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn access_token(&self) -> String {
        self.json()["access_token"].as_str().expect("an access token").to_owned()
    }
}

/// Sends `request` on a connection of its own.
pub(crate) async fn exchange(server: &Url, request: &str) -> Reply {
    let port = server.port().expect("a port");
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        return Reply { bytes: String::new(), end: End::Refused };
    };
    stream.write_all(request.as_bytes()).await.expect("the request is written");
    let mut received = Vec::new();
    let end = match timeout(PATIENCE, stream.read_to_end(&mut received)).await {
        Ok(Ok(_)) => End::Closed,
        Ok(Err(_)) => End::Reset,
        Err(_) => End::StillOpen,
    };
    Reply { bytes: String::from_utf8(received).expect("text"), end }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
}

/// A token request with these header lines and this form.
pub(crate) async fn post_token(simulator: &Simulator, headers: &str, form: &str) -> Reply {
    let request = format!(
        "POST {TOKEN_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    exchange(simulator.authorization_server(), &request).await
}

pub(crate) async fn ask(simulator: &Simulator, id: &str, secret: &str) -> Reply {
    post_token(simulator, &basic(id, secret), "grant_type=client_credentials").await
}

pub(crate) async fn ping(simulator: &Simulator, token: &str) -> Reply {
    get(simulator, PING_PATH, &format!("Authorization: Bearer {token}\r\n")).await
}

pub(crate) async fn get(simulator: &Simulator, path: &str, headers: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    exchange(simulator.resource_server(), &request).await
}

/// Servers that know the client `acme`, whose secret is `s3cret`, and `other`.
pub(crate) async fn simulator() -> Simulator {
    simulator_with(ClientSettings::new("acme", "s3cret")).await
}

pub(crate) async fn simulator_with(acme: ClientSettings) -> Simulator {
    let clients = vec![acme, ClientSettings::new("other", "0ther")];
    Simulator::start(Settings { clients, ..Settings::default() }).await.expect("two ports")
}
