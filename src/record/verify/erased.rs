//! Keeps account of what was erased, and whether the journal said so before.
//!
//! In: records in order. Out: erased ones that no later event `redaction` announces.
//!
//! Memory: 1 KiB for each 1,024 records among which one was erased and not announced so far.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::record::ranges::Ranges;

/// The account.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// By block: which records of it were erased.
    blocks: BTreeMap<u64, Bits>,
}

type Bits = [bool; BLOCK_PLACES];

#[derive(Deserialize)]
struct Announced {
    seqs: String,
}

impl Erased {
    /// A record was erased.
    pub(super) fn enter(&mut self, seq: u64) {
        let block = self.blocks.entry(seq / BLOCK);
        let bits = block.or_insert([false; BLOCK_PLACES]);
        if let Some(bit) = bits.get_mut(place(seq)) {
            *bit = true;
        }
    }

    /// An event announces an erasure among the records before it; whether it can be read.
    pub(super) fn announced(&mut self, detail: Option<&str>) -> bool {
        let read = detail.and_then(|json| serde_json::from_str::<Announced>(json).ok());
        let Some(ranges) = read.and_then(|announced| Ranges::parse(&announced.seqs)) else {
            return false;
        };
        for (from, to) in ranges.iter() {
            let blocks = self.blocks.range_mut(from / BLOCK..=to / BLOCK);
            for (block, bits) in blocks {
                let begin = block.saturating_mul(BLOCK);
                for (bit, seq) in bits.iter_mut().zip(begin..) {
                    *bit &= !(from..=to).contains(&seq);
                }
            }
        }
        self.blocks.retain(|_, bits| bits.contains(&true));
        true
    }

    /// Those that were never announced, in order.
    pub(super) fn unannounced(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().flat_map(|(block, bits)| {
            let begin = block.saturating_mul(BLOCK);
            let erased = bits.iter().zip(begin..).filter(|(bit, _)| **bit);
            erased.map(|(_, seq)| seq)
        })
    }
}

fn place(seq: u64) -> usize {
    usize::try_from(seq % BLOCK).unwrap_or(0)
}

const BLOCK: u64 = 1024;
const BLOCK_PLACES: usize = 1024;
