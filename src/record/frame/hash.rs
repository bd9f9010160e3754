//! Sums up leaves and chains, and writes sums down.
//!
//! In: bytes. Out: SHA-256 over them, as the tree and the chain want it, and hexadecimal digits.
//!
//! RFC 6962 2.1.

use aws_lc_rs::digest::{self, SHA256};

use super::Digest;

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
pub(in crate::record) fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| match nibble {
        0..=9 => b'0'.saturating_add(nibble),
        _ => b'a'.saturating_add(nibble.saturating_sub(10)),
    })
}
