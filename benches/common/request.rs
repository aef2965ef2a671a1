//! The little that a server must understand of a request.

use std::io;

use oauth_probe_exporter::model::fault::Request;
use tokio::io::{AsyncRead, AsyncReadExt};

const LONGEST_REQUEST: usize = 16 * 1024;

/// A whole request, body included.
pub(crate) struct Received {
    pub(crate) request: Request,
    pub(crate) path: String,
}

/// Reads the next request; `None` if the client wants no more. Nobody here sends one before the last is answered.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_REQUEST {
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if body.len() >= content_length(head) {
            return received(head).map(Some);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn received(head: &str) -> io::Result<Received> {
    let mut words = head.split(' ');
    let request = if words.next() == Some("POST") { Request::Token } else { Request::Ping };
    let path = words.next().ok_or(io::ErrorKind::InvalidData)?.to_owned();
    Ok(Received { request, path })
}

fn content_length(head: &str) -> usize {
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    };
    head.lines().find_map(header).unwrap_or(0)
}
