//! Taking a mapping of the YAML tree apart: each key is asked for once, and what nobody asked for is unknown.

use std::collections::HashMap;
use std::rc::Rc;

use super::mistake::{Owner, Place, Report};
use super::setting::{Given, Layer, Origin, Setting};
use super::yaml::{Content, Key, Node, Scalar};

/// One node, where it stands, and where to complain about it.
pub(super) struct Spot<'s> {
    pub(super) node: &'s Node<'s>,
    pub(super) place: Place<'s>,
    pub(super) report: &'s mut Report,
}

/// A mapping whose keys the exporter defines.
pub(super) struct Fields<'s> {
    place: Place<'s>,
    pub(super) report: &'s mut Report,
    entries: Vec<(&'s Key<'s>, &'s Node<'s>)>,
    known: Vec<&'static str>,
}

impl<'s> Spot<'s> {
    /// Complains; `None` for the reader to return.
    pub(super) fn refuse<T>(&mut self, what: &str) -> Option<T> {
        self.report.add_at(&self.place, what);
        None
    }

    /// A scalar that stands for something; `wanted` says what to write instead.
    pub(super) fn scalar(&mut self, wanted: &str) -> Option<&'s Scalar<'s>> {
        let kind = match &self.node.content {
            Content::Scalar(scalar) if scalar.is_null() => "has no value",
            Content::Scalar(scalar) => return Some(scalar),
            Content::List(_) => "is a list",
            Content::Mapping(_) => "is a mapping",
        };
        self.refuse(&format!("{kind}; {wanted}"))
    }

    /// A scalar as it was written, whatever YAML takes it for.
    pub(super) fn text(&mut self, wanted: &str) -> Option<&'s str> {
        self.scalar(wanted).map(|scalar| &*scalar.text)
    }

    /// Whether nothing stands behind the key.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.node.content, Content::Scalar(scalar) if scalar.is_null())
    }

    /// The same node as the beginning of someone's keys.
    pub(super) const fn owned_by(self, owner: Owner<'s>) -> Self {
        Self { place: Place::of(owner, self.place.line), ..self }
    }

    /// The scalar's text, if it is one, without a complaint.
    pub(super) fn written(&self) -> Option<&'s str> {
        match &self.node.content {
            Content::Scalar(scalar) => Some(&scalar.text),
            Content::List(_) | Content::Mapping(_) => None,
        }
    }

    /// The items of a list.
    pub(super) fn items(&mut self, wanted: &str) -> Option<&'s [Rc<Node<'s>>]> {
        match &self.node.content {
            Content::List(items) => Some(items),
            _ => self.refuse(&format!("is not a list; {wanted}")),
        }
    }

    /// The same complaint box for a part of this node.
    pub(super) const fn part<'p>(&'p mut self, node: &'p Node<'p>, line: usize) -> Spot<'p> {
        let mut place = self.place;
        place.line = line;
        Spot { node, place, report: self.report }
    }

    /// The entries of a mapping whose keys the operator chooses, each key once.
    pub(super) fn entries(&mut self, wanted: &str) -> Option<Vec<(&'s Key<'s>, &'s Node<'s>)>> {
        let Content::Mapping(entries) = &self.node.content else {
            return self.refuse(&format!("is not a mapping; {wanted}"));
        };
        let mut first_lines = HashMap::with_capacity(entries.len());
        let mut distinct = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if let Some(first) = first_lines.get(&*key.text) {
                let place = self.place.below(&key.text, key.line);
                self.report.add_at(&place, format_args!("the key is here twice, first in line {first}; keep one"));
            } else {
                first_lines.insert(&*key.text, key.line);
                distinct.push((key, &**node));
            }
        }
        Some(distinct)
    }

    /// The keys that the exporter defines; nothing at all is an empty mapping, as when all of it is commented out.
    pub(super) fn fields(mut self) -> Option<Fields<'s>> {
        let entries = if self.is_null() { Vec::new() } else { self.entries("write keys below it, indented")? };
        Some(Fields { place: self.place, report: self.report, entries, known: Vec::new() })
    }
}

impl Fields<'_> {
    /// What is said about `key`, as `read` understands it.
    pub(super) fn take<T>(&mut self, key: &'static str, read: impl FnOnce(Spot<'_>) -> Option<T>) -> Setting<T> {
        self.known.push(key);
        let Some(index) = self.entries.iter().position(|(found, _)| found.text == key) else {
            return Setting::Absent;
        };
        let (found, node) = self.entries.swap_remove(index);
        let place = self.place.below(key, found.line);
        let layer = if matches!(place.owner, Owner::Defaults) { Layer::Defaults } else { Layer::Target };
        let origin = Origin { line: Some(found.line), layer };
        match read(Spot { node, place, report: self.report }) {
            Some(value) => Setting::Given(Given { value, origin }),
            None => Setting::Refused,
        }
    }

    /// Entries that layers merge key by key; refused ones count as none, since the complaint is made.
    pub(super) fn map<T: Default>(&mut self, key: &'static str, read: impl FnOnce(Spot<'_>) -> Option<T>) -> T {
        match self.take(key, read) {
            Setting::Given(given) => given.value,
            Setting::Absent | Setting::Refused => T::default(),
        }
    }

    /// A section that knows how to read itself.
    pub(super) fn section<T: Default>(&mut self, key: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        self.map(key, |spot| {
            let mut fields = spot.fields()?;
            let section = read(&mut fields);
            fields.finish();
            Some(section)
        })
    }

    /// Complains about a key that was taken.
    pub(super) fn refuse(&mut self, key: &'static str, line: usize, what: &str) {
        self.report.add_at(&self.place.below(key, line), what);
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries {
            self.report.add_unknown_key(&self.place.below(&key.text, key.line), &self.known);
        }
    }
}
