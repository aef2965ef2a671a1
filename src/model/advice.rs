//! What a failure means and what to do about it, for a person.

use super::assertion::{Assertion, AssertionKey};
use super::fault::{Cause, Fault, Reason, Request};
use super::report::{Attempt, CertificateDefect};
use super::target::{ClientAuthentication, Target};

/// Words for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened.
    pub meaning: &'static str,
    /// What to do next, and who.
    pub remedy: &'static str,
}

impl Cause {
    /// Who has to act, in words; less certain than the label where a mistake in the configuration looks the same.
    #[must_use]
    pub const fn owner(self) -> &'static str {
        match (self.reason, self.fault()) {
            (Reason::Connect | Reason::ConnectTimeout, _) => {
                "the network between here and the server, or a server that is down"
            }
            (Reason::Dns, _) => "name resolution, or the host name in the configuration",
            (Reason::Proxy, _) => "the proxy between here and the server, or a server that it cannot reach",
            (Reason::Tls, _) => "whatever answers there: a wrong address here, the server, or something in between",
            (Reason::RateLimited, _) => "whoever asks too often with these credentials, or the provider's limit",
            (Reason::ClientCertificate, _) => "our client certificate, or what the provider knows of it",
            (Reason::BadRequest | Reason::UnsupportedGrantType, _) => {
                "the configuration here: the provider expects something else"
            }
            (Reason::TokenRejected, _) => "the token: the API does not accept what the authorization server issued",
            (reason, Fault::AuthorizationServer) if reason.may_be_a_wrong_address() => {
                "the authorization server (the provider), unless its address here is wrong"
            }
            (reason, Fault::ResourceServer) if reason.may_be_a_wrong_address() => {
                "the API (the provider), unless its address here is wrong"
            }
            (_, Fault::Network) => "the network between here and the server",
            (_, Fault::Auth) => "the credentials, or what they may do",
            (_, Fault::AuthorizationServer) => "the authorization server (the provider)",
            (_, Fault::ResourceServer) => "the API (the provider)",
            (_, Fault::Exporter) => "this exporter or its machine",
        }
    }
}

impl Reason {
    /// Whether a server that was never meant answers so, too.
    const fn may_be_a_wrong_address(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::ProtocolError
                | Self::Redirected
                | Self::UnexpectedStatus
                | Self::BadResponse
                | Self::UnexpectedBody
        )
    }
}

/// What `cause` means and what to do, as exactly as the configuration and the `attempt` that failed tell.
#[must_use]
pub fn advice_on(cause: Cause, target: &Target, attempt: Option<&Attempt>) -> Advice {
    advice_with(cause, target, attempt.and_then(|attempt| attempt.trace.certificate_defect))
}

/// The same where of the attempt only the `defect` of the server's certificate is known.
#[must_use]
pub fn advice_with(cause: Cause, target: &Target, defect: Option<CertificateDefect>) -> Advice {
    match (cause.reason, defect) {
        (Reason::Certificate, Some(defect)) => on_certificate(defect),
        (Reason::InvalidClient, _) => Advice { remedy: on_client(&target.token.authentication), ..advice(cause) },
        (Reason::ClientCertificate, _) if target.transport(cause.request).identity.is_none() => DEMANDED_CERTIFICATE,
        _ => advice(cause),
    }
}

/// What `cause` means and what to do.
#[must_use]
pub const fn advice(cause: Cause) -> Advice {
    let (meaning, remedy) = match cause.reason {
        Reason::SecretUnavailable => (
            "The client secret or a key could not be read, so no request was sent.",
            "Check that the file is there, may be read by this process's user, and holds what it must: a secret as text, or a private key that is not encrypted and fits token.jwt.algorithm.",
        ),
        Reason::LocalError => (
            "This machine is out of file descriptors, ports or buffers.",
            "Raise the process's limits (LimitNOFILE, ulimit -n) or find what uses them up.",
        ),
        Reason::Proxy => (
            "The proxy cannot be reached, or refuses to let this request through.",
            "Check proxy_url or the proxy variables of the environment, the proxy's credentials and its rules; one that cannot resolve or reach the server refuses, too.",
        ),
        Reason::Dns => (
            "The server's host name did not resolve.",
            "Check the name in the configuration, then the name servers of this machine.",
        ),
        Reason::Connect => (
            "No connection: the port is closed, or a router or firewall refuses.",
            "Check address and port, then routes and firewalls; if they are right, ask the provider whether the server is up.",
        ),
        Reason::ConnectTimeout => (
            "No connection in time: packets are dropped, or the TLS handshake hangs.",
            "Check routes and firewalls between here and the server.",
        ),
        Reason::Tls => (
            "The TLS handshake failed before any certificate was judged.",
            "Check that the port speaks TLS 1.2 or 1.3 (an http:// server addressed as https:// does not) and that nothing in between intercepts it.",
        ),
        Reason::Certificate => (
            "The server's certificate does not verify: expired, for another name, or by an unknown authority.",
            "Look at the certificate with openssl s_client -showcerts; if the provider uses a private authority, set tls.ca_file, otherwise tell the provider.",
        ),
        Reason::ClientCertificate => (
            "The server refuses our client certificate, or demands one that is not configured.",
            "Check tls.cert_file and tls.key_file: dates, issuer, and whether the provider knows this certificate.",
        ),
        Reason::ResponseTimeout => (
            "The server took the connection but gave no whole answer in time.",
            "It is overloaded or hangs: tell the provider; if slow answers are normal there, raise timeout.",
        ),
        Reason::ConnectionClosed => (
            "The server closed the connection before its answer was whole.",
            "It restarts, is overloaded, or a load balancer gives up: tell the provider. If it never worked, check http:// against https://.",
        ),
        Reason::ProtocolError => (
            "What came back is not HTTP, or far more than an answer can be.",
            "Check that host and port are those of the server, and http:// against https://.",
        ),
        Reason::Redirected => (
            "The server redirects elsewhere; credentials are never sent after a redirect.",
            "Put the final address into the configuration: often https:// for http://, another path, or a login page.",
        ),
        Reason::RateLimited => (
            "The server says that it is asked too often (429).",
            "Find who else uses these credentials; raise interval or token.max_age, or ask for a higher limit.",
        ),
        Reason::ServerError => (
            "The server failed (5xx).",
            "The provider must act: report the time (UTC), the URL, the client id and the status.",
        ),
        Reason::Forbidden => forbidden(cause.request),
        Reason::InvalidClient => (
            "The authorization server does not accept this client's credentials.",
            "Check that the client's id and what it authenticates with belong together and to this environment (test or production), that they are active and have not expired.",
        ),
        Reason::UnauthorizedClient => (
            "The client is known but may not use the client-credentials grant.",
            "Ask the provider to allow this grant for the client.",
        ),
        Reason::InvalidScope => (
            "A requested scope is unknown or not allowed for this client.",
            "Correct token.scopes, or ask the provider to grant them.",
        ),
        Reason::UnsupportedGrantType => (
            "The server does not support the client-credentials grant at this address.",
            "Check authorization_server and token.path.",
        ),
        Reason::BadRequest => (
            "The authorization server finds the token request malformed (400).",
            "Check token.auth, token.params and token.scopes against the provider's documentation.",
        ),
        Reason::TokenRejected => (
            "The API refuses a token that was issued just now or should still live (401).",
            "Authorization server and API disagree: check that both belong to the same environment, then tell the provider (removed signing keys, revoked tokens).",
        ),
        Reason::UnexpectedStatus => unexpected_status(cause.request),
        Reason::BadResponse => bad_response(cause.request),
        Reason::UnexpectedBody => (
            "The API answered JSON, but not what was expected.",
            "Check ping.path and ping.expect.json; if they are right, the provider's API reports a problem.",
        ),
    };
    Advice { meaning, remedy }
}

/// The server asks for what is not configured.
const DEMANDED_CERTIFICATE: Advice = Advice {
    meaning: "The server demands a client certificate, and none is configured.",
    remedy: "Set tls.cert_file and tls.key_file to one that the provider knows; if it worked without before, ask the provider what they changed.",
};

const fn on_client(authentication: &ClientAuthentication) -> &'static str {
    match authentication {
        ClientAuthentication::Basic { .. } => {
            "Check that id and secret belong together and to this environment (test or production), that they are active and have not expired. If it never worked: some servers need token.basic_encoding: raw or token.auth: post, and some answer so at a wrong token.path."
        }
        ClientAuthentication::Post { .. } => {
            "Check that id and secret belong together and to this environment (test or production), that they are active and have not expired. If it never worked: some servers need token.auth: basic, and some answer so at a wrong token.path."
        }
        ClientAuthentication::Assertion(Assertion { key: AssertionKey::PrivateKey { .. }, .. }) => {
            "Check that the provider has the public half of this key for this client and environment (test or production), under token.jwt.key_id if that is set, and that its clock and this machine's agree. If it never worked: some servers want their issuer as token.jwt.audience, or another token.jwt.algorithm."
        }
        ClientAuthentication::Assertion(Assertion { key: AssertionKey::Secret { .. }, .. }) => {
            "Check that id and secret belong together and to this environment (test or production), that they are active and have not expired, and that the provider's clock and this machine's agree. If it never worked: some servers want their issuer as token.jwt.audience, or another token.jwt.algorithm."
        }
        ClientAuthentication::Tls => {
            "Check that the provider has this client certificate (tls.cert_file) for this client and environment (test or production), and that it has not expired."
        }
    }
}

const fn on_certificate(defect: CertificateDefect) -> Advice {
    let (meaning, remedy) = match defect {
        CertificateDefect::Expired => (
            "A certificate that the server sends has expired, by this machine's clock.",
            "If that clock is right, tell the provider, with host and date: only they can renew it.",
        ),
        CertificateDefect::NotYetValid => (
            "A certificate that the server sends is not valid yet, by this machine's clock.",
            "Check this machine's clock; if it is right, tell the provider.",
        ),
        CertificateDefect::WrongName => (
            "The server's certificate is for other names than the one that was asked for.",
            "Check the host in the configuration, and tls.server_name if it is set; if they are right, the provider serves the wrong certificate, or something in between answers.",
        ),
        CertificateDefect::UnknownAuthority => (
            "The server's certificate is by an authority that is not trusted here, or an intermediate one is not sent along.",
            "If the provider uses a private authority, or a proxy intercepts TLS, set tls.ca_file to the right one; if it worked before, ask the provider what they changed, or renew this machine's CA certificates.",
        ),
        CertificateDefect::Other => (
            "The server's certificate does not verify, and not for its dates, its names or its authority.",
            "Look at it with openssl s_client -showcerts: self-signed ones made for an authority, broken ones and weak signatures are refused so. Tell the provider.",
        ),
    };
    Advice { meaning, remedy }
}

const fn forbidden(request: Request) -> (&'static str, &'static str) {
    match request {
        Request::Token => (
            "The authorization server forbids this client to ask (403).",
            "Ask the provider whether the client or this network's address is blocked.",
        ),
        Request::Ping => (
            "The API does not allow this call (403): the token lacks a permission, or something before the API refuses.",
            "Ask the provider for the missing permission or scope (token.scopes), and whether a firewall of theirs blocks this network's address.",
        ),
    }
}

const fn unexpected_status(request: Request) -> (&'static str, &'static str) {
    match request {
        Request::Token => (
            "The authorization server answered with a status that no token endpoint should.",
            "A 404 mostly means a wrong authorization_server or token.path.",
        ),
        Request::Ping => (
            "The API answered with a status that was not expected.",
            "A 404 mostly means a wrong resource_server or ping.path; see ping.expect.status.",
        ),
    }
}

const fn bad_response(request: Request) -> (&'static str, &'static str) {
    match request {
        Request::Token => (
            "The answer holds no usable token: not JSON, no access_token, another type than Bearer, or no time left.",
            "Check that the address is that of the token endpoint and not of a login page; if it is, tell the provider (expires_in must be a number above 0, token_type Bearer).",
        ),
        Request::Ping => (
            "The answer is not the JSON that was expected, or is over 1 MiB.",
            "Check resource_server and ping.path: a page for people often hides behind a 200.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_admits_that_a_wrong_address_looks_like_a_broken_server() {
        let owner = |request, reason| Cause { request, reason }.owner();
        assert!(owner(Request::Ping, Reason::UnexpectedStatus).contains("unless its address here is wrong"));
        assert!(owner(Request::Token, Reason::BadResponse).contains("unless its address here is wrong"));
        assert_eq!(owner(Request::Ping, Reason::ServerError), "the API (the provider)");
        assert!(owner(Request::Token, Reason::Connect).contains("a server that is down"));
    }

    #[test]
    fn every_failure_has_whole_sentences_of_its_own() {
        for request in Request::ALL {
            for reason in Reason::ALL {
                let Advice { meaning, remedy } = advice(Cause { request, reason });
                assert!(meaning.ends_with('.') && remedy.ends_with('.'), "{reason:?}");
                assert_ne!(meaning, remedy);
            }
        }
    }
}
