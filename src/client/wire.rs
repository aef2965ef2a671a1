//! [`HttpWire`]: the requests of one target over real sockets.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::{BootClock, Clock};
use crate::model::fault::{Failure, Reason};
use crate::model::report::{Phases, Trace};
use crate::model::response::{judge_ping, judge_token};
use crate::model::secret::{AccessToken, Fingerprint, Secret};
use crate::model::target::{ClientAuthentication, ConnectionMode, SecretSource, Target};

use super::exchange::{Answer, exchange};
use super::pool::{Channel, ClientError, ClientPool};
use super::secrets::SecretReader;
use super::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire, request, secrets, tls};

/// Of the form that real ones have, another in every process: 160 random bits that no server has ever issued.
static BAD_TOKEN: LazyLock<AccessToken> = LazyLock::new(|| {
    let random: [u8; 20] = std::array::from_fn(|_| fastrand::u8(..));
    AccessToken::parse(STANDARD.encode(random)).expect("Base64 is visible ASCII")
});

/// Sends the requests of one target with reqwest.
#[derive(Debug)]
pub struct HttpWire {
    target: Arc<Target>,
    token_channel: Channel,
    ping_channel: Channel,
    ping_template: reqwest::Request,
    /// `None` where the method needs no secret.
    secret: Option<SecretReader>,
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
        tls::check_roots(&token.endpoint, &token.transport)?;
        tls::check_roots(&ping.endpoint, &ping.transport)?;
        let file_reads = pool.file_reads();
        let reader = |source: &SecretSource| SecretReader::new(source.clone(), file_reads.clone());
        Ok(Self {
            token_channel: pool.channel(&token.endpoint, &token.transport, ConnectionMode::Fresh)?,
            ping_channel: pool.channel(&ping.endpoint, &ping.transport, ping.connection)?,
            ping_template: request::ping_template(ping)?,
            secret: secret_source(&token.authentication).map(reader),
            check_channel: pool.channel(&ping.endpoint, &ping.transport, ConnectionMode::Fresh)?,
            api_key: target.checks.api_key.as_ref().map(reader),
            target,
        })
    }

    /// `Ok(None)` where the method needs none.
    async fn read_secret(&self, bound: Duration) -> Result<Option<Secret>, Failure> {
        let Some(secret) = &self.secret else { return Ok(None) };
        read(secret, bound).await.map(Some).map_err(Failure::from)
    }

    async fn check_request(
        &self,
        credential: CheckCredential<'_>,
        bound: Duration,
    ) -> Result<reqwest::Request, Reason> {
        let template = &self.ping_template;
        Ok(match (credential, &self.api_key) {
            (CheckCredential::Nothing, _) => request::ping_without_token(template),
            (CheckCredential::BadToken, _) => request::ping(template, &BAD_TOKEN),
            (CheckCredential::ExpiredToken(token), _) => request::ping(template, token),
            (CheckCredential::ApiKey, Some(key)) => request::ping_with_api_key(template, &read(key, bound).await?),
            (CheckCredential::ApiKey, None) => return Err(Reason::SecretUnavailable),
        })
    }
}

async fn read(secret: &SecretReader, bound: Duration) -> Result<Secret, Reason> {
    match tokio::time::timeout(bound, secret.read()).await {
        Ok(Ok(secret)) => Ok(secret),
        Ok(Err(secrets::Unavailable)) | Err(_) => Err(Reason::SecretUnavailable),
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

    async fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> CheckExchange {
        let begun = BootClock.now();
        let request = match self.check_request(credential, bound).await {
            Ok(request) => request,
            Err(reason) => return CheckExchange { trace: unsent(), failure: Some(reason) },
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
        connections_opened: 0,
        phases: Phases::default(),
        peer: None,
        clock_skew: None,
    }
}
