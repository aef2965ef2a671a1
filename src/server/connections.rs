//! From an accepted connection to its end: every one is bounded, and so is the time to drain them.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::App;
use super::activity::Protocol;
use super::connection::Connection;
use super::gate::Gate;
use super::limits::Limits;
use super::listen::Bound;
use super::opening::greet;
use super::places::{Place, Places};
use super::protection::Admission;
use super::routes::router;
use super::security::Security;
use super::stopping::Stopping;
use super::watched::Watched;

const MOST_HEADERS: usize = 64;
const LONGEST_HEAD: usize = 16 * 1024;

/// What is kept of answers that the other side is slow to read, for each connection.
const SEND_BUFFER: usize = 64 * 1024;
/// The same in the system, which would take megabytes.
const SYSTEM_SEND_BUFFER: usize = 256 * 1024;

/// Requests at one time on one connection of HTTP/2: more than a page asks for. A Prometheus that scrapes `/probe` of more
/// targets at once opens further connections, each of which is counted.
const MOST_STREAMS: u32 = 8;
/// No request has a body that anybody reads.
const WINDOW: u32 = 64 * 1024 - 1;

/// How long to wait when connections cannot be accepted, which mostly means that descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl Bound {
    /// Answers requests until `shutdown` is done, then lets those under way finish, for a bounded time.
    ///
    /// # Panics
    /// When accepting connections panicked: the exporter must not go on unseen.
    pub async fn serve(self, app: App, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let service = Service {
            routes: router(app, &self.limits).layer(Extension(Stopping(stopped.clone()))),
            security: self.security,
            places: Arc::new(Places::new(self.limits)),
            limits: self.limits,
        };
        let mut listening = JoinSet::new();
        for listener in self.listeners {
            listening.spawn(service.clone().accept_until(stopped.clone(), listener));
        }
        tokio::select! {
            () = shutdown => {}
            Some(ended) = listening.join_next() => pass_on_panic(ended),
        }
        drop(stop);
        while let Some(ended) = listening.join_next().await {
            pass_on_panic(ended);
        }
    }
}

#[derive(Clone)]
struct Service {
    routes: Router,
    security: Arc<Security>,
    places: Arc<Places>,
    limits: Limits,
}

impl Service {
    async fn accept_until(self, mut stopped: watch::Receiver<()>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _closed = stopped.changed() => break,
                Some(ended) = connections.join_next() => note_panic(ended),
                (stream, address) = accept(&listener) => {
                    // Not among the futures above: one that is dropped half done would lose the connection.
                    if let Some(place) = self.places.take(address.ip()).await {
                        connections.spawn(self.clone().hold(stream, place, stopped.clone()));
                    }
                }
            }
        }
        drop(listener);
        let drained = async {
            while let Some(ended) = connections.join_next().await {
                note_panic(ended);
            }
        };
        if tokio::time::timeout(self.limits.drain, drained).await.is_err() {
            // They end as the set is dropped.
            tracing::warn!(connections = connections.len(), "closing connections that are still busy");
        }
    }

    /// Converses until either side has enough, or it takes too long, or the place is needed.
    async fn hold(self, stream: TcpStream, place: Place, stopped: watch::Receiver<()>) {
        let connection = &place.connection;
        let why = tokio::select! {
            outcome = self.converse(stream, connection, stopped) => {
                if let Err(error) = outcome {
                    tracing::debug!(peer = %connection.peer, error = &*error, "connection ended early");
                }
                return;
            }
            why = connection.overdue() => why,
            why = connection.closed() => why,
        };
        tracing::debug!(peer = %connection.peer, because = why.as_str(), "connection closed");
    }

    async fn converse(
        &self,
        stream: TcpStream,
        connection: &Arc<Connection>,
        mut stopped: watch::Receiver<()>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.prepare(&stream)?;
        let stream = Watched::new(stream, Arc::clone(connection));
        let protection = if self.security.speaks_tls() {
            connection.handshake_begins();
            self.security.current().await
        } else {
            self.security.in_force()
        };
        let admission = protection.admission();
        let gate = Gate {
            routes: self.routes.clone(),
            security: Arc::clone(&self.security),
            connection: Arc::clone(connection),
            admission,
        };
        let Some(tls) = protection.tls() else {
            return Ok(self.see_through(over_http1(stream, gate), admission, stopped).await?);
        };
        let greeted = tokio::select! {
            greeted = greet(stream, Arc::clone(tls)) => greeted?,
            _closed = stopped.changed() => None,
        };
        let Some((stream, protocol)) = greeted else { return Ok(()) };
        connection.handshake_done(protocol);
        match protocol {
            Protocol::Http1 => self.see_through(over_http1(stream, gate), admission, stopped).await?,
            Protocol::Http2 => self.see_through(over_http2(stream, gate), admission, stopped).await?,
        }
        Ok(())
    }

    /// Until the connection ends. Once the server stops, or nobody would be let in any more as this one was, only what was
    /// asked before is answered.
    async fn see_through<C: GracefulConnection>(
        &self,
        connection: C,
        admission: Admission,
        mut stopped: watch::Receiver<()>,
    ) -> Result<(), C::Error> {
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _closed = stopped.changed() => {}
            () = self.security.no_longer_admits(admission) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        set_socket_send_buffer_size(stream, SYSTEM_SEND_BUFFER)?;
        // Behind the end of an answer, what is unread lies with the system alone.
        let milliseconds = u32::try_from(self.limits.unread_timeout.as_millis()).unwrap_or(u32::MAX);
        set_tcp_user_timeout(stream, milliseconds)?;
        Ok(())
    }
}

/// The time for heads is that of the connection.
fn over_http1<S>(stream: S, gate: Gate) -> impl GracefulConnection<Error = hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(SEND_BUFFER)
        .serve_connection(TokioIo::new(stream), gate)
}

fn over_http2<S>(stream: S, gate: Gate) -> impl GracefulConnection<Error = hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LONGEST_HEAD as u32)
        .max_send_buf_size(SEND_BUFFER)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .serve_connection(TokioIo::new(stream), gate)
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "answering a request failed; this is a bug of the exporter");
    }
}

fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}
