//! Sums many records up in one hash, and proves that a record or an older tree is inside.
//!
//! In: leaf hashes in order. Out: the root; proofs of inclusion and consistency, and their check.
//!
//! A [`Frontier`] keeps the roots of the full subtrees from the left, one for each bit of the size:
//! enough to append and to know the root, whatever the size. Proofs ask for the hashes of full
//! subtrees by height and index, wherever those are kept.
//!
//! Never: believes a proof's length; a proof that is too long or too short proves nothing.
//!
//! RFC 6962 2.1; RFC 9162 2.1.3 and 2.1.4 (the checks).

use super::frame::{Digest, sha256};

/// The tree over the first leaves, without the leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of full subtrees, the largest first.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// A tree of this size from the roots of its full subtrees, the largest first.
    pub(super) fn of_peaks(size: u64, peaks: Vec<Digest>) -> Option<Frontier> {
        let expected = usize::try_from(size.count_ones()).ok()?;
        (peaks.len() == expected).then_some(Frontier { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        let mut below = self.size;
        while below & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            below >>= 1;
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The hash over all of it.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return sha256(&[]);
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The hash of two subtrees side by side.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], left, right])
}

/// Where the hashes of full subtrees are kept: by height and index at that height.
pub trait Nodes {
    /// Why one cannot be had.
    type Fault;

    /// The root of the full subtree of so many levels that begins at leaf `index << height`.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    fn node(&self, height: u32, index: u64) -> Result<Digest, Self::Fault>;
}

/// The proof that leaf `index` is in the tree of this size, the leaf's sibling first.
///
/// # Errors
///
/// When a hash cannot be had.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Digest>, N::Fault> {
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0_u64, size);
    while end.saturating_sub(begin) > 1 {
        let middle = begin.saturating_add(split(end.saturating_sub(begin)));
        if index < middle {
            proof.push(hash_of(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(hash_of(nodes, begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the second size begins with the tree of the first.
///
/// # Errors
///
/// When a hash cannot be had.
pub fn consistency<N: Nodes>(nodes: &N, from: u64, to: u64) -> Result<Vec<Digest>, N::Fault> {
    let mut proof = Vec::new();
    if from == 0 || from >= to {
        return Ok(proof);
    }
    let (mut begin, mut end, mut is_known) = (0_u64, to, true);
    while from != end {
        let middle = begin.saturating_add(split(end.saturating_sub(begin)));
        if from <= middle {
            proof.push(hash_of(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(hash_of(nodes, begin, middle)?);
            begin = middle;
            is_known = false;
        }
    }
    if !is_known {
        proof.push(hash_of(nodes, begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root that a leaf and its proof lead to; `None` when the proof has not the right length.
pub fn root_by_inclusion(leaf: Digest, index: u64, size: u64, proof: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size.checked_sub(1)?, leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether the proof leads from one tree to the other.
pub fn is_consistent(from: (u64, Digest), to: (u64, Digest), proof: &[Digest]) -> bool {
    let ((from_size, from_root), (to_size, to_root)) = (from, to);
    if from_size == to_size {
        return from_root == to_root && proof.is_empty();
    }
    if from_size == 0 {
        return proof.is_empty();
    }
    if from_size > to_size {
        return false;
    }
    let (mut at, mut last) = (from_size.saturating_sub(1), to_size.saturating_sub(1));
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (first, rest) = match from_size.is_power_of_two() {
        true => (from_root, proof),
        false => match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        },
    };
    let (mut old, mut new) = (first, first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == from_root && new == to_root
}

/// The tree of the first `size` leaves.
///
/// # Errors
///
/// When a hash cannot be had.
pub fn frontier_of<N: Nodes>(nodes: &N, size: u64) -> Result<Frontier, N::Fault> {
    let mut peaks = Vec::new();
    let mut begin = 0_u64;
    for height in (0..u64::BITS).rev() {
        if size >> height & 1 == 1 {
            peaks.push(nodes.node(height, begin >> height)?);
            begin = begin.saturating_add(1 << height);
        }
    }
    Ok(Frontier { size, peaks })
}

/// The hash over leaves `begin` to `end`, which begin where a subtree may begin.
///
/// # Errors
///
/// When a hash cannot be had.
pub fn hash_of<N: Nodes>(nodes: &N, begin: u64, end: u64) -> Result<Digest, N::Fault> {
    let size = end.saturating_sub(begin);
    if size.is_power_of_two() {
        let height = size.trailing_zeros();
        return nodes.node(height, begin >> height);
    }
    let middle = begin.saturating_add(split(size));
    let left = hash_of(nodes, begin, middle)?;
    Ok(node_hash(&left, &hash_of(nodes, middle, end)?))
}

/// The largest power of two below a size of two or more: where a tree is parted (RFC 6962 2.1).
pub fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::leaf_hash;

    struct Leaves(Vec<Digest>);

    impl Nodes for Leaves {
        type Fault = ();

        fn node(&self, height: u32, index: u64) -> Result<Digest, ()> {
            let begin = usize::try_from(index << height).unwrap();
            let leaves = self.0.get(begin..begin + (1 << height)).ok_or(())?;
            let mut tree = Frontier::default();
            leaves.iter().for_each(|leaf| tree.push(*leaf));
            Ok(tree.root())
        }
    }

    fn leaves(count: u8) -> Leaves {
        Leaves((0..count).map(|n| leaf_hash(&[n])).collect())
    }

    fn root(leaves: &Leaves, size: u64) -> Digest {
        // By the definition: the left half is the largest power of two.
        fn over(leaves: &[Digest]) -> Digest {
            match leaves {
                [] => sha256(&[]),
                [leaf] => *leaf,
                _ => {
                    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                    node_hash(&over(left), &over(right))
                }
            }
        }
        over(&leaves.0[..usize::try_from(size).unwrap()])
    }

    #[test]
    fn the_root_is_the_one_of_the_definition() {
        let leaves = leaves(70);
        let mut tree = Frontier::default();
        assert_eq!(tree.root(), root(&leaves, 0));
        for size in 1..=70 {
            tree.push(leaves.0[size - 1]);
            let size = u64::try_from(size).unwrap();
            assert_eq!(tree.root(), root(&leaves, size), "{size}");
            assert_eq!(frontier_of(&leaves, size), Ok(tree.clone()));
        }
    }

    #[test]
    fn every_inclusion_proof_holds_and_no_changed_one_does() {
        let leaves = leaves(37);
        for size in 1..=37 {
            let root = root(&leaves, size);
            for index in 0..size {
                let leaf = leaves.0[usize::try_from(index).unwrap()];
                let proof = inclusion(&leaves, index, size).unwrap();
                assert_eq!(root_by_inclusion(leaf, index, size, &proof), Some(root));
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at][7] ^= 1;
                    assert_ne!(root_by_inclusion(leaf, index, size, &changed), Some(root));
                    let mut shorter = proof.clone();
                    shorter.remove(at);
                    assert_ne!(root_by_inclusion(leaf, index, size, &shorter), Some(root));
                }
                let longer = [proof.as_slice(), &[leaf]].concat();
                assert_ne!(root_by_inclusion(leaf, index, size, &longer), Some(root));
                for other in (0..size).filter(|other| *other != index) {
                    assert_ne!(root_by_inclusion(leaf, other, size, &proof), Some(root));
                }
            }
        }
    }

    #[test]
    fn every_consistency_proof_holds_and_no_changed_one_does() {
        let leaves = leaves(37);
        for to in 1..=37 {
            for from in 1..=to {
                let (old, new) = ((from, root(&leaves, from)), (to, root(&leaves, to)));
                let proof = consistency(&leaves, from, to).unwrap();
                assert!(is_consistent(old, new, &proof), "{from} {to}");
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at][7] ^= 1;
                    assert!(!is_consistent(old, new, &changed), "{from} {to} {at}");
                    let mut shorter = proof.clone();
                    shorter.remove(at);
                    assert!(!is_consistent(old, new, &shorter), "{from} {to} {at}");
                }
                let longer = [proof.as_slice(), &[old.1]].concat();
                assert!(!is_consistent(old, new, &longer), "{from} {to}");
                let mut forged = old;
                forged.1[0] ^= 1;
                assert!(!is_consistent(forged, new, &proof), "{from} {to}");
            }
        }
    }
}
