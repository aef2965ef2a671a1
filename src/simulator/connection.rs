//! One accepted connection: HTTP/1.1 by `hyper`, except for what no HTTP library would send.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Ending, LastWords, Reply};
use super::fault::Server;
use super::state::State;
use super::{api, authorization, lock};

/// Tells `hyper` to leave the connection to us.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends with an answer that is not HTTP")]
struct Hangup;

/// Serves requests until either side has had enough. Errors are the client's business, and often wanted.
pub(super) async fn serve(stream: TcpStream, server: Server, state: &State) {
    let last_words = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let last_words = Arc::clone(&last_words);
        Box::pin(async move { respond(server, state, request, &last_words).await })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A failed write or read is a client that went away.
    let _ended: Result<(), hyper::Error> = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    let said = lock(&last_words).take();
    if let Some(words) = said {
        let _gone: std::io::Result<()> = speak(stream, words).await;
    }
}

async fn respond(
    server: Server,
    state: &State,
    request: Request<Incoming>,
    last_words: &Mutex<Option<LastWords>>,
) -> Result<Response<Body>, Hangup> {
    let reply = match server {
        Server::Authorization => authorization::handle(state, request).await,
        Server::Api => api::handle(state, request).await,
    };
    match reply {
        Reply::Http(answer) => Ok(answer.into_response()),
        Reply::Raw(words) => {
            *lock(last_words) = Some(words);
            Err(Hangup)
        }
    }
}

async fn speak(mut stream: TcpStream, words: LastWords) -> std::io::Result<()> {
    stream.write_all(&words.bytes).await?;
    match words.then {
        Ending::Close => {}
        Ending::Reset => return stream.set_zero_linger(),
        Ending::Hold => {
            let mut ignored = [0; 1024];
            while stream.read(&mut ignored).await? > 0 {}
        }
        Ending::Finish(pause, rest) => {
            tokio::time::sleep(pause).await;
            stream.write_all(&rest).await?;
        }
    }
    stream.shutdown().await
}
