//! The server in this process, as a web configuration protects it, and clients that speak to it as they like.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use oauth_probe_exporter::config::load_web;
use oauth_probe_exporter::server::{App, Bound, Limits, Security, WebSettings, WebSource};
use oauth_probe_exporter::telemetry::Metrics;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::raw_server::{Authority, Leaf};
use crate::reports::{at, config};
use crate::targets;
use oauth_probe_exporter::model::target::Target;

/// What takes this long never ends.
pub const HANGS: Duration = Duration::from_secs(60);

/// Limits of time that no test reaches, so that nothing ends by itself.
pub fn patient() -> Limits {
    let long = Duration::from_secs(3600);
    Limits {
        head_timeout: long,
        idle_timeout: long,
        answer_timeout: long,
        unread_timeout: long,
        large_answer_turn: long,
        ..Limits::default()
    }
}

pub struct Served {
    pub address: SocketAddr,
    pub reloads: Arc<AtomicUsize>,
    pub stop: oneshot::Sender<()>,
    pub ended: JoinHandle<()>,
}

impl Served {
    /// Without a web configuration.
    pub async fn plain(limits: Limits, targets: usize) -> Self {
        Self::start(Security::none(), limits, targets).await
    }

    /// Protected as the file at `path` says.
    pub async fn protected(path: &Path, limits: Limits, targets: usize) -> Self {
        Self::start(security(path).unwrap(), limits, targets).await
    }

    async fn start(security: Security, limits: Limits, targets: usize) -> Self {
        let named = |number| Target { name: format!("t{number}"), ..targets::target("https://auth.example.com") };
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let bound = bound.with_limits(limits).with_security(security);
        let address = bound.addresses()[0];
        let reloads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reloads);
        let app = App {
            metrics: Arc::new(Metrics::new(&config((0..targets).map(named).collect()), at(0.0))),
            now: Arc::new(|| at(1.0)),
            reload: Arc::new(move || {
                counted.fetch_add(1, SeqCst);
                Box::pin(std::future::ready(Ok("nothing".to_owned())))
            }),
            probe: Arc::new(|_| Some(Box::pin(std::future::ready(())))),
            settings: WebSettings::default(),
        };
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(bound.serve(app, async {
            let _ = stopped.await;
        }));
        Self { address, reloads, stop, ended }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address of this machine: all of 127/8 are its own.
    pub async fn connect_from(&self, client: u32) -> TcpStream {
        connect_from(self.address, client).await
    }

    /// One request without TLS.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    /// The same with these bytes.
    pub async fn send(&self, request: &str) -> Answer {
        exchange(self.connect().await, request).await
    }

    /// A connection by TLS, to the name `localhost`.
    pub async fn greet(&self, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        self.greet_on(self.connect().await, client).await
    }

    /// The same on this connection.
    pub async fn greet_on(&self, stream: TcpStream, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(client)).connect(name, stream).await
    }

    /// One request by TLS.
    pub async fn get_by_tls(&self, client: ClientConfig, path: &str, headers: &str) -> std::io::Result<Answer> {
        let stream = self.greet(client).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        try_exchange(stream, &request).await
    }
}

/// What the file at `path` says, now and later.
pub fn security(path: &Path) -> Result<Security, String> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    Security::load(WebSource {
        shown,
        read: Arc::new(move || load_web(&path).map_err(|mistakes| mistakes.to_string())),
    })
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    }
}

/// Connects to `server` from one of many addresses.
pub async fn connect_from(server: SocketAddr, client: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + client);
    socket.bind((address, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

/// Sends `request` and reads until the end.
pub async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    try_exchange(stream, request).await.unwrap()
}

pub async fn try_exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> std::io::Result<Answer> {
    // A server may answer, and close, before it has read everything.
    let sent = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(HANGS, stream.read_to_end(&mut bytes)).await.expect("an end");
    match Answer::parse(&bytes) {
        Some(answer) => Ok(answer),
        None => {
            sent?;
            read?;
            Err(std::io::Error::other(format!("no answer: {bytes:?}")))
        }
    }
}

/// Whether the other side closes the connection without a word.
pub async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let read = tokio::time::timeout(HANGS, stream.read(&mut [0; 64])).await.expect("an end");
    matches!(read, Ok(0) | Err(_))
}

/// Whether it has done so already.
pub fn is_closed_by_now(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 64]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(problem) => problem.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// Clients count too, and mostly they are in one process with the server.
pub fn raise_descriptor_limit(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    assert!(enough, "this test needs {needed} descriptors: `ulimit -Hn` must be higher than {:?}", limit.maximum);
}

/// What a web configuration needs: a directory with certificates.
pub struct Files {
    pub authority: Authority,
    directory: tempfile::TempDir,
}

impl Files {
    /// An authority, a certificate of it for `localhost`, and its key.
    pub fn new() -> Self {
        let files = Self { authority: Authority::new(), directory: tempfile::tempdir().unwrap() };
        files.write("ca.pem", &files.authority.pem());
        files.rotate(&files.authority.issue("localhost", |_| {}));
        files
    }

    /// Puts another certificate in the place of the server's.
    pub fn rotate(&self, leaf: &Leaf) {
        self.write("server.key", &leaf.key.serialize_pem());
        self.write("server.crt", &leaf.chain);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        // As a whole, or a look in between would find half of it.
        let path = self.path(name);
        std::fs::write(self.path("new"), content).unwrap();
        std::fs::rename(self.path("new"), &path).unwrap();
        path
    }

    /// A web configuration with TLS: these keys beside certificate and key, and these sections.
    pub fn web_config(&self, tls: &str, sections: &str) -> PathBuf {
        let tls: String = tls.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{tls}{sections}");
        self.write("web.yml", &text)
    }

    /// A client that trusts the authority.
    pub fn client(&self) -> ClientConfig {
        client(self.authority.roots(), None, rustls::DEFAULT_VERSIONS)
    }

    /// The same with a certificate.
    pub fn client_with(&self, leaf: &Leaf) -> ClientConfig {
        client(self.authority.roots(), Some(leaf), rustls::DEFAULT_VERSIONS)
    }
}

pub fn client(
    roots: RootCertStore,
    leaf: Option<&Leaf>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let chain = CertificateDer::pem_slice_iter(leaf.chain.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(leaf.key.serialize_pem().as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}
