//! When certificates expire: the only thing that is read of them beside what rustls judges.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::model::report::ChainExpiry;

/// When a chain expires; `None` if its leaf cannot be read.
///
/// Self-signed members are ignored: an authority's own certificate is trusted, or not, whatever date it bears. The leaf
/// always counts, whoever signed it.
pub(super) fn chain_expiry(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<ChainExpiry> {
    let leaf = expiry(&parse(leaf)?);
    let others = others.iter().filter_map(parse).filter(|certificate| !is_self_signed(certificate));
    Some(ChainExpiry { leaf, earliest: others.map(|certificate| expiry(&certificate)).fold(leaf, SystemTime::min) })
}

fn parse(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    Certificate::from_der(certificate).ok()
}

fn expiry(certificate: &Certificate) -> SystemTime {
    SystemTime::UNIX_EPOCH + certificate.tbs_certificate().validity().not_after.to_unix_duration()
}

/// By its names. Whether the signature is its own, too, makes no difference but for an authority that replaces its key.
fn is_self_signed(certificate: &Certificate) -> bool {
    let signed = certificate.tbs_certificate();
    signed.subject() == signed.issuer()
}
