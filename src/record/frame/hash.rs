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
    let mut joined = [0; JOINED_BYTES];
    match join(parts, &mut joined) {
        // In one go: a context is memory to ask for and to wipe, which a node's 65 bytes cost less than.
        Some(joined) => digest_of(digest::digest(&SHA256, joined)),
        None => sha256_in_pieces(parts),
    }
}

/// The parts in one piece, where there is room for them.
fn join<'a>(parts: &[&[u8]], room: &'a mut [u8; JOINED_BYTES]) -> Option<&'a [u8]> {
    let mut end = 0_usize;
    for part in parts {
        let begin = end;
        end = begin.checked_add(part.len())?;
        room.get_mut(begin..end)?.copy_from_slice(part);
    }
    room.get(..end)
}

fn sha256_in_pieces(parts: &[&[u8]]) -> Digest {
    let mut hash = digest::Context::new(&SHA256);
    for part in parts {
        hash.update(part);
    }
    digest_of(hash.finish())
}

fn digest_of(found: digest::Digest) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(found.as_ref());
    out
}

/// Whether a text is these bytes as lower-case hexadecimal digits.
pub(in crate::record) fn is_hex_of(text: &str, bytes: &[u8]) -> bool {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty()
        && pairs.len() == bytes.len()
        && pairs
            .iter()
            .zip(bytes)
            .all(|(pair, byte)| *pair == digits(*byte))
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

/// Most leaves, and every node of the tree, fit in so many bytes.
const JOINED_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_one_go_and_in_pieces_is_the_same_at_every_length() {
        let bytes: Vec<u8> = (0..3 * JOINED_BYTES).map(|at| (at % 251) as u8).collect();
        for end in 0..bytes.len() {
            let parts = [
                &bytes[..end / 3],
                &bytes[end / 3..end / 2],
                &bytes[end / 2..end],
            ];
            assert_eq!(sha256(&parts), sha256_in_pieces(&[&bytes[..end]]), "{end}");
        }
    }

    #[test]
    fn digits_are_compared_as_they_are_written() {
        let digest = leaf_hash(b"{}");
        let text = hex(&digest);
        assert!(is_hex_of(&text, &digest));
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            assert!(
                !is_hex_of(&String::from_utf8(other).unwrap(), &digest),
                "{at}"
            );
        }
        let short = |by: usize| text.chars().skip(by).collect::<String>();
        for other in [
            short(1),
            short(2),
            String::new(),
            format!("{text}0"),
            format!("{text}00"),
        ] {
            assert!(!is_hex_of(&other, &digest), "{other}");
        }
        assert!(!is_hex_of(&text.to_uppercase(), &digest));
    }
}
