//! When the certificates of a chain expire. The input is the leaf; a good certificate stands beside it.
#![no_main]

use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::client::fuzzed_chain_expiry as chain_expiry;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Issued by another authority, and so counted: it expires on 1 January 2030.
const OTHER: &[u8] = include_bytes!("../seeds/certificate/issued.der");

fuzz_target!(|leaf: &[u8]| {
    let Some(alone) = chain_expiry(&[leaf]) else {
        assert_eq!(chain_expiry(&[leaf, OTHER]), None, "without a leaf there is no date");
        return;
    };
    assert_eq!(alone.leaf, alone.earliest);
    let other = chain_expiry(&[OTHER]).expect("a good certificate").leaf;
    let with_another = chain_expiry(&[leaf, OTHER]).expect("the leaf is good");
    assert_eq!((with_another.leaf, with_another.earliest), (alone.leaf, alone.leaf.min(other)));
    let as_another = chain_expiry(&[OTHER, leaf]).expect("the leaf is good");
    assert_eq!(as_another.leaf, other);
    assert!(as_another.earliest == other || as_another.earliest == other.min(alone.leaf));
    assert_eq!(chain_expiry(&[leaf, b"garbage"]), Some(alone));
    agrees_with_another_reader(leaf, alone.leaf);
});

/// Where both read a date, it is the same one.
fn agrees_with_another_reader(leaf: &[u8], expiry: std::time::SystemTime) {
    let Ok((rest, certificate)) = X509Certificate::from_der(leaf) else { return };
    assert_eq!(rest, b"");
    let theirs = certificate.validity().not_after.timestamp();
    let ours = expiry.duration_since(UNIX_EPOCH).map_or(-1, |since| i64::try_from(since.as_secs()).expect("a date"));
    assert_eq!(ours, theirs);
}
