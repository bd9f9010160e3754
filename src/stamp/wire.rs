//! Reads Protobuf field by field.
//!
//! In: the bytes of one message. Out: its fields, each with the place it lies at.
//!
//! Stricter than parsers are: tags and lengths in their shortest form only, no field number 0 or
//! above 2^29, no groups. So where a field begins and ends has one answer.
//!
//! Protocol Buffers, "Encoding".

use super::flaw::Flaw;

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'b> {
    /// Its number.
    pub(super) number: u32,
    /// Where its tag begins.
    pub(super) start: usize,
    /// Where its value ends.
    pub(super) end: usize,
    /// The value, where it is one with a length.
    pub(super) value: Option<&'b [u8]>,
}

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Fields<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Fields<'b> {
    /// From the beginning.
    pub(super) fn of(bytes: &'b [u8]) -> Fields<'b> {
        Fields { bytes, at: 0 }
    }

    /// The next field.
    pub(super) fn next(&mut self) -> Result<Option<Field<'b>>, Flaw> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let tag = self.shortest()?;
        let number = u32::try_from(tag >> 3).unwrap_or(u32::MAX);
        if number == 0 || number > LARGEST_NUMBER {
            return Err(Flaw::Unclear("a field has an impossible number"));
        }
        let value = match tag & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.shortest()?).map_err(|_| CUT)?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return Err(Flaw::Unclear("a field is a group or of no known form")),
        };
        let end = self.at;
        Ok(Some(Field {
            number,
            start,
            end,
            value,
        }))
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Flaw> {
        let end = self.at.checked_add(length).ok_or(CUT)?;
        let taken = self.bytes.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(taken)
    }

    /// A number, and how many bytes it took.
    fn varint(&mut self) -> Result<(u64, usize), Flaw> {
        let mut number = 0u64;
        for (index, byte) in self.bytes.get(self.at..).ok_or(CUT)?.iter().enumerate() {
            if index == 9 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.at += index + 1;
                return Ok((number, index + 1));
            }
        }
        Err(Flaw::Unclear("a number does not end"))
    }

    /// A number in as few bytes as it takes.
    fn shortest(&mut self) -> Result<u64, Flaw> {
        let (number, taken) = self.varint()?;
        if taken != varint_length(number) {
            return Err(Flaw::Unclear("a tag or a length is longer than it need be"));
        }
        Ok(number)
    }
}

/// How many bytes a number takes.
pub(super) fn varint_length(number: u64) -> usize {
    let bits = (u64::BITS - (number | 1).leading_zeros()) as usize;
    bits.div_ceil(7)
}

/// Seven bits a byte, the lowest first.
pub(super) fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A field with a length.
pub(super) fn put_field(bytes: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_varint(bytes, u64::from(number) << 3 | 2);
    put_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

const CUT: Flaw = Flaw::Unclear("a field ends beyond its message");

/// 2^29 - 1.
const LARGEST_NUMBER: u32 = 0x1fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u32>, Flaw> {
        let (mut fields, mut numbers) = (Fields::of(bytes), Vec::new());
        while let Some(field) = fields.next()? {
            numbers.push(field.number);
        }
        Ok(numbers)
    }

    #[test]
    fn every_form_is_read_and_every_second_spelling_refused() {
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(
            read(&[0x08, 0x05, 0x12, 1, 9, 0x1d, 1, 2, 3, 4]),
            Ok(vec![1, 2, 3])
        );
        assert_eq!(read(&[0x09, 1, 2, 3, 4, 5, 6, 7, 8]), Ok(vec![1]));
        // A negative number takes ten bytes.
        let negative = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert_eq!(read(&negative), Ok(vec![1]));
        let hostile: [&[u8]; 10] = [
            &[0x8a, 0x00, 0x00],
            &[0x0a, 0x81, 0x00, 0x05],
            &[0x0a, 0x02, 0x05],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0x00, 0x00],
            &[0x0b, 0x0c],
            &[0x0e],
            &[0x80, 0x80, 0x80, 0x80, 0x10, 0x00],
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            &[0x80],
        ];
        for bytes in hostile {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_of_numbers_are_those_that_are_written() {
        for shift in 0..64 {
            for number in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, number);
                assert_eq!(bytes.len(), varint_length(number), "{number}");
            }
        }
    }
}
