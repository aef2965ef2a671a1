//! Reading lists and mappings of the operator's own: labels, form parameters, headers, scopes, what a ping must answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::fields::Spot;
use super::scalars::{choice, integer, is_token};
use super::yaml::{Content, Meaning, Scalar};
use crate::model::check::Check;
use crate::model::secret::Secret;

/// Names that the exporter's own series or Prometheus itself use.
const RESERVED_LABELS: [&str; 15] = [
    "authorization_server",
    "certificate",
    "check",
    "fault",
    "instance",
    "job",
    "le",
    "phase",
    "quantile",
    "reason",
    "request",
    "resource_server",
    "result",
    "target",
    "trigger",
];

/// Reads every entry, so that one mistake hides no other; `None` if any was refused.
pub(super) fn each_entry<T>(
    mut spot: Spot<'_>,
    wanted: &str,
    mut read: impl FnMut(&str, Spot<'_>) -> Option<(String, T)>,
) -> Option<BTreeMap<String, T>> {
    if spot.is_null() {
        return Some(BTreeMap::new());
    }
    let mut is_good = true;
    let mut entries = BTreeMap::new();
    for (key, node) in spot.entries(wanted)? {
        let place = spot.place.below(&key.text, key.line);
        match read(&key.text, Spot { node, place, report: spot.report }) {
            Some((name, value)) => {
                if entries.insert(name, value).is_some() {
                    spot.report.add_at(&place, "the name is here twice, in other letter case; keep one");
                    is_good = false;
                }
            }
            None => is_good = false,
        }
    }
    is_good.then_some(entries)
}

/// Labels of a target's series.
pub(super) fn labels(spot: Spot<'_>) -> Option<BTreeMap<String, String>> {
    each_entry(spot, "write `name: value` pairs below it", |name, mut spot| {
        let value = spot.text("write the label's value");
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.starts_with(|first: char| !first.is_ascii_digit());
        if !is_name {
            return spot.refuse("is no label name; use letters, digits and `_`, and begin with no digit");
        }
        if RESERVED_LABELS.contains(&name) || name == "vantage" {
            return spot.refuse("is a label that the exporter or Prometheus sets; choose another name");
        }
        if name.starts_with("__") || name.starts_with("exported_") {
            return spot.refuse("begins like labels that Prometheus keeps to itself; choose another name");
        }
        Some((name.to_owned(), value?.to_owned()))
    })
}

/// Further parameters of the token request.
pub(super) fn params(spot: Spot<'_>) -> Option<BTreeMap<String, Secret>> {
    each_entry(spot, "write `name: value` pairs below it", |name, mut spot| {
        let value = spot.text("write the parameter's value")?;
        match name {
            "" => spot.refuse("is empty; name the parameter"),
            "scope" => spot.refuse("is not set here; write `token.scopes`"),
            "client_id" | "client_secret" => spot.refuse("is not set here; write it beside `token`"),
            "grant_type" => spot.refuse("is always `client_credentials`; remove it"),
            _ if name.starts_with("client_assertion") => spot.refuse("is set by `token.auth`; remove it"),
            _ => Some((name.to_owned(), Secret::new(value.to_owned()))),
        }
    })
}

/// Further headers of the ping, their names in lower case, since case does not tell them apart.
pub(super) fn headers(spot: Spot<'_>) -> Option<BTreeMap<String, Secret>> {
    each_entry(spot, "write `name: value` pairs below it", |name, mut spot| {
        let value = spot.text("write the header's value")?;
        let name = name.to_ascii_lowercase();
        if !is_token(&name) {
            return spot.refuse("is no header name; use letters, digits and `-`");
        }
        match name.as_str() {
            "authorization" => return spot.refuse("carries the token; remove it"),
            "host" => return spot.refuse("follows from `resource_server`; remove it"),
            "connection" | "content-length" | "transfer-encoding" => {
                return spot.refuse("is set by the HTTP client; remove it");
            }
            _ => {}
        }
        if !is_header_value(value) {
            return spot.refuse("has a value that no header can carry; use visible ASCII, no space at its ends");
        }
        Some((name, Secret::new(value.to_owned())))
    })
}

/// Whether a header can carry this: visible ASCII, with spaces inside.
pub(super) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') && text.trim() == text
}

/// Scopes: a list, or one text with spaces as in RFC 6749 §3.3.
pub(super) fn scopes(mut spot: Spot<'_>) -> Option<Vec<String>> {
    const WANTED: &str = "write a list of scopes, or one text with spaces between them";
    let Content::List(items) = &spot.node.content else {
        let scopes: Vec<_> = spot.text(WANTED)?.split_ascii_whitespace().map(str::to_owned).collect();
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return spot
                .refuse("has a scope with characters outside RFC 6749 §3.3; use visible ASCII without `\"` and `\\`");
        }
        return Some(scopes);
    };
    let mut scopes = Some(Vec::with_capacity(items.len()));
    for item in items {
        let mut part = spot.part(item, item.line);
        let scope = part.text("write one scope").and_then(|scope| {
            if is_scope(scope) {
                Some(scope.to_owned())
            } else {
                part.refuse(
                    "has an item that is no scope (RFC 6749 §3.3); use visible ASCII without spaces, `\"` and `\\`",
                )
            }
        });
        scopes = scopes.zip(scope).map(|(mut scopes, scope)| {
            scopes.push(scope);
            scopes
        });
    }
    scopes
}

fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// Checks: a list of their names, each once.
pub(super) fn checks(mut spot: Spot<'_>) -> Option<Vec<Check>> {
    let names = Check::ALL.map(|check| (check.as_str(), check));
    let items = spot.items("write a list such as `[no_token, bad_token]`")?;
    let read: Vec<_> = items.iter().map(|item| choice(spot.part(item, item.line), &names)).collect();
    let checks: Vec<Check> = read.into_iter().collect::<Option<_>>()?;
    let is_repeated = |(place, check): (usize, &Check)| checks[..place].contains(check);
    if checks.iter().enumerate().any(is_repeated) {
        return spot.refuse("names a check twice; keep one");
    }
    Some(checks)
}

/// Status codes: a list, or one alone.
pub(super) fn status_codes(mut spot: Spot<'_>) -> Option<Vec<u16>> {
    const CODES: std::ops::RangeInclusive<u16> = 100..=599;
    let Content::List(items) = &spot.node.content else {
        return integer(spot, &CODES).map(|code| vec![code]);
    };
    if items.is_empty() {
        return spot.refuse("is empty; write at least one status code, such as `[200]`");
    }
    let codes: Vec<_> = items.iter().map(|item| integer(spot.part(item, item.line), &CODES)).collect();
    let distinct: BTreeSet<u16> = codes.into_iter().collect::<Option<_>>()?;
    Some(distinct.into_iter().collect())
}

/// What must stand in the answer: JSON pointers (RFC 6901) and values.
pub(super) fn json_expectations(mut spot: Spot<'_>) -> Option<BTreeMap<String, Value>> {
    if spot.is_null() {
        return spot.refuse("has no value; write JSON pointers and values below it, or `{}` to ignore the body");
    }
    each_entry(spot, "write such as `{ /status: 1 }`, or `{}` to ignore the body", |pointer, mut spot| {
        if !is_pointer(pointer) {
            return spot.refuse(
                "is no JSON pointer (RFC 6901); begin with `/`, and write `~0` for `~`, `~1` for `/` in a name",
            );
        }
        Some((pointer.to_owned(), json(&mut spot)?))
    })
}

fn is_pointer(text: &str) -> bool {
    let escapes_are_good = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_are_good
}

/// Any YAML value as JSON.
fn json(spot: &mut Spot<'_>) -> Option<Value> {
    match &spot.node.content {
        Content::Scalar(scalar) => match json_scalar(scalar) {
            Some(value) => Some(value),
            None => spot.refuse("has a number that JSON does not know; write a finite one"),
        },
        Content::List(items) => {
            let values: Vec<_> = items.iter().map(|item| json(&mut spot.part(item, item.line))).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Content::Mapping(_) => {
            let mut object = Some(Map::new());
            for (key, node) in spot.entries("write a mapping")? {
                let value = json(&mut spot.part(node, key.line));
                object = object.zip(value).map(|(mut object, value)| {
                    object.insert(key.text.clone().into_owned(), value);
                    object
                });
            }
            object.map(Value::Object)
        }
    }
}

fn json_scalar(scalar: &Scalar<'_>) -> Option<Value> {
    Some(match scalar.meaning() {
        Meaning::Null => Value::Null,
        Meaning::Boolean(value) => Value::Bool(value),
        Meaning::Integer(number) => Value::Number(number.into()),
        Meaning::Float(number) => Value::Number(Number::from_f64(number)?),
        Meaning::Text(text) => Value::String(text.to_owned()),
    })
}
