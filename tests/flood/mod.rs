//! Servers that flood whoever asks them anything by HTTP/2 with frames.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::raw_server::{Leaf, tls_config};

// RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 42;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

// RFC 7541 §6.
const STATUS_200: &[u8] = &[0x88];
const STATUS_103: &[u8] = &[0x08, 3, b'1', b'0', b'3'];
/// `a: ` put into the dynamic table, and one byte that repeats it from there.
const INSERTED: &[u8] = &[0x40, 1, b'a', 0];
const REPEATED: u8 = 0xbe;

/// The client's only request is on stream 1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A name, what is sent first, and what is sent again and again.
pub fn floods() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let head = frame(HEADERS, END_HEADERS, 1, STATUS_200);
    let unfinished = frame(HEADERS, 0, 1, STATUS_200);
    let trailers = [head.clone(), frame(HEADERS, END_STREAM, 1, &[])].concat();
    let table = frame(HEADERS, END_HEADERS, 1, &[STATUS_103, INSERTED].concat());
    let header = [&[0, 1, b'a', 0x7f, 0][..], &[b'x'; 127]].concat();
    let interim = |repeats| frame(HEADERS, END_HEADERS, 1, &[STATUS_103, &vec![REPEATED; repeats]].concat());
    let bomb = frame(HEADERS, END_HEADERS, 1, &[STATUS_200, INSERTED, &[REPEATED; 12_000]].concat());
    let ping = frame(PING, 0, 0, &[0; 8]);
    let goodbye = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    vec![
        ("pings", vec![], ping.clone()),
        ("settings", vec![], frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("sizes of the table", vec![], frame(SETTINGS, 0, 0, &[0, 1, 0, 1, 0, 0])),
        ("window of nothing", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), ping.clone()),
        ("window", vec![], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("priorities", vec![], frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])),
        ("unknown frames", vec![], frame(UNKNOWN, 0, 0, &[0; 16_000])),
        ("goodbyes", vec![], frame(GOAWAY, 0, 0, &goodbye)),
        ("promises", vec![], frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82, 0x84, 0x87])),
        ("empty continuations", unfinished.clone(), frame(CONTINUATION, 0, 1, &[])),
        ("continuations", unfinished, frame(CONTINUATION, 0, 1, &header)),
        ("trailers", trailers, frame(CONTINUATION, 0, 1, &header)),
        ("interim answers", vec![], interim(0)),
        ("interim answers with a header", table.clone(), interim(1)),
        ("interim answers with many headers", table, interim(400)),
        ("headers that unpack", bomb, ping),
        ("resets", head.clone(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        ("empty data", head.clone(), frame(DATA, 0, 1, &[])),
        ("padding", head.clone(), frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat())),
        ("data", head, frame(DATA, 0, 1, &[b' '; 16_000])),
    ]
}

/// A server that floods whoever asks it anything, and reads nothing more.
pub struct Flood {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Flood {
    pub fn start(start: Vec<u8>, again: &[u8]) -> Self {
        let mut config = tls_config(&Leaf::self_signed("127.0.0.1", |_| {}), None);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let again = again.repeat((64 * 1024 / again.len()).max(1));
        let socket = TcpSocket::new_v4().unwrap();
        // So that what nobody reads soon fills it.
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, start, again) = (acceptor.clone(), start.clone(), again.clone());
                tokio::spawn(async move { flood(acceptor.accept(stream).await?, start, again).await });
            }
        });
        Self { address, task }
    }
}

async fn flood(mut stream: TlsStream<TcpStream>, start: Vec<u8>, again: Vec<u8>) -> io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    let mut kind = SETTINGS;
    while kind != HEADERS {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        kind = head[3];
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut payload).await?;
    }
    // What comes under other keys is counted, too.
    stream.get_mut().1.refresh_traffic_keys().unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    stream.write_all(&start).await?;
    loop {
        stream.write_all(&again).await?;
    }
}
