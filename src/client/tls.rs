//! TLS for both servers: whom to trust, who we are, full handshakes only, and the mark at which a handshake begins.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, NamedGroup, SignatureScheme};
use url::Host;

use crate::model::target::{Identity, Transport};
use crate::tls::provider;

use super::certificate::chain_expiry;
use super::file_reads::FileReads;
use super::intake::counting;
use super::pem::{PemFile, TlsError};
use super::rotation::{Look, Rotating, Rotation};
use super::timeline::Timeline;
use super::verifier::{Trust, verifier};

const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// TLS as one transport wants it, shared by all clients that use that.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) config: ClientConfig,
    pub(super) files: Arc<TlsFiles>,
}

/// The files behind it, which may be swapped.
#[derive(Debug)]
pub(super) struct TlsFiles {
    rotation: Rotation,
    identity: Option<Arc<Rotating<OurCertificate>>>,
}

impl TlsFiles {
    /// Takes what is new, if it is time to look. It takes a quarter of `bound` at most.
    pub(super) async fn refresh(&self, bound: Duration) {
        self.rotation.refresh(bound).await;
    }

    /// Expiry of the client certificate in use, or of the first of its chain.
    pub(super) fn client_certificate_expiry(&self) -> Option<SystemTime> {
        self.identity.as_ref()?.current().expiry
    }
}

/// Reads the files of `transport`.
pub(super) fn tls(transport: &Transport, reads: FileReads) -> Result<Tls, TlsError> {
    let provider = provider();
    let trust = Trust::of(transport, Arc::clone(&provider))?;
    let identity = transport.identity.as_ref().map(OurCertificate::of).transpose()?.map(Arc::new);
    let mut looks: Vec<Arc<dyn Look>> = Vec::new();
    if let Trust::File(file) = &trust {
        looks.push(Arc::clone(file) as _);
    }
    if let Some(files) = &identity {
        looks.push(Arc::clone(files) as _);
    }
    let builder = ClientConfig::builder_with_provider(counting(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier(transport, trust)?);
    let mut config = match &identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(Presenter(Arc::clone(identity)))),
    };
    match &transport.server_name {
        // Through HTTP/2 the server would be called by that name there, too.
        Some(Host::Domain(_)) => config.alpn_protocols = vec![HTTP_1_1.into()],
        name => {
            config.alpn_protocols = vec![HTTP_2.into(), HTTP_1_1.into()];
            // The name in the URL is not the one that is verified, and an address is never sent.
            config.enable_sni = name.is_none();
        }
    }
    config.resumption = Resumption::store(Arc::new(NoSessions));
    Ok(Tls { config, files: Arc::new(TlsFiles { rotation: Rotation::new(looks, reads), identity }) })
}

/// Our certificate chain with its key.
struct OurCertificate {
    key: Arc<CertifiedKey>,
    /// Of the first of the chain.
    expiry: Option<SystemTime>,
}

impl OurCertificate {
    fn of(identity: &Identity) -> Result<Rotating<Self>, TlsError> {
        let Identity { cert_file, key_file } = identity.clone();
        let (chain_pem, key_pem) = (PemFile::certificates(cert_file.clone()), PemFile::private_key(key_file.clone()));
        Rotating::read(vec![chain_pem.clone(), key_pem.clone()], move |contents| {
            let (chain, key) = (chain_pem.parse_certificates(&contents[0])?, key_pem.parse_key(&contents[1])?);
            let expiry = chain.split_first().and_then(|(leaf, others)| chain_expiry(leaf, others));
            let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|problem| TlsError::Identity {
                cert_file: cert_file.clone(),
                key_file: key_file.clone(),
                problem,
            })?;
            Ok(Self { key: Arc::new(key), expiry: expiry.map(|chain| chain.earliest) })
        })
    }
}

/// Shows a server the certificate that is in use.
#[derive(Debug)]
struct Presenter(Arc<Rotating<OurCertificate>>);

impl ResolvesClientCert for Presenter {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
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
