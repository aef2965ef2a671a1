//! Protocol buffers as bytes: as much of the encoding as metrics need.

/// What can be written, to a buffer or to a count: its length comes from the same code as its bytes.
pub(super) trait Message {
    fn write(&self, out: &mut impl Out);

    fn length(&self) -> usize {
        let mut length = Length::default();
        self.write(&mut length);
        length.0
    }
}

/// Bytes that are only counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length(pub(super) usize);

/// Where messages go.
pub(super) trait Out: Sized {
    fn raw(&mut self, bytes: &[u8]);

    fn varint(&mut self, value: u64);

    /// A message inside of this one.
    fn message(&mut self, field: u32, message: &impl Message);

    fn text(&mut self, field: u32, text: &str) {
        self.tag(field, WireType::Delimited);
        self.varint(text.len() as u64);
        self.raw(text.as_bytes());
    }

    fn integer(&mut self, field: u32, value: u64) {
        self.tag(field, WireType::Varint);
        self.varint(value);
    }

    /// In the types `sint32` and `sint64`: small numbers are short whatever their sign.
    fn signed(&mut self, field: u32, value: i64) {
        self.integer(field, ((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn double(&mut self, field: u32, value: f64) {
        self.tag(field, WireType::Fixed64);
        self.raw(&value.to_le_bytes());
    }

    fn tag(&mut self, field: u32, wire_type: WireType) {
        self.varint(u64::from(field << 3 | wire_type as u32));
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
}

impl Out for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn message(&mut self, field: u32, message: &impl Message) {
        self.tag(field, WireType::Delimited);
        self.varint(message.length() as u64);
        message.write(self);
    }
}

impl Out for Length {
    fn raw(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn varint(&mut self, value: u64) {
        self.0 += (value | 1).ilog2() as usize / 7 + 1;
    }

    fn message(&mut self, field: u32, message: &impl Message) {
        let length = message.length();
        self.tag(field, WireType::Delimited);
        self.varint(length as u64);
        self.0 += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_written_as_the_specification_shows() {
        assert_eq!(written(|out| out.integer(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(written(|out| out.text(2, "testing")), b"\x12\x07testing");
        assert_eq!(written(|out| out.double(1, 1.0)), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        for (value, encoded) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i32::MAX, 0xffff_fffe), (i32::MIN, 0xffff_ffff)] {
            assert_eq!(written(|out| out.signed(1, value.into())), written(|out| out.integer(1, encoded)), "{value}");
        }
        assert_eq!(written(|out| out.signed(1, i64::MIN)), written(|out| out.integer(1, u64::MAX)));
    }

    #[test]
    fn counted_bytes_are_as_many_as_the_written_ones() {
        for shift in 0..64 {
            for value in [(1 << shift) - 1, 1 << shift, u64::MAX >> shift] {
                let mut length = Length::default();
                length.varint(value);
                assert_eq!(written(|out| out.varint(value)).len(), length.0, "{value}");
            }
        }
    }
}
