//! Who sends a request: reqwest where TLS is spoken, our own client in the clear. Both count what they are sent.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Request, Response};

use crate::model::target::ConnectionMode;

use super::clear::ClearClient;

/// An unused kept-alive connection is closed after this.
const LONGEST_IDLE: Duration = Duration::from_secs(10 * 60);
/// Whether the other end of a kept connection is still there is asked this often, and this many times.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// The client of one way to a server.
#[derive(Clone, Debug)]
pub(super) enum Http {
    /// TLS with the server, or with the proxy before it.
    Tls(reqwest::Client),
    Clear(Arc<ClearClient>),
}

/// Of either client.
pub(super) type HttpError = Box<dyn Error + Send + Sync>;

impl Http {
    /// Sends `request`, and waits for the head of the answer.
    ///
    /// # Errors
    /// When none comes.
    pub(super) async fn execute(&self, request: Request) -> Result<Response, HttpError> {
        match self {
            Self::Tls(client) => Ok(client.execute(request).await?),
            Self::Clear(client) => client.execute(request).await,
        }
    }
}

/// What holds for the connections of a client, with TLS as without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) idle_connections: usize,
    pub(super) longest_idle: Duration,
    pub(super) keepalive: Option<Duration>,
    pub(super) keepalive_retries: Option<u32>,
}

impl Limits {
    /// Where requests are bounded by `timeout`. A connection for one request is gone before anybody would ask whether
    /// the other end is still there.
    pub(super) fn of(mode: ConnectionMode, timeout: Duration) -> Self {
        let (idle_connections, keepalive, keepalive_retries) = match mode {
            ConnectionMode::Fresh => (0, None, None),
            ConnectionMode::Reuse => (1, Some(KEEPALIVE), Some(KEEPALIVE_RETRIES)),
        };
        Self { timeout, idle_connections, longest_idle: LONGEST_IDLE, keepalive, keepalive_retries }
    }
}
