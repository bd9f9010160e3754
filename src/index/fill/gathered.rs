//! What a stretch of records adds to the index.
//!
//! In: records and their facts, one after the other. Out: places, links and chunks.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::index::chunk::Kept;
use crate::index::facts::Facts;
use crate::index::store::{CHUNK, Posting};
use crate::record::frame::Kind;

use super::block_of;

/// What was gathered so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) places: HashMap<Posting, Vec<u16>>,
    pub(super) links: BTreeMap<u64, Vec<(u8, u64)>>,
    pub(super) chunks: BTreeMap<u64, Vec<Kept>>,
    /// Decisions that wait for their outcome, by id.
    pub(super) begun: HashMap<String, u64>,
    /// Decisions of earlier passes that wait no more.
    pub(super) ended: Vec<String>,
}

impl Gathered {
    /// Begins with the chunk that is not full yet.
    pub(super) fn after(tail: Vec<Kept>, next_seq: u64) -> Gathered {
        let mut gathered = Gathered::default();
        if !tail.is_empty() {
            gathered.chunks.insert(next_seq / CHUNK, tail);
        }
        gathered
    }

    pub(super) fn begins(&mut self, facts: Facts, id: Option<String>) {
        if let Some(id) = id {
            self.begun.insert(id, facts.seq);
        }
        self.mark(facts.seq, facts);
    }

    pub(super) fn completes(&mut self, seq: u64, outcome: u64, id: String, facts: Facts) {
        if self.begun.remove(&id).is_none() {
            self.ended.push(id);
        }
        let link = (place_in_chunk(seq), outcome.saturating_sub(seq));
        self.links.entry(seq / CHUNK).or_default().push(link);
        self.mark(seq, facts);
    }

    pub(super) fn keep(&mut self, seq: u64, kind: Kind, text: Vec<u8>) {
        let kept = Kept {
            place: place_in_chunk(seq),
            kind,
            text,
        };
        self.chunks.entry(seq / CHUNK).or_default().push(kept);
    }

    fn mark(&mut self, seq: u64, facts: Facts) {
        let block = block_of(seq);
        // The lower 16 bits are the place in the block.
        let place = u16::try_from(seq & 0xffff).unwrap_or(0);
        for (field, value) in facts.values {
            let posting = Posting {
                block,
                field,
                value,
            };
            self.places.entry(posting).or_default().push(place);
        }
    }
}

/// The moments of the first and last row among these records; both zero where there is none.
pub(super) fn times(records: &[Kept]) -> (u64, u64) {
    let rows = records
        .iter()
        .filter(|r| matches!(r.kind, Kind::Decision | Kind::Event));
    let times = rows.map(|row| serde_json::from_slice::<Timed>(&row.text).map_or(0, |t| t.time));
    let bounds = |(a, b): (u64, u64), t: u64| (a.min(t), b.max(t));
    match times.clone().next() {
        Some(first) => times.fold((first, first), bounds),
        None => (0, 0),
    }
}

#[derive(Deserialize)]
struct Timed {
    #[serde(default)]
    time: u64,
}

fn place_in_chunk(seq: u64) -> u8 {
    u8::try_from(seq % CHUNK).unwrap_or(0)
}
