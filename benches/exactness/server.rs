//! A server that takes its time as it is told, and measures what it really took: the truth of this benchmark.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oauth_probe_exporter::model::fault::Request;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::common::{PONG, Received, TOKEN, read_request};

/// How long the server waits while it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delays {
    pub(crate) before_headers: Duration,
    pub(crate) before_body: Duration,
}

/// What the server measured of one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    pub(crate) request: Request,
    /// How long it was told to wait.
    pub(crate) told: Delays,
    /// From the request's last byte read to the headers handed to the kernel (or to TLS).
    pub(crate) processing: Duration,
    /// From there to the body handed over.
    pub(crate) transfer: Duration,
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The server, on two ports of loopback.
pub(crate) struct SlowServer {
    http: SocketAddr,
    https: SocketAddr,
    delays: Arc<Mutex<Delays>>,
    truths: UnboundedReceiver<Truth>,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Http, Self::Https];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl SlowServer {
    /// Starts it on the runtime that this is called on.
    pub(crate) async fn start(tls: ServerConfig) -> Self {
        let delays = Arc::new(Mutex::new(Delays::default()));
        let (sender, truths) = unbounded_channel();
        let http = listen(None, &delays, &sender).await;
        let https = listen(Some(TlsAcceptor::from(Arc::new(tls))), &delays, &sender).await;
        Self { http, https, delays, truths }
    }

    /// Its URL. A name and not an address, so that resolving it is a phase, too.
    pub(crate) fn url(&self, scheme: Scheme) -> String {
        let address = match scheme {
            Scheme::Http => self.http,
            Scheme::Https => self.https,
        };
        format!("{}://localhost:{}", scheme.as_str(), address.port())
    }

    /// Has the answers from now on take this long.
    pub(crate) fn delay_by(&self, delays: Delays) {
        *self.delays.lock().unwrap() = delays;
    }

    /// What was measured of the one request since this was last called.
    pub(crate) async fn truth(&mut self) -> Truth {
        let truth = self.truths.recv().await.expect("the server runs");
        assert!(self.truths.try_recv().is_err(), "one probe made two requests");
        truth
    }
}

async fn listen(tls: Option<TlsAcceptor>, delays: &Arc<Mutex<Delays>>, truths: &UnboundedSender<Truth>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (delays, truths) = (Arc::clone(delays), truths.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (tls, delays, truths) = (tls.clone(), *delays.lock().unwrap(), truths.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, delays, truths).await,
                    Some(tls) => serve(tls.accept(stream).await?, delays, truths).await,
                }
            });
        }
    });
    address
}

#[expect(clippy::disallowed_methods, reason = "the truth is a duration within one request")]
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    told: Delays,
    truths: UnboundedSender<Truth>,
) -> io::Result<()> {
    let Some(Received { request, .. }) = read_request(&mut stream).await? else { return Ok(()) };
    let read = Instant::now();
    wait(told.before_headers).await;
    let body = match request {
        Request::Token => TOKEN,
        Request::Ping => PONG,
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answered = Instant::now();
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    wait(told.before_body).await;
    let ended = Instant::now();
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await?;
    let truth = Truth { request, told, processing: answered - read, transfer: ended - answered };
    truths.send(truth).map_err(io::Error::other)?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// Tokio's timers count in milliseconds: one of none could take one, too.
async fn wait(duration: Duration) {
    if !duration.is_zero() {
        sleep(duration).await;
    }
}
