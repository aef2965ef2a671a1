//! The mark that must not show, and the forms in which it could.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// In everything that must not be shown. What stands around it differs, so that every encoding has work to do.
pub(crate) const MARK: &str = "c4naRyM4rk";

/// Every form in which a text with the mark in it could show: plain and URL-encoded, as hexadecimal digits, and as
/// Base64 at whichever of three places the mark begins.
fn forms() -> Vec<String> {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = (0..3).map(|before| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{MARK}", "x".repeat(before)));
        // The first and the last character also depend on what stands around the mark.
        let whole_groups = encoded.len() / 4 * 4;
        encoded[before.min(1) * 4..whole_groups].to_owned()
    });
    [MARK.to_owned(), hex].into_iter().chain(base64).collect()
}

pub(crate) fn reveals(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    forms().iter().any(|form| text.contains(&form.to_ascii_lowercase()))
}

pub(crate) fn assert_silent(text: &str) {
    let line = text.lines().find(|line| reveals(line));
    assert!(line.is_none(), "{line:?} in\n{text}");
}

#[test]
fn mark_is_found_in_every_form() {
    for text in ["x", "xy", "xyz", "some user:a "].map(|before| format!("{before}{MARK}äö")) {
        assert!(reveals(&text));
        assert!(reveals(&format!("Basic {}", STANDARD_NO_PAD.encode(&text))), "{text}");
    }
    assert!(!reveals("target fails"));
}
