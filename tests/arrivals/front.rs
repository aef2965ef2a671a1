//! TLS in front of a simulated server, sound or broken, switched while it runs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What becomes of a connection.
#[derive(Clone)]
pub(crate) enum Handling {
    /// It goes on to the server.
    Tls(TlsAcceptor),
    /// It is accepted, and that is all.
    Silence,
    /// It is answered in the clear.
    NoTls,
}

impl From<ServerConfig> for Handling {
    fn from(config: ServerConfig) -> Self {
        Self::Tls(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A running front.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    handling: Arc<Mutex<Handling>>,
    task: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn start(server: SocketAddr, handling: Handling) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handling = Arc::new(Mutex::new(handling));
        let now = Arc::clone(&handling);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let handling = now.lock().unwrap().clone();
                tokio::spawn(handle(stream, server, handling));
            }
        });
        Self { address, handling, task }
    }

    /// From the next connection on.
    pub(crate) fn set(&self, handling: Handling) {
        *self.handling.lock().unwrap() = handling;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The other side may go away at any moment, which is no concern of ours.
async fn handle(mut stream: TcpStream, server: SocketAddr, handling: Handling) {
    stream.set_nodelay(true).unwrap();
    match handling {
        Handling::Tls(acceptor) => {
            if let (Ok(mut client), Ok(mut server)) = tokio::join!(acceptor.accept(stream), TcpStream::connect(server))
            {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
        // Until the client gives up.
        Handling::Silence => while stream.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {},
        Handling::NoTls => {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    }
}
