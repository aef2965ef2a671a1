//! [`HttpWire`]: the requests of one target over real sockets.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::{BootClock, Clock};
use crate::model::fault::{Failure, Reason};
use crate::model::report::Trace;
use crate::model::response::{judge_ping, judge_token};
use crate::model::secret::{AccessToken, Fingerprint};
use crate::model::target::{ConnectionMode, Target};

use super::credential::{Credential, CredentialReader};
use super::exchange::{Answer, exchange};
use super::pool::{Channel, ClientError, ClientPool};
use super::secrets::{SecretReader, Unavailable};
use super::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire, request, verifier};

/// Of the form that real ones have, another in every process: 160 random bits that no server has ever issued.
static BAD_TOKEN: LazyLock<AccessToken> = LazyLock::new(|| {
    let random: [u8; 20] = std::array::from_fn(|_| fastrand::u8(..));
    AccessToken::parse(STANDARD.encode(random)).expect("Base64 is visible ASCII")
});

/// Sends the requests of one target.
#[derive(Debug)]
pub struct HttpWire {
    target: Arc<Target>,
    token_channel: Channel,
    ping_channel: Channel,
    ping_template: reqwest::Request,
    /// `None` where the method needs none.
    credential: Option<CredentialReader>,
    /// Never reuses a connection, and warms none for the ping.
    check_channel: Channel,
    api_key: Option<SecretReader>,
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
        let fresh = ConnectionMode::Fresh;
        let api_key = target.checks.api_key.clone().map(|source| SecretReader::new(source, pool.file_reads()));
        Ok(Self {
            token_channel: pool.channel(&token.endpoint, &token.transport, fresh, target.timeout)?,
            ping_channel: pool.channel(&ping.endpoint, &ping.transport, ping.connection, target.timeout)?,
            ping_template: request::ping_template(ping)?,
            credential: CredentialReader::new(&token.authentication, pool.file_reads())?,
            check_channel: pool.channel(&ping.endpoint, &ping.transport, fresh, target.timeout)?,
            api_key,
            target,
        })
    }

    /// `Ok(None)` where the method needs none.
    async fn read_credential(&self, bound: Duration) -> Result<Option<Credential<'_>>, Unavailable> {
        let Some(credential) = &self.credential else { return Ok(None) };
        let read = tokio::time::timeout(bound, credential.read()).await;
        read.map_err(|_elapsed| Unavailable)?.map(Some)
    }

    async fn check_request(
        &self,
        credential: CheckCredential<'_>,
        bound: Duration,
    ) -> Result<reqwest::Request, Unavailable> {
        let template = &self.ping_template;
        Ok(match credential {
            CheckCredential::Nothing => request::ping_without_token(template),
            CheckCredential::BadToken => request::ping(template, &BAD_TOKEN),
            CheckCredential::ExpiredToken(token) => request::ping(template, token),
            CheckCredential::ApiKey => {
                let reader = self.api_key.as_ref().ok_or(Unavailable)?;
                let key = tokio::time::timeout(bound, reader.read()).await.map_err(|_elapsed| Unavailable)??;
                request::ping_with_api_key(template, &key)
            }
        })
    }
}

impl Wire for HttpWire {
    async fn secret(&self, bound: Duration) -> Option<Fingerprint> {
        let credential = self.read_credential(bound).await.ok()??;
        Some(credential.fingerprint)
    }

    async fn request_token(&self, bound: Duration) -> TokenExchange {
        let begun = BootClock.now();
        let Ok(credential) = self.read_credential(bound).await else { return unauthenticated() };
        let now = BootClock.now();
        let proof = credential.as_ref().map(|credential| &credential.proof);
        let Ok(request) = request::token(&self.target.token, proof, now.wall) else { return unauthenticated() };
        let secret = credential.map(|credential| credential.fingerprint);
        let left = bound.saturating_sub(begun.moment.until(now.moment));
        let (trace, answer) = exchange(&self.token_channel, request, left).await;
        let result = judge(answer, judge_token);
        TokenExchange { trace, secret, result }
    }

    async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
        let request = request::ping(&self.ping_template, token);
        let (trace, answer) = exchange(&self.ping_channel, request, bound).await;
        let result = judge(answer, |status, body| judge_ping(status, body, &self.target.ping.expect));
        PingExchange { trace, result }
    }

    async fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> CheckExchange {
        let begun = BootClock.now();
        let Ok(request) = self.check_request(credential, bound).await else {
            return CheckExchange { trace: Trace::unsent(BootClock.now()), failure: Some(Reason::SecretUnavailable) };
        };
        let left = bound.saturating_sub(begun.moment.until(BootClock.now().moment));
        let (trace, answer) = exchange(&self.check_channel, request, left).await;
        CheckExchange { trace, failure: answer.err() }
    }
}

fn judge<T>(
    answer: Result<Answer, Reason>,
    by_status_and_body: impl FnOnce(u16, &[u8]) -> Result<T, Reason>,
) -> Result<T, Failure> {
    let Answer { status, body, retry_after } = answer?;
    // A body without end is judged as one that says nothing, so that the status still counts first.
    let judged = by_status_and_body(status, body.as_deref().map_or(&[], Vec::as_slice));
    judged.map_err(|reason| Failure { reason, retry_after })
}

/// A token request that was not sent, since what was to authenticate it cannot be read, or cannot sign.
fn unauthenticated() -> TokenExchange {
    TokenExchange { trace: Trace::unsent(BootClock.now()), secret: None, result: Err(Reason::SecretUnavailable.into()) }
}
