//! The text format 0.0.4: lines, label values, numbers.

use std::fmt::Write as _;
use std::io::Write as _;

use super::family::Family;
use super::histogram::{Bounds, Histogram};
use super::samples::Value;

/// Whether the lines that introduce a family have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    Due,
    Written,
}

/// Takes the samples of one family, a line each.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// A family that has no sample at all has no header either.
    pub(super) header: &'a mut Header,
}

impl Lines<'_> {
    /// `labels` are the target's, rendered and never empty, `further` the values of the family's further ones.
    pub(super) fn put(&mut self, labels: &str, family: &Family, further: &[&str], value: Value) {
        self.line(labels, family, further, ("", None), value);
    }

    /// Writes all series of a histogram.
    pub(super) fn put_histogram(
        &mut self,
        labels: &str,
        family: &Family,
        further: &[&str],
        histogram: &Histogram,
        bounds: &Bounds,
    ) {
        let mut count = 0;
        for (bound, observed) in bounds.rendered().zip(histogram.counts()) {
            count += observed;
            self.line(labels, family, further, ("_bucket", Some(bound)), Value::Count(count));
        }
        self.line(labels, family, further, ("_sum", None), Value::Number(histogram.sum()));
        self.line(labels, family, further, ("_count", None), Value::Count(count));
    }

    fn line(
        &mut self,
        labels: &str,
        family: &Family,
        further: &[&str],
        (suffix, le): (&str, Option<&str>),
        value: Value,
    ) {
        if *self.header == Header::Due {
            write_header(self.out, family);
            *self.header = Header::Written;
        }
        let out = &mut *self.out;
        out.extend_from_slice(family.name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        out.push(b'{');
        out.extend_from_slice(labels.as_bytes());
        for (name, value) in family.labels.iter().zip(further) {
            out.push(b',');
            write_label(out, name, value);
        }
        if let Some(le) = le {
            out.push(b',');
            write_label(out, "le", le);
        }
        out.extend_from_slice(b"} ");
        write_value(out, value);
        out.push(b'\n');
    }
}

/// Renders labels as they stand between the braces.
pub(super) fn render_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Box<str> {
    let mut rendered = Vec::new();
    for (name, value) in labels {
        if !rendered.is_empty() {
            rendered.push(b',');
        }
        write_label(&mut rendered, name, value);
    }
    String::from_utf8_lossy(&rendered).into()
}

fn write_header(out: &mut Vec<u8>, family: &Family) {
    let Family { name, kind, help, .. } = family;
    for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind.as_str(), "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    let mut plain = value.as_bytes();
    while let Some(at) = plain.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.extend_from_slice(&plain[..at]);
        out.extend_from_slice(match plain[at] {
            b'\n' => br"\n",
            b'"' => br#"\""#,
            _ => br"\\",
        });
        plain = &plain[at + 1..];
    }
    out.extend_from_slice(plain);
    out.push(b'"');
}

fn write_value(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::Count(count) => out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes()),
        Value::Millis(millis) => write_millis(out, millis),
        Value::Number(number) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{number}");
        }
    }
}

fn write_millis(out: &mut Vec<u8>, millis: i64) {
    if millis < 0 {
        out.push(b'-');
    }
    let millis = millis.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(millis / 1000).as_bytes());
    let fraction = millis % 1000;
    if fraction != 0 {
        let mut digits = String::with_capacity(4);
        let _ = write!(digits, ".{fraction:03}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value) -> String {
        let mut out = Vec::new();
        write_value(&mut out, value);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn milliseconds_are_written_as_seconds_without_trailing_zeros() {
        for (millis, text) in [
            (0, "0"),
            (1, "0.001"),
            (-1, "-0.001"),
            (1500, "1.5"),
            (-2_040, "-2.04"),
            (1_763_950_123_000, "1763950123"),
            (1_763_950_123_123, "1763950123.123"),
        ] {
            assert_eq!(written(Value::Millis(millis)), text);
        }
    }

    #[test]
    fn numbers_are_written_so_that_they_read_back_the_same() {
        for number in [0.1 + 0.2, 1.0, 1e-9, 123_456.789, f64::MAX] {
            assert_eq!(written(Value::Number(number)).parse(), Ok(number));
        }
    }

    #[test]
    fn label_values_are_escaped_and_nothing_else_of_them_is_changed() {
        let rendered = render_labels([("a", "q\"b\\n\nü\t"), ("b", ""), ("c", "\\")]);
        assert_eq!(&*rendered, "a=\"q\\\"b\\\\n\\nü\t\",b=\"\",c=\"\\\\\"");
    }
}
