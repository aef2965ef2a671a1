//! How much a server may send for one request: counted below HTTP, which takes frames and interim answers without end and
//! queues some of them. With TLS that is where records are opened; in the clear, where the socket is read (`clear`).

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, ContentType, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

use super::exchange::LONGEST_BODY;
use super::timeline::Timeline;

/// Certificates, a head and the longest body have room in it, also in small pieces.
const MOST_BYTES: usize = 4 * LONGEST_BODY as usize;
/// Of HTTP/2. The longest body has room in them, in frames of a kilobyte. An interim answer of a few hundred bytes can
/// cost tens of kilobytes in a queue.
const MOST_FRAMES: usize = 1100;
/// Of each record (RFC 8446 §5.1).
const RECORD_HEADER: usize = 5;
/// Without its payload (RFC 9113 §4.1): the length, and what is of no interest here.
const FRAME_LENGTH: usize = 3;
const FRAME_REST: usize = 6;

/// Counts the requests that are sent one after the other, maybe on the same connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<AtomicU64>);

impl Requests {
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What comes in on one connection. Its bounds are those of one request, and begin anew with the next.
#[derive(Debug, Default)]
pub(super) struct Intake {
    requests: Requests,
    flow: Mutex<Flow>,
}

#[derive(Debug, Default)]
struct Flow {
    request: u64,
    bytes: usize,
    frames: usize,
    protocol: Protocol,
}

/// What the server speaks, known from its first byte: no frame that is taken is so long that its length begins with
/// anything but 0, and no text begins with that.
#[derive(Debug, Default)]
enum Protocol {
    #[default]
    Unknown,
    Text,
    Frames(Frames),
}

/// Where in a sequence of frames a connection is.
#[derive(Debug, Default)]
struct Frames {
    /// Of the frame's length, as many bytes as have come.
    length: Vec<u8>,
    /// Left of the frame behind its length.
    rest: usize,
}

/// More has come than an answer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more was sent than an answer can have")]
pub(super) struct Overrun;

impl Intake {
    pub(super) fn new(requests: Requests) -> Self {
        Self { requests, flow: Mutex::default() }
    }

    /// Takes note of `length` bytes, as those of a record, and of the `data` for HTTP in them.
    ///
    /// # Errors
    /// When it is more than an answer can have.
    pub(super) fn take(&self, length: usize, data: &[u8]) -> Result<(), Overrun> {
        let request = self.requests.0.load(Ordering::Relaxed);
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        if flow.request != request {
            (flow.request, flow.bytes, flow.frames) = (request, 0, 0);
        }
        flow.bytes += length;
        flow.frames += flow.protocol.frames_begun(data);
        if flow.bytes > MOST_BYTES || flow.frames > MOST_FRAMES { Err(Overrun) } else { Ok(()) }
    }
}

impl Protocol {
    /// How many frames begin in `data`.
    fn frames_begun(&mut self, data: &[u8]) -> usize {
        match (&mut *self, data) {
            (Self::Unknown, [0, ..]) => {
                *self = Self::Frames(Frames::default());
                self.frames_begun(data)
            }
            (Self::Unknown, [_, ..]) => {
                *self = Self::Text;
                0
            }
            (Self::Frames(frames), _) => frames.begun(data),
            (Self::Unknown, []) | (Self::Text, _) => 0,
        }
    }
}

impl Frames {
    fn begun(&mut self, mut data: &[u8]) -> usize {
        let mut begun = 0;
        while !data.is_empty() {
            let skipped = self.rest.min(data.len());
            self.rest -= skipped;
            data = &data[skipped..];
            let wanted = (FRAME_LENGTH - self.length.len()).min(data.len());
            self.length.extend_from_slice(&data[..wanted]);
            data = &data[wanted..];
            if self.length.len() == FRAME_LENGTH {
                begun += 1;
                self.rest = FRAME_REST + self.length.drain(..).fold(0, |length, byte| length << 8 | usize::from(byte));
            }
        }
        begun
    }
}

/// The provider whose cipher suites take note of all that they open.
pub(super) fn counting(provider: &CryptoProvider) -> Arc<CryptoProvider> {
    static COUNTING: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let counting = COUNTING.get_or_init(|| {
        let cipher_suites = provider.cipher_suites.iter().copied().map(counting_suite).collect();
        Arc::new(CryptoProvider { cipher_suites, ..provider.clone() })
    });
    Arc::clone(counting)
}

/// rustls wants suites that live as long as the process; there are nine of them.
fn counting_suite(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite {
        SupportedCipherSuite::Tls12(suite) => SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
            common: same(&suite.common),
            aead_alg: Box::leak(Box::new(Counting(suite.aead_alg))),
            ..*suite
        }))),
        SupportedCipherSuite::Tls13(suite) => SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
            common: same(&suite.common),
            aead_alg: Box::leak(Box::new(Counting(suite.aead_alg))),
            ..*suite
        }))),
    }
}

fn same(common: &CipherSuiteCommon) -> CipherSuiteCommon {
    CipherSuiteCommon { ..*common }
}

/// An algorithm that makes decrypters which count.
struct Counting<A: ?Sized + 'static>(&'static A);

impl Tls13AeadAlgorithm for Counting<dyn Tls13AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        counting_decrypter(self.0.decrypter(key, iv))
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

impl Tls12AeadAlgorithm for Counting<dyn Tls12AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv, extra)
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        counting_decrypter(self.0.decrypter(key, iv))
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv, explicit)
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

thread_local! {
    /// Of the record that this thread opened last. rustls asks for a decrypter with the next key while it works on the
    /// record that announced it (RFC 8446 §4.6.3), which may be after the handshake and outside of any request.
    static LAST: RefCell<Weak<Intake>> = const { RefCell::new(Weak::new()) };
}

struct CountingDecrypter {
    inner: Box<dyn MessageDecrypter>,
    intake: Arc<Intake>,
}

fn counting_decrypter(inner: Box<dyn MessageDecrypter>) -> Box<dyn MessageDecrypter> {
    let intake = match Timeline::current() {
        Some(timeline) => timeline.intake(),
        None => LAST.with_borrow(Weak::upgrade),
    };
    match intake {
        Some(intake) => Box::new(CountingDecrypter { inner, intake }),
        None => inner,
    }
}

impl MessageDecrypter for CountingDecrypter {
    fn decrypt<'a>(
        &mut self,
        record: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, rustls::Error> {
        LAST.set(Arc::downgrade(&self.intake));
        let length = RECORD_HEADER + record.payload.len();
        let message = self.inner.decrypt(record, sequence)?;
        let data = if message.typ == ContentType::ApplicationData { message.payload } else { &[] };
        let within = self.intake.take(length, data);
        within.map_err(|overrun| rustls::Error::General(overrun.to_string()))?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u8) -> Vec<u8> {
        [&[0, 0, length][..], &vec![9; FRAME_REST + usize::from(length)]].concat()
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let sent = [frame(0), frame(200), frame(1), frame(3)].concat();
        for size in 1..sent.len() {
            let mut protocol = Protocol::Unknown;
            let begun: usize = sent.chunks(size).map(|piece| protocol.frames_begun(piece)).sum();
            assert_eq!(begun, 4, "in pieces of {size}");
        }
    }

    #[test]
    fn text_has_no_frames() {
        let mut protocol = Protocol::Unknown;
        assert_eq!(protocol.frames_begun(b""), 0);
        assert_eq!(protocol.frames_begun(b"HTTP/1.1 200 OK\r\n\r\n"), 0);
        assert_eq!(protocol.frames_begun(&[0; 1000]), 0);
    }

    #[test]
    fn every_request_has_bounds_of_its_own() {
        let requests = Requests::default();
        let intake = Intake::new(requests.clone());
        for _ in 0..3 {
            requests.next();
            assert_eq!(intake.take(MOST_BYTES, b"HTTP"), Ok(()));
            assert_eq!(intake.take(1, b""), Err(Overrun));
        }
        let intake = Intake::new(requests.clone());
        for _ in 0..3 {
            requests.next();
            assert_eq!(intake.take(1, &frame(0).repeat(MOST_FRAMES)), Ok(()));
            assert_eq!(intake.take(1, &frame(0)), Err(Overrun));
        }
    }
}
