//! The PEM files that a target's TLS settings name, and what can be wrong with them.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::files::read_regular;

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
    /// The name that a certificate should bear cannot stand in one.
    #[error("tls.server_name: {0} is no name of a server")]
    ServerName(String),
    /// No root certificate is to be found on this machine.
    #[error("no trusted root certificates found on this system; install ca-certificates or set tls.ca_file")]
    NoRoots,
    /// The roots were found but are of no use.
    #[error("the trusted root certificates cannot be used: {0}")]
    Roots(String),
}

/// A file and what it should hold.
#[derive(Clone, Debug)]
pub(super) struct PemFile {
    pub(super) path: PathBuf,
    kind: &'static str,
}

impl PemFile {
    pub(super) const fn certificates(path: PathBuf) -> Self {
        Self { path, kind: "certificate" }
    }

    pub(super) const fn private_key(path: PathBuf) -> Self {
        Self { path, kind: "private key" }
    }

    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, TlsError> {
        read_regular(&self.path, LONGEST_PEM).map_err(|problem| self.error(problem.to_string()))
    }

    /// The authorities in `pem`.
    pub(super) fn parse_roots(&self, pem: &[u8]) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.parse_certificates(pem)? {
            roots.add(certificate).map_err(|problem| self.error(problem.to_string()))?;
        }
        Ok(roots)
    }

    /// The certificates in `pem`, one at least.
    pub(super) fn parse_certificates(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        match found {
            Ok(certificates) if certificates.is_empty() => Err(pem::Error::NoItemsFound),
            found => found,
        }
        .map_err(|problem| self.error(pem_problem(&problem).to_owned()))
    }

    /// The key in `pem`.
    pub(super) fn parse_key(&self, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        private_key(pem).map_err(|problem| self.error(problem.to_owned()))
    }

    fn error(&self, problem: String) -> TlsError {
        TlsError::Pem { path: self.path.clone(), kind: self.kind, problem }
    }
}

/// The first private key in `pem`, or what is wrong with it.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    let contains = |text: &str| pem.windows(text.len()).any(|window| window == text.as_bytes());
    PrivateKeyDer::from_pem_slice(pem).map_err(|problem| {
        if contains("BEGIN ENCRYPTED PRIVATE KEY") || contains("Proc-Type: 4,ENCRYPTED") {
            return "it is encrypted; store it decrypted, readable by this process's user only";
        }
        pem_problem(&problem)
    })
}

/// What is wrong with a file that should be PEM. The parser's own words repeat what it found, which can be a whole key.
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
