//! What is odd about a secret that can be read, for a person who wonders why it is refused. Nothing of it is shown.

use crate::model::target::SecretSource;

use super::secrets::read_now;

/// What no provider gives, but copying, editors and other programs' files make of a secret. It blocks.
#[must_use]
pub fn oddity(source: &SecretSource) -> Option<&'static str> {
    let secret = read_now(source).ok()?;
    of_text(secret.expose())
}

fn of_text(text: &str) -> Option<&'static str> {
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    let starts_a_line_of_variables = || {
        let is_name = |name: &str| {
            let common = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            name.contains('_') && name.bytes().all(common)
        };
        let line = text.strip_prefix("export ").unwrap_or(text);
        line.split_once('=').is_some_and(|(name, value)| is_name(name) && !value.is_empty())
    };
    let oddities = [
        (text.contains("-----BEGIN "), "holds a certificate or a private key in PEM"),
        (text.starts_with('{') && text.ends_with('}'), "is JSON, and is sent as it is"),
        (starts_a_line_of_variables(), "begins with the name of a variable and `=`, which are sent too"),
        (text.contains(['\n', '\r']), "has more than one line, and all of them are sent"),
        (quoted('"') || quoted('\''), "has quotes around it, which are sent too"),
        (text.trim() != text, "begins or ends with a space or a tab, which is sent too"),
        (text.contains(char::is_control), "has control characters"),
    ];
    oddities.into_iter().find(|(is_odd, _)| *is_odd).map(|(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_give_is_not_odd() {
        for text in ["x", "dGVzdA==", "a b", "pä\"ss'", "'", "{", "Ab=cd", "AB=cd", "NOT A_NAME=x", "A_NAME="] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn what_copying_makes_of_a_secret_is_odd() {
        let table = [
            ("PARTNER_OA_SECRET=x", "the name of a variable"),
            ("export PARTNER_OA_SECRET=x", "the name of a variable"),
            ("\"x\"", "quotes"),
            ("'x'", "quotes"),
            (" x", "a space"),
            ("x\t", "a tab"),
            ("x\r\ny", "more than one line"),
            ("x\u{0}y", "control characters"),
            ("{\"client_secret\": \"x\"}", "JSON"),
            ("-----BEGIN PRIVATE KEY-----\nx", "PEM"),
        ];
        for (text, expected) in table {
            assert!(of_text(text).is_some_and(|what| what.contains(expected)), "{text:?}");
        }
    }
}
