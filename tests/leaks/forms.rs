//! The mark that must not show, and the forms in which it could.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// In everything that must not be shown. What stands around it differs, so that every encoding has work to do.
pub(crate) const MARK: &str = "c4naRyM4rk";

/// Every form in which a text with the mark in it could show, in small letters: plain, as Base64 at whichever of three
/// places the mark begins (it has no character in which the alphabets differ), and each of its bytes as a number, as
/// URLs, JSON, Rust and dumps write them.
fn forms() -> Vec<String> {
    let each = |form: fn(u8) -> String, between: &str| MARK.bytes().map(form).collect::<Vec<_>>().join(between);
    let base64 = (0..3).map(|before| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{MARK}", "x".repeat(before)));
        // The first and the last character also depend on what stands around the mark.
        let whole_groups = encoded.len() / 4 * 4;
        encoded[before.min(1) * 4..whole_groups].to_ascii_lowercase()
    });
    let hex = |byte| format!("{byte:02x}");
    [
        MARK.to_ascii_lowercase(),
        each(hex, ""),
        each(hex, " "),
        each(hex, ":"),
        each(hex, "%"),
        each(hex, "\\x"),
        each(hex, "\\u00"),
        each(|byte| byte.to_string(), ", "),
        each(|byte| byte.to_string(), ","),
        MARK.chars().rev().collect::<String>().to_ascii_lowercase(),
    ]
    .into_iter()
    .chain(base64)
    .collect()
}

pub(crate) fn reveals(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    forms().iter().any(|form| text.contains(form))
}

pub(crate) fn assert_silent(text: &str) {
    let line = text.lines().find(|line| reveals(line));
    assert!(line.is_none(), "{line:?} in\n{text}");
}

/// All that this program is known to write a text in, and then some. Were one not found, silence would mean nothing.
#[test]
fn mark_is_found_in_every_form() {
    for text in ["x", "xy", "xyz", "some user:a "].map(|before| format!("{before}{MARK}äö")) {
        let bytes = text.as_bytes();
        let each = |form: fn(&u8) -> String| bytes.iter().map(form).collect::<String>();
        for form in [
            text.clone(),
            text.to_ascii_uppercase(),
            format!("{text:?}"),
            format!("{bytes:?}"),
            format!("{bytes:02x?}").replace(", ", " "),
            each(|byte| format!("{byte:02x}")),
            each(|byte| format!("{byte:02X}")),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("%{byte:02X}")),
            each(|byte| format!("\\x{byte:02x}")),
            each(|byte| format!("\\u{byte:04X}")),
            serde_json::to_string(&text).unwrap(),
            serde_json::to_string(bytes).unwrap(),
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string(),
            text.chars().rev().collect(),
            format!("Basic {}", STANDARD.encode(&text)),
            format!("Basic {}", STANDARD_NO_PAD.encode(&text)),
            URL_SAFE.encode(&text),
            URL_SAFE_NO_PAD.encode(&text),
        ] {
            assert!(reveals(&form), "{form}");
        }
    }
    assert!(!reveals("target fails"));
}
