//! HTTP as a test writes it by hand: one request, one connection, nothing decoded behind its back.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

/// Longer than anything on loopback takes, short enough that a hanging server fails a test by name.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The first header of this (lower-case) name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// `GET url`.
pub(crate) async fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    request("GET", url, headers, "").await
}

/// `POST url` with a form.
pub(crate) async fn post_form(url: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = [headers, &[("Content-Type", "application/x-www-form-urlencoded")]].concat();
    request("POST", url, &headers, &body).await
}

/// Any request to an `http://` URL.
///
/// # Panics
///
/// When the server cannot be reached, or does not answer in HTTP within [`PATIENCE`].
pub(crate) async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    match timeout(PATIENCE, exchange(method, url, headers, body)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => panic!("{method} {url}: {error}"),
        Err(_) => panic!("{method} {url}: no whole answer within {PATIENCE:?}"),
    }
}

/// [`request`], for a server that may not be there (yet). The caller bounds the time.
pub(crate) async fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
    let url = Url::parse(url).map_err(std::io::Error::other)?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];

    // HTTP/1.0: the body ends with the connection, so it is never chunked.
    let mut text = format!("{method} {target} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);

    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer).map_err(std::io::Error::other)?;
    parse(&answer).ok_or_else(|| std::io::Error::other(format!("not an HTTP answer: {answer:?}")))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

/// The value of `Authorization` with both parts form-encoded first, as RFC 6749 §2.3.1 wants it: a space becomes `+`.
pub(crate) fn basic_form(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    basic_raw(&encode(client_id), &encode(secret))
}

/// The value of `Authorization` with both parts as they are.
pub(crate) fn basic_raw(client_id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{client_id}:{secret}")))
}

/// The value of `Authorization` for a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
