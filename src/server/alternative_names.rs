//! The names in a client's certificate (`subjectAltName`, RFC 5280 §4.2.1.6), to be held against those that are allowed.

use std::net::IpAddr;

use der::asn1::AnyRef;
use der::{Decode, Reader as _, SliceReader, Tag, TagNumber, Tagged};
use rustls::pki_types::CertificateDer;

/// 2.5.29.17, as it is encoded.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
const EXTENSIONS: TagNumber = TagNumber(3);

// The choices of `GeneralName` that the format knows.
const EMAIL: TagNumber = TagNumber(1);
const DNS: TagNumber = TagNumber(2);
const URI: TagNumber = TagNumber(6);
const ADDRESS: TagNumber = TagNumber(7);

/// Names of which one must stand in a certificate.
#[derive(Clone, Debug)]
pub(super) struct AllowedNames(Vec<String>);

impl AllowedNames {
    pub(super) const fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether `certificate` bears one of them, letter by letter. One that cannot be read bears none.
    pub(super) fn stand_in(&self, certificate: &CertificateDer<'_>) -> bool {
        let names = names(certificate).unwrap_or_default();
        names.iter().any(|name| self.0.iter().any(|allowed| name.is(allowed)))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Text(String),
    Address(IpAddr),
}

impl Name {
    fn is(&self, allowed: &str) -> bool {
        match self {
            Self::Text(text) => text == allowed,
            Self::Address(address) => allowed.parse() == Ok(*address),
        }
    }
}

fn names(certificate: &CertificateDer<'_>) -> der::Result<Vec<Name>> {
    let mut found = Vec::new();
    let certificate = AnyRef::from_der(certificate)?;
    let signed = first(certificate.value())?;
    for field in elements(signed.value())? {
        if !matches!(field.tag(), Tag::ContextSpecific { number: EXTENSIONS, .. }) {
            continue;
        }
        for extension in elements(first(field.value())?.value())? {
            let parts = elements(extension.value())?;
            let (Some(id), Some(content)) = (parts.first(), parts.last()) else { continue };
            if id.tag() == Tag::ObjectIdentifier && id.value() == SUBJECT_ALT_NAME {
                let general_names = first(content.value())?;
                found.extend(elements(general_names.value())?.iter().filter_map(name));
            }
        }
    }
    Ok(found)
}

fn name(general_name: &AnyRef<'_>) -> Option<Name> {
    let Tag::ContextSpecific { number, .. } = general_name.tag() else { return None };
    let value = general_name.value();
    match number {
        EMAIL | DNS | URI => str::from_utf8(value).ok().map(|text| Name::Text(text.to_owned())),
        ADDRESS => match (<[u8; 4]>::try_from(value), <[u8; 16]>::try_from(value)) {
            (Ok(octets), _) => Some(Name::Address(octets.into())),
            (_, Ok(octets)) => Some(Name::Address(IpAddr::from(octets).to_canonical())),
            _ => None,
        },
        _ => None,
    }
}

fn first(content: &[u8]) -> der::Result<AnyRef<'_>> {
    AnyRef::decode(&mut SliceReader::new(content)?)
}

fn elements(content: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(content)?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader)?);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").der().clone()
    }

    fn all_kinds() -> CertificateDer<'static> {
        let text = |text: &str| text.try_into().expect("ASCII");
        certificate(vec![
            SanType::DnsName(text("Prometheus.example.com")),
            SanType::Rfc822Name(text("on-call@example.com")),
            SanType::URI(text("spiffe://example.com/prometheus")),
            SanType::IpAddress("192.0.2.1".parse().expect("an address")),
            SanType::IpAddress("2001:db8::1".parse().expect("an address")),
        ])
    }

    fn is_allowed(certificate: &CertificateDer<'_>, names: &[&str]) -> bool {
        AllowedNames::new(names.iter().map(|name| (*name).to_owned()).collect()).stand_in(certificate)
    }

    #[test]
    fn one_name_of_any_kind_is_enough() {
        let certificate = all_kinds();
        for name in [
            "Prometheus.example.com",
            "on-call@example.com",
            "spiffe://example.com/prometheus",
            "192.0.2.1",
            "2001:db8::1",
            "2001:DB8:0::1",
        ] {
            assert!(is_allowed(&certificate, &["other", name]), "{name}");
        }
    }

    #[test]
    fn other_names_are_none() {
        let bearer = all_kinds();
        let others = ["prometheus.example.com", "example.com", "*.example.com", "192.0.2.2", "", "CN=x"];
        assert!(!is_allowed(&bearer, &others));
        assert!(!is_allowed(&bearer, &[]));
        assert!(!is_allowed(&certificate(Vec::new()), &others));
    }

    #[test]
    fn damage_anywhere_never_panics_and_lets_nobody_in() {
        let whole = all_kinds();
        for length in 0..whole.len() {
            assert!(!is_allowed(&whole[..length].into(), &["192.0.2.1"]), "{length}");
        }
        for place in 0..whole.len() {
            for byte in [0, 1, 0x30, 0x7f, 0x80, 0x82, 0xa3, 0xff] {
                let mut damaged = whole.to_vec();
                damaged[place] = byte;
                let _ = names(&damaged.into());
            }
        }
    }
}
