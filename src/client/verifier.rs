//! Whom to trust: verifiers of the certificates that servers send.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use url::{Host, Url};

use crate::model::report::CertificateDefect;
use crate::model::target::{Transport, Verification};
use crate::tls::{FixedVerdict, Verdict};

use super::certificate::chain_expiry;
use super::pem::{PemFile, TlsError};
use super::rotation::{Contents, Rotating};
use super::timeline::Timeline;

/// Whom a transport trusts.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Nobody, anybody, or the system's roots.
    Fixed(Arc<dyn ServerCertVerifier>),
    /// The authorities of a file.
    File(Arc<Rotating<Arc<dyn ServerCertVerifier>>>),
}

/// Judges servers' certificates by `trust`, under the name that `transport` gives them, and notes when they expire.
pub(super) fn verifier(transport: &Transport, trust: Trust) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let name = transport.server_name.as_ref().map(server_name).transpose()?;
    Ok(Arc::new(Witness { trust, name }))
}

impl Trust {
    /// Reads the CA file of `transport`, if there is one that matters.
    pub(super) fn of(transport: &Transport, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let fixed = |provider, verdict| Self::Fixed(Arc::new(FixedVerdict { provider, verdict }));
        match (&transport.ca_file, transport.verification) {
            (_, Verification::Skip) => Ok(fixed(provider, Verdict::Accept)),
            (None, Verification::Full) if system_roots().is_empty() => Ok(fixed(provider, Verdict::Refuse)),
            (None, Verification::Full) => by_roots(system_roots(), provider).map(Self::Fixed),
            (Some(path), Verification::Full) => {
                let file = PemFile::certificates(path.clone());
                let make = {
                    let file = file.clone();
                    move |contents: &Contents| {
                        by_roots(Arc::new(file.parse_roots(&contents[0])?), Arc::clone(&provider))
                    }
                };
                Ok(Self::File(Arc::new(Rotating::read(vec![file], make)?)))
            }
        }
    }

    fn judge(&self) -> Arc<dyn ServerCertVerifier> {
        match self {
            Self::Fixed(judge) => Arc::clone(judge),
            Self::File(file) => Arc::clone(&file.current()),
        }
    }
}

fn by_roots(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|problem| TlsError::Roots(problem.to_string()))?;
    Ok(verifier)
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, TlsError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_invalid| TlsError::ServerName(name.clone())),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::from(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::from(*address))),
    }
}

/// Whether there is anybody to trust, should `endpoint` need that: a server in the clear is probed without.
pub(super) fn check_roots(endpoint: &Url, transport: &Transport) -> Result<(), TlsError> {
    let by_system = transport.ca_file.is_none() && transport.verification == Verification::Full;
    let missing = endpoint.scheme() == "https" && by_system && system_roots().is_empty();
    if missing { Err(TlsError::NoRoots) } else { Ok(()) }
}

/// Read once: the system's roots change with the system.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // A single odd certificate in the system's store is no reason to trust none of the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    Arc::clone(roots)
}

/// Notes when a server's certificates expire, lets another judge them, and notes why they are refused if they are.
#[derive(Debug)]
struct Witness {
    trust: Trust,
    /// Must stand in the certificate instead of the URL's host.
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let timeline = Timeline::current();
        if let Some(timeline) = &timeline {
            timeline.chain_received(chain_expiry(leaf, others));
        }
        let server_name = self.name.as_ref().unwrap_or(server_name);
        let verdict = self.trust.judge().verify_server_cert(leaf, others, server_name, ocsp_response, now);
        if let (Some(timeline), Err(error)) = (&timeline, &verdict) {
            timeline.chain_refused(defect(error));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.judge().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.judge().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.judge().supported_verify_schemes()
    }
}

fn defect(error: &rustls::Error) -> CertificateDefect {
    let rustls::Error::InvalidCertificate(problem) = error else { return CertificateDefect::Other };
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateDefect::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateDefect::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateDefect::WrongName
        }
        // An authority that was made anew under its old name signs with a key that is not trusted.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateDefect::UnknownAuthority,
        _ => CertificateDefect::Other,
    }
}
