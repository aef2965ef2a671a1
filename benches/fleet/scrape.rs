//! A scrape as fast as it can be read, by a thread that does nothing else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::common::Quantiles;
use crate::lag::Lags;

/// The exporter's own families stand at the end of the text, and they are no longer than this.
const TAIL: usize = 64 * 1024;
const PIECE: usize = 256 * 1024;

/// Whether the text is asked for compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
}

/// What came back.
pub(crate) struct Scraped {
    /// From before the connection to the last byte.
    pub(crate) took: Duration,
    /// Of the answer's body.
    pub(crate) bytes: usize,
    tail: Vec<u8>,
}

/// Several scrapes, one at the heels of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scrapes {
    pub(crate) milliseconds: Quantiles,
    pub(crate) bytes: usize,
    /// How late the cycles that started meanwhile were.
    pub(crate) lags: Lags,
}

impl Scrapes {
    /// So many; and one more on either side, to read the lags. Those of the first are counted as well.
    pub(crate) async fn make(address: &str, encoding: Encoding, count: usize) -> Self {
        let before = scrape(address, Encoding::Plain).await.lags();
        let mut scraped = Vec::new();
        for _ in 0..count {
            scraped.push(scrape(address, encoding).await);
        }
        let after = scrape(address, Encoding::Plain).await.lags();
        Self {
            milliseconds: Quantiles::of(scraped.iter().map(|one| one.took.as_secs_f64() * 1e3).collect()),
            bytes: scraped.last().expect("there were some").bytes,
            lags: after.since(before),
        }
    }
}

impl Scraped {
    /// As they were when the text was begun.
    pub(crate) fn lags(&self) -> Lags {
        Lags::of(&String::from_utf8_lossy(&self.tail))
    }
}

pub(crate) async fn scrape(address: &str, encoding: Encoding) -> Scraped {
    let address = address.to_owned();
    spawn_blocking(move || read(&address, encoding).expect("the exporter answers")).await.unwrap()
}

fn read(address: &str, encoding: Encoding) -> std::io::Result<Scraped> {
    let accepted = match encoding {
        Encoding::Plain => "",
        Encoding::Gzip => "Accept-Encoding: gzip\r\n",
    };
    let mut piece = vec![0; PIECE];
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    // In HTTP/1.0, so that the body ends with the connection.
    stream.write_all(format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n{accepted}\r\n").as_bytes())?;
    let (mut bytes, mut tail) = (0, Vec::with_capacity(TAIL + PIECE));
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes += length;
        tail.extend_from_slice(&piece[..length]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    Ok(Scraped { took: begun.elapsed(), bytes, tail })
}
