//! `healthcheck`: asks a running exporter whether it is healthy.
//!
//! It knows no password and has no client certificate, and needs none: an exporter that asks for them is alive. Whether
//! TLS is spoken it finds out by asking, so that a web configuration that went bad makes no healthy exporter ill.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use crate::server::{PLAIN_TEXT_REFUSED, WebSettings};
use crate::tls::{self, Greeting};

use super::arguments::HealthcheckArguments;
use super::stop::Stop;

/// For all of it, the look-up of the name included.
const PATIENCE: Duration = Duration::from_secs(3);

/// No more of an answer is read.
const LONGEST_ANSWER: u64 = 4096;

/// What the exporter says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Alive,
    /// It answers, but not as it should.
    Status(u16),
}

pub(super) fn run(arguments: &HealthcheckArguments) -> Result<ExitCode, Stop> {
    // The same flags as of `serve` mean the same, mistakes included.
    WebSettings::new(&arguments.route_prefix, "/metrics").map_err(Stop::usage)?;
    let path = format!("{}/-/healthy", arguments.route_prefix.trim_end_matches('/'));
    let address = local(&arguments.listen_address.to_string());
    let failed = |problem: io::Error| Stop::failed(format!("{address}: not healthy: {problem}"));
    match within_patience(&address, &path).map_err(failed)? {
        Finding::Alive => Ok(ExitCode::SUCCESS),
        Finding::Status(404) => {
            Err(Stop::failed(format!("{address}: not healthy: status 404 at {path}; check --web.route-prefix")))
        }
        Finding::Status(status) => Err(Stop::failed(format!("{address}: not healthy: status {status} at {path}"))),
    }
}

/// `:PORT` and the unspecified addresses are reached by loopback.
pub(super) fn local(listen_address: &str) -> String {
    let (host, port) = listen_address.rsplit_once(':').unwrap_or((listen_address, "10917"));
    match host {
        "" | "0.0.0.0" | "[::]" => format!("localhost:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// What is found in time. What is not goes on in its thread, which ends with the process: no timeout of a socket would end
/// it, since whoever sends a byte now and then keeps within each of them.
fn within_patience(address: &str, path: &str) -> io::Result<Finding> {
    let (tell, told) = sync_channel(1);
    let (address, path) = (address.to_owned(), path.to_owned());
    thread::Builder::new().spawn(move || {
        let found = address.to_socket_addrs().and_then(|candidates| ask_first(candidates, &path));
        // Nobody may wait for it any more.
        let _ = tell.send(found);
    })?;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no whole answer within {} s", PATIENCE.as_secs()));
    told.recv_timeout(PATIENCE).map_err(late)?
}

fn ask_first(candidates: impl Iterator<Item = SocketAddr>, path: &str) -> io::Result<Finding> {
    let mut problem = io::Error::other("the name does not resolve");
    for address in candidates {
        match ask(address, path) {
            Ok(finding) => return Ok(finding),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

fn ask(address: SocketAddr, path: &str) -> io::Result<Finding> {
    let answer = exchange(&mut TcpStream::connect(address)?, address, path)?;
    if !answer.ends_with_refusal_of_plain_text() {
        return Ok(answer.finding());
    }
    match tls::greet_unverified(TcpStream::connect(address)?)? {
        // The exporter read what we sent, and wants to know who we are.
        Greeting::CertificateDemanded => Ok(Finding::Alive),
        Greeting::Done(mut stream) => match exchange(&mut stream, address, path) {
            Ok(answer) => Ok(answer.finding()),
            // In TLS 1.3 that comes where an answer is awaited.
            Err(problem) if tls::is_certificate_demanded(&problem) => Ok(Finding::Alive),
            Err(problem) => Err(problem),
        },
    }
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    const fn finding(&self) -> Finding {
        match self.status {
            // Without a password, or one request too many: whoever says so is alive.
            200 | 401 | 429 => Finding::Alive,
            status => Finding::Status(status),
        }
    }

    fn ends_with_refusal_of_plain_text(&self) -> bool {
        self.status == 400 && self.text.contains(PLAIN_TEXT_REFUSED)
    }
}

fn exchange(stream: &mut (impl Read + Write), address: SocketAddr, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    // Whoever would not hear us may have said why.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let mut bytes = Vec::new();
    let read = stream.take(LONGEST_ANSWER).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    match (status, read) {
        (Some(status), _) => Ok(Answer { status, text }),
        (None, Err(problem)) => Err(problem),
        (None, Ok(_)) => Err(io::Error::other("the answer is not HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_addresses_are_reached_by_loopback() {
        assert_eq!(local(":10917"), "localhost:10917");
        assert_eq!(local("0.0.0.0:1"), "localhost:1");
        assert_eq!(local("[::]:1"), "localhost:1");
        assert_eq!(local("[::1]:1"), "[::1]:1");
        assert_eq!(local("127.0.0.1:1"), "127.0.0.1:1");
    }
}
