//! One state of the web configuration, ready to be applied to connections and requests.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rustls::ServerConfig;

use crate::model::web::{ClientAuth, Http2, TlsVersions, WebConfig};

use super::authentication::{Door, Refused};
use super::connection::Connection;
use super::headers::AnswerHeaders;
use super::rate_limit::Bucket;
use super::tls::{Pems, server_config};
use super::turnstile::Turnstile;

/// Passwords checked at a time, so that most of the machine is left for probes …
const PASSWORDS: usize = 1;
/// … and those that wait: at the highest cost that is taken, the last one waits for half a minute.
const PASSWORDS_WAITING: usize = 32;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"oauth-probe-exporter\", charset=\"UTF-8\"");

/// What outlives each state.
#[derive(Debug)]
pub(super) struct Shared {
    password_checks: Arc<Turnstile>,
}

/// How the port is protected for the time being.
#[derive(Debug, Default)]
pub(super) struct Protection {
    tls: Option<Arc<ServerConfig>>,
    door: Option<Door>,
    headers: AnswerHeaders,
    requests: Option<Bucket>,
    clients: Clients,
    admission: Admission,
    summary: String,
}

/// Which state of what clients must show in the handshake let a connection in: it changes when that does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Admission(u64);

/// What clients must show in the handshake, and what the authorities' file held.
#[derive(Debug, Default, PartialEq)]
struct Clients {
    asked: Option<ClientAuth>,
    authorities: Option<Vec<u8>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { password_checks: Turnstile::new(PASSWORDS, PASSWORDS_WAITING, None) }
    }
}

impl Protection {
    /// What `config` says, with what its files hold, after what was in force before.
    ///
    /// # Errors
    /// Everything that is wrong with the files, a line each.
    pub(super) fn of(
        config: &WebConfig,
        pems: Option<&Pems>,
        shared: &Shared,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        let tls = match (&config.tls, pems) {
            (Some(settings), Some(pems)) => {
                let served = server_config(settings, config.http2, pems).map_err(|problems| problems.join("\n"))?;
                Some(Arc::new(served))
            }
            _ => None,
        };
        let clients = Clients {
            asked: config.tls.as_ref().map(|tls| tls.client_auth.clone()),
            authorities: pems.and_then(Pems::authorities).map(<[u8]>::to_vec),
        };
        let admission = match before {
            Some(before) if before.clients == clients => before.admission,
            Some(before) => Admission(before.admission.0 + 1),
            None => Admission::default(),
        };
        let mut summary = String::new();
        // Writing to a string cannot fail.
        let _ = write_summary(&mut summary, config);
        Ok(Self {
            tls,
            door: Door::of(&config.users, Arc::clone(&shared.password_checks), before.and_then(|it| it.door.as_ref())),
            headers: AnswerHeaders::of(&config.headers),
            requests: config.rate_limit.map(Bucket::new),
            clients,
            admission,
            summary,
        })
    }

    pub(super) const fn tls(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref()
    }

    pub(super) const fn admission(&self) -> Admission {
        self.admission
    }

    pub(super) fn summary(&self) -> String {
        self.summary.clone()
    }

    /// Lets a request in, or says why not.
    pub(super) async fn admit(&self, headers: &HeaderMap, visitor: &Arc<Connection>) -> Result<(), Response> {
        if self.requests.as_ref().is_some_and(|bucket| !bucket.take()) {
            return Err(refusal(StatusCode::TOO_MANY_REQUESTS, "too many requests\n"));
        }
        let Some(door) = &self.door else { return Ok(()) };
        door.admit(headers, visitor).await.map_err(|refused| match refused {
            Refused::Unknown => {
                let mut answer = refusal(StatusCode::UNAUTHORIZED, "a name and its password are needed\n");
                answer.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
                answer
            }
            Refused::Crowded => busy("too many passwords are being checked\n"),
            Refused::Broken => refusal(StatusCode::INTERNAL_SERVER_ERROR, "passwords cannot be checked\n"),
        })
    }

    /// Puts on an answer what all of them carry.
    pub(super) fn sign(&self, answer: &mut Response) {
        self.headers.put_on(answer.headers_mut());
    }
}

/// An answer on a connection that nobody would get any more in the way that it was got.
pub(super) fn outlived() -> Response {
    let text = "other client certificates are asked for now: connect anew\n";
    refusal(StatusCode::MISDIRECTED_REQUEST, text)
}

/// An answer for whom there is no room now.
pub(super) fn busy(text: impl Into<Body>) -> Response {
    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

fn refusal(status: StatusCode, text: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], text.into()).into_response()
}

fn write_summary(text: &mut String, config: &WebConfig) -> fmt::Result {
    match &config.tls {
        None => text.write_str("no TLS")?,
        Some(settings) => {
            text.write_str(match settings.versions {
                TlsVersions::Only12 => "TLS 1.2",
                TlsVersions::Only13 => "TLS 1.3",
                TlsVersions::Both => "TLS 1.2 and 1.3",
            })?;
            text.write_str(match config.http2 {
                Http2::Offered => " with HTTP/2",
                Http2::Off => " without HTTP/2",
            })?;
            text.write_str(match settings.client_auth {
                ClientAuth::None => "",
                ClientAuth::Request => ", client certificates asked for but not verified",
                ClientAuth::RequireAny => ", client certificates demanded but not verified",
                ClientAuth::VerifyIfGiven(_) => ", client certificates verified if there are any",
                ClientAuth::Require { .. } => ", client certificates demanded and verified",
            })?;
        }
    }
    match config.users.len() {
        0 => text.write_str("; no passwords")?,
        1 => text.write_str("; passwords of 1 user")?,
        count => write!(text, "; passwords of {count} users")?,
    }
    if let Some(limit) = config.rate_limit {
        let interval = humantime::format_duration(limit.interval);
        write!(text, "; {} requests at once, then one each {interval}", limit.burst)?;
    }
    Ok(())
}
