//! Takes out of the index what was erased in the journal.
//!
//! In: the event that says that an erasure is done. Out: records as the journal has them now, and no
//! place for a value that they do not have any more.
//!
//! The event comes in the journal's order like any other record, so an index that was away learns of
//! it when it is back. It is passed only when all of it is done here; doing it twice changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use crate::index::chunk::{Kept, packed};
use crate::index::facts::Facts;
use crate::index::field::Field;
use crate::index::index_error::IndexError;
use crate::index::store::{Amendment, CHUNK, Posting, Store};
use crate::record::frame::Kind;
use crate::record::ranges::Ranges;
use crate::record::{Follower, Note, Record};

use super::{block_of, text};

#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
struct Detail {
    of: Option<u64>,
    seqs: Option<String>,
}

/// Whether a record says that an erasure is done.
pub(super) fn is_done(record: &Record) -> bool {
    event(record).is_some_and(|event| event.event == Note::RedactionDone.word())
}

/// Whether a record says that the records before some were taken away.
pub(super) fn is_pruned(record: &Record) -> bool {
    event(record).is_some_and(|event| event.event == Note::PruneDone.word())
}

fn event(record: &Record) -> Option<Event> {
    if record.kind != Kind::Event {
        return None;
    }
    serde_json::from_slice(&record.payload).ok()
}

/// Does here what this event says is done in the journal.
pub(super) fn take_out(
    store: &mut Store,
    folder: &Path,
    origin: &str,
    done: &Record,
) -> Result<(), IndexError> {
    let from = event(done).and_then(|event| event.detail.of);
    let ranges = announced(folder, from.unwrap_or(done.seq), done.seq)?;
    let mut changed: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
    for (first, last) in ranges.iter().flat_map(Ranges::iter) {
        let mut records = Follower::from(folder, first);
        while let Some(record) = records.advance()?.filter(|record| record.seq <= last) {
            let chunk = record.seq / CHUNK;
            if !changed.contains_key(&chunk) {
                amend(store, origin, std::mem::take(&mut changed))?;
            }
            if record.disclosure().is_some_and(|beside| beside.is_erased()) {
                changed.entry(chunk).or_default().push(record);
            }
        }
    }
    amend(store, origin, changed)?;
    store.scrub()
}

/// The records that the events from one on name.
fn announced(folder: &Path, from: u64, to: u64) -> Result<Vec<Ranges>, IndexError> {
    let mut found = Vec::new();
    let mut records = Follower::from(folder, from);
    while let Some(record) = records.advance()?.filter(|record| record.seq < to) {
        let said = event(&record).filter(|event| event.event == Note::Redaction.word());
        let seqs = said.and_then(|event| event.detail.seqs);
        found.extend(seqs.and_then(|seqs| Ranges::parse(&seqs)));
    }
    Ok(found)
}

/// Brings chunks up to what the journal says now.
fn amend(
    store: &mut Store,
    origin: &str,
    changed: BTreeMap<u64, Vec<Record>>,
) -> Result<(), IndexError> {
    for (chunk, records) in changed {
        let mut kept = text(store, origin, chunk)?;
        let mut gone: HashMap<Posting, Vec<u16>> = HashMap::new();
        let mut is_other = false;
        for record in records {
            let place = u8::try_from(record.seq % CHUNK).unwrap_or(0);
            let Some(was) = kept.iter_mut().find(|kept| kept.place == place) else {
                continue;
            };
            if *was.text == *record.whole() {
                continue;
            }
            is_other = true;
            for (field, value) in values_gone(record.seq, was, &record) {
                let posting = Posting {
                    block: block_of(record.seq),
                    field,
                    value,
                };
                // The lower 16 bits are the place in the block.
                let place = u16::try_from(record.seq & 0xffff).unwrap_or(0);
                gone.entry(posting).or_default().push(place);
            }
            was.text = record.whole().into_owned();
        }
        if !is_other {
            continue;
        }
        let mut amendment = Amendment {
            chunk,
            text: packed(&kept)?,
            postings: Vec::new(),
        };
        for (posting, places) in gone {
            let mut left = store.posting(origin, &posting)?;
            places.iter().for_each(|place| left.remove(*place));
            let bytes = (!left.is_empty()).then(|| left.bytes());
            amendment.postings.push((posting, bytes));
        }
        store.amend(origin, &amendment)?;
    }
    Ok(())
}

/// What a record said and does not say any more.
fn values_gone(seq: u64, was: &Kept, is: &Record) -> Vec<(Field, String)> {
    let values = |text: &[u8]| {
        let facts = Facts::of(seq, was.kind, text);
        facts.map_or_else(Vec::new, |(facts, _)| facts.values)
    };
    let left: HashSet<_> = values(&is.whole()).into_iter().collect();
    let mut gone = values(&was.text);
    gone.retain(|value| !left.contains(value));
    gone
}
