//! What clients have to show in the handshake, and who judges it.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use crate::model::web::ClientAuth;

use super::alternative_names::AllowedNames;

/// Judges clients as `asked`; `authorities` are those that it names, if it does.
///
/// # Errors
/// When the authorities are of no use.
pub(super) fn judge(
    asked: &ClientAuth,
    authorities: Option<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let by_authorities = || {
        let roots = Arc::new(authorities.unwrap_or_else(RootCertStore::empty));
        WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
    };
    let any = |demand| Arc::new(AnyCertificate { provider: Arc::clone(provider), demand });
    let judge: Arc<dyn ClientCertVerifier> = match asked {
        ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
        ClientAuth::Request => any(Demand::Optional),
        ClientAuth::RequireAny => any(Demand::Mandatory),
        ClientAuth::VerifyIfGiven(_) => {
            by_authorities().allow_unauthenticated().build().map_err(|problem| problem.to_string())?
        }
        ClientAuth::Require { allowed_names, .. } => {
            let judge = by_authorities().build().map_err(|problem| problem.to_string())?;
            if allowed_names.is_empty() {
                return Ok(judge);
            }
            Arc::new(ByName { judge, names: AllowedNames::new(allowed_names.clone()) })
        }
    };
    Ok(judge)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Optional,
    Mandatory,
}

/// Takes every certificate, as long as the client holds its key.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
    demand: Demand,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.demand == Demand::Mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes those that another takes, and of these the ones that bear a name that is allowed.
#[derive(Debug)]
struct ByName {
    judge: Arc<dyn ClientCertVerifier>,
    names: AllowedNames,
}

impl ClientCertVerifier for ByName {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.judge.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.judge.verify_client_cert(certificate, others, now)?;
        if self.names.stand_in(certificate) {
            Ok(verified)
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
