//! Settings as a tree, in the order in which they are shown; `serde` writes it as JSON, [`super::yaml`] as YAML.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// What stands in the place of a secret.
const SECRET: &str = "<secret>";

/// A setting, or several.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Text(String),
    Span(Duration),
    Number(u64),
    Flag(bool),
    /// Not set, and what is done instead.
    Unset(&'static str),
    /// A value of the operator's own.
    Json(Value),
    List(Vec<Self>),
    Mapping(Vec<(String, Self)>),
}

impl Tree {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn secret() -> Self {
        Self::text(SECRET)
    }

    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }
}

/// The given settings, in their order.
pub(super) fn mapping<K: Into<String>>(entries: impl IntoIterator<Item = (K, Tree)>) -> Tree {
    Tree::Mapping(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Span(span) => serializer.collect_str(&humantime::format_duration(*span)),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Unset(_) => serializer.serialize_none(),
            Self::Json(value) => value.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Mapping(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}
