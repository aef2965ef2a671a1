//! The first bytes of a connection: TLS, where it is spoken, and a word to those who speak without it.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::Protocol;
use super::tls::HTTP_2;
use super::watched::Watched;

/// What a client gets that speaks HTTP where TLS is spoken; in the words of Go's servers, which some tools look for.
pub(crate) const PLAIN_TEXT_REFUSED: &str = "Client sent an HTTP request to an HTTPS server.";

/// Of what a client still sends that was refused, no more is read.
const LAST_WORDS: u64 = 64 * 1024;

/// Greets a client by TLS; `None` if it speaks without, and was told so.
///
/// # Errors
/// When they come to no agreement.
pub(super) async fn greet(
    stream: Watched,
    tls: Arc<ServerConfig>,
) -> io::Result<Option<(TlsStream<Watched>, Protocol)>> {
    match stream.first_byte().await? {
        // Every record of a handshake begins with 22, every method of HTTP with a letter.
        Some(byte) if byte.is_ascii_alphabetic() => refuse(stream).await.map(|()| None),
        Some(_) => {
            let stream = match TlsAcceptor::from(tls).accept(stream).into_fallible().await {
                Ok(stream) => stream,
                Err((problem, stream)) => {
                    // What is wrong was said by an alert.
                    let _ = linger(stream).await;
                    return Err(problem);
                }
            };
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(HTTP_2) => Protocol::Http2,
                _ => Protocol::Http1,
            };
            Ok(Some((stream, protocol)))
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn refuse(mut stream: Watched) -> io::Result<()> {
    let body = format!("{PLAIN_TEXT_REFUSED} Write https:// instead of http://.\n");
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    linger(stream).await
}

/// Says no more and hears the other side out: a close with unread input would reset the connection, and could overtake
/// what was said.
async fn linger(mut stream: Watched) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LAST_WORDS), &mut tokio::io::sink()).await?;
    Ok(())
}
