//! A YAML text as a tree in which every node knows its line, and scalars stay as they were written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

/// Deeper nesting is refused, so that recursion over the tree is bounded.
const DEEPEST: usize = 64;
/// Aliases may repeat at most so many nodes, so that a few lines cannot stand for billions.
const MOST_ALIASED: usize = 5_000_000;

/// A value and where it begins. It has no `Debug`: any scalar may be a secret.
pub(super) struct Node<'t> {
    pub(super) line: usize,
    pub(super) content: Content<'t>,
    /// How many nodes there are in it, itself included, aliases counted each time.
    size: usize,
}

pub(super) enum Content<'t> {
    Scalar(Scalar<'t>),
    List(Vec<Rc<Node<'t>>>),
    /// In the order of the text; keys that are there twice are there twice.
    Mapping(Vec<(Key<'t>, Rc<Node<'t>>)>),
}

#[derive(Clone)]
pub(super) struct Key<'t> {
    pub(super) line: usize,
    pub(super) text: Cow<'t, str>,
}

pub(super) struct Scalar<'t> {
    /// As written, quotes and escapes resolved: `007` stays `007`.
    pub(super) text: Cow<'t, str>,
    /// Not quoted, so that it may stand for a number, a boolean or nothing.
    plain: bool,
}

/// What a plain scalar stands for in the core schema of YAML 1.2.
pub(super) enum Meaning<'s> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'s str),
}

/// Why a text is no tree. The words are always ours: the parser's could repeat some of the text.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) line: usize,
    /// Counted from 1.
    pub(super) column: usize,
    pub(super) what: &'static str,
}

/// The tree of the only document in `text`; `None` if there is none.
pub(super) fn parse(text: &str) -> Result<Option<Rc<Node<'_>>>, Unreadable> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) = event.map_err(|error| Unreadable::from_scan(&error))?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

impl Scalar<'_> {
    pub(super) fn is_null(&self) -> bool {
        matches!(self.meaning(), Meaning::Null)
    }

    pub(super) fn meaning(&self) -> Meaning<'_> {
        let text = &*self.text;
        if !self.plain {
            return Meaning::Text(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Boolean(true),
            "false" | "False" | "FALSE" => Meaning::Boolean(false),
            _ => number(text).unwrap_or(Meaning::Text(text)),
        }
    }
}

fn number(text: &str) -> Option<Meaning<'_>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = |prefix, radix| {
        let digits = text.strip_prefix(prefix)?;
        (!digits.starts_with(['+', '-'])).then(|| i64::from_str_radix(digits, radix).ok()).flatten()
    };
    if let Some(integer) = text.parse().ok().or_else(|| radix("0x", 16)).or_else(|| radix("0o", 8)) {
        return Some(Meaning::Integer(integer));
    }
    // Rust also reads `inf` and `nan` as numbers, which are plain words in YAML.
    if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        if let Ok(float) = text.parse() {
            return Some(Meaning::Float(float));
        }
        if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
            return Some(Meaning::Float(f64::NAN));
        }
    }
    None
}

/// Collections that are still open, and what they hold so far.
#[derive(Default)]
struct Builder<'t> {
    root: Option<Rc<Node<'t>>>,
    documents: usize,
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, Rc<Node<'t>>>,
    aliased: usize,
}

struct Open<'t> {
    line: usize,
    anchor: usize,
    content: Content<'t>,
    /// The key whose value comes next.
    key: Option<Key<'t>>,
    size: usize,
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Unreadable::at(span, "a second YAML document begins here; write one document a file"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = plain_by_tag(tag.as_deref(), span)? && style == ScalarStyle::Plain;
                let node = Node { line: span.start.line(), content: Content::Scalar(Scalar { text, plain }), size: 1 };
                self.complete(node, anchor, span)?;
            }
            Event::SequenceStart(anchor, tag) => self.open(anchor, tag.as_deref(), Content::List(Vec::new()), span)?,
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), Content::Mapping(Vec::new()), span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { line, anchor, content, size, .. }) = self.open.pop() {
                    self.complete(Node { line, content, size }, anchor, span)?;
                }
            }
            Event::Alias(anchor) => self.repeat(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, content: Content<'t>, span: Span) -> Result<(), Unreadable> {
        plain_by_tag(tag, span)?;
        if self.open.len() >= DEEPEST {
            return Err(Unreadable::at(span, "nested too deeply; check brackets and indentation"));
        }
        self.open.push(Open { line: span.start.line(), anchor, content, key: None, size: 1 });
        Ok(())
    }

    fn repeat(&mut self, anchor: usize, span: Span) -> Result<(), Unreadable> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Unreadable::at(span, "an alias inside of what it stands for; write the value out"));
        };
        self.aliased = self.aliased.saturating_add(node.size);
        if self.aliased > MOST_ALIASED {
            return Err(Unreadable::at(span, "aliases stand for too much; write the values out"));
        }
        self.place(node, span)
    }

    fn complete(&mut self, node: Node<'t>, anchor: usize, span: Span) -> Result<(), Unreadable> {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node, span)
    }

    fn place(&mut self, node: Rc<Node<'t>>, span: Span) -> Result<(), Unreadable> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.size = parent.size.saturating_add(node.size);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Mapping(entries) => match (parent.key.take(), &node.content) {
                (Some(key), _) => entries.push((key, node)),
                (None, Content::Scalar(scalar)) => {
                    parent.key = Some(Key { line: span.start.line(), text: scalar.text.clone() });
                }
                (None, _) => {
                    return Err(Unreadable::at(span, "a key is a list or a mapping; write keys as plain text"));
                }
            },
            Content::Scalar(_) => {}
        }
        Ok(())
    }
}

/// Whether a tag lets a plain scalar be more than text. A secret that begins with `!` looks like a tag, so that an
/// unknown one must not pass for an empty value.
fn plain_by_tag(tag: Option<&Tag>, span: Span) -> Result<bool, Unreadable> {
    match tag {
        None => Ok(true),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(false),
        Some(tag)
            if tag.is_yaml_core_schema()
                && matches!(tag.suffix.as_str(), "null" | "bool" | "int" | "float" | "seq" | "map") =>
        {
            Ok(true)
        }
        Some(_) => Err(Unreadable::at(span, "tags are not known here; put a value that begins with `!` in quotes")),
    }
}

/// Parts of the parser's messages, and what is said instead.
const SCAN_ERRORS: [(&str, &str); 10] = [
    ("tab", "a tab where YAML allows only spaces; indent with spaces"),
    ("unexpected character", "a value may not begin with this character; put the value in quotes"),
    ("unknown anchor", "an alias to an anchor that is not there; put a value that begins with `*` in quotes"),
    ("anchor or alias", "an anchor or alias without a name; put a value that begins with `&` or `*` in quotes"),
    ("mapping values are not allowed", "a `:` where no key can be; check the indentation, and put values in quotes"),
    ("simple key", "a key without `: ` behind it; write `key: value`, with a space"),
    ("end of stream", "a quoted text without an end; close the quote"),
    ("escape", "an escape that YAML does not know; use single quotes around a text with backslashes"),
    ("indentation", "the indentation fits nothing above; indent keys of one mapping alike"),
    ("unprintable", "a character that cannot be printed; remove it or write it as an escape in double quotes"),
];

impl Unreadable {
    fn at(span: Span, what: &'static str) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1, what }
    }

    fn from_scan(error: &ScanError) -> Self {
        let what = SCAN_ERRORS.iter().find(|(part, _)| error.info().contains(part)).map_or(
            "this is not valid YAML; check indentation, quotes and brackets here and in the line above",
            |(_, what)| *what,
        );
        Self { line: error.marker().line(), column: error.marker().col() + 1, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> &'static str {
        parse(text).err().expect("a refusal").what
    }

    fn meanings(text: &str) -> Vec<String> {
        let root = parse(text).expect("a tree").expect("a node");
        let Content::List(items) = &root.content else { panic!("not a list") };
        let meaning = |item: &Rc<Node<'_>>| match &item.content {
            Content::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "null".to_owned(),
                Meaning::Boolean(value) => format!("boolean {value}"),
                Meaning::Integer(value) => format!("integer {value}"),
                Meaning::Float(value) => format!("float {value}"),
                Meaning::Text(value) => format!("text {value}"),
            },
            Content::List(_) | Content::Mapping(_) => "collection".to_owned(),
        };
        items.iter().map(meaning).collect()
    }

    #[test]
    fn plain_scalars_mean_what_the_core_schema_says() {
        let table = [
            ("~, null, ''", ["null", "null", "text "]),
            ("true, FALSE, 'true'", ["boolean true", "boolean false", "text true"]),
            ("on, yes, nan", ["text on", "text yes", "text nan"]),
            ("-7, 0x1F, 0o17", ["integer -7", "integer 31", "integer 15"]),
            ("1.5, -1e3, .5", ["float 1.5", "float -1000", "float 0.5"]),
            ("0x-1, 1_000, 30s", ["text 0x-1", "text 1_000", "text 30s"]),
            ("!!str 1, !!int 1, '1'", ["text 1", "integer 1", "text 1"]),
        ];
        for (text, expected) in table {
            assert_eq!(meanings(&format!("[{text}]")), expected, "{text}");
        }
    }

    #[test]
    fn a_few_lines_cannot_stand_for_billions() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        assert_eq!(refusal(&text), "aliases stand for too much; write the values out");
    }

    #[test]
    fn deep_nesting_is_refused_before_it_overflows_the_stack() {
        assert_eq!(refusal(&"- ".repeat(100_000)), "nested too deeply; check brackets and indentation");
        assert_eq!(refusal(&"[".repeat(100)), "nested too deeply; check brackets and indentation");
        assert_eq!(refusal("a: &a [*a]"), "an alias inside of what it stands for; write the value out");
    }
}
