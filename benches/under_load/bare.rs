//! Pings as bare system calls, a few beside ours: what even they measure more than the truth no client can be without.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::common::PONG;

/// From one to the next: so few that they are no load of their own.
const PACE: Duration = Duration::from_millis(20);

/// Pings target `number` of the server at `address` for so long, on a thread that waits for nothing else; gives the
/// durations, in their order.
pub(crate) fn start(address: SocketAddr, number: usize, length: Duration) -> JoinHandle<Vec<Duration>> {
    let request = format!(
        "GET /{number} HTTP/1.1\r\naccept: application/json\r\nauthorization: Bearer 2YotnFZFEjr1zCsicMWpAA\r\n\
         host: {address}\r\n\r\n"
    );
    let count = (length.as_secs_f64() / PACE.as_secs_f64()) as u32;
    let ping = move |_| {
        sleep(PACE);
        exchange(address, request.as_bytes()).unwrap()
    };
    spawn(move || (0..count).map(ping).collect())
}

#[expect(clippy::disallowed_methods, reason = "a duration within one request")]
fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Duration> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut answer = Vec::with_capacity(4096);
    let mut part = [0; 4096];
    while !answer.ends_with(PONG.as_bytes()) {
        let length = stream.read(&mut part)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..length]);
    }
    Ok(begun.elapsed())
}
