//! What the web configuration asks of the exporter's own port: TLS, who may come in, headers, how many requests.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::password_hash::PasswordHash;
use super::secret::Secret;

/// How the exporter's own port is served. The default is that of an empty file: in the clear, for everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// `None`: in the clear.
    pub tls: Option<TlsSettings>,
    /// Matters with TLS alone.
    pub http2: Http2,
    /// Values that answers carry instead of the usual ones.
    pub headers: BTreeMap<WebHeader, String>,
    /// If there is one, nobody comes in without a name and its password.
    pub users: BTreeMap<String, PasswordHash>,
    /// `None`: as many requests as come.
    pub rate_limit: Option<RateLimit>,
}

/// Whether HTTP/2 is spoken with clients that know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http2 {
    /// The client chooses.
    #[default]
    Offered,
    /// HTTP/1.1 alone.
    Off,
}

/// A header of every answer that the operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as they are written")]
pub enum WebHeader {
    ContentSecurityPolicy,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
    XXssProtection,
}

/// So many requests at once, and another one with each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Greater than zero.
    pub interval: Duration,
    /// How many may come at once after a pause.
    pub burst: NonZeroU32,
}

/// TLS on the exporter's own port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The chain, our own certificate first.
    pub certificate: PemSource,
    /// Its private key.
    pub key: PemSource,
    /// What clients have to show.
    pub client_auth: ClientAuth,
    /// Which versions are spoken.
    pub versions: TlsVersions,
    /// Those of TLS 1.2, the preferred first; `None`: all that are good. TLS 1.3 has no bad ones to choose from.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// Whose order counts.
    pub cipher_order: CipherOrder,
    /// Groups for the key exchange, the preferred first; `None`: the usual ones.
    pub curves: Option<Vec<Curve>>,
}

/// Where a PEM text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemSource {
    /// In a file that may change.
    File(PathBuf),
    /// In the web configuration.
    Inline(Secret),
}

/// What is asked of clients in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate, which nobody verifies; they may do without.
    Request,
    /// A certificate, which nobody verifies.
    RequireAny,
    /// If they show a certificate, these authorities must have signed it.
    VerifyIfGiven(PemSource),
    /// A certificate that these authorities have signed.
    Require {
        /// The authorities.
        authorities: PemSource,
        /// One of these must stand in the certificate, if there are any: DNS names, addresses, e-mail addresses, URIs.
        allowed_names: Vec<String>,
    },
}

/// The versions of TLS that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
    /// Either.
    Both,
}

/// Whose preference decides between cipher suites that both sides know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherOrder {
    /// Ours.
    Server,
    /// The client's.
    Client,
}

/// A cipher suite of TLS 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as they are written")]
pub enum CipherSuite {
    EcdheEcdsaAes128Gcm,
    EcdheEcdsaAes256Gcm,
    EcdheEcdsaChaCha20,
    EcdheRsaAes128Gcm,
    EcdheRsaAes256Gcm,
    EcdheRsaChaCha20,
}

/// A group for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as they are written")]
pub enum Curve {
    P256,
    P384,
    X25519,
}

impl WebHeader {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ContentSecurityPolicy,
        Self::StrictTransportSecurity,
        Self::XContentTypeOptions,
        Self::XFrameOptions,
        Self::XXssProtection,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContentSecurityPolicy => "Content-Security-Policy",
            Self::StrictTransportSecurity => "Strict-Transport-Security",
            Self::XContentTypeOptions => "X-Content-Type-Options",
            Self::XFrameOptions => "X-Frame-Options",
            Self::XXssProtection => "X-XSS-Protection",
        }
    }
}

impl CipherSuite {
    /// All of them, the strongest first.
    pub const ALL: [Self; 6] = [
        Self::EcdheEcdsaAes256Gcm,
        Self::EcdheEcdsaAes128Gcm,
        Self::EcdheEcdsaChaCha20,
        Self::EcdheRsaAes256Gcm,
        Self::EcdheRsaAes128Gcm,
        Self::EcdheRsaChaCha20,
    ];

    /// Its name in the registry of TLS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdheEcdsaAes128Gcm => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheEcdsaAes256Gcm => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheEcdsaChaCha20 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::EcdheRsaAes128Gcm => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheRsaAes256Gcm => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheRsaChaCha20 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        }
    }
}
