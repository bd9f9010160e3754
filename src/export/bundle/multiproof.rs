//! Proves in one go that many leaves are in a tree.
//!
//! In: the leaves' places and the tree's size. Out: the hashes of the largest subtrees without any of
//! those leaves, from the left; or the root that leaves and hashes lead to.
//!
//! Each hash is there once, however many leaves need it: for neighbours close to nothing, for leaves
//! far apart no more than a proof for each.
//!
//! Never: believes the number of hashes; one too many or too few leads to no root.
//!
//! RFC 6962 2.1.

use crate::record::frame::Digest;
use crate::record::merkle::{Nodes, hash_of, node_hash, split};

/// The hashes for these leaves, whose places are in order.
///
/// # Errors
///
/// When a hash cannot be had.
pub(super) fn prove<N: Nodes>(
    nodes: &N,
    leaves: &[u64],
    size: u64,
    put: &mut impl FnMut(Digest),
) -> Result<(), N::Fault> {
    match size {
        0 => Ok(()),
        _ => beside(nodes, leaves, 0, size, put),
    }
}

fn beside<N: Nodes>(
    nodes: &N,
    leaves: &[u64],
    begin: u64,
    end: u64,
    put: &mut impl FnMut(Digest),
) -> Result<(), N::Fault> {
    let width = end.saturating_sub(begin);
    if leaves.is_empty() {
        put(hash_of(nodes, begin, end)?);
        return Ok(());
    }
    if width == 1 {
        return Ok(());
    }
    let middle = begin.saturating_add(split(width));
    let (left, right) = leaves.split_at(leaves.partition_point(|leaf| *leaf < middle));
    beside(nodes, left, begin, middle, put)?;
    beside(nodes, right, middle, end, put)
}

/// The root over these leaves and the hashes beside them; none when they do not fit together.
pub(super) fn root(
    leaves: &[(u64, Digest)],
    size: u64,
    proof: &mut impl Iterator<Item = Digest>,
) -> Option<Digest> {
    if size == 0 || leaves.last().is_some_and(|(last, _)| *last >= size) {
        return None;
    }
    let root = over(leaves, 0, size, proof)?;
    proof.next().is_none().then_some(root)
}

fn over(
    leaves: &[(u64, Digest)],
    begin: u64,
    end: u64,
    proof: &mut impl Iterator<Item = Digest>,
) -> Option<Digest> {
    let width = end.saturating_sub(begin);
    match leaves {
        [] => return proof.next(),
        [(_, leaf)] if width == 1 => return Some(*leaf),
        _ if width <= 1 => return None,
        _ => {}
    }
    let middle = begin.saturating_add(split(width));
    let (left, right) = leaves.split_at(leaves.partition_point(|(leaf, _)| *leaf < middle));
    let left = over(left, begin, middle, proof)?;
    let right = over(right, middle, end, proof)?;
    Some(node_hash(&left, &right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::leaf_hash;
    use crate::record::merkle::Frontier;

    struct Leaves(Vec<Digest>);

    impl Nodes for Leaves {
        type Fault = ();

        fn node(&self, height: u32, index: u64) -> Result<Digest, ()> {
            let begin = usize::try_from(index << height).unwrap();
            let mut tree = Frontier::default();
            let leaves = self.0.get(begin..begin + (1 << height)).ok_or(())?;
            leaves.iter().for_each(|leaf| tree.push(*leaf));
            Ok(tree.root())
        }
    }

    fn tree(size: u8) -> (Leaves, Digest) {
        let leaves = Leaves((0..size).map(|n| leaf_hash(&[n])).collect());
        let mut whole = Frontier::default();
        leaves.0.iter().for_each(|leaf| whole.push(*leaf));
        (leaves, whole.root())
    }

    fn proof(leaves: &Leaves, places: &[u64], size: u64) -> Vec<Digest> {
        let mut hashes = Vec::new();
        prove(leaves, places, size, &mut |hash| hashes.push(hash)).unwrap();
        hashes
    }

    #[test]
    fn every_choice_of_leaves_leads_to_the_root_and_no_changed_proof_does() {
        for size in 1..=9_u8 {
            let (leaves, expected) = tree(size);
            let size = u64::from(size);
            for choice in 0..1_u64 << size {
                let places: Vec<u64> = (0..size).filter(|n| choice >> n & 1 == 1).collect();
                let hashes = proof(&leaves, &places, size);
                let chosen: Vec<(u64, Digest)> = places
                    .iter()
                    .map(|n| (*n, leaves.0[usize::try_from(*n).unwrap()]))
                    .collect();
                let root_of = |chosen: &[(u64, Digest)], hashes: &[Digest]| {
                    root(chosen, size, &mut hashes.iter().copied())
                };
                assert_eq!(
                    root_of(&chosen, &hashes),
                    Some(expected),
                    "{size} {places:?}"
                );
                for at in 0..chosen.len() {
                    let mut changed = chosen.clone();
                    changed[at].1[0] ^= 1;
                    assert_ne!(root_of(&changed, &hashes), Some(expected));
                    let mut fewer = chosen.clone();
                    fewer.remove(at);
                    assert_ne!(root_of(&fewer, &hashes), Some(expected));
                }
                for at in 0..hashes.len() {
                    let mut changed = hashes.clone();
                    changed[at][0] ^= 1;
                    assert_ne!(root_of(&chosen, &changed), Some(expected));
                    let mut fewer = hashes.clone();
                    fewer.remove(at);
                    assert_ne!(root_of(&chosen, &fewer), Some(expected));
                }
                let more = [hashes.as_slice(), &[expected]].concat();
                assert_ne!(root_of(&chosen, &more), Some(expected));
            }
        }
    }

    #[test]
    fn neighbours_cost_next_to_nothing() {
        let (leaves, _) = tree(200);
        let places: Vec<u64> = (64..128).collect();
        assert_eq!(proof(&leaves, &places, 200).len(), 2);
    }
}
