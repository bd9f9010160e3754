//! Fills the index from the journal.
//!
//! In: the journal's folder and where the index stands. Out: the index, some records further.
//!
//! Each pass reads what is new and writes it in one transaction, the high-water mark with it: a pass
//! that is cut off anywhere was never begun, and one that is made twice changes nothing. At the
//! start the last record in the index is compared with the one in the journal; where they differ
//! (a restored backup, a tail lost in a power cut) the index begins anew.
//!
//! Never: writes to the journal; believes its own memory after a pass that failed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::record::{Follower, Record, follow};

use super::chunk::{Kept, Links, packed, unpacked};
use super::index_error::IndexError;
use super::places::Places;
use super::row::{Pairing, Part};
use super::store::{BLOCK, Batch, CHUNK, ChunkTimes, Known, Posting, Store};

mod erased;
mod gathered;

use gathered::Gathered;

/// Takes records from the journal to the index.
#[derive(Debug)]
pub(super) struct Filler {
    store: Store,
    origin: String,
    folder: PathBuf,
    follower: Follower,
    /// Read and not taken over yet.
    read: VecDeque<Record>,
    next_seq: u64,
    pairing: Pairing,
    /// The postings of the block that is being filled.
    postings: HashMap<Posting, Places>,
    /// From this block on, a posting that is not in memory does not exist.
    whole_from: u32,
    /// The records of the chunk that is being filled.
    tail: Vec<Kept>,
}

impl Filler {
    /// Looks where the index stands, and whether it is of this journal.
    pub(super) fn open(
        mut store: Store,
        folder: &Path,
        origin: &str,
    ) -> Result<Filler, IndexError> {
        let first = follow::first_seq(folder)?.unwrap_or(0);
        store.begin(origin, first)?;
        let mut known = known(&mut store, origin)?;
        if known.next_seq < first || !agrees(&mut store, &known, folder)? {
            store.clear(origin)?;
            store.begin(origin, first)?;
            known = self::known(&mut store, origin)?;
        } else if known.first_seq < first {
            store.forget(origin, first)?;
        }
        let next_seq = known.next_seq;
        let tail = match next_seq % CHUNK {
            0 => Vec::new(),
            _ => text(&mut store, origin, next_seq / CHUNK)?,
        };
        Ok(Filler {
            pairing: Pairing::with(store.waiting(origin)?),
            follower: Follower::from(folder, next_seq),
            origin: origin.to_owned(),
            folder: folder.to_owned(),
            read: VecDeque::new(),
            postings: HashMap::new(),
            whole_from: block_of(next_seq.saturating_add(BLOCK - 1)),
            store,
            next_seq,
            tail,
        })
    }

    /// The record that comes next.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Takes at most so many records over; how many it took. After an error this filler is done.
    pub(super) fn pass(&mut self, most: usize) -> Result<usize, IndexError> {
        while self.read.len() < most {
            match self.follower.advance() {
                Ok(Some(record)) => self.read.push_back(record),
                Ok(None) => break,
                // What was read before the fault is good; the next pass meets the fault again.
                Err(_) if !self.read.is_empty() => break,
                Err(fault) => return Err(fault.into()),
            }
        }
        self.take_out_what_is_erased()?;
        // Up to the next erasure: what it names is taken over before, and taken out after.
        let next = self.read.iter().skip(1).position(erased::is_done);
        let taken = next.map_or(self.read.len(), |at| at.saturating_add(1));
        let records: Vec<Record> = self.read.drain(..taken).collect();
        let Some(last) = records.last() else {
            return Ok(0);
        };
        let to = last.seq.saturating_add(1);
        let is_pruned = records.iter().any(erased::is_pruned);
        let batch = self.batch(records, to)?;
        self.store.write(&batch)?;
        self.next_seq = to;
        if is_pruned && let Some(first) = follow::first_seq(&self.folder)? {
            self.store.forget(&self.origin, first)?;
            self.store.scrub()?;
        }
        let filling = block_of(to);
        self.postings.retain(|posting, _| posting.block >= filling);
        // Whoever sees fewer than they asked for takes it that there are no more.
        Ok(if self.read.is_empty() { taken } else { most })
    }

    /// Where the next record says that an erasure is done, it is done here.
    fn take_out_what_is_erased(&mut self) -> Result<(), IndexError> {
        let Some(done) = self.read.front().filter(|record| erased::is_done(record)) else {
            return Ok(());
        };
        erased::take_out(&mut self.store, &self.folder, &self.origin, done)?;
        // What memory held of it is read again.
        self.postings.clear();
        self.whole_from = block_of(self.next_seq.saturating_add(BLOCK - 1));
        if !self.next_seq.is_multiple_of(CHUNK) {
            self.tail = text(&mut self.store, &self.origin, self.next_seq / CHUNK)?;
        }
        Ok(())
    }

    fn batch(&mut self, records: Vec<Record>, to: u64) -> Result<Batch, IndexError> {
        let mut gathered = Gathered::after(std::mem::take(&mut self.tail), self.next_seq);
        for record in records {
            let whole = record.whole();
            match self.pairing.take(record.seq, record.kind, &whole) {
                Part::Nothing => {}
                Part::Begins(facts, id) => gathered.begins(facts, id),
                Part::Completes(seq, id, facts) => gathered.completes(seq, record.seq, id, facts),
            }
            gathered.keep(record.seq, record.kind, whole.into_owned());
        }
        let mut batch = Batch {
            origin: self.origin.clone(),
            from: self.next_seq,
            to,
            begun: gathered.begun.into_iter().collect(),
            ended: gathered.ended,
            ..Batch::default()
        };
        let filling = block_of(self.next_seq);
        for (posting, places) in gathered.places {
            let whole = posting.block >= self.whole_from && posting.block >= filling;
            let before = match self.postings.remove(&posting) {
                Some(before) => before,
                None if whole => Places::none(),
                None => self.store.posting(&self.origin, &posting)?,
            };
            let mut all = before;
            places.iter().for_each(|place| all.add(*place));
            batch.postings.push((posting.clone(), all.bytes()));
            self.postings.insert(posting, all);
        }
        for (chunk, added) in gathered.links {
            let before = self.store.links(&self.origin, chunk)?;
            let mut links = before.map_or_else(|| Ok(Links::none()), |b| Links::of_bytes(&b))?;
            added
                .iter()
                .for_each(|(place, behind)| links.set(*place, *behind));
            batch.links.push((chunk, links.bytes()?));
        }
        self.chunks(gathered.chunks, &mut batch)?;
        Ok(batch)
    }

    fn chunks(
        &mut self,
        chunks: BTreeMap<u64, Vec<Kept>>,
        batch: &mut Batch,
    ) -> Result<(), IndexError> {
        for (chunk, records) in chunks {
            let (earliest_ms, latest_ms) = gathered::times(&records);
            let times = ChunkTimes {
                chunk,
                earliest_ms,
                latest_ms,
            };
            batch.chunks.push((times, packed(&records)?));
            if chunk == batch.to / CHUNK {
                self.tail = records;
            }
        }
        // Their keys ascend, so that rows are laid one behind the other.
        let key = |(p, _): &(Posting, Vec<u8>)| (p.field.word(), p.value.clone(), p.block);
        batch.postings.sort_by_cached_key(key);
        Ok(())
    }
}

fn known(store: &mut Store, origin: &str) -> Result<Known, IndexError> {
    let found = store.known()?.into_iter().find(|k| k.origin == origin);
    found.ok_or_else(|| IndexError::damaged("the journal is not in it"))
}

/// Whether the last record in the index is the one in the journal.
fn agrees(store: &mut Store, known: &Known, folder: &Path) -> Result<bool, IndexError> {
    let Some(last) = known
        .next_seq
        .checked_sub(1)
        .filter(|l| *l >= known.first_seq)
    else {
        return Ok(true);
    };
    let Some(record) = Follower::from(folder, last).advance()? else {
        return Ok(false);
    };
    if record.seq != last {
        return Ok(false);
    }
    let place = u8::try_from(last % CHUNK).unwrap_or(0);
    let kept = text(store, &known.origin, last / CHUNK)?;
    Ok(kept
        .iter()
        .any(|k| k.place == place && *k.text == *record.whole()))
}

/// The records of a chunk; none where it is not there.
pub(super) fn text(store: &mut Store, origin: &str, chunk: u64) -> Result<Vec<Kept>, IndexError> {
    match store.text(origin, chunk)? {
        Some(bytes) => unpacked(&bytes),
        None => Ok(Vec::new()),
    }
}

fn block_of(seq: u64) -> u32 {
    u32::try_from(seq / BLOCK).unwrap_or(u32::MAX)
}
