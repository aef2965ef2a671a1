//! Why a request failed and whose fault that is: the closed sets behind the labels `request`, `reason` and `fault`.

use std::time::Duration;

/// Which of the two requests of a cycle is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// `POST` to the token endpoint (RFC 6749 §4.4.2).
    Token,
    /// The authenticated call of the API.
    Ping,
}

impl Request {
    /// Both, in the order in which they are made and shown.
    pub const ALL: [Self; 2] = [Self::Token, Self::Ping];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Ping => "ping",
        }
    }

    /// Where it stands in [`Request::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The fault of the server that this request asks.
    #[must_use]
    pub const fn server(self) -> Fault {
        match self {
            Self::Token => Fault::AuthorizationServer,
            Self::Ping => Fault::ResourceServer,
        }
    }

    /// The faults that can occur with this request, in the order of [`Fault::ALL`].
    #[must_use]
    pub const fn faults(self) -> [Fault; 4] {
        [Fault::Network, Fault::Auth, self.server(), Fault::Exporter]
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Between here and the server: name resolution, connection, TLS, proxy.
    Network,
    /// The credentials, what they may do, or how they are sent.
    Auth,
    /// The server that issues tokens.
    AuthorizationServer,
    /// The API.
    ResourceServer,
    /// This exporter or the machine it runs on.
    Exporter,
}

impl Fault {
    /// Every member.
    pub const ALL: [Self; 5] =
        [Self::Network, Self::Auth, Self::AuthorizationServer, Self::ResourceServer, Self::Exporter];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Auth => "auth",
            Self::AuthorizationServer => "authorization_server",
            Self::ResourceServer => "resource_server",
            Self::Exporter => "exporter",
        }
    }

    /// Where it stands in [`Fault::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Why a request failed. The order is that of the contract's table: the first that matches wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The secret or a key cannot be read; no request was sent.
    SecretUnavailable,
    /// Out of descriptors, ports or buffers.
    LocalError,
    /// The proxy cannot be reached or refuses.
    Proxy,
    /// The host name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No connection in time, up to the end of the TLS handshake.
    ConnectTimeout,
    /// The TLS handshake failed for another reason than a certificate.
    Tls,
    /// The server's certificate does not verify.
    Certificate,
    /// The server refuses our certificate.
    ClientCertificate,
    /// Connected, but no whole answer in time.
    ResponseTimeout,
    /// The connection was closed before the answer was whole.
    ConnectionClosed,
    /// What came back is not HTTP, or far more than an answer can be.
    ProtocolError,
    /// 3xx; redirects are never followed (RFC 9700 §4.12).
    Redirected,
    /// 429 (RFC 6585 §4).
    RateLimited,
    /// 5xx.
    ServerError,
    /// 403.
    Forbidden,
    /// Client authentication failed (RFC 6749 §5.2).
    InvalidClient,
    /// The client may not use this grant (RFC 6749 §5.2).
    UnauthorizedClient,
    /// The requested scope is invalid or exceeds what is allowed (RFC 6749 §5.2).
    InvalidScope,
    /// The server does not support the client-credentials grant (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// The token request is malformed in the server's eyes.
    BadRequest,
    /// The API answered 401 to the token (RFC 6750 §3.1).
    TokenRejected,
    /// Any other status.
    UnexpectedStatus,
    /// Not the JSON it must be, too long, no token, wrong token type.
    BadResponse,
    /// JSON, but not the answer that was expected.
    UnexpectedBody,
}

impl Reason {
    /// Every member.
    pub const ALL: [Self; 25] = [
        Self::SecretUnavailable,
        Self::LocalError,
        Self::Proxy,
        Self::Dns,
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Certificate,
        Self::ClientCertificate,
        Self::ResponseTimeout,
        Self::ConnectionClosed,
        Self::ProtocolError,
        Self::Redirected,
        Self::RateLimited,
        Self::ServerError,
        Self::Forbidden,
        Self::InvalidClient,
        Self::UnauthorizedClient,
        Self::InvalidScope,
        Self::UnsupportedGrantType,
        Self::BadRequest,
        Self::TokenRejected,
        Self::UnexpectedStatus,
        Self::BadResponse,
        Self::UnexpectedBody,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretUnavailable => "secret_unavailable",
            Self::LocalError => "local_error",
            Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::ClientCertificate => "client_certificate",
            Self::ResponseTimeout => "response_timeout",
            Self::ConnectionClosed => "connection_closed",
            Self::ProtocolError => "protocol_error",
            Self::Redirected => "redirected",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Forbidden => "forbidden",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::BadRequest => "bad_request",
            Self::TokenRejected => "token_rejected",
            Self::UnexpectedStatus => "unexpected_status",
            Self::BadResponse => "bad_response",
            Self::UnexpectedBody => "unexpected_body",
        }
    }

    /// Where it stands in [`Reason::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whose fault this is when `request` failed so.
    #[must_use]
    pub const fn fault(self, request: Request) -> Fault {
        match self {
            Self::SecretUnavailable | Self::LocalError => Fault::Exporter,
            Self::Proxy | Self::Dns | Self::Connect | Self::ConnectTimeout | Self::Tls => Fault::Network,
            Self::ClientCertificate
            | Self::Forbidden
            | Self::InvalidClient
            | Self::UnauthorizedClient
            | Self::InvalidScope
            | Self::UnsupportedGrantType
            | Self::BadRequest
            | Self::TokenRejected => Fault::Auth,
            Self::Certificate
            | Self::ResponseTimeout
            | Self::ConnectionClosed
            | Self::ProtocolError
            | Self::Redirected
            | Self::RateLimited
            | Self::ServerError
            | Self::UnexpectedStatus
            | Self::BadResponse
            | Self::UnexpectedBody => request.server(),
        }
    }

    /// Whether `request` can fail so.
    #[must_use]
    pub const fn can_occur(self, request: Request) -> bool {
        match self {
            Self::InvalidClient
            | Self::UnauthorizedClient
            | Self::InvalidScope
            | Self::UnsupportedGrantType
            | Self::BadRequest => matches!(request, Request::Token),
            Self::TokenRejected | Self::UnexpectedBody => matches!(request, Request::Ping),
            _ => true,
        }
    }
}

/// Which request failed and why: what a failed cycle is blamed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The request that failed.
    pub request: Request,
    /// Why.
    pub reason: Reason,
}

impl Cause {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.reason.fault(self.request)
    }
}

/// How one request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// How long the server asked to be left alone (`Retry-After`, RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_listings_agree() {
        for (index, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.index(), index);
        }
        for (index, request) in Request::ALL.into_iter().enumerate() {
            assert_eq!(request.index(), index);
        }
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn every_fault_of_a_reason_is_one_that_its_request_lists() {
        for request in Request::ALL {
            for reason in Reason::ALL {
                assert!(request.faults().contains(&reason.fault(request)), "{request:?} {reason:?}");
            }
        }
    }
}
