//! Holds a checkpoint that somebody kept against our own past.
//!
//! In: the text of a checkpoint and our tiles. Out: nothing when it is of our past, else the
//! conflict in words.

use super::{Missed, Published};
use crate::record::checkpoint::Checkpoint;
use crate::record::merkle::frontier_of;
use crate::record::tiles::Tiles;

/// Whether what is held is where we were once.
pub(super) fn is_ours(text: &str, newest: &Published, tiles: &Tiles) -> Result<(), Missed> {
    let conflict = |why: String| Err(Missed::Conflict(why));
    let held = match Checkpoint::parse(text) {
        Ok((_, held)) => held,
        Err(fault) => return conflict(format!("what it holds is no checkpoint: {fault}")),
    };
    let ours = &newest.checkpoint;
    if held.origin != ours.origin {
        return conflict(format!("it holds checkpoints of `{}`", held.origin));
    }
    if held.size > ours.size {
        return conflict(format!(
            "it holds {} records and there are {}: an end is missing here",
            held.size, ours.size
        ));
    }
    let root = frontier_of(tiles, held.size)
        .map_err(|fault| Missed::Now(format!("the tiles cannot be read: {fault}")))?
        .root();
    match root == held.root {
        true => Ok(()),
        false => conflict(format!("its first {} records are not ours", held.size)),
    }
}
