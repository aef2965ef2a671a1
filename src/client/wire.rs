//! [`HttpWire`]: the two requests of one target over real sockets.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{BootClock, Clock};
use crate::model::fault::{Failure, Reason};
use crate::model::report::{Phases, Trace};
use crate::model::response::{judge_ping, judge_token};
use crate::model::secret::{AccessToken, Fingerprint, Secret};
use crate::model::target::{ClientAuthentication, ConnectionMode, SecretSource, Target};

use super::exchange::{Answer, exchange};
use super::pool::{Channel, ClientError, ClientPool};
use super::secrets::SecretReader;
use super::{PingExchange, TokenExchange, Wire, request, secrets, verifier};

/// Sends the requests of one target with reqwest.
#[derive(Debug)]
pub struct HttpWire {
    target: Arc<Target>,
    token_channel: Channel,
    ping_channel: Channel,
    ping_template: reqwest::Request,
    /// `None` where the method needs no secret.
    secret: Option<SecretReader>,
}

impl HttpWire {
    /// Readies what does not change from request to request.
    ///
    /// # Errors
    /// When a certificate, key or proxy of the target cannot be used.
    pub fn new(target: Arc<Target>, pool: &mut ClientPool) -> Result<Self, ClientError> {
        let (token, ping) = (&target.token, &target.ping);
        verifier::check_roots(&token.endpoint, &token.transport)?;
        verifier::check_roots(&ping.endpoint, &ping.transport)?;
        Ok(Self {
            token_channel: pool.channel(&token.endpoint, &token.transport, ConnectionMode::Fresh)?,
            ping_channel: pool.channel(&ping.endpoint, &ping.transport, ping.connection)?,
            ping_template: request::ping_template(ping)?,
            secret: secret_source(&token.authentication)
                .map(|source| SecretReader::new(source.clone(), pool.file_reads())),
            target,
        })
    }

    /// `Ok(None)` where the method needs none.
    async fn read_secret(&self, bound: Duration) -> Result<Option<Secret>, Failure> {
        let Some(secret) = &self.secret else { return Ok(None) };
        match tokio::time::timeout(bound, secret.read()).await {
            Ok(Ok(secret)) => Ok(Some(secret)),
            Ok(Err(secrets::Unavailable)) | Err(_) => Err(Reason::SecretUnavailable.into()),
        }
    }
}

impl Wire for HttpWire {
    async fn secret(&self, bound: Duration) -> Option<Fingerprint> {
        let secret = self.read_secret(bound).await.ok()??;
        Some(secrets::fingerprint(&secret))
    }

    async fn request_token(&self, bound: Duration) -> TokenExchange {
        let begun = BootClock.now();
        let secret = match self.read_secret(bound).await {
            Ok(secret) => secret,
            Err(failure) => return TokenExchange { trace: unsent(), secret: None, result: Err(failure) },
        };
        let fingerprint = secret.as_ref().map(secrets::fingerprint);
        let request = request::token(&self.target.token, secret.as_ref());
        drop(secret);
        let left = bound.saturating_sub(begun.moment.until(BootClock.now().moment));
        let (trace, answer) = exchange(&self.token_channel, request, left).await;
        let result = judge(answer, judge_token);
        TokenExchange { trace, secret: fingerprint, result }
    }

    async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
        let request = request::ping(&self.ping_template, token);
        let (trace, answer) = exchange(&self.ping_channel, request, bound).await;
        let result = judge(answer, |status, body| judge_ping(status, body, &self.target.ping.expect));
        PingExchange { trace, result }
    }
}

fn judge<T>(
    answer: Result<Answer, Reason>,
    by_status_and_body: impl FnOnce(u16, &[u8]) -> Result<T, Reason>,
) -> Result<T, Failure> {
    let Answer { status, body, retry_after } = answer?;
    // A body without end is judged as one that says nothing, so that the status still counts first.
    let judged = by_status_and_body(status, body.as_deref().map_or(&[], Vec::as_slice));
    let judged = if body.is_none() && judged.is_ok() { Err(Reason::BadResponse) } else { judged };
    judged.map_err(|reason| Failure { reason, retry_after })
}

const fn secret_source(authentication: &ClientAuthentication) -> Option<&SecretSource> {
    match authentication {
        ClientAuthentication::Basic { secret, .. } | ClientAuthentication::Post { secret } => Some(secret),
        ClientAuthentication::Tls => None,
    }
}

/// The trace of an attempt that ended before anything was done on the network.
fn unsent() -> Trace {
    Trace {
        started: BootClock.now(),
        duration: Duration::ZERO,
        sent: false,
        status: None,
        http_version: None,
        connections_opened: 0,
        phases: Phases::default(),
        peer: None,
        clock_skew: None,
        server_chain: None,
        client_certificate_expiry: None,
    }
}
