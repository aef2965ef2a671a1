//! A server that takes its time over every ping, and notes how long it really took: the truth of this benchmark.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oauth_probe_exporter::model::fault::Request;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::common::{PONG, TOKEN, read_request};

/// How long a target's pings wait for their answers, in turn.
const WAITS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(50)];
/// So that no port has too many connections that were closed a while ago.
const PORTS: usize = 8;

/// The server, on several ports of loopback.
pub(crate) struct PatientServer {
    addresses: Vec<SocketAddr>,
    truths: Arc<[Mutex<Vec<Truth>>]>,
}

/// What the server measured of one ping.
#[derive(Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) told: Duration,
    /// From the last byte of the request read to the moment before the answer is handed to the kernel.
    pub(crate) took: Duration,
}

impl PatientServer {
    /// Starts it on the runtime that this is called on.
    pub(crate) async fn start(targets: usize) -> Self {
        let truths: Arc<[_]> = (0..targets).map(|_| Mutex::default()).collect();
        let mut addresses = Vec::new();
        for _ in 0..PORTS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            tokio::spawn(listen(listener, Arc::clone(&truths)));
        }
        Self { addresses, truths }
    }

    /// Where target `number` finds it.
    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        self.addresses[number % PORTS]
    }

    /// Of the pings of target `number`, in their order.
    pub(crate) fn truths(&self, number: usize) -> Vec<Truth> {
        self.truths[number].lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, truths: Arc<[Mutex<Vec<Truth>>]>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let truths = Arc::clone(&truths);
        tokio::spawn(async move { serve(stream, &truths).await });
    }
}

#[expect(clippy::disallowed_methods, reason = "the truth is a duration within one request")]
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, truths: &[Mutex<Vec<Truth>>]) -> io::Result<()> {
    while let Some(received) = read_request(&mut stream).await? {
        let read = Instant::now();
        if received.request == Request::Token {
            stream.write_all(answer(TOKEN).as_bytes()).await?;
            continue;
        }
        let truths = &truths[received.path[1..].parse::<usize>().unwrap()];
        let told = WAITS[truths.lock().unwrap().len() % WAITS.len()];
        // Tokio's timers count in milliseconds: one of none could take one, too.
        if !told.is_zero() {
            sleep(told).await;
        }
        let took = read.elapsed();
        truths.lock().unwrap().push(Truth { told, took });
        stream.write_all(answer(PONG).as_bytes()).await?;
    }
    Ok(())
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
