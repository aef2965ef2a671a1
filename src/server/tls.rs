//! TLS on the exporter's own port: from what the web configuration says and what its files hold to what rustls serves.

use std::fmt::Display;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use zeroize::Zeroizing;

use crate::files::read_regular;
use crate::model::web::{CipherOrder, CipherSuite, ClientAuth, Curve, Http2, PemSource, TlsSettings, TlsVersions};
use crate::tls::{LONGEST_PEM, certificates, private_key, provider};

use super::client_certificates::judge;

pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// What PEM sources hold, or why they cannot be read.
pub(super) struct Pems {
    certificate: Pem,
    key: Pem,
    /// Of clients' certificates.
    authorities: Option<Pem>,
}

/// One of them, under the name of its key in the web configuration.
pub(super) struct Pem {
    key: &'static str,
    shown: String,
    pub(super) content: Result<Zeroizing<Vec<u8>>, String>,
}

impl Pems {
    /// Reads what `settings` name; it blocks.
    pub(super) fn read(settings: &TlsSettings) -> Self {
        let authorities = match &settings.client_auth {
            ClientAuth::None | ClientAuth::Request | ClientAuth::RequireAny => None,
            ClientAuth::VerifyIfGiven(authorities) | ClientAuth::Require { authorities, .. } => {
                Some(Pem::read(authorities, "client_ca_file", "client_ca"))
            }
        };
        Self {
            certificate: Pem::read(&settings.certificate, "cert_file", "cert"),
            key: Pem::read(&settings.key, "key_file", "key"),
            authorities,
        }
    }

    /// What the file of clients' authorities holds, if there is one that can be read.
    pub(super) fn authorities(&self) -> Option<&[u8]> {
        self.authorities.as_ref()?.content.as_ref().ok().map(|content| content.as_slice())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Pem> {
        [&self.certificate, &self.key].into_iter().chain(&self.authorities)
    }
}

impl Pem {
    fn read(source: &PemSource, file: &'static str, inline: &'static str) -> Self {
        match source {
            PemSource::File(path) => {
                let content = read_regular(path, LONGEST_PEM).map_err(|problem| problem.to_string());
                Self { key: file, shown: path.display().to_string(), content }
            }
            PemSource::Inline(text) => {
                let content = Ok(Zeroizing::new(text.expose().as_bytes().to_vec()));
                Self { key: inline, shown: String::new(), content }
            }
        }
    }

    /// What `parse` makes of it.
    fn parsed<T, E: Display>(&self, kind: &str, parse: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, String> {
        let content = self.content.as_ref().map_err(|problem| self.complaint(kind, problem))?;
        parse(content).map_err(|problem| self.complaint(kind, problem))
    }

    fn complaint(&self, kind: &str, problem: impl Display) -> String {
        let Self { key, shown, .. } = self;
        let separator = if shown.is_empty() { "" } else { ": " };
        format!("tls_server_config.{key}: {shown}{separator}cannot be read as a PEM {kind}: {problem}")
    }
}

/// What is served.
///
/// # Errors
/// Everything that is wrong with the files, a line each.
pub(super) fn server_config(settings: &TlsSettings, http2: Http2, pems: &Pems) -> Result<ServerConfig, Vec<String>> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: cipher_suites(settings),
        kx_groups: groups(settings),
        ..CryptoProvider::clone(&provider())
    });
    let (identity, clients) = match (identity(pems, &provider), clients(settings, pems, &provider)) {
        (Ok(identity), Ok(clients)) => (identity, clients),
        (identity, clients) => {
            let problems = identity.err().into_iter().flatten().chain(clients.err());
            return Err(problems.collect());
        }
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings))
        .map_err(|problem| vec![format!("tls_server_config: {problem}")])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.ignore_client_order = settings.cipher_order == CipherOrder::Server;
    config.alpn_protocols = match http2 {
        Http2::Offered => vec![HTTP_2.into(), HTTP_1_1.into()],
        Http2::Off => vec![HTTP_1_1.into()],
    };
    // A resumed session would outlive the client certificate that it began with.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn identity(pems: &Pems, provider: &CryptoProvider) -> Result<CertifiedKey, Vec<String>> {
    let chain = pems.certificate.parsed("certificate", certificates);
    let key = pems.key.parsed("private key", private_key);
    match (chain, key) {
        (Ok(chain), Ok(key)) => CertifiedKey::from_der(chain, key, provider).map_err(|problem| {
            vec![format!(
                "tls_server_config: {} and {} cannot be used together: {problem}",
                pems.certificate.key, pems.key.key
            )]
        }),
        (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
    }
}

fn clients(
    settings: &TlsSettings,
    pems: &Pems,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
    let roots = |pem: &[u8]| {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem).map_err(str::to_owned)? {
            roots.add(certificate).map_err(|problem| problem.to_string())?;
        }
        Ok::<_, String>(roots)
    };
    let authorities = pems.authorities.as_ref().map(|pem| pem.parsed("certificate", roots)).transpose()?;
    judge(&settings.client_auth, authorities, provider)
        .map_err(|problem| format!("tls_server_config.client_auth_type: {problem}"))
}

fn versions(settings: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    match settings.versions {
        TlsVersions::Only12 => vec![&TLS12],
        TlsVersions::Only13 => vec![&TLS13],
        TlsVersions::Both => vec![&TLS13, &TLS12],
    }
}

/// Those of TLS 1.3 are always there.
fn cipher_suites(settings: &TlsSettings) -> Vec<SupportedCipherSuite> {
    let usual = provider().cipher_suites.clone();
    let Some(chosen) = &settings.cipher_suites else { return usual };
    let of_tls13 = usual.into_iter().filter(|suite| suite.tls13().is_some());
    of_tls13.chain(chosen.iter().map(|suite| supported_suite(*suite))).collect()
}

fn supported_suite(suite: CipherSuite) -> SupportedCipherSuite {
    match suite {
        CipherSuite::EcdheEcdsaAes128Gcm => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheEcdsaAes256Gcm => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheEcdsaChaCha20 => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::EcdheRsaAes128Gcm => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheRsaAes256Gcm => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheRsaChaCha20 => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn groups(settings: &TlsSettings) -> Vec<&'static dyn SupportedKxGroup> {
    let Some(chosen) = &settings.curves else { return provider().kx_groups.clone() };
    let group = |curve: &Curve| match curve {
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::X25519 => kx_group::X25519,
    };
    chosen.iter().map(group).collect()
}
