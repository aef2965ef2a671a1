//! Text as a person sees it: what would be invisible, or change how other text looks, is written out.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Controls, ends of lines, and what reorders text: `pay\u{202e}txt.exe` would look like `payexe.txt`.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `text` with these written as `\u{202e}`. For people alone: it is not meant to be read back.
#[must_use]
pub fn seen(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unseen(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same of a text in JSON, which means the same afterwards.
#[must_use]
pub fn seen_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // Line ends stand between values only.
        if is_unseen(c) && c != '\n' {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_afterwards() {
        let text = "a\u{202e}b\u{feff}\n\u{7f}\u{85}\"\\ é";
        let value = serde_json::json!({ text: [text] });
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = seen_json(&json);
            assert!(!shown.chars().any(|c| is_unseen(c) && c != '\n'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        }
    }

    #[test]
    fn what_hides_or_reorders_is_written_out_and_nothing_else_is_touched() {
        for (text, shown) in [
            ("production", "production"),
            ("größe \\ 日本 🦀 שלום a\u{301}\u{200d}", "größe \\ 日本 🦀 שלום a\u{301}\u{200d}"),
            ("pay\u{202e}txt", r"pay\u{202e}txt"),
            ("\u{1b}[31m\0\u{85}", r"\u{1b}[31m\u{0}\u{85}"),
            ("\u{61c}\u{200e}\u{200f}", r"\u{61c}\u{200e}\u{200f}"),
            ("\u{202a}\u{202d}\u{2066}\u{2069}", r"\u{202a}\u{202d}\u{2066}\u{2069}"),
            ("\r\n\t\u{2028}\u{2029}\u{feff}", r"\u{d}\u{a}\u{9}\u{2028}\u{2029}\u{feff}"),
        ] {
            assert_eq!(seen(text), shown);
        }
    }
}
