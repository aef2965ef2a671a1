//! A server that sends back all that it was sent, in every place of an answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::forms::MARK;

/// Sends back what it is sent, in the way that the request's path says.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    /// Everything it was sent.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let hearing = Arc::clone(&hearing);
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut stream).await else { return };
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

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// `None` if the client leaves before its end.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.ok()? > 0 {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let stated = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= stated.unwrap_or(0) {
            return Some(text);
        }
    }
    None
}

/// All that was heard, sent back.
pub(crate) fn answer(request: &str) -> String {
    let heard = request.replace(['\r', '\n'], " ").replace('"', "'");
    let echo = format!(
        r#"{{"error":"{heard}","error_description":"{heard}","error_uri":"{heard}","message":"{heard}","{heard}":1}}"#
    );
    let way = request.split(['/', ' ', '?']).find(|part| WAYS.contains(part)).unwrap_or("demand");
    match way {
        "refuse" => noisy(401, &heard, &echo),
        "redirect" => noisy(302, &heard, &echo),
        "deny" => noisy(403, &heard, &echo),
        "break" => noisy(200, &heard, &echo).replace("Content-Length: ", "Content-Length: 9"),
        "parrot" => request.to_owned(),
        "garble" => format!("\u{16}\u{3}\u{1}{heard}\u{0}{heard}\r\n\r\n{heard}"),
        "hint" => format!("HTTP/1.1 103 {heard}\r\nLink: <{heard}>\r\n\r\n{}", noisy(401, &heard, &echo)),
        "trail" => format!(
            "HTTP/1.1 200 {heard}\r\nTransfer-Encoding: chunked\r\nTrailer: x-{MARK}\r\n\r\n{:x};{MARK}={MARK}\r\n{heard}\r\n0\r\n\
             x-{MARK}: {heard}\r\nDate: {heard}\r\n\r\n",
            heard.len()
        ),
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

const WAYS: [&str; 13] = [
    "refuse", "redirect", "deny", "break", "parrot", "garble", "hint", "trail", "issue", "mistype", "misspell", "pong",
    "answer",
];

/// An answer that says in every place what was heard.
fn noisy(status: u16, heard: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} {heard}\r\nContent-Length: {}\r\nContent-Type: application/json; x=\"{heard}\"\r\n\
         Location: http://127.0.0.1/{heard}\r\nRetry-After: {heard}\r\nDate: {heard}\r\nServer: {heard}\r\n\
         WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"{heard}\"\r\n\
         Proxy-Authenticate: Basic realm=\"{heard}\"\r\nSet-Cookie: a={heard}\r\nX-{MARK}: {heard}\r\n\r\n{body}",
        body.len()
    )
}

/// Ways to answer the token request, and the pings, and what each means.
pub(crate) const TOKEN_WAYS: [(&str, &str); 10] = [
    ("refuse", "invalid_client"),
    ("redirect", "redirected"),
    ("deny", "forbidden"),
    ("break", "connection_closed"),
    ("parrot", "protocol_error"),
    ("garble", "protocol_error"),
    ("hint", "invalid_client"),
    ("trail", "bad_response"),
    ("mistype", "bad_response"),
    ("misspell", "bad_response"),
];
pub(crate) const PING_WAYS: [(&str, &str); 9] = [
    ("refuse", "token_rejected"),
    ("redirect", "redirected"),
    ("deny", "forbidden"),
    ("break", "connection_closed"),
    ("parrot", "protocol_error"),
    ("garble", "protocol_error"),
    ("hint", "token_rejected"),
    ("trail", "bad_response"),
    ("answer", "unexpected_body"),
];
