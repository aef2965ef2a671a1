//! All servers of a soak: simulated ones whose faults come and go, and others that never do anything right.

use std::fmt::Write as _;
use std::path::Path;

use oauth_probe_exporter::simulator::{ClientSettings, Issuing, Settings, Simulator};

use crate::h2_server::{Behaviour as Http2, H2Server};
use crate::raw_server::{Behaviour as Raw, Leaf, RawServer, answer, bytes, tls_config};

/// So that no port has too many connections that were closed a while ago.
const SIMULATORS: usize = 4;
/// Of ten targets so many have simulated servers.
const SIMULATED: usize = 7;
const BOTH: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60,"info":"pong","status":1}"#;
/// What the simulated servers take.
pub(super) const SECRET: &str = "secret";

pub(super) struct Servers {
    pub(super) simulators: Vec<Simulator>,
    raw: Vec<RawServer>,
    tls: Vec<RawServer>,
    http2: Vec<H2Server>,
}

/// Which servers a target has.
enum Kind {
    Simulated,
    Raw,
    Tls,
    Http2,
}

impl Kind {
    const fn of(target: usize) -> Self {
        match target % 10 {
            0..SIMULATED => Self::Simulated,
            7 => Self::Raw,
            8 => Self::Tls,
            _ => Self::Http2,
        }
    }
}

impl Servers {
    pub(super) async fn start(targets: usize) -> Self {
        let mut servers = Self { simulators: Vec::new(), raw: Vec::new(), tls: Vec::new(), http2: Vec::new() };
        for number in 0..SIMULATORS {
            let mine = (0..targets).filter(|target| target % SIMULATORS == number);
            let clients = mine.map(client).collect();
            servers.simulators.push(Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap());
        }
        let config = || tls_config(&Leaf::self_signed("127.0.0.1", |_| {}), None);
        for behaviour in raw() {
            servers.raw.push(RawServer::plain(behaviour.clone()).await);
            servers.tls.push(RawServer::tls(behaviour, config()).await);
        }
        for behaviour in http2() {
            servers.http2.push(H2Server::start(behaviour, config()).await);
        }
        servers
    }

    /// The simulator of a target, if it has one.
    pub(super) fn simulator(&self, target: usize) -> Option<&Simulator> {
        matches!(Kind::of(target), Kind::Simulated).then(|| &self.simulators[target % SIMULATORS])
    }

    /// The lines of a target that say where its servers are and how they are spoken to.
    pub(super) fn settings(&self, target: usize, secret_file: &Path) -> String {
        let index = target / 10;
        let mut text = match Kind::of(target) {
            Kind::Simulated => {
                let simulator = &self.simulators[target % SIMULATORS];
                format!(
                    "authorization_server: '{}', resource_server: '{}', checks: [no_token, bad_token, expired_token]",
                    simulator.authorization_server(),
                    simulator.resource_server()
                )
            }
            Kind::Raw => at("http", &self.raw[index % self.raw.len()].address.to_string()),
            Kind::Tls => at("https", &self.tls[index % self.tls.len()].address.to_string()),
            Kind::Http2 => at("https", &self.http2[index % self.http2.len()].address.to_string()),
        };
        // Every eleventh certificate is looked at, and refused.
        if matches!(Kind::of(target), Kind::Tls | Kind::Http2) && !index.is_multiple_of(11) {
            text += ", tls: { insecure_skip_verify: true }";
        }
        text += if index.is_multiple_of(2) { ", ping: { connection: reuse }" } else { "" };
        match index % 3 {
            0 => write!(text, ", client_secret_file: '{}'", secret_file.display()).unwrap(),
            _ => write!(text, ", client_secret: {SECRET}").unwrap(),
        }
        text
    }
}

fn at(scheme: &str, address: &str) -> String {
    format!("authorization_server: '{scheme}://{address}', resource_server: '{scheme}://{address}'")
}

pub(super) fn name(target: usize) -> String {
    format!("soak-{target}")
}

/// Tokens live shortly, so that they run out while something is wrong.
fn client(target: usize) -> ClientSettings {
    let issuing = if target.is_multiple_of(5) { Issuing::Legacy } else { Issuing::Fresh };
    let lifetime = std::time::Duration::from_secs(20 + target as u64 % 60);
    ClientSettings { issuing, lifetime, ..ClientSettings::new(&name(target), SECRET) }
}

fn raw() -> Vec<Raw> {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes().into();
    vec![
        answer(200, "", BOTH),
        answer(200, "Content-Type: text/html\r\n", "<!doctype html><title>Sign in</title>"),
        answer(200, "", ""),
        answer(401, "", r#"{"error":"invalid_client"}"#),
        answer(403, "", ""),
        answer(302, "Location: /elsewhere\r\n", ""),
        answer(429, "Retry-After: 1\r\n", ""),
        answer(503, "", "x"),
        bytes(b""),
        bytes(b"SSH-2.0-OpenSSH_9.9\r\n"),
        bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"cut\":"),
        bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
        Raw::Stall(b"".as_slice().into()),
        Raw::Stall(head("Content-Length: 100\r\n\r\n{")),
        Raw::Repeat(head("\r\n\""), vec![b'x'; 16 * 1024].into()),
        Raw::Repeat(head(""), b"X-Again: and again\r\n".as_slice().into()),
        Raw::Silent,
    ]
}

fn http2() -> Vec<Http2> {
    vec![
        Http2::Answer(BOTH),
        Http2::AnswerAndClose(BOTH),
        Http2::Hang,
        Http2::Stall,
        Http2::Break,
        Http2::Reset(h2::Reason::REFUSED_STREAM),
        Http2::GoAway(h2::Reason::INTERNAL_ERROR),
        Http2::Drop,
        Http2::Babble,
    ]
}
