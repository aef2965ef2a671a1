//! What both sides of TLS share: the cryptography of the process, and what stands in PEM texts.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};

/// Bundles of all public authorities have less than a megabyte.
pub(crate) const LONGEST_PEM: u64 = 16 * 1024 * 1024;

/// The cryptography of the whole process.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// The certificates in `pem`, one at least, or what is wrong with it.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => Err(pem_problem(&pem::Error::NoItemsFound)),
        Ok(certificates) => Ok(certificates),
        Err(problem) => Err(pem_problem(&problem)),
    }
}

/// The first private key in `pem`, or what is wrong with it.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    let contains = |text: &str| pem.windows(text.len()).any(|window| window == text.as_bytes());
    PrivateKeyDer::from_pem_slice(pem).map_err(|problem| {
        if contains("BEGIN ENCRYPTED PRIVATE KEY") || contains("Proc-Type: 4,ENCRYPTED") {
            return "it is encrypted; store it decrypted, readable by this process's user only";
        }
        pem_problem(&problem)
    })
}

/// What is wrong with a text that should be PEM. The parser's own words repeat what it found, which can be a whole key.
const fn pem_problem(problem: &pem::Error) -> &'static str {
    match problem {
        pem::Error::NoItemsFound => "there is none in it",
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END is no Base64",
        pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
            "BEGIN and END do not stand on lines of their own; the line ends may be lost"
        }
        _ => "it is damaged",
    }
}

/// How a server took our greeting.
pub(crate) enum Greeting {
    Done(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// It wants a certificate, which we do not have.
    CertificateDemanded,
}

/// Speaks TLS to the exporter's own port, whoever answers there: nothing is sent that is worth anything.
///
/// # Errors
/// When it comes to no agreement.
pub(crate) fn greet_unverified(mut stream: TcpStream) -> io::Result<Greeting> {
    let name = ServerName::from(stream.peer_addr()?.ip());
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(FixedVerdict { provider: provider(), verdict: Verdict::Accept }))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        match connection.complete_io(&mut stream) {
            Ok(_) => {}
            Err(problem) if is_certificate_demanded(&problem) => return Ok(Greeting::CertificateDemanded),
            Err(problem) => return Err(problem),
        }
    }
    Ok(Greeting::Done(Box::new(StreamOwned::new(connection, stream))))
}

/// Whether the other side broke off because we showed no certificate.
pub(crate) fn is_certificate_demanded(problem: &io::Error) -> bool {
    let cause = problem.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)))
}

/// Judges every certificate alike, as long as the server holds its key.
#[derive(Debug)]
pub(crate) struct FixedVerdict {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// Any goes.
    Accept,
    /// None goes, as when there are no roots.
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
            Verdict::Refuse => Err(CertificateError::UnknownIssuer.into()),
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
