//! Connections that outlive the client certificates by which they were let in, through real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod reports;
mod served;
mod targets;

use std::time::Duration;

use raw_server::{Authority, Leaf};
use served::{Answer, Files, HANGS, Served, is_closed, patient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const NAME: &str = "prometheus.example.com";
const VERIFIED: &str = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: clients.pem\n";
/// The next one who comes after this has the files looked at.
const LOOK: Duration = Duration::from_millis(1100);

/// A server that lets in whom `authority` signed, and `leaf` in it.
struct Stage {
    files: Files,
    served: Served,
    leaf: Leaf,
}

impl Stage {
    async fn new(keys: &str, targets: usize) -> Self {
        let files = Files::new();
        let authority = Authority::new();
        files.write("clients.pem", &authority.pem());
        let path = files.web_config(&format!("{VERIFIED}{keys}"), "");
        let served = Served::protected(&path, patient(), targets).await;
        Self { leaf: authority.issue(NAME, |_| {}), served, files }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.served.greet(self.files.client_with(&self.leaf)).await.unwrap()
    }

    /// Another client comes, so that the files are looked at, until `is_so` of whether our certificate lets it in.
    async fn until_let_in(&self, expected: bool) {
        let changed = async {
            loop {
                tokio::time::sleep(LOOK).await;
                let client = self.files.client_with(&self.leaf);
                if self.served.get_by_tls(client, "/-/healthy", "").await.is_ok() == expected {
                    return;
                }
            }
        };
        tokio::time::timeout(HANGS, changed).await.expect("the change is in force");
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// What comes up to the end of a short answer.
async fn short_answer(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = vec![0; 4096];
    let length = tokio::time::timeout(HANGS, stream.read(&mut bytes)).await.expect("an answer").unwrap();
    assert!(length > 0, "the connection ended without an answer");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn connections_end_when_another_authority_signs_for_clients() {
    let stage = Stage::new("", 1).await;
    let (mut used, mut fresh) = (stage.connect().await, stage.connect().await);
    ask(&mut used, "/-/healthy").await;
    assert!(short_answer(&mut used).await.starts_with("HTTP/1.1 200 OK"));
    stage.files.write("clients.pem", &Authority::new().pem());
    stage.until_let_in(false).await;
    assert!(is_closed(&mut used).await && is_closed(&mut fresh).await);
}

#[tokio::test]
async fn connections_end_when_other_names_are_allowed() {
    let stage = Stage::new(&format!("client_allowed_sans: [{NAME}]\n"), 1).await;
    let mut idle = stage.connect().await;
    ask(&mut idle, "/-/healthy").await;
    short_answer(&mut idle).await;
    stage.files.web_config(&format!("{VERIFIED}client_allowed_sans: [another.example.com]\n"), "");
    stage.until_let_in(false).await;
    assert!(is_closed(&mut idle).await);
}

#[tokio::test]
async fn answer_under_way_comes_to_its_end_and_then_the_connection() {
    let stage = Stage::new("", 2000).await;
    let mut slow = stage.connect().await;
    ask(&mut slow, "/metrics").await;
    let mut bytes = vec![0; 1000];
    slow.read_exact(&mut bytes).await.unwrap();
    stage.files.write("clients.pem", &Authority::new().pem());
    stage.until_let_in(false).await;
    tokio::time::timeout(HANGS, slow.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n0\r\n\r\n"), "it is whole");
    assert!(text.contains("target=\"t1999\""));
}

#[tokio::test]
async fn request_by_which_the_change_is_noticed_is_the_last_one() {
    let stage = Stage::new("", 1).await;
    let mut only = stage.connect().await;
    stage.files.write("clients.pem", &Authority::new().pem());
    tokio::time::sleep(LOOK).await;
    ask(&mut only, "/-/healthy").await;
    let mut text = String::new();
    tokio::time::timeout(HANGS, only.read_to_string(&mut text)).await.expect("an end").unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}

/// A request for `/` by HTTP/2 (RFC 9113 §6.2), its head out of the static table (RFC 7541 appendix A).
fn request_on(stream: u8) -> Vec<u8> {
    const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'x'];
    [&[0, 0, 6, 1, 5, 0, 0, 0, stream], GET].concat()
}

#[tokio::test]
async fn who_never_confirms_that_it_is_to_go_is_answered_nothing_more() {
    const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let stage = Stage::new("", 1).await;
    let mut client = stage.files.client_with(&stage.leaf);
    client.alpn_protocols = vec![b"h2".to_vec()];
    let mut stubborn = stage.served.greet(client).await.unwrap();
    stubborn.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", EMPTY_SETTINGS].concat()).await.unwrap();
    let mut heard = String::new();
    for (stream, expected) in [(1, "<!DOCTYPE html>"), (3, "other client certificates are asked for now")] {
        stubborn.write_all(&request_on(stream)).await.unwrap();
        heard.clear();
        while !heard.contains(expected) {
            heard += &short_answer(&mut stubborn).await;
        }
        stage.files.write("clients.pem", &Authority::new().pem());
        stage.until_let_in(false).await;
    }
    assert!(!heard.contains("<html"), "{heard}");
}

#[tokio::test]
async fn connections_stay_when_anything_else_changes() {
    let stage = Stage::new("", 1).await;
    let mut idle = stage.connect().await;
    stage.files.rotate(&stage.files.authority.issue("localhost", |_| {}));
    let sections = "http_server_config: { headers: { X-Frame-Options: sameorigin } }\n";
    stage.files.web_config(VERIFIED, sections);
    let changed = async {
        loop {
            tokio::time::sleep(LOOK).await;
            let client = stage.files.client_with(&stage.leaf);
            let answer: Answer = stage.served.get_by_tls(client, "/-/healthy", "").await.unwrap();
            if answer.header("x-frame-options") == Some("sameorigin") {
                return;
            }
        }
    };
    tokio::time::timeout(HANGS, changed).await.expect("the change is in force");
    ask(&mut idle, "/-/healthy").await;
    assert!(short_answer(&mut idle).await.starts_with("HTTP/1.1 200 OK"));
}
