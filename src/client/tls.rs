//! TLS for both servers: whom to trust, who we are, full handshakes only, and the mark at which a handshake begins.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};
use url::Host;

use crate::model::target::Transport;

use super::certificate::chain_expiry;
use super::pem::{TlsError, read_identity};
use super::timeline::Timeline;
use super::verifier::verifier;

const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// TLS as one transport wants it, shared by all clients that use that.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) config: ClientConfig,
    /// Of our certificate chain.
    pub(super) client_certificate_expiry: Option<SystemTime>,
}

/// Reads the files of `transport`.
pub(super) fn tls(transport: &Transport) -> Result<Tls, TlsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier(transport, provider)?);
    let mut client_certificate_expiry = None;
    let mut config = match &transport.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            client_certificate_expiry =
                chain.split_first().and_then(|(leaf, others)| chain_expiry(leaf, others)).map(|chain| chain.earliest);
            builder.with_client_auth_cert(chain, key).map_err(|problem| TlsError::Identity {
                cert_file: identity.cert_file.clone(),
                key_file: identity.key_file.clone(),
                problem,
            })?
        }
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
    Ok(Tls { config, client_certificate_expiry })
}

/// The cryptography of the whole process.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
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
