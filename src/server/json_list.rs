//! JSON, and long lists of it a piece at a time: ten thousand targets are some megabytes.

use bytes::Bytes;
use serde::Serialize;

/// A piece ends with the first item that makes it as long as this.
const PIECE: usize = 64 * 1024;

/// A list whose items are read and written when their turn comes.
pub(super) struct JsonList<I> {
    /// What is written and not handed out yet: to begin with, what stands before the items.
    text: Vec<u8>,
    items: I,
    separator: &'static [u8],
    /// What stands behind the items; `None` once it is written.
    end: Option<&'static [u8]>,
}

impl<I> JsonList<I> {
    /// `items` between `beginning`, which ends with `[`, and `end`.
    pub(super) const fn new(beginning: Vec<u8>, items: I, end: &'static [u8]) -> Self {
        Self { text: beginning, items, separator: b"\n", end: Some(end) }
    }
}

impl<I: Iterator<Item: Serialize>> Iterator for JsonList<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let end = self.end?;
        let mut piece = std::mem::take(&mut self.text);
        while piece.len() < PIECE {
            let Some(item) = self.items.next() else {
                piece.extend_from_slice(end);
                self.end = None;
                break;
            };
            piece.extend_from_slice(std::mem::replace(&mut self.separator, b",\n"));
            write_json(&mut piece, &item);
        }
        Some(piece.into())
    }
}

/// Neither memory nor plain data with text as keys gives it a reason to fail.
pub(super) fn write_json(bytes: &mut Vec<u8>, value: &impl Serialize) {
    if let Err(error) = serde_json::to_writer(&mut *bytes, value) {
        tracing::error!(%error, "what is shown cannot be written as JSON; this is a bug of the exporter");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(count: usize, length: usize) -> Vec<Bytes> {
        let items = (0..count).map(move |_| "x".repeat(length));
        JsonList::new(b"{\"all\":[".to_vec(), items, b"]}\n").collect()
    }

    #[test]
    fn list_of_any_length_is_whole() {
        for count in [0, 1, 2, 5000] {
            let text = pieces(count, 100).concat();
            let read: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(read["all"].as_array().map(Vec::len), Some(count));
        }
    }

    #[test]
    fn piece_ends_with_the_item_that_makes_it_long_enough() {
        let lengths: Vec<_> = pieces(5000, 100).iter().map(Bytes::len).collect();
        let (last, others) = lengths.split_last().expect("pieces");
        assert!(others.iter().all(|length| (PIECE..PIECE + 104).contains(length)) && *last < PIECE, "{lengths:?}");
        assert_eq!(pieces(2, PIECE).len(), 3, "nothing but the end is left for the last one");
    }
}
