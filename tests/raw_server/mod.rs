//! A server that answers every connection with given bytes, in the clear or over TLS: what a real one never would.
#![allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "shared by several test binaries, each of which uses a part"
)]

mod authority;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use authority::{Authority, Leaf, tls_config};

/// What a server does with a request once it has read its head.
#[derive(Clone)]
pub enum Behaviour {
    /// Sends this and closes.
    Answer(Arc<[u8]>),
    /// Sends this, then nothing more, and keeps the connection.
    Stall(Arc<[u8]>),
    /// Sends the first, and then the second again and again.
    Repeat(Arc<[u8]>, Arc<[u8]>),
    /// Sends this byte by byte, and waits as long before each.
    Trickle(Arc<[u8]>, Duration),
    /// Does not even begin TLS.
    Silent,
    /// Is a proxy that takes every tunnel (RFC 9110 §9.3.6) to this address, whatever was asked for.
    Tunnel(SocketAddr),
}

pub struct RawServer {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    /// Heads of the requests that came.
    heads: Arc<Mutex<Vec<String>>>,
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
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (behaviour, acceptor, noted) = (behaviour.clone(), acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    match (&behaviour, acceptor) {
                        (Behaviour::Silent, _) => until_closed(stream).await,
                        (_, None) => serve(stream, behaviour, &noted).await,
                        (_, Some(acceptor)) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, behaviour, &noted).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, heads, task }
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, behaviour: Behaviour, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
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
            until_closed(stream).await;
        }
        Behaviour::Repeat(start, again) => {
            let mut sent = stream.write_all(&start).await;
            while sent.is_ok() {
                sent = stream.write_all(&again).await;
            }
        }
        Behaviour::Trickle(bytes, pause) => {
            for byte in bytes.iter() {
                tokio::time::sleep(pause).await;
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
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

/// Keeps a connection until the other side has enough of it.
async fn until_closed(mut stream: impl AsyncRead + Unpin) {
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
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
