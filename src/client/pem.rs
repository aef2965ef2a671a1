//! The PEM files that a target's TLS settings name, and what can be wrong with them.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::files::read_regular;
use crate::tls::{LONGEST_PEM, certificates, private_key};

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
        certificates(pem).map_err(|problem| self.error(problem.to_owned()))
    }

    /// The key in `pem`.
    pub(super) fn parse_key(&self, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        private_key(pem).map_err(|problem| self.error(problem.to_owned()))
    }

    fn error(&self, problem: String) -> TlsError {
        TlsError::Pem { path: self.path.clone(), kind: self.kind, problem }
    }
}
