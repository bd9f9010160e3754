//! Answers a query from the index.
//!
//! In: a query whose teams were put in. Out: how many rows it means in each journal, and the rows.
//!
//! Conditions are worked out block by block on bitmaps; records are read only where a row is given
//! out, and where a chunk lies across a moment that was asked for. Everything is of one state of the
//! database, however long the rows are read.
//!
//! Never: a row that [`Query::means`] would not confirm.

use std::cell::Cell;
use std::sync::Arc;

use super::facts::Facts;
use super::field::Field;
use super::fill::text;
use super::index_error::IndexError;
use super::pattern::Pattern;
use super::places::{self, Places};
use super::query::{Condition, Query};
use super::row::Order;
use super::store::{BLOCK, CHUNK, ChunkTimes, Known, Store, odd_places};
use crate::clock::Time;
use crate::database::DatabaseSettings;

mod blocks;
mod rows;
mod tally;

use blocks::{Blocks, both, successor};
pub use rows::Rows;
pub use tally::{Counted, Tally};

/// The index, to be asked.
#[derive(Debug)]
pub struct Index {
    store: Store,
}

/// What a query means.
#[derive(Debug)]
pub struct Found<'i> {
    store: &'i mut Store,
    in_journals: Vec<(Arc<str>, Blocks)>,
    /// Answers beyond one for each row: of refusals that share a record.
    beyond: u64,
}

/// How far a journal is in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The journal's name.
    pub origin: String,
    /// The first record that is in the index.
    pub first_seq: u64,
    /// The first one that is not in it any more.
    pub next_seq: u64,
}

impl Index {
    /// Opens the index.
    ///
    /// # Errors
    ///
    /// Also when there is none yet.
    pub fn open(settings: &DatabaseSettings) -> Result<Index, IndexError> {
        let mut store = Store::open(settings)?;
        store.known()?;
        Ok(Index { store })
    }

    /// The journals that are in it.
    ///
    /// # Errors
    ///
    /// As reading the database.
    pub fn journals(&mut self) -> Result<Vec<Indexed>, IndexError> {
        let known = self.store.known()?.into_iter();
        let indexed = known.map(|known| Indexed {
            origin: known.origin,
            first_seq: known.first_seq,
            next_seq: known.next_seq,
        });
        Ok(indexed.collect())
    }

    /// Finds what a query means.
    ///
    /// # Errors
    ///
    /// As reading the database.
    pub fn find(&mut self, query: &Query) -> Result<Found<'_>, IndexError> {
        self.store.hold_still()?;
        let (mut in_journals, mut beyond) = (Vec::new(), 0_u64);
        for known in self.store.known()? {
            let mut asking = Asking::begin(&mut self.store, &known)?;
            let blocks = match query.condition() {
                None => asking.everything.clone(),
                Some(condition) => asking.all_for(condition)?,
            };
            beyond = beyond.saturating_add(asking.beyond(&blocks)?);
            in_journals.push((Arc::from(known.origin), blocks));
        }
        Ok(Found {
            store: &mut self.store,
            in_journals,
            beyond,
        })
    }
}

impl<'i> Found<'i> {
    /// How many rows there are.
    pub fn count(&self) -> u64 {
        let blocks = self
            .in_journals
            .iter()
            .flat_map(|(_, blocks)| blocks.values());
        let words = blocks.flat_map(|bits| bits.iter());
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many answers the rows tell of: as many as rows, and more where refusals share a record.
    pub fn answers(&self) -> u64 {
        self.count().saturating_add(self.beyond)
    }

    /// The rows.
    pub fn rows(self, order: Order) -> Rows<'i> {
        Rows::new(self.store, self.in_journals, order)
    }
}

/// One query about one journal.
struct Asking<'a> {
    store: &'a mut Store,
    known: &'a Known,
    /// Every request and event that is in the index.
    everything: Blocks,
    chunks: Option<Vec<ChunkTimes>>,
}

impl<'a> Asking<'a> {
    fn begin(store: &'a mut Store, known: &'a Known) -> Result<Asking<'a>, IndexError> {
        let mut asking = Asking {
            store,
            known,
            everything: Blocks::new(),
            chunks: None,
        };
        let rows = asking.is(Field::Record, &Pattern::any())?;
        let left = asking.places(known.first_seq, known.next_seq.saturating_sub(1));
        asking.everything = both(rows, &left);
        Ok(asking)
    }

    /// The rows for which a condition holds; always a part of everything.
    fn all_for(&mut self, condition: &Condition) -> Result<Blocks, IndexError> {
        let found = match condition {
            Condition::All(of) => {
                let mut left = self.everything.clone();
                for condition in of {
                    if left.is_empty() {
                        break;
                    }
                    left = both(left, &self.all_for(condition)?);
                }
                return Ok(left);
            }
            Condition::Any(of) => {
                let mut any = Blocks::new();
                for condition in of {
                    for (block, bits) in self.all_for(condition)? {
                        let into = any.entry(block).or_insert_with(Places::empty_bits);
                        into.iter_mut().zip(bits.iter()).for_each(|(a, b)| *a |= b);
                    }
                }
                return Ok(any);
            }
            Condition::Not(of) => {
                let without = self.all_for(of)?;
                let mut left = self.everything.clone();
                for (block, bits) in without {
                    if let Some(from) = left.get_mut(&block) {
                        from.iter_mut().zip(bits.iter()).for_each(|(a, b)| *a &= !b);
                    }
                }
                return Ok(left);
            }
            Condition::Is(field, pattern) => self.is(*field, pattern)?,
            Condition::Within(Field::Seq, from, to) => self.places(*from, *to),
            Condition::Within(field, from, to) => self.within(*field, *from, *to)?,
            Condition::Since(_) | Condition::Until(_) => self.in_time(condition)?,
        };
        Ok(both(found, &self.everything))
    }

    fn is(&mut self, field: Field, pattern: &Pattern) -> Result<Blocks, IndexError> {
        let from = pattern.beginning().as_bytes();
        let before = match pattern.text() {
            // The next text after it in the order of bytes.
            Some(text) => Some([text.as_bytes(), &[0]].concat()),
            None => successor(from),
        };
        self.joined(field, from, before.as_deref(), |value| pattern.fits(value))
    }

    fn within(&mut self, field: Field, from: u64, to: u64) -> Result<Blocks, IndexError> {
        let fits = |value: &str| value.parse().is_ok_and(|n: u64| (from..=to).contains(&n));
        self.joined(field, b"", None, fits)
    }

    fn joined(
        &mut self,
        field: Field,
        from: &[u8],
        before: Option<&[u8]>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Blocks, IndexError> {
        let mut found = Blocks::new();
        let origin = &self.known.origin;
        let fits = |value: &[u8]| std::str::from_utf8(value).is_ok_and(&fits);
        self.store
            .postings(origin, field, from, before, &fits, &mut |block, bytes| {
                let bits = found.entry(block).or_insert_with(Places::empty_bits);
                places::join(bytes, bits).ok_or_else(odd_places)
            })?;
        Ok(found)
    }

    /// How many answers these rows tell of beyond one for each.
    fn beyond(&mut self, rows: &Blocks) -> Result<u64, IndexError> {
        let (others, mut beyond) = (Cell::new(0), 0_u64);
        let reads = |value: &[u8]| {
            let count = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
            others.set(count.unwrap_or(1_u64).saturating_sub(1));
            true
        };
        let origin = &self.known.origin;
        self.store.postings(
            origin,
            Field::Count,
            b"",
            None,
            &reads,
            &mut |block, bytes| {
                let mut shared = Places::empty_bits();
                places::join(bytes, &mut shared).ok_or_else(odd_places)?;
                let meant = rows.get(&block).into_iter().flat_map(|bits| bits.iter());
                let both = meant.zip(shared.iter()).map(|(a, b)| (a & b).count_ones());
                let records: u64 = both.map(u64::from).sum();
                beyond = beyond.saturating_add(records.saturating_mul(others.get()));
                Ok(())
            },
        )?;
        Ok(beyond)
    }

    /// All places from one record to another, as far as they are in the index.
    fn places(&self, from: u64, to: u64) -> Blocks {
        let mut found = Blocks::new();
        let from = from.max(self.known.first_seq);
        let Some(to) = self.known.next_seq.checked_sub(1).map(|last| last.min(to)) else {
            return found;
        };
        let mut at = from;
        while at <= to {
            let last = (at | (BLOCK - 1)).min(to);
            let bits = found.entry(block_of(at)).or_insert_with(Places::empty_bits);
            places::set_range(bits, place(at), place(last));
            at = last.saturating_add(1);
        }
        found
    }

    /// Chunks that lie on one side of the moment are taken whole; the others are looked into.
    fn in_time(&mut self, condition: &Condition) -> Result<Blocks, IndexError> {
        if self.chunks.is_none() {
            self.chunks = Some(self.store.chunks(&self.known.origin)?);
        }
        let mut found = Blocks::new();
        let query = Query::of(condition.clone());
        let at = |ms| query.means(&Facts::at(0, Time::from_ms(ms)));
        for times in self.chunks.iter().flatten() {
            let begin = times.chunk.saturating_mul(CHUNK);
            let bits = found
                .entry(block_of(begin))
                .or_insert_with(Places::empty_bits);
            match (at(times.earliest_ms), at(times.latest_ms)) {
                (true, true) => {
                    let end = begin.saturating_add(CHUNK - 1);
                    places::set_range(bits, place(begin), place(end));
                }
                (false, false) => {}
                _ => {
                    for kept in text(self.store, &self.known.origin, times.chunk)? {
                        let seq = begin.saturating_add(u64::from(kept.place));
                        let facts = Facts::of(seq, kept.kind, &kept.text);
                        if facts.is_some_and(|(facts, _)| query.means(&facts)) {
                            places::set(bits, place(seq));
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

fn block_of(seq: u64) -> u32 {
    u32::try_from(seq / BLOCK).unwrap_or(u32::MAX)
}

fn place(seq: u64) -> u16 {
    u16::try_from(seq % BLOCK).unwrap_or(0)
}
