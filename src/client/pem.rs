//! The PEM files that a target's TLS settings name, and what can be wrong with them.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::model::target::Identity;

use super::files::read_regular;

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

/// The authorities of a CA file.
pub(super) fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|problem| pem_error(path, "certificate", problem.to_string()))?;
    }
    Ok(roots)
}

/// Our certificate chain and its key.
pub(super) fn read_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
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
