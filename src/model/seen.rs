//! Text as a person sees it: what would be invisible, or change how other text looks, is written out.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Controls, ends of lines, what reorders text (`pay\u{202e}txt.exe` would look like `payexe.txt`), and what has no width, so
/// that two names would look the same.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    let ends_a_line = matches!(c, '\u{2028}' | '\u{2029}');
    let annotates = matches!(c, '\u{fff9}'..='\u{fffb}');
    c.is_control() || ends_a_line || annotates || is_default_ignorable(c)
}

/// Unicode's property Default_Ignorable_Code_Point: what a font that does not know it shows as nothing. What joins emojis
/// and letters, what chooses among their forms, and what reorders text are among them.
const fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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
            // Writing to a string cannot fail.
            let _ = write_escaped(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `c` as JSON and logfmt escape it: by the two halves of UTF-16 if it is beyond four digits.
///
/// # Errors
/// Those of `out`.
pub fn write_escaped(out: &mut impl fmt::Write, c: char) -> fmt::Result {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|half| write!(out, "\\u{half:04x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_afterwards() {
        let text = "a\u{202e}b\u{feff}\u{e0061}\n\u{7f}\u{85}\"\\ é";
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
            ("größe \\ 日本 🦀 שלום a\u{301}", "größe \\ 日本 🦀 שלום a\u{301}"),
            ("a\u{ad}c\u{200b}m\u{200c}e\u{200d}", r"a\u{ad}c\u{200b}m\u{200c}e\u{200d}"),
            ("\u{2060}\u{3164}\u{fe0f}\u{fffa}\u{e0061}", r"\u{2060}\u{3164}\u{fe0f}\u{fffa}\u{e0061}"),
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
