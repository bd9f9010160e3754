//! Puts one audit record into bytes that prove themselves, and takes it out again.
//!
//! In: a kind, a sequence number, a chain value and a payload. Out: the bytes of one frame; or a
//! [`Frame`] read back, or the [`Flaw`] that makes the bytes none.
//!
//! All integers are big-endian. A frame is 53 bytes of head and the payload:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | magic `f5 53 54 4c` (0xf5 occurs in no UTF-8 text, so no payload contains it) |
//! | 4 | 4 | length of the payload, 1 to 65,535; stile writes at most 60,000 |
//! | 8 | 4 | CRC-32C of all the rest: bytes 0 to 7, then byte 12 to the end |
//! | 12 | 1 | kind: 1 decision, 2 outcome, 3 session, 4 event; bit 7: see below |
//! | 13 | 8 | sequence number, from 0 without gap: the leaf's index in the Merkle tree |
//! | 21 | 32 | chain value of this frame |
//! | 53 | n | payload: the leaf, exactly |
//!
//! leaf hash = SHA-256(0x00 ‖ payload); chain(n) = SHA-256(chain(n−1) ‖ leaf hash(n)); the chain
//! before frame 0 is SHA-256("stile journal 1\n" ‖ origin).
//!
//! Bit 7 of the kind says: every frame before this one was confirmed by a sync before this one was
//! written. It is how a later frame records the synced position, by which recovery tells a torn
//! tail, which was promised to nobody, from damage.
//!
//! The sequence number is in the frame only, not in the payload, so that a record is rendered and
//! hashed on its request's own task. This layout is final: tiles, checkpoints and erasure are
//! derived from it.
//!
//! Never: a payload that is cut or changed to fit; a caller that asks for more is refused.
//!
//! RFC 6962 2.1 (leaf hash); RFC 3720 12.1 (CRC-32C).

use aws_lc_rs::digest::{self, SHA256};

/// 32 bytes of SHA-256.
pub type Digest = [u8; 32];

/// Bytes of a frame before its payload.
pub const HEAD_BYTES: usize = 53;
/// The largest payload that stile writes, in bytes. Tiles carry a 16-bit length.
pub const LARGEST_PAYLOAD: usize = 60_000;
/// The first bytes of each frame.
pub const MAGIC: [u8; 4] = [0xf5, b'S', b'T', b'L'];

/// What an audit record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What was decided about a request, before anything followed from it.
    Decision,
    /// How an allowed request ended.
    Outcome,
    /// A login, a logout, a refresh.
    Session,
    /// Something that happened to stile itself.
    Event,
}

impl Kind {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Decision => "decision",
            Kind::Outcome => "outcome",
            Kind::Session => "session",
            Kind::Event => "event",
        }
    }

    fn byte(self) -> u8 {
        match self {
            Kind::Decision => 1,
            Kind::Outcome => 2,
            Kind::Session => 3,
            Kind::Event => 4,
        }
    }

    fn of_byte(byte: u8) -> Option<Kind> {
        match byte {
            1 => Some(Kind::Decision),
            2 => Some(Kind::Outcome),
            3 => Some(Kind::Session),
            4 => Some(Kind::Event),
            _ => None,
        }
    }
}

/// One frame, as it lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the record is about.
    pub kind: Kind,
    /// Whether every frame before it was synced before it was written.
    pub after_sync: bool,
    /// The sequence number.
    pub seq: u64,
    /// The chain value as stored.
    pub chain: Digest,
    /// The record.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub fn size_bytes(&self) -> usize {
        HEAD_BYTES.saturating_add(self.payload.len())
    }

    /// Appends the frame to a batch.
    pub fn append_to(&self, batch: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut begin = [0; 8];
        begin[..4].copy_from_slice(&MAGIC);
        begin[4..].copy_from_slice(&length.to_be_bytes());
        let mut rest = [0; HEAD_BYTES - 12];
        rest[0] = self.kind.byte() | if self.after_sync { AFTER_SYNC } else { 0 };
        rest[1..9].copy_from_slice(&self.seq.to_be_bytes());
        rest[9..].copy_from_slice(&self.chain);
        let crc = crc32c::crc32c(&begin);
        let crc = crc32c::crc32c_append(crc, &rest);
        let crc = crc32c::crc32c_append(crc, self.payload);
        batch.extend_from_slice(&begin);
        batch.extend_from_slice(&crc.to_be_bytes());
        batch.extend_from_slice(&rest);
        batch.extend_from_slice(self.payload);
    }

    /// Reads the frame that `bytes` begin with.
    ///
    /// # Errors
    ///
    /// The [`Flaw`] that makes them none.
    pub fn read(bytes: &[u8]) -> Result<Frame<'_>, Flaw> {
        let (begin, after) = bytes.split_first_chunk::<8>().ok_or(Flaw::TooShort)?;
        let (crc, after) = after.split_first_chunk::<4>().ok_or(Flaw::TooShort)?;
        let (rest, after) = after
            .split_first_chunk::<{ HEAD_BYTES - 12 }>()
            .ok_or(Flaw::TooShort)?;
        let payload_bytes = payload_bytes_of(begin)?;
        let payload = after.get(..payload_bytes).ok_or(Flaw::TooShort)?;
        let sum = crc32c::crc32c(begin);
        let sum = crc32c::crc32c_append(sum, rest);
        if crc32c::crc32c_append(sum, payload) != u32::from_be_bytes(*crc) {
            return Err(Flaw::Checksum);
        }
        let ([kind], rest) = rest.split_first_chunk::<1>().ok_or(Flaw::TooShort)?;
        let (seq, rest) = rest.split_first_chunk::<8>().ok_or(Flaw::TooShort)?;
        let (chain, _) = rest.split_first_chunk::<32>().ok_or(Flaw::TooShort)?;
        Ok(Frame {
            kind: Kind::of_byte(kind & !AFTER_SYNC).ok_or(Flaw::Kind)?,
            after_sync: kind & AFTER_SYNC != 0,
            seq: u64::from_be_bytes(*seq),
            chain: *chain,
            payload,
        })
    }
}

/// How many bytes the frame has that begins with these eight.
///
/// # Errors
///
/// [`Flaw::Magic`] or [`Flaw::Length`].
pub fn size_of_frame(begin: &[u8; 8]) -> Result<usize, Flaw> {
    payload_bytes_of(begin).map(|n| n.saturating_add(HEAD_BYTES))
}

fn payload_bytes_of(begin: &[u8; 8]) -> Result<usize, Flaw> {
    let [m0, m1, m2, m3, l0, l1, l2, l3] = *begin;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Flaw::Magic);
    }
    match u32::from_be_bytes([l0, l1, l2, l3]) {
        length @ 1..=65_535 => usize::try_from(length).map_err(|_| Flaw::Length),
        _ => Err(Flaw::Length),
    }
}

/// What makes bytes no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They do not begin with the magic.
    Magic,
    /// The length is zero or beyond 65,535.
    Length,
    /// The bytes end before the frame does.
    TooShort,
    /// The checksum is of other bytes.
    Checksum,
    /// The checksum is right and the kind unknown.
    Kind,
    /// The segment is packed, and what is there is not what was packed.
    Packed,
}

impl Flaw {
    /// What is wrong, in words.
    pub fn word(self) -> &'static str {
        match self {
            Flaw::Magic => "no frame begins here",
            Flaw::Length => "the length is impossible",
            Flaw::TooShort => "the frame is cut short",
            Flaw::Checksum => "the checksum does not fit",
            Flaw::Kind => "the kind is unknown",
            Flaw::Packed => "the packed segment was changed or cut and cannot be unpacked",
        }
    }
}

/// SHA-256(0x00 ‖ payload): the leaf of RFC 6962.
pub fn leaf_hash(payload: &[u8]) -> Digest {
    sha256(&[&[0], payload])
}

/// The chain value after a leaf.
pub fn chain_after(before: &Digest, leaf: &Digest) -> Digest {
    sha256(&[before, leaf])
}

/// The chain value before the first leaf of a journal.
pub fn first_chain(origin: &str) -> Digest {
    sha256(&[b"stile journal 1\n", origin.as_bytes()])
}

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = digest::Context::new(&SHA256);
    for part in parts {
        hash.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| digits(*byte))
        .map(char::from)
        .collect()
}

/// The two digits of one byte, in ASCII.
pub(super) fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| match nibble {
        0..=9 => b'0'.saturating_add(nibble),
        _ => b'a'.saturating_add(nibble.saturating_sub(10)),
    })
}

const AFTER_SYNC: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        frame(b"{}").append_to(&mut bytes);
        bytes
    }

    fn frame(payload: &[u8]) -> Frame<'_> {
        Frame {
            kind: Kind::Outcome,
            after_sync: true,
            seq: 0x0102_0304_0506_0708,
            chain: [7; 32],
            payload,
        }
    }

    #[test]
    fn a_frame_reads_back_as_written() {
        assert_eq!(Frame::read(&bytes()), Ok(frame(b"{}")));
        assert_eq!(frame(b"{}").size_bytes(), bytes().len());
    }

    #[test]
    fn the_bytes_are_as_documented() {
        let bytes = bytes();
        assert_eq!(hex(&bytes[..8]), "f553544c00000002");
        assert_eq!(hex(&bytes[12..21]), "820102030405060708");
        assert_eq!(&bytes[53..], b"{}");
    }

    #[test]
    fn a_changed_bit_anywhere_is_found() {
        for at in 0..bytes().len() {
            for bit in 0..8 {
                let mut changed = bytes();
                changed[at] ^= 1 << bit;
                assert!(Frame::read(&changed).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_found() {
        for at in 0..bytes().len() {
            assert_eq!(Frame::read(&bytes()[..at]), Err(Flaw::TooShort), "{at}");
        }
    }

    #[test]
    fn the_empty_leaf_hashes_as_rfc_6962_says() {
        let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex(&leaf_hash(b"")), empty);
    }
}
