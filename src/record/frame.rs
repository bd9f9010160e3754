//! Puts one audit record into bytes that prove themselves, and takes it out again.
//!
//! In: a kind, a sequence number, a chain value and a payload. Out: the bytes of one frame; or a
//! [`Frame`] read back, or the [`Flaw`] that makes the bytes none.
//!
//! All integers are big-endian. A frame is 53 bytes of head, the payload, and a disclosure where bit
//! 6 of the kind says so:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | magic `f5 53 54 4c` (0xf5 occurs in no UTF-8 text, so no payload contains it) |
//! | 4 | 4 | length of the payload, 1 to 65,535; stile writes at most 60,000 |
//! | 8 | 4 | CRC-32C of head and payload: bytes 0 to 7, then byte 12 to the payload's end |
//! | 12 | 1 | kind: 1 decision, 2 outcome, 3 session, 4 event; bits 6 and 7: see below |
//! | 13 | 8 | sequence number, from 0 without gap: the leaf's index in the Merkle tree |
//! | 21 | 32 | chain value of this frame |
//! | 53 | n | payload: the leaf, exactly |
//! | 53 + n | m | what the record says of a person, see [`disclosure`] |
//!
//! leaf hash = SHA-256(0x00 ‖ payload); chain(n) = SHA-256(chain(n−1) ‖ leaf hash(n)); the chain
//! before frame 0 is SHA-256("stile journal 1\n" ‖ origin).
//!
//! Bit 7 of the kind says: every frame before this one was confirmed by a sync before this one was
//! written. It is how a later frame records the synced position, by which recovery tells a torn
//! tail, which was promised to nobody, from damage. Bit 6 says that a disclosure follows: it has a
//! checksum of its own, because it can be erased where it lies and nothing else may change then.
//!
//! The sequence number is in the frame only, not in the payload, so that a record is rendered and
//! hashed on its request's own task. This layout is final: tiles, checkpoints and erasure are
//! derived from it.
//!
//! Never: a payload that is cut or changed to fit; a caller that asks for more is refused.
//!
//! RFC 6962 2.1 (leaf hash); RFC 3720 12.1 (CRC-32C).

pub mod disclosure;
mod flaw;
mod hash;

pub use disclosure::Disclosure;
pub use flaw::Flaw;
pub use hash::{chain_after, first_chain, hex, leaf_hash, sha256};
pub(super) use hash::{digits, is_hex_of};

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
    /// The leaf: the record without what it says of a person.
    pub payload: &'a [u8],
    /// What it says of a person, or the zeros in its place.
    pub disclosure: Option<Disclosure<'a>>,
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub fn size_bytes(&self) -> usize {
        HEAD_BYTES
            .saturating_add(self.payload.len())
            .saturating_add(self.disclosed_bytes().len())
    }

    fn disclosed_bytes(&self) -> &[u8] {
        self.disclosure.map_or(&[], |disclosure| disclosure.bytes())
    }

    /// Appends the frame to a batch.
    pub fn append_to(&self, batch: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut begin = [0; 8];
        begin[..4].copy_from_slice(&MAGIC);
        begin[4..].copy_from_slice(&length.to_be_bytes());
        let mut rest = [0; HEAD_BYTES - 12];
        let disclosed = self.disclosure.map_or(0, |_| DISCLOSED);
        rest[0] = self.kind.byte() | disclosed | if self.after_sync { AFTER_SYNC } else { 0 };
        rest[1..9].copy_from_slice(&self.seq.to_be_bytes());
        rest[9..].copy_from_slice(&self.chain);
        let crc = crc32c::crc32c(&begin);
        let crc = crc32c::crc32c_append(crc, &rest);
        let crc = crc32c::crc32c_append(crc, self.payload);
        batch.extend_from_slice(&begin);
        batch.extend_from_slice(&crc.to_be_bytes());
        batch.extend_from_slice(&rest);
        batch.extend_from_slice(self.payload);
        batch.extend_from_slice(self.disclosed_bytes());
    }

    /// Reads the frame that `bytes` begin with.
    ///
    /// # Errors
    ///
    /// The [`Flaw`] that makes them none.
    pub fn read(bytes: &[u8]) -> Result<Frame<'_>, Flaw> {
        let (frame, behind) = Frame::read_leaf(bytes)?;
        let Some(behind) = behind else {
            return Ok(frame);
        };
        let head = behind.first_chunk::<2>().ok_or(Flaw::TooShort)?;
        let size = Disclosure::size_of(head)?;
        let bytes = behind.get(..size).ok_or(Flaw::TooShort)?;
        Ok(Frame {
            disclosure: Some(Disclosure::read(bytes)?),
            ..frame
        })
    }

    /// Reads the frame without its disclosure; then what is behind its leaf, where one should be.
    ///
    /// # Errors
    ///
    /// The [`Flaw`] that makes them none.
    pub(super) fn read_leaf(bytes: &[u8]) -> Result<(Frame<'_>, Option<&[u8]>), Flaw> {
        let (begin, after) = bytes.split_first_chunk::<8>().ok_or(Flaw::TooShort)?;
        let (crc, after) = after.split_first_chunk::<4>().ok_or(Flaw::TooShort)?;
        let (rest, after) = after
            .split_first_chunk::<{ HEAD_BYTES - 12 }>()
            .ok_or(Flaw::TooShort)?;
        let payload_bytes = payload_bytes_of(begin)?;
        let (payload, behind) = after
            .split_at_checked(payload_bytes)
            .ok_or(Flaw::TooShort)?;
        let sum = crc32c::crc32c(begin);
        let sum = crc32c::crc32c_append(sum, rest);
        if crc32c::crc32c_append(sum, payload) != u32::from_be_bytes(*crc) {
            return Err(Flaw::Checksum);
        }
        let ([kind], rest) = rest.split_first_chunk::<1>().ok_or(Flaw::TooShort)?;
        let (seq, rest) = rest.split_first_chunk::<8>().ok_or(Flaw::TooShort)?;
        let (chain, _) = rest.split_first_chunk::<32>().ok_or(Flaw::TooShort)?;
        let frame = Frame {
            kind: Kind::of_byte(kind & !(AFTER_SYNC | DISCLOSED)).ok_or(Flaw::Kind)?,
            after_sync: kind & AFTER_SYNC != 0,
            seq: u64::from_be_bytes(*seq),
            chain: *chain,
            payload,
            disclosure: None,
        };
        Ok((frame, (kind & DISCLOSED != 0).then_some(behind)))
    }
}

/// How far a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes are all of it.
    Whole(usize),
    /// So many bytes must be there to tell.
    AtLeast(usize),
}

/// How many bytes the frame has that begins with these.
///
/// # Errors
///
/// [`Flaw::Magic`], [`Flaw::Length`] or [`Flaw::Disclosure`].
pub fn extent(bytes: &[u8]) -> Result<Extent, Flaw> {
    let Some(begin) = bytes.first_chunk::<8>() else {
        return Ok(Extent::AtLeast(8));
    };
    let leaf = payload_bytes_of(begin)?.saturating_add(HEAD_BYTES);
    let Some(kind) = bytes.get(KIND_AT) else {
        return Ok(Extent::AtLeast(HEAD_BYTES));
    };
    if kind & DISCLOSED == 0 {
        return Ok(Extent::Whole(leaf));
    }
    let behind = bytes.get(leaf..).and_then(<[u8]>::first_chunk::<2>);
    Ok(match behind {
        Some(head) => Extent::Whole(leaf.saturating_add(Disclosure::size_of(head)?)),
        None => Extent::AtLeast(leaf.saturating_add(2)),
    })
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

const AFTER_SYNC: u8 = 0x80;
const DISCLOSED: u8 = 0x40;
const KIND_AT: usize = 12;

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
            disclosure: None,
        }
    }

    fn disclosed() -> Vec<u8> {
        let mut object = Vec::new();
        disclosure::begin(&mut object, &[9; 16]);
        object.extend_from_slice(br#"{"ua":"x"}"#);
        disclosure::finish(&mut object);
        let mut bytes = Vec::new();
        let with = Frame {
            disclosure: Some(Disclosure::read(&object).unwrap()),
            ..frame(b"{}")
        };
        with.append_to(&mut bytes);
        assert_eq!(Frame::read(&bytes), Ok(with));
        bytes
    }

    #[test]
    fn a_frame_with_a_disclosure_is_the_same_frame_and_some_bytes() {
        let (plain, with) = (bytes(), disclosed());
        assert_eq!(with.len(), plain.len() + 32);
        assert_eq!(with[12], plain[12] | 0x40);
        assert_eq!(with[13..plain.len()], plain[13..]);
        assert_eq!(extent(&with), Ok(Extent::Whole(with.len())));
        assert_eq!(extent(&plain), Ok(Extent::Whole(plain.len())));
        let leaf = Frame::read_leaf(&with).unwrap().0;
        assert_eq!((leaf.payload, leaf.disclosure), (b"{}".as_slice(), None));
    }

    #[test]
    fn a_changed_bit_of_a_disclosure_leaves_the_leaf_and_is_found() {
        let leaf = bytes().len();
        for at in 0..disclosed().len() {
            let mut changed = disclosed();
            changed[at] ^= 1;
            let read = Frame::read(&changed);
            match at < leaf {
                true => assert!(read.is_err(), "byte {at}"),
                false => {
                    let too_long = at == leaf || at == leaf + 1;
                    let flaws = [Flaw::Disclosure, Flaw::TooShort];
                    assert!(flaws[..1 + usize::from(too_long)].contains(&read.unwrap_err()));
                    assert!(Frame::read_leaf(&changed).is_ok(), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_frame_with_a_disclosure_cut_anywhere_is_found() {
        for at in 0..disclosed().len() {
            assert_eq!(Frame::read(&disclosed()[..at]), Err(Flaw::TooShort), "{at}");
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
