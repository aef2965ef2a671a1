//! What signs assertions: the client's secret, or a private key from a PEM file. AWS-LC, which does TLS here too, holds
//! the key and clears its memory.

use std::fmt;

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair, RsaSignatureEncoding,
};
use rustls::pki_types::PrivateKeyDer;
use zeroize::Zeroize;

use crate::model::assertion::{HmacAlgorithm, SignatureAlgorithm};
use crate::model::secret::Secret;
use crate::tls::private_key;

/// A key and how it signs.
pub(super) struct Signer {
    key: Key,
    /// The value of `alg` (RFC 7515 §4.1.1).
    pub(super) algorithm: &'static str,
}

enum Key {
    /// Boxed, since it is a kilobyte of prepared digests.
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a file's content cannot sign. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// It is not what a key file can be.
    #[error("it is empty, or no UTF-8 text")]
    NoText,
    /// It is a JWK (RFC 7517), or other JSON.
    #[error("it is JSON; convert the key to PEM (PKCS#8)")]
    Json,
    /// It is not PEM, or encrypted.
    #[error("it cannot be read as a PEM private key: {0}")]
    Pem(&'static str),
    /// No key that is supported, or a damaged one.
    #[error("it holds no RSA key of 2048 to 8192 bits, no EC key on P-256, P-384 or P-521, and no Ed25519 key")]
    Unsupported,
    /// The key is not for the algorithm that is configured.
    #[error("it is {kind}, which cannot sign {}; correct token.jwt.algorithm, or leave it out", algorithm.as_str())]
    Misfit {
        /// What was found.
        kind: &'static str,
        /// What was configured.
        algorithm: SignatureAlgorithm,
    },
}

impl Signer {
    /// Signs with a secret, of which the octets are the key (OpenID Connect Core §10.1).
    pub(super) fn of_secret(secret: &Secret, algorithm: HmacAlgorithm) -> Self {
        let digest = match algorithm {
            HmacAlgorithm::Hs256 => hmac::HMAC_SHA256,
            HmacAlgorithm::Hs384 => hmac::HMAC_SHA384,
            HmacAlgorithm::Hs512 => hmac::HMAC_SHA512,
        };
        let key = Key::Hmac(Box::new(hmac::Key::new(digest, secret.expose().as_bytes())));
        Self { key, algorithm: algorithm.as_str() }
    }

    /// Signs with the private key in `pem`, as is usual for its kind unless `wanted` says how.
    pub(super) fn of_private_key(pem: &Secret, wanted: Option<SignatureAlgorithm>) -> Result<Self, KeyProblem> {
        let text = pem.expose();
        if text.trim_start().starts_with('{') {
            return Err(KeyProblem::Json);
        }
        let mut der = private_key(text.as_bytes()).map_err(KeyProblem::Pem)?;
        let found = read_private_key(&der);
        der.zeroize();
        let (key, usual) = found.ok_or(KeyProblem::Unsupported)?;
        let algorithm = wanted.unwrap_or(usual);
        match (key, rsa_encoding(algorithm)) {
            (Key::Rsa(key, _), Some(encoding)) => Ok(Key::Rsa(key, encoding)),
            (key @ Key::Ecdsa(_), _) if algorithm == usual => Ok(key),
            (key @ Key::Ed25519(_), _) if is_edwards(algorithm) => Ok(key),
            _ => Err(KeyProblem::Misfit { kind: kind(usual), algorithm }),
        }
        .map(|key| Self { key, algorithm: algorithm.as_str() })
    }

    /// The signature of `message` in the form of RFC 7518 §3.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Key::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature)?;
                Ok(signature)
            }
            Key::Ecdsa(key) => Ok(key.sign(&random, message)?.as_ref().to_vec()),
            Key::Ed25519(key) => Ok(key.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The key and the algorithm that is usual for its kind. A key is of the kind as which it can be read.
fn read_private_key(der: &PrivateKeyDer<'_>) -> Option<(Key, SignatureAlgorithm)> {
    let bytes = der.secret_der();
    let rsa = match der {
        PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(bytes),
        _ => RsaKeyPair::from_pkcs8(bytes),
    };
    if let Ok(key) = rsa {
        return Some((Key::Rsa(key, &signature::RSA_PKCS1_SHA256), SignatureAlgorithm::Rs256));
    }
    if let Ok(key) = Ed25519KeyPair::from_pkcs8(bytes) {
        return Some((Key::Ed25519(key), SignatureAlgorithm::EdDsa));
    }
    CURVES.into_iter().find_map(|(curve, usual)| {
        let key: Result<_, KeyRejected> = EcdsaKeyPair::from_private_key_der(curve, bytes);
        Some((Key::Ecdsa(key.ok()?), usual))
    })
}

/// Each curve with the one algorithm that it is for (RFC 7518 §3.4).
const CURVES: [(&EcdsaSigningAlgorithm, SignatureAlgorithm); 3] = [
    (&ECDSA_P256_SHA256_FIXED_SIGNING, SignatureAlgorithm::Es256),
    (&ECDSA_P384_SHA384_FIXED_SIGNING, SignatureAlgorithm::Es384),
    (&ECDSA_P521_SHA512_FIXED_SIGNING, SignatureAlgorithm::Es512),
];

const fn rsa_encoding(algorithm: SignatureAlgorithm) -> Option<&'static RsaSignatureEncoding> {
    match algorithm {
        SignatureAlgorithm::Rs256 => Some(&signature::RSA_PKCS1_SHA256),
        SignatureAlgorithm::Rs384 => Some(&signature::RSA_PKCS1_SHA384),
        SignatureAlgorithm::Rs512 => Some(&signature::RSA_PKCS1_SHA512),
        SignatureAlgorithm::Ps256 => Some(&signature::RSA_PSS_SHA256),
        SignatureAlgorithm::Ps384 => Some(&signature::RSA_PSS_SHA384),
        SignatureAlgorithm::Ps512 => Some(&signature::RSA_PSS_SHA512),
        _ => None,
    }
}

const fn is_edwards(algorithm: SignatureAlgorithm) -> bool {
    matches!(algorithm, SignatureAlgorithm::EdDsa | SignatureAlgorithm::Ed25519)
}

/// The kind of key that usually signs so.
const fn kind(usual: SignatureAlgorithm) -> &'static str {
    match usual {
        SignatureAlgorithm::Es256 => "an EC key on P-256",
        SignatureAlgorithm::Es384 => "an EC key on P-384",
        SignatureAlgorithm::Es512 => "an EC key on P-521",
        SignatureAlgorithm::EdDsa | SignatureAlgorithm::Ed25519 => "an Ed25519 key",
        _ => "an RSA key",
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::KeyPair;

    use super::*;

    const MESSAGE: &[u8] = b"what do ya want for nothing?";

    fn pem_of(label: &str, der: &[u8]) -> Secret {
        Secret::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)))
    }

    fn generated(kind: &'static rcgen::SignatureAlgorithm) -> (KeyPair, Secret) {
        let key = KeyPair::generate_for(kind).expect("a key");
        let pem = Secret::new(key.serialize_pem());
        (key, pem)
    }

    fn verifies(key: &KeyPair, by: &'static dyn VerificationAlgorithm, signer: &Signer) -> bool {
        let signature = signer.sign(MESSAGE).expect("a signature");
        UnparsedPublicKey::new(by, key.public_key_raw()).verify(MESSAGE, &signature).is_ok()
    }

    #[test]
    fn signatures_verify_by_the_algorithm_that_they_name() {
        use SignatureAlgorithm::{Ed25519, EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};
        type Verified = (SignatureAlgorithm, &'static dyn VerificationAlgorithm);
        let rsa: [Verified; 6] = [
            (Rs256, &signature::RSA_PKCS1_2048_8192_SHA256),
            (Rs384, &signature::RSA_PKCS1_2048_8192_SHA384),
            (Rs512, &signature::RSA_PKCS1_2048_8192_SHA512),
            (Ps256, &signature::RSA_PSS_2048_8192_SHA256),
            (Ps384, &signature::RSA_PSS_2048_8192_SHA384),
            (Ps512, &signature::RSA_PSS_2048_8192_SHA512),
        ];
        let edwards: [Verified; 2] = [(EdDsa, &signature::ED25519), (Ed25519, &signature::ED25519)];
        let table: [(_, &[Verified]); 5] = [
            (&rcgen::PKCS_RSA_SHA256, &rsa),
            (&PKCS_ECDSA_P256_SHA256, &[(Es256, &signature::ECDSA_P256_SHA256_FIXED)]),
            (&PKCS_ECDSA_P384_SHA384, &[(Es384, &signature::ECDSA_P384_SHA384_FIXED)]),
            (&PKCS_ECDSA_P521_SHA512, &[(Es512, &signature::ECDSA_P521_SHA512_FIXED)]),
            (&PKCS_ED25519, &edwards),
        ];
        let mut seen = Vec::new();
        for (kind, algorithms) in table {
            let (key, pem) = generated(kind);
            // The first of each kind is the usual one.
            let usual = Signer::of_private_key(&pem, None).expect("a signer");
            assert_eq!(usual.algorithm, algorithms[0].0.as_str());
            assert!(verifies(&key, algorithms[0].1, &usual));
            for wanted in SignatureAlgorithm::ALL {
                let signer = Signer::of_private_key(&pem, Some(wanted));
                let Some((_, by)) = algorithms.iter().find(|(algorithm, _)| *algorithm == wanted) else {
                    assert!(matches!(signer, Err(KeyProblem::Misfit { algorithm, .. }) if algorithm == wanted));
                    continue;
                };
                let signer = signer.expect("a signer");
                assert_eq!(signer.algorithm, wanted.as_str());
                assert!(verifies(&key, *by, &signer), "{wanted:?}");
                seen.push(wanted);
            }
        }
        assert_eq!(seen.len(), SignatureAlgorithm::ALL.len());
    }

    #[test]
    fn secrets_sign_as_rfc_4231_says() {
        let secret = Secret::new("Jefe".to_owned());
        for (algorithm, begins) in [
            (HmacAlgorithm::Hs256, "5bdcc146bf60754e6a042426089575c7"),
            (HmacAlgorithm::Hs384, "af45d2e376484031617f78d2b58a6b1b"),
            (HmacAlgorithm::Hs512, "164b7a7bfcf819e2e395fbe73b56e0a3"),
        ] {
            let signer = Signer::of_secret(&secret, algorithm);
            let signature = signer.sign(MESSAGE).expect("a signature");
            let hex: String = signature[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((signer.algorithm, hex.as_str()), (algorithm.as_str(), begins));
        }
    }

    #[test]
    fn older_forms_of_pem_are_read() {
        let (_, pem) = generated(&rcgen::PKCS_RSA_SHA256);
        let pkcs8 = private_key(pem.expose().as_bytes()).expect("a key");
        // What PKCS#8 wraps around an RSA key of this length has 26 bytes.
        let pkcs1 = pem_of("RSA PRIVATE KEY", &pkcs8.secret_der()[26..]);
        assert_eq!(Signer::of_private_key(&pkcs1, None).expect("a signer").algorithm, "RS256");
        for (curve, usual) in CURVES {
            let key = EcdsaKeyPair::generate(curve).expect("a key");
            let sec1: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> = key.private_key().as_der().expect("SEC1");
            let pem = pem_of("EC PRIVATE KEY", sec1.as_ref());
            assert_eq!(Signer::of_private_key(&pem, None).expect("a signer").algorithm, usual.as_str());
        }
    }

    #[test]
    fn what_is_no_key_that_can_sign_is_told_apart() {
        let (_, good) = generated(&rcgen::PKCS_ED25519);
        let problem = |text: &str| Signer::of_private_key(&Secret::new(text.to_owned()), None).expect_err("a problem");
        let pem = good.expose();
        assert_eq!(problem("secret"), KeyProblem::Pem("there is none in it"));
        assert_eq!(problem(&pem.replace("PRIVATE", "PUBLIC")), KeyProblem::Pem("there is none in it"));
        assert!(matches!(problem(&pem.replace('\n', " ")), KeyProblem::Pem(what) if what.contains("line ends")));
        let encrypted = problem(&pem.replace("PRIVATE", "ENCRYPTED PRIVATE"));
        assert!(matches!(encrypted, KeyProblem::Pem(what) if what.starts_with("it is encrypted")));
        assert_eq!(problem(" {\"kty\":\"EC\"}"), KeyProblem::Json);
        assert_eq!(problem(pem_of("PRIVATE KEY", b"damaged").expose()), KeyProblem::Unsupported);
    }

    #[test]
    fn debug_form_shows_no_key() {
        let (_, pem) = generated(&rcgen::PKCS_ED25519);
        let signer = Signer::of_private_key(&pem, None).expect("a signer");
        assert_eq!(format!("{signer:?}"), "Signer { algorithm: \"EdDSA\", .. }");
    }
}
