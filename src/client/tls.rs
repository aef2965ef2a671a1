//! TLS for both servers: whom to trust, who we are, full handshakes only, and the mark at which a handshake begins.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

use url::Url;

use crate::model::secret::Fingerprint;
use crate::model::target::{Identity, Transport, Verification};

use super::files::read_regular;
use super::secrets::fingerprint;
use super::timeline::Timeline;

/// Bundles of all public authorities have less than a megabyte.
const LONGEST_PEM: u64 = 16 * 1024 * 1024;

/// The TLS settings of a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read, or holds no PEM of the kind that is needed.
    #[error("{}: cannot be read as a PEM {kind}: {problem}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        kind: &'static str,
        /// What was found instead; never its content.
        problem: String,
    },
    /// Certificate and key do not belong together, or are of an unsupported kind.
    #[error("{} and {}: cannot be used together: {problem}", cert_file.display(), key_file.display())]
    Identity {
        /// The certificate chain.
        cert_file: PathBuf,
        /// Its key.
        key_file: PathBuf,
        /// What rustls says of them.
        problem: rustls::Error,
    },
    /// No root certificate is to be found on this machine.
    #[error("no trusted root certificates found on this system; install ca-certificates or set tls.ca_file")]
    NoRoots,
    /// The roots were found but are of no use.
    #[error("the trusted root certificates cannot be used: {0}")]
    Roots(String),
}

/// The rustls configuration for `transport`.
pub(super) fn configuration(transport: &Transport) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier(transport, provider)?);
    let mut configuration = match &transport.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|problem| TlsError::Identity {
                cert_file: identity.cert_file.clone(),
                key_file: identity.key_file.clone(),
                problem,
            })?
        }
    };
    configuration.resumption = Resumption::store(Arc::new(NoSessions));
    Ok(configuration)
}

/// Tells what is in the files that `transport` names from what was in them before.
pub(super) fn file_contents(transport: &Transport) -> Result<Vec<Fingerprint>, TlsError> {
    let roots = transport.ca_file.iter().filter(|_| transport.verification == Verification::Full);
    let identity = transport.identity.iter();
    let certificates = roots.chain(identity.clone().map(|identity| &identity.cert_file));
    let certificates = certificates.map(|path| read_pem(path, "certificate"));
    let keys = identity.map(|identity| read_pem(&identity.key_file, "private key"));
    certificates.chain(keys).map(|pem| Ok(fingerprint(pem?.as_slice()))).collect()
}

/// Whether there is anybody to trust, should `endpoint` need that: a server in the clear is probed without.
pub(super) fn check_roots(endpoint: &Url, transport: &Transport) -> Result<(), TlsError> {
    let by_system = transport.ca_file.is_none() && transport.verification == Verification::Full;
    let missing = endpoint.scheme() == "https" && by_system && system_roots().is_empty();
    if missing { Err(TlsError::NoRoots) } else { Ok(()) }
}

/// The cryptography of the whole process.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

fn verifier(transport: &Transport, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if transport.verification == Verification::Skip {
        return Ok(Arc::new(FixedVerdict { provider, verdict: Verdict::Accept }));
    }
    let roots = match &transport.ca_file {
        Some(path) => Arc::new(read_roots(path)?),
        None => system_roots(),
    };
    if roots.is_empty() {
        return Ok(Arc::new(FixedVerdict { provider, verdict: Verdict::Refuse }));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|problem| TlsError::Roots(problem.to_string()))?;
    Ok(verifier)
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

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|problem| pem_error(path, "certificate", problem.to_string()))?;
    }
    Ok(roots)
}

fn read_identity(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_certificates(&identity.cert_file)?;
    let path = &identity.key_file;
    let key = read_pem(path, "private key").and_then(|pem| {
        PrivateKeyDer::from_pem_slice(&pem).map_err(|problem| damaged(path, "private key", &problem))
    })?;
    Ok((chain, key))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read_pem(path, "certificate")?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| damaged(path, "certificate", &problem))?;
    if certificates.is_empty() {
        return Err(damaged(path, "certificate", &pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn read_pem(path: &Path, kind: &'static str) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    read_regular(path, LONGEST_PEM).map_err(|problem| pem_error(path, kind, problem.to_string()))
}

/// In our words: the parser's own repeat what it found, which can be the whole key.
fn damaged(path: &Path, kind: &'static str, problem: &pem::Error) -> TlsError {
    let says = match problem {
        pem::Error::NoItemsFound => "there is none in it",
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END is no Base64",
        pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
            "BEGIN and END do not stand on lines of their own; the line ends may be lost"
        }
        _ => "it is damaged",
    };
    pem_error(path, kind, says.to_owned())
}

fn pem_error(path: &Path, kind: &'static str, problem: String) -> TlsError {
    TlsError::Pem { path: path.to_owned(), kind, problem }
}

/// Keeps no session, so that every handshake is a full one; rustls asks it for a hint as a handshake begins.
#[derive(Debug)]
struct NoSessions;

impl ClientSessionStore for NoSessions {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        if let Some(timeline) = Timeline::current() {
            timeline.handshake_begun();
        }
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Judges every certificate alike, as long as the server holds its key.
#[derive(Debug)]
struct FixedVerdict {
    provider: Arc<CryptoProvider>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    /// `insecure_skip_verify`: any certificate goes.
    Accept,
    /// There are no roots, so that none goes.
    Refuse,
}

impl ServerCertVerifier for FixedVerdict {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.verdict {
            Verdict::Accept => Ok(ServerCertVerified::assertion()),
            Verdict::Refuse => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
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
