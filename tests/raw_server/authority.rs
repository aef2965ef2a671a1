//! Certificate authorities made for one test, and what they sign.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// An authority, its files in a directory that goes with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What a server sends behind its own certificate so that others find the way up, PEM.
    chain: String,
    directory: tempfile::TempDir,
}

/// A certificate with its key.
pub struct Leaf {
    /// PEM, the leaf first.
    pub chain: String,
    pub key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        Self::root(|_| {})
    }

    pub fn root(adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority("root", adjust), KeyPair::generate().unwrap()).unwrap();
        Self { issuer, chain: String::new(), directory: tempfile::tempdir().unwrap() }
    }

    /// An authority whose certificate this one signs.
    pub fn intermediate(&self, adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let params = authority("intermediate", adjust);
        let issuer = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.issuer).unwrap();
        let chain = issuer.pem() + &self.chain;
        Self { issuer, chain, directory: tempfile::tempdir().unwrap() }
    }

    pub fn issue(&self, name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf(name, adjust).signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: certificate.pem() + &self.chain, key }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.write("ca.pem", &self.pem())
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The leaf's certificate and key as files.
    pub fn files(&self, name: &str, leaf: &Leaf) -> (PathBuf, PathBuf) {
        let certificate = self.write(&format!("{name}.pem"), &leaf.chain);
        (certificate, self.write(&format!("{name}.key"), &leaf.key.serialize_pem()))
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }
}

impl Leaf {
    pub fn self_signed(name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf(name, adjust).self_signed(&key).unwrap();
        Self { chain: certificate.pem(), key }
    }
}

fn authority(name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    adjust(&mut params);
    params
}

fn leaf(name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    adjust(&mut params);
    params
}

/// A TLS server with this certificate; with `clients` it demands one that they signed.
pub fn tls_config(leaf: &Leaf, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::pem_slice_iter(leaf.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.serialize_der()));
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider).build().unwrap(),
        ),
    };
    builder.with_single_cert(chain, key).unwrap()
}
