//! From an accepted connection to its end: every one is bounded, and so is the time to drain them.

use std::error::Error;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};

use super::App;
use super::listen::Bound;
use super::routes::router;

const MOST_HEADERS: usize = 64;
const LONGEST_HEAD: usize = 16 * 1024;

/// How long data may stay unread by the other side before the connection is given up, in milliseconds.
const UNREAD_TIMEOUT: u32 = 30_000;

/// How long to wait when connections cannot be accepted, which mostly means that descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Bounds on what clients can make the server hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time; further ones wait.
    pub connections: usize,
    /// Time in which a request's head must have come, and for which a connection may stay idle.
    pub head_timeout: Duration,
    /// Time that requests under way have once the server is to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, head_timeout: Duration::from_secs(10), drain: Duration::from_secs(3) }
    }
}

impl Bound {
    /// Answers requests until `shutdown` is done, then lets those under way finish, for a bounded time.
    ///
    /// # Panics
    /// When accepting connections panicked: the exporter must not go on unseen.
    pub async fn serve(self, app: App, shutdown: impl Future<Output = ()>) {
        let service = Service {
            router: TowerToHyperService::new(router(app)),
            permits: Arc::new(Semaphore::new(self.limits.connections)),
            limits: self.limits,
        };
        let (stop, stopped) = watch::channel(());
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
    router: TowerToHyperService<axum::Router>,
    permits: Arc<Semaphore>,
    limits: Limits,
}

impl Service {
    async fn accept_until(self, mut stopped: watch::Receiver<()>, listener: TcpListener) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _closed = stopped.changed() => break,
                Some(ended) = connections.join_next() => note_panic(ended),
                (stream, permit) = self.accept(&listener) => {
                    connections.spawn(self.clone().converse(stream, permit, graceful.watcher()));
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(self.limits.drain, graceful.shutdown()).await.is_err() {
            // They end as the set is dropped.
            tracing::warn!(connections = connections.len(), "closing connections that are still busy");
        }
    }

    /// The next connection, once there is room for one more.
    async fn accept(&self, listener: &TcpListener) -> (TcpStream, Option<OwnedSemaphorePermit>) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        loop {
            match listener.accept().await {
                Ok((stream, _peer)) => return (stream, permit),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn converse(self, stream: TcpStream, _permit: Option<OwnedSemaphorePermit>, watcher: Watcher) {
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "connection ended before it began");
            return;
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_headers(MOST_HEADERS)
            .max_header_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), self.router);
        if let Err(error) = watcher.watch(connection).await {
            let error: &(dyn Error + 'static) = &error;
            tracing::debug!(error, "connection ended early");
        }
    }
}

/// A scrape that is never read must not hold its connection for ever: hyper bounds only the reading of heads.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    set_tcp_user_timeout(stream, UNREAD_TIMEOUT)?;
    Ok(())
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
