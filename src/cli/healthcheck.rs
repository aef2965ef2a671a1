//! `healthcheck`: asks a running exporter whether it is healthy.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use crate::server::{ListenAddress, WebSettings};

use super::arguments::HealthcheckArguments;
use super::stop::Stop;

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(arguments: &HealthcheckArguments) -> Result<ExitCode, Stop> {
    // The same flags as of `serve` mean the same, mistakes included.
    let listen_address: ListenAddress = arguments.listen_address.parse().map_err(Stop::usage)?;
    WebSettings::new(&arguments.route_prefix, "/metrics").map_err(Stop::usage)?;
    let path = format!("{}/-/healthy", arguments.route_prefix.trim_end_matches('/'));
    let address = local(&listen_address.to_string());
    let failed = |problem: io::Error| Stop::failed(format!("{address}: not healthy: {problem}"));
    let candidates = address.to_socket_addrs().map_err(failed)?;
    match ask_first(candidates, &path).map_err(failed)? {
        200 => Ok(ExitCode::SUCCESS),
        404 => Err(Stop::failed(format!("{address}: not healthy: status 404 at {path}; check --web.route-prefix"))),
        status => Err(Stop::failed(format!("{address}: not healthy: status {status} at {path}"))),
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

fn ask_first(candidates: impl Iterator<Item = SocketAddr>, path: &str) -> io::Result<u16> {
    let mut problem = io::Error::other("the name does not resolve");
    for address in candidates {
        match ask(address, path) {
            Ok(status) => return Ok(status),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

fn ask(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    let status = start.strip_prefix(b"HTTP/1.1 ").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::other("the answer is not HTTP"))
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
