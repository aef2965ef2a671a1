//! When certificates expire: the only thing that is read of them beside what rustls judges.

use std::time::SystemTime;

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, SliceReader, Tag, Tagged};
use rustls::pki_types::CertificateDer;

use crate::model::report::ChainExpiry;

/// What is read of a certificate. To read all of it takes a dozen times as long, 24 µs each, for every handshake.
struct Certificate {
    expiry: SystemTime,
    /// By its names. Whether the signature is its own, too, makes no difference but for an authority that replaces its
    /// key.
    self_signed: bool,
}

/// When a chain expires; `None` if its leaf cannot be read.
///
/// Self-signed members are ignored: an authority's own certificate is trusted, or not, whatever date it bears. The leaf
/// always counts, whoever signed it.
pub(super) fn chain_expiry(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<ChainExpiry> {
    let leaf = read(leaf).ok()?.expiry;
    let others = others.iter().filter_map(|other| read(other).ok()).filter(|other| !other.self_signed);
    Some(ChainExpiry { leaf, earliest: others.map(|other| other.expiry).fold(leaf, SystemTime::min) })
}

/// Reads the first fields of a `TBSCertificate` (RFC 5280 §4.1).
fn read(certificate: &CertificateDer<'_>) -> der::Result<Certificate> {
    let certificate = AnyRef::from_der(certificate)?;
    let signed = AnyRef::decode(&mut SliceReader::new(certificate.value())?)?;
    let mut fields = SliceReader::new(signed.value())?;
    let mut next = || AnyRef::decode(&mut fields);
    if next()?.tag() != Tag::Integer {
        // That was the version, which old certificates do without.
        let _serial_number = next()?;
    }
    let _signature = next()?;
    let issuer = next()?;
    let validity = next()?;
    let subject = next()?;
    Ok(Certificate { expiry: not_after(validity)?, self_signed: subject == issuer })
}

fn not_after(validity: AnyRef<'_>) -> der::Result<SystemTime> {
    let mut dates = SliceReader::new(validity.value())?;
    let _not_before = AnyRef::decode(&mut dates)?;
    let date = AnyRef::decode(&mut dates)?;
    let since_epoch = match date.tag() {
        Tag::UtcTime => date.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => date.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(SystemTime::UNIX_EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_certificate_is_none() {
        let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate").cert;
        let whole = certificate.der();
        assert!(read(whole).expect("the whole one").self_signed);
        for length in 0..whole.len() {
            assert!(read(&whole[..length].into()).is_err(), "{length}");
        }
    }

    #[test]
    fn damage_anywhere_never_panics() {
        let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate").cert;
        for place in 0..certificate.der().len() {
            for byte in 0..=u8::MAX {
                let mut damaged = certificate.der().to_vec();
                damaged[place] = byte;
                let _ = read(&damaged.into());
            }
        }
    }

    /// A few changes at random: a byte, a tag or a length, a piece left out or doubled.
    fn damaged(whole: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..random.usize(1..6) {
            let place = random.usize(..bytes.len());
            let end = (place + random.usize(1..40)).min(bytes.len());
            match random.u8(..5) {
                0 => bytes[place] = random.u8(..),
                1 => bytes[place] = *random.choice(&[0x02, 0x17, 0x18, 0x30, 0xa0]).expect("one of them"),
                2 => bytes[place] = *random.choice(&[0x00, 0x7f, 0x80, 0x81, 0x84, 0xff]).expect("one of them"),
                3 if bytes.len() > end => drop(bytes.drain(place..end)),
                _ => {
                    let piece = bytes[place..end].to_vec();
                    bytes.splice(place..place, piece);
                }
            }
        }
        bytes
    }

    #[test]
    fn what_a_hostile_server_makes_up_never_panics() {
        const MANY: usize = 20_000;
        let certificate = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate").cert;
        let mut random = fastrand::Rng::with_seed(7);
        let mut read_anyway = 0;
        for _ in 0..MANY {
            let bytes = damaged(certificate.der(), &mut random);
            read_anyway += usize::from(read(&bytes.into()).is_ok());
        }
        assert!((1..MANY).contains(&read_anyway), "{read_anyway}: some damage is elsewhere, and some is not");
    }
}
