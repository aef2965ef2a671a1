//! A server that speaks HTTP/2 over TLS, as well or as badly as a test wants it to.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Response;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// Answers 200 with this body.
    Answer(&'static str),
    /// The same, and says goodbye.
    AnswerAndClose(&'static str),
    /// Never answers.
    Hang,
    /// Sends headers and a part of the body.
    Stall,
    /// The same, and closes the connection without a word.
    Break,
    /// Resets the stream.
    Reset(h2::Reason),
    /// Refuses the whole connection.
    GoAway(h2::Reason),
    /// Closes the connection without a word.
    Drop,
    /// Sends what is no frame, as soon as the connection is there.
    Babble,
}

/// What the server has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub connections: usize,
    pub closed: usize,
    /// `:authority` of each request.
    pub requests: Vec<String>,
}

pub struct H2Server {
    pub address: SocketAddr,
    seen: watch::Receiver<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for H2Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl H2Server {
    pub async fn start(behaviour: Behaviour, mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, acceptor.clone(), behaviour, Arc::clone(&sender)));
            }
        });
        Self { address, seen, task }
    }

    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Once so many connections have been closed.
    pub async fn closed(&self, count: usize) {
        let mut seen = self.seen.clone();
        let closed = seen.wait_for(|seen| seen.closed >= count);
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("connections are closed").unwrap();
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, behaviour: Behaviour, seen: Arc<watch::Sender<Seen>>) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    seen.send_modify(|seen| seen.connections += 1);
    speak(stream, behaviour, &seen).await;
    seen.send_modify(|seen| seen.closed += 1);
}

async fn speak(mut stream: TlsStream<TcpStream>, behaviour: Behaviour, seen: &watch::Sender<Seen>) {
    if matches!(behaviour, Behaviour::Babble) {
        let _ = stream.write_all(&[0xff; 64]).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    // What is not answered must stay, or it would be reset.
    let unanswered = Mutex::new(Vec::new());
    while let Some(Ok((request, respond))) = connection.accept().await {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        seen.send_modify(|seen| seen.requests.push(authority));
        match behaviour {
            Behaviour::Drop => return,
            Behaviour::Break => {
                reply(behaviour, respond, &mut connection, &unanswered);
                // What was written gets out as the connection is polled.
                let _ = tokio::time::timeout(Duration::from_millis(100), connection.accept()).await;
                return;
            }
            Behaviour::GoAway(reason) => connection.abrupt_shutdown(reason),
            _ => reply(behaviour, respond, &mut connection, &unanswered),
        }
    }
}

fn reply(
    behaviour: Behaviour,
    mut respond: SendResponse<Bytes>,
    connection: &mut Connection<TlsStream<TcpStream>, Bytes>,
    unanswered: &Mutex<Vec<Box<dyn std::any::Any + Send>>>,
) {
    match behaviour {
        Behaviour::Answer(body) | Behaviour::AnswerAndClose(body) => {
            // The client may have given up already.
            let Ok(mut stream) = respond.send_response(Response::new(()), false) else { return };
            let _ = stream.send_data(Bytes::from_static(body.as_bytes()), true);
            if matches!(behaviour, Behaviour::AnswerAndClose(_)) {
                connection.graceful_shutdown();
            }
        }
        Behaviour::Stall | Behaviour::Break => {
            let Ok(mut stream) = respond.send_response(Response::new(()), false) else { return };
            let _ = stream.send_data(Bytes::from_static(b"{"), false);
            unanswered.lock().unwrap().push(Box::new(stream));
        }
        Behaviour::Reset(reason) => respond.send_reset(reason),
        Behaviour::Hang => unanswered.lock().unwrap().push(Box::new(respond)),
        Behaviour::GoAway(_) | Behaviour::Drop | Behaviour::Babble => unreachable!("seen to before"),
    }
}
