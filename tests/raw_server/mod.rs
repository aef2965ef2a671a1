//! A server that answers every connection with given bytes, in the clear or over TLS: what a real one never would.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a server does with a request once it has read its head.
#[derive(Clone)]
pub enum Behaviour {
    /// Sends this and closes.
    Answer(Arc<[u8]>),
    /// Sends this, then nothing more, and keeps the connection.
    Stall(Arc<[u8]>),
    /// Sends the first, and then the second again and again.
    Repeat(Arc<[u8]>, Arc<[u8]>),
    /// Does not even begin TLS.
    Silent,
    /// Is a proxy that takes every tunnel (RFC 9110 §9.3.6) to this address, whatever was asked for.
    Tunnel(SocketAddr),
}

pub struct RawServer {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RawServer {
    pub async fn plain(behaviour: Behaviour) -> Self {
        Self::start(behaviour, None).await
    }

    pub async fn tls(behaviour: Behaviour, config: ServerConfig) -> Self {
        Self::start(behaviour, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(behaviour: Behaviour, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (behaviour, acceptor) = (behaviour.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match (&behaviour, acceptor) {
                        (Behaviour::Silent, _) => std::future::pending::<()>().await,
                        (_, None) => serve(stream, behaviour).await,
                        (_, Some(acceptor)) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, behaviour).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, task }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, behaviour: Behaviour) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    match behaviour {
        Behaviour::Answer(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // A close with unread input would reset the connection and could overtake the answer.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
        Behaviour::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            std::future::pending::<()>().await;
        }
        Behaviour::Repeat(start, again) => {
            let mut sent = stream.write_all(&start).await;
            while sent.is_ok() {
                sent = stream.write_all(&again).await;
            }
        }
        Behaviour::Silent => {}
        Behaviour::Tunnel(address) => {
            let mut server = tokio::net::TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    }
}

/// A whole HTTP answer.
pub fn answer(status: u16, headers: &str, body: &str) -> Behaviour {
    let text = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
    Behaviour::Answer(text.into_bytes().into())
}

/// These bytes and the end.
pub fn bytes(bytes: &[u8]) -> Behaviour {
    Behaviour::Answer(bytes.into())
}

/// A certificate authority made for one test, its files in a directory that goes with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

/// A certificate with its key.
pub struct Leaf {
    chain: String,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, directory: tempfile::tempdir().unwrap() }
    }

    pub fn issue(&self, name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: certificate.pem(), key }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.write("ca.pem", &self.issuer.pem())
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

/// A TLS server with this certificate; with `clients` it demands one that they signed.
pub fn tls_config(leaf: &Leaf, clients: Option<&Authority>) -> ServerConfig {
    use rustls::pki_types::pem::PemObject;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(leaf.chain.as_bytes()).unwrap()];
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
