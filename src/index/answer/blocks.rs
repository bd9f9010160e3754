//! Places in all blocks of a journal.

use std::collections::BTreeMap;

use crate::index::places::WORDS;

/// A bitmap for each block that has a place.
pub(super) type Blocks = BTreeMap<u32, Box<[u64; WORDS]>>;

/// What is in both.
pub(super) fn both(mut a: Blocks, b: &Blocks) -> Blocks {
    a.retain(|block, bits| {
        let Some(other) = b.get(block) else {
            return false;
        };
        bits.iter_mut().zip(other.iter()).for_each(|(a, b)| *a &= b);
        bits.iter().any(|word| *word != 0)
    });
    a
}

/// The first text after all that begin with this one; none where every text does.
pub(super) fn successor(beginning: &[u8]) -> Option<Vec<u8>> {
    let mut next = beginning.to_vec();
    while let Some(last) = next.pop() {
        if let Some(more) = last.checked_add(1) {
            next.push(more);
            return Some(next);
        }
    }
    None
}
