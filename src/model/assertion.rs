//! Client authentication by a signed JWT: what signs it, how, and what it says of itself.

use std::path::PathBuf;

use super::target::SecretSource;

/// What an assertion is signed with and says.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// What signs it.
    pub key: AssertionKey,
    /// Tells the server which of the client's keys to verify it with: `kid`.
    pub key_id: Option<String>,
    /// Whom it is for: `aud`.
    pub audience: String,
}

/// What signs an assertion.
#[derive(Clone, Debug)]
pub enum AssertionKey {
    /// `client_secret_jwt`: the secret that both sides know.
    Secret {
        /// Where the secret is found.
        secret: SecretSource,
        /// How it signs.
        algorithm: HmacAlgorithm,
    },
    /// `private_key_jwt`: a key of which the server knows the public half.
    PrivateKey {
        /// The key, PEM, read anew before every token request.
        file: PathBuf,
        /// How it signs; `None`: as is usual for its kind.
        algorithm: Option<SignatureAlgorithm>,
    },
}

/// Signing with a shared secret (RFC 7518 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7518")]
pub enum HmacAlgorithm {
    Hs256,
    Hs384,
    Hs512,
}

/// Signing with a private key (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum SignatureAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
    Ed25519,
}

impl HmacAlgorithm {
    /// Every member.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Hs384, Self::Hs512];

    /// The value of `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }
}

impl SignatureAlgorithm {
    /// Every member.
    pub const ALL: [Self; 11] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// The value of `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}
