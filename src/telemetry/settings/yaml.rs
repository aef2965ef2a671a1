//! A tree as YAML 1.2 that means the same to whoever reads it: what could be taken for something else is quoted.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::model::seen::is_unseen;

use super::tree::Tree;

/// Plain words that are no text to some reader of YAML.
const TAKEN: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<"];

/// Writes the entries of a mapping, each on lines of its own, so many levels deep.
pub(super) fn write(text: &mut String, tree: &Tree, level: usize) {
    let Tree::Mapping(entries) = tree else { return };
    for (key, value) in entries {
        write_indent(text, level);
        write_entry(text, key, value, level);
    }
}

/// Writes a mapping as an item of a list that is so many levels deep.
pub(super) fn write_item(text: &mut String, tree: &Tree, level: usize) {
    let start = text.len();
    write(text, tree, level + 1);
    // The first key stands on the line of the dash.
    let dash = start + 2 * level;
    text.replace_range(dash..=dash, "-");
}

fn write_entry(text: &mut String, key: &str, value: &Tree, level: usize) {
    match value {
        Tree::Unset(instead) => push(text, format_args!("# {key}: {instead}\n")),
        Tree::Mapping(entries) if !entries.is_empty() => {
            push(text, format_args!("{}:\n", Scalar(key)));
            write(text, value, level + 1);
        }
        Tree::Span(_)
        | Tree::Text(_)
        | Tree::Number(_)
        | Tree::Flag(_)
        | Tree::Json(_)
        | Tree::List(_)
        | Tree::Mapping(_) => {
            push(text, format_args!("{}: {}\n", Scalar(key), Flow(value)));
        }
    }
}

fn write_indent(text: &mut String, level: usize) {
    text.extend(std::iter::repeat_n("  ", level));
}

fn push(text: &mut String, what: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
}

/// A value on one line.
struct Flow<'a>(&'a Tree);

impl fmt::Display for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Tree::Text(text) => Scalar(text).fmt(f),
            Tree::Span(span) => humantime::format_duration(*span).fmt(f),
            Tree::Number(number) => number.fmt(f),
            Tree::Flag(flag) => flag.fmt(f),
            Tree::Unset(_) => f.write_str("null"),
            Tree::Json(value) => Json(value).fmt(f),
            Tree::List(items) => list(f, '[', items.iter().map(Flow), ']'),
            Tree::Mapping(entries) => {
                let shown = entries.iter().map(|(key, value)| Pair(Scalar(key), Flow(value)));
                list(f, '{', shown, '}')
            }
        }
    }
}

/// JSON is YAML, but for some characters.
struct Json<'a>(&'a Value);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.0.fmt(f),
            Value::String(text) => Quoted(text).fmt(f),
            Value::Array(items) => list(f, '[', items.iter().map(Json), ']'),
            Value::Object(entries) => {
                let shown = entries.iter().map(|(key, value)| Pair(Quoted(key), Json(value)));
                list(f, '{', shown, '}')
            }
        }
    }
}

struct Pair<K, V>(K, V);

impl<K: fmt::Display, V: fmt::Display> fmt::Display for Pair<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    open: char,
    items: impl Iterator<Item = impl fmt::Display>,
    close: char,
) -> fmt::Result {
    f.write_char(open)?;
    for (index, item) in items.enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        item.fmt(f)?;
    }
    f.write_char(close)
}

/// Text, quoted unless nobody can mistake it.
struct Scalar<'a>(&'a str);

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) { f.write_str(self.0) } else { Quoted(self.0).fmt(f) }
    }
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/' || first == '<');
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-<>?@=+".contains(&byte);
    // A colon is a key's end only before a space or where the text ends.
    let goes_on = text.split(':').skip(1).all(|rest| rest.starts_with(|next: char| next.is_ascii_graphic()));
    let is_word = text.bytes().all(|byte| is_harmless(byte) || byte == b':');
    begins && is_word && goes_on && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

/// In double quotes, with escapes for what cannot be printed.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                ' '..='~' => f.write_char(character)?,
                _ if character.is_alphanumeric() && !is_unseen(character) => f.write_char(character)?,
                _ => write!(f, "\\U{:08X}", u32::from(character))?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::mapping;
    use super::*;

    #[test]
    fn text_is_quoted_where_it_could_be_something_else() {
        let written = |text: &str| Scalar(text).to_string();
        for plain in ["production", "https://a.example:8443", "/a/b.c?<secret>", "<secret>", "a_b-c"] {
            assert_eq!(written(plain), plain);
        }
        for quoted in
            ["", "on", "True", "NULL", "5", "1e3", "-", "a b", "a: b", "a:", "#a", "[a", "a,b", "~", "&a", "!a"]
        {
            assert_eq!(written(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(written("ä\"\\\n\u{202e}\u{3164}"), "\"ä\\\"\\\\\\U0000000A\\U0000202E\\U00003164\"");
    }

    #[test]
    fn mappings_are_indented_and_what_is_not_set_is_a_comment() {
        let inner = mapping([("x", Tree::Number(1)), ("y", Tree::Unset("as before"))]);
        let tree = mapping([("a", inner), ("b", Tree::texts(["c", "d e"])), ("f", mapping::<&str>([]))]);
        let mut text = String::new();
        write_item(&mut text, &tree, 1);
        assert_eq!(text, "  - a:\n      x: 1\n      # y: as before\n    b: [c, \"d e\"]\n    f: {}\n");
    }
}
