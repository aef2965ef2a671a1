//! Outbound: the one place that knows reqwest and reads secrets. [`Wire`] is all that the engine sees of it.

mod alias;
mod assertion;
mod certificate;
mod classify;
mod connector;
mod credential;
mod exchange;
mod file_reads;
mod intake;
mod oddity;
mod pem;
mod pool;
mod request;
mod resolver;
mod rotation;
mod secrets;
mod signer;
mod timeline;
mod tls;
mod verifier;
mod wire;

pub use credential::KeyError;
pub use oddity::oddity;
pub use pem::TlsError;
pub use pool::{ClientError, ClientPool};
pub use secrets::why_unavailable;
pub use signer::KeyProblem;
pub use wire::HttpWire;

use std::future::Future;
use std::time::Duration;

use crate::model::fault::{Failure, Reason};
use crate::model::report::Trace;
use crate::model::response::TokenAnswer;
use crate::model::secret::{AccessToken, Fingerprint};

/// Sends the requests of one target.
pub trait Wire: Send + Sync {
    /// Tells which secret or key is there now; `None` if it cannot be read within `bound`, or none is needed.
    fn secret(&self, bound: Duration) -> impl Future<Output = Option<Fingerprint>> + Send;

    /// Asks for a token; over within `bound`.
    fn request_token(&self, bound: Duration) -> impl Future<Output = TokenExchange> + Send;

    /// Calls the API with `token`; over within `bound`.
    fn ping(&self, token: &AccessToken, bound: Duration) -> impl Future<Output = PingExchange> + Send;

    /// Calls the API as a ping does, but with another credential; over within `bound`.
    fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> impl Future<Output = CheckExchange> + Send;
}

impl<W: Wire> Wire for Box<W> {
    fn secret(&self, bound: Duration) -> impl Future<Output = Option<Fingerprint>> + Send {
        (**self).secret(bound)
    }

    fn request_token(&self, bound: Duration) -> impl Future<Output = TokenExchange> + Send {
        (**self).request_token(bound)
    }

    fn ping(&self, token: &AccessToken, bound: Duration) -> impl Future<Output = PingExchange> + Send {
        (**self).ping(token, bound)
    }

    fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> impl Future<Output = CheckExchange> + Send {
        (**self).check(credential, bound)
    }
}

/// What a check shows to the API instead of a live token.
#[derive(Clone, Copy, Debug)]
pub enum CheckCredential<'a> {
    /// Nothing.
    Nothing,
    /// A token that was never issued.
    BadToken,
    /// A token that has expired.
    ExpiredToken(&'a AccessToken),
    /// The API key of the target.
    ApiKey,
}

/// Reads the dates of a chain, the leaf first, for those who try to confuse it.
#[cfg(fuzzing)]
#[must_use]
pub fn fuzzed_chain_expiry(chain: &[&[u8]]) -> Option<crate::model::report::ChainExpiry> {
    let chain: Vec<_> = chain.iter().map(|certificate| (*certificate).into()).collect();
    let (leaf, others) = chain.split_first()?;
    certificate::chain_expiry(leaf, others)
}

/// A token request and what came of it.
#[derive(Debug)]
pub struct TokenExchange {
    /// What was measured.
    pub trace: Trace,
    /// The secret that was sent, or that signed.
    pub secret: Option<Fingerprint>,
    /// The answer, or why there is none.
    pub result: Result<TokenAnswer, Failure>,
}

/// A ping and what came of it.
#[derive(Debug)]
pub struct PingExchange {
    /// What was measured.
    pub trace: Trace,
    /// Good, or why not.
    pub result: Result<(), Failure>,
}

/// A check and what came of it. The status of the answer is in the trace.
#[derive(Debug)]
pub struct CheckExchange {
    /// What was measured.
    pub trace: Trace,
    /// Why there is no whole answer, or why nothing was sent.
    pub failure: Option<Reason>,
}
