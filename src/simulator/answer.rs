//! An answer before it is on the wire: status, headers, body; and how it is put there, whole or mangled.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

/// JSON stays a value as long as possible, so that a fault can alter a good answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Json(Value),
    Other(Bytes),
}

impl Answer {
    /// A status with the error body of Spring Boot, whose `error` is no code of RFC 6749.
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Unknown");
        let code = status.as_u16();
        Self::json(status, json!({"timestamp": timestamp(), "status": code, "error": reason, "message": reason}))
    }

    /// A status with `body` as JSON.
    #[must_use]
    pub fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Json(body) }
            .with_header(CONTENT_TYPE, "application/json;charset=UTF-8")
    }

    /// A status with any other body.
    #[must_use]
    pub fn text(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Other(body.into()) }
            .with_header(CONTENT_TYPE, content_type)
    }

    /// The same answer with one header more, or another value of it.
    ///
    /// # Panics
    /// When `value` cannot stand in a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// An error as RFC 6749 §5.2 has it.
    pub(super) fn oauth_error(status: StatusCode, code: &str) -> Self {
        Self::json(status, json!({"error": code, "error_description": format!("simulated {code}")}))
    }

    /// A status with the error body of Spring Boot, `path` included.
    pub(super) fn status_at(status: StatusCode, path: &str) -> Self {
        let mut answer = Self::status(status);
        answer.patch(&json!({"path": path}));
        answer
    }

    /// A refused bearer token: Spring repeats the token in both places, and so must this.
    pub(super) fn invalid_token(token: &str) -> Self {
        let description = format!("Invalid access token: {token}");
        Self::json(StatusCode::UNAUTHORIZED, json!({"error": "invalid_token", "error_description": description}))
            .with_header(
                WWW_AUTHENTICATE,
                &format!(r#"Bearer error="invalid_token", error_description="{description}""#),
            )
    }

    /// Overwrites members of a JSON object; `null` removes one (RFC 7396, one level deep).
    pub(super) fn patch(&mut self, patch: &Value) {
        if let (Content::Json(Value::Object(body)), Value::Object(patch)) = (&mut self.content, patch) {
            for (name, value) in patch {
                if value.is_null() {
                    body.remove(name);
                } else {
                    body.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// For `hyper` to send.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content.into_bytes()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// The head, which states the whole length, and the two halves of the body.
    fn into_pieces(self) -> (Vec<u8>, Bytes, Bytes) {
        let mut rest = self.content.into_bytes();
        let mut head = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", self.status, rest.len()).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"connection: close\r\n\r\n");
        let first = rest.split_to(rest.len() / 2);
        (head, first, rest)
    }
}

impl Content {
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Json(value) => Bytes::from(value.to_string()),
            Self::Other(bytes) => bytes,
        }
    }
}

/// What goes back over a connection.
pub(super) enum Reply {
    /// An answer as it should be; the connection stays open.
    Http(Answer),
    /// Bytes that no HTTP library would send; the connection ends with them.
    Raw(LastWords),
}

/// The bytes that end a connection, and how.
pub(super) struct LastWords {
    pub(super) bytes: Bytes,
    pub(super) then: Ending,
}

/// What happens after [`LastWords`].
pub(super) enum Ending {
    /// An orderly close.
    Close,
    /// A reset.
    Reset,
    /// Nothing, until the client goes away.
    Hold,
    /// The rest after a pause, then an orderly close.
    Finish(Duration, Bytes),
}

/// How the body of an answer gets across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Cut,
    Stalled,
    Late(Duration),
}

impl Delivery {
    /// The answer, delivered in this way.
    pub(super) fn of(self, answer: Answer) -> Reply {
        if self == Self::Whole {
            return Reply::Http(answer);
        }
        let (mut bytes, first, rest) = answer.into_pieces();
        bytes.extend_from_slice(&first);
        let then = match self {
            Self::Stalled => Ending::Hold,
            Self::Late(pause) => Ending::Finish(pause, rest),
            Self::Whole | Self::Cut => Ending::Close,
        };
        Reply::Raw(LastWords { bytes: bytes.into(), then })
    }
}

#[expect(clippy::disallowed_methods, reason = "a server shows its wall clock; nothing is decided by it")]
fn timestamp() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
