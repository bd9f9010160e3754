//! What a record says of a person, beside its leaf and not in it.
//!
//! In: a salt and the personal members as one object. Out: the bytes behind the leaf in a frame, the
//! digest that stands in the leaf for them, and the record as one text again.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 2 | bytes of the object, 1 to 65,535 |
//! | 2 | 4 | CRC-32C of bytes 0 and 1, then byte 6 to the end |
//! | 6 | 16 | salt |
//! | 22 | n | the personal members, an object in the form of RFC 8785 |
//!
//! The leaf holds SHA-256(salt ‖ object). Without the salt, which nothing else tells, nobody can
//! try names against it; so zeros over salt and object take the person out, and leaf, chain, tree
//! and every proof stay as they are. The length stays too, and with it the place of what follows.
//!
//! Never: a personal value in the leaf, not even as a digest without salt.

use super::{Digest, Flaw, sha256};

/// 128 bits that nobody can guess.
pub type Salt = [u8; 16];

/// Bytes of a disclosure before its object.
pub const BEFORE_OBJECT: usize = HEAD_BYTES + size_of::<Salt>();
/// Bytes of a disclosure before its salt.
pub(super) const HEAD_BYTES: usize = 6;

/// The bytes of one disclosure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disclosure<'a> {
    bytes: &'a [u8],
}

impl<'a> Disclosure<'a> {
    /// How many bytes the disclosure has that begins with these.
    ///
    /// # Errors
    ///
    /// When no object has that length.
    pub(in crate::record) fn size_of(head: &[u8; 2]) -> Result<usize, Flaw> {
        match u16::from_be_bytes(*head) {
            0 => Err(Flaw::Disclosure),
            object => Ok(BEFORE_OBJECT.saturating_add(usize::from(object))),
        }
    }

    /// Reads a whole one.
    ///
    /// # Errors
    ///
    /// When its checksum is of other bytes.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Disclosure<'a>, Flaw> {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(Flaw::Disclosure)?;
        let (crc, inside) = rest.split_first_chunk::<4>().ok_or(Flaw::Disclosure)?;
        let fits = Disclosure::size_of(length)? == bytes.len();
        match fits && checksum(*length, inside) == *crc {
            true => Ok(Disclosure { bytes }),
            false => Err(Flaw::Disclosure),
        }
    }

    /// One that is known to be whole; none of no bytes.
    pub(in crate::record) fn of_whole(bytes: &'a [u8]) -> Option<Disclosure<'a>> {
        (!bytes.is_empty()).then_some(Disclosure { bytes })
    }

    /// All of it, as it lies behind the leaf.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The salt.
    pub fn salt(&self) -> &'a [u8] {
        self.bytes
            .get(HEAD_BYTES..BEFORE_OBJECT)
            .unwrap_or_default()
    }

    /// Salt and object.
    fn inside(&self) -> &'a [u8] {
        self.bytes.get(HEAD_BYTES..).unwrap_or_default()
    }

    /// The personal members, an object; zeros where they were erased.
    pub fn object(&self) -> &'a [u8] {
        self.bytes.get(BEFORE_OBJECT..).unwrap_or_default()
    }

    /// Whether zeros stand in its place.
    pub fn is_erased(&self) -> bool {
        self.inside().iter().all(|byte| *byte == 0)
    }

    /// What the leaf says of it.
    pub fn digest(&self) -> Digest {
        sha256(&[self.inside()])
    }

    /// The bytes with which it is erased.
    pub fn erased(&self) -> Vec<u8> {
        let length = self.bytes.first_chunk::<2>().copied().unwrap_or_default();
        Disclosure::zeros(length)
    }

    /// The bytes with which one of this length is erased.
    pub(in crate::record) fn zeros(length: [u8; 2]) -> Vec<u8> {
        let object = usize::from(u16::from_be_bytes(length));
        let mut bytes = vec![0; BEFORE_OBJECT.saturating_add(object)];
        if let Some(into) = bytes.first_chunk_mut::<2>() {
            *into = length;
        }
        sum_up(&mut bytes);
        bytes
    }
}

/// Begins a disclosure: its object is appended next, then comes [`finish`].
pub(in crate::record) fn begin(out: &mut Vec<u8>, salt: &Salt) {
    out.clear();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.extend_from_slice(salt);
}

/// Puts length and checksum in; the digest that stands in the leaf.
pub(in crate::record) fn finish(bytes: &mut [u8]) -> Digest {
    let object = bytes.len().saturating_sub(BEFORE_OBJECT);
    // The caps of all personal members together are far below.
    let length = u16::try_from(object).unwrap_or(u16::MAX);
    if let Some(into) = bytes.first_chunk_mut::<2>() {
        *into = length.to_be_bytes();
    }
    sum_up(bytes);
    sha256(&[bytes.get(HEAD_BYTES..).unwrap_or_default()])
}

fn sum_up(bytes: &mut [u8]) {
    let Some((length, rest)) = bytes.split_first_chunk_mut::<2>() else {
        return;
    };
    if let Some((crc, inside)) = rest.split_first_chunk_mut::<4>() {
        *crc = checksum(*length, inside);
    }
}

fn checksum(length: [u8; 2], inside: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(crc32c::crc32c(&length), inside).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disclosed() -> Vec<u8> {
        let mut bytes = Vec::new();
        begin(&mut bytes, &[7; 16]);
        bytes.extend_from_slice(br#"{"subject":"mira"}"#);
        finish(&mut bytes);
        bytes
    }

    #[test]
    fn a_disclosure_reads_back_as_written() {
        let bytes = disclosed();
        let read = Disclosure::read(&bytes).unwrap();
        assert_eq!(read.object(), br#"{"subject":"mira"}"#);
        assert_eq!(read.digest(), sha256(&[&[7; 16], read.object()]));
        assert!(!read.is_erased());
        let head = bytes.first_chunk::<2>().unwrap();
        assert_eq!(Disclosure::size_of(head), Ok(bytes.len()));
    }

    #[test]
    fn a_changed_bit_anywhere_is_found() {
        for at in 0..disclosed().len() {
            for bit in 0..8 {
                let mut changed = disclosed();
                changed[at] ^= 1 << bit;
                assert!(Disclosure::read(&changed).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn an_erased_one_has_its_length_and_nothing_else() {
        let bytes = disclosed();
        let erased = Disclosure::read(&bytes).unwrap().erased();
        assert_eq!(erased.len(), bytes.len());
        let read = Disclosure::read(&erased).unwrap();
        assert!(read.is_erased() && read.object().iter().all(|byte| *byte == 0));
        assert_eq!(read.erased(), erased, "erasing again changes nothing");
    }
}
