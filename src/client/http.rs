//! Who sends a request: reqwest where TLS is spoken, our own client in the clear. Both count what they are sent.

use std::error::Error;
use std::sync::Arc;

use reqwest::{Request, Response};

use super::clear::ClearClient;

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
