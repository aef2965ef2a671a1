//! A server that answers at once and counts: as little as can be beside those that are measured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::fault::Request;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::{PONG, TOKEN, read_request};

/// How it is spoken to.
#[derive(Clone)]
pub(crate) enum Port {
    Http,
    Https(Arc<ServerConfig>),
}

/// The authorization server and the API in one. It stops when it is dropped.
pub(crate) struct PingServer {
    urls: Vec<String>,
    counts: Arc<Counts>,
    listening: Vec<AbortHandle>,
}

#[derive(Default)]
struct Counts {
    pings: AtomicU64,
    token_requests: AtomicU64,
}

/// Made once: as little work as can be for each answer.
struct Answers {
    token: String,
    pong: String,
}

impl PingServer {
    /// Listens on so many ports of loopback, on the threads of `runtime`. One port has connections that were closed a
    /// while ago to no end, and the kernel takes longer to find a free one for the next.
    pub(crate) async fn start(runtime: &Handle, port: &Port, ports: usize) -> Self {
        let mut server = Self { urls: Vec::new(), counts: Arc::default(), listening: Vec::new() };
        let answers = Arc::new(Answers { token: answer(TOKEN), pong: answer(PONG) });
        for _ in 0..ports {
            let (port, counts, answers) = (port.clone(), Arc::clone(&server.counts), Arc::clone(&answers));
            let listener = runtime.spawn(async { TcpListener::bind("127.0.0.1:0").await.unwrap() }).await.unwrap();
            server.urls.push(port.url(listener.local_addr().unwrap()));
            server.listening.push(runtime.spawn(listen(listener, port, counts, answers)).abort_handle());
        }
        server
    }

    /// Where it is: at each of these.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Pings answered so far.
    pub(crate) fn pings(&self) -> u64 {
        self.counts.pings.load(Ordering::Relaxed)
    }

    /// Token requests answered so far.
    pub(crate) fn token_requests(&self) -> u64 {
        self.counts.token_requests.load(Ordering::Relaxed)
    }
}

impl Drop for PingServer {
    fn drop(&mut self) {
        self.listening.iter().for_each(AbortHandle::abort);
    }
}

impl Port {
    fn url(&self, address: SocketAddr) -> String {
        match self {
            Self::Http => format!("http://{address}"),
            Self::Https(_) => format!("https://{address}"),
        }
    }
}

async fn listen(listener: TcpListener, port: Port, counts: Arc<Counts>, answers: Arc<Answers>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (counts, answers) = (Arc::clone(&counts), Arc::clone(&answers));
        match &port {
            Port::Http => drop(tokio::spawn(async move { serve(stream, &counts, &answers).await })),
            Port::Https(config) => {
                let tls = TlsAcceptor::from(Arc::clone(config)).accept(stream);
                drop(tokio::spawn(async move { serve(tls.await?, &counts, &answers).await }));
            }
        }
    }
}

/// Answers one request after the other until the client closes.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, counts: &Counts, answers: &Answers) -> io::Result<()> {
    while let Some(received) = read_request(&mut stream).await? {
        let (count, answer) = match received.request {
            Request::Token => (&counts.token_requests, &answers.token),
            Request::Ping => (&counts.pings, &answers.pong),
        };
        count.fetch_add(1, Ordering::Relaxed);
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
    stream.shutdown().await
}

/// With the headers that servers usually have.
fn answer(body: &str) -> String {
    let date = httpdate::fmt_http_date(BootClock.now().wall);
    format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
