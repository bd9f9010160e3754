//! Writes protobuf's wire format, as much of it as OTLP's logs need.
//!
//! In: field numbers and values. Out: bytes.
//!
//! By hand, because eight messages that never change are less to trust than a generator and its
//! runtime; what it writes is read by others in the tests.
//!
//! Protocol Buffers, "Encoding".

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Its bytes.
    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// A field of bytes or text.
    pub(super) fn text(&mut self, field: u32, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.tag(field, LENGTH);
        self.varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
    }

    /// A field with a message in it.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.text(field, inner.0);
    }

    /// A field of a whole number; negative ones are their two's complement.
    pub(super) fn int(&mut self, field: u32, value: i64) {
        self.tag(field, VARINT);
        self.varint(u64::from_ne_bytes(value.to_ne_bytes()));
    }

    /// A field of eight bytes.
    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, EIGHT_BYTES);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn tag(&mut self, field: u32, wire: u64) {
        self.varint(u64::from(field) << 3 | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while let low @ 0x80.. = value {
            self.0.push((low & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_says() {
        let mut message = Message::default();
        message.int(1, 150);
        message.text(2, "testing");
        message.message(3, |inner| inner.int(1, 150));
        message.fixed64(1, 1);
        let expected = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x09\x01\0\0\0\0\0\0\0";
        assert_eq!(message.bytes(), expected);
    }

    #[test]
    fn whole_numbers_have_as_many_bytes_as_they_need() {
        for (value, bytes) in [(0, 2), (127, 2), (128, 3), (i64::MAX, 10), (-1, 11)] {
            let mut message = Message::default();
            message.int(1, value);
            assert_eq!(message.bytes().len(), bytes, "{value}");
        }
    }
}
