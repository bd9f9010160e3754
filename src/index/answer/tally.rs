//! Counts the rows that were found: by the values of a field, and by moments.
//!
//! In: what was found. Out: numbers; of the same state of the database as the rows.
//!
//! Values are counted on bitmaps, without reading a record. Moments are those of chunks where a whole
//! chunk lies between two of them; only the others are looked into.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::Deserialize;

use super::places::Places;
use super::{Blocks, CHUNK, Found, IndexError, block_of, both, odd_places, text};
use crate::clock::Time;
use crate::index::field::Field;
use crate::index::store::BLOCK;

/// How many rows have each value of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values and rows, the most rows first.
    pub values: Vec<(String, u64)>,
    /// Whether there were too many values to count each.
    pub is_cut: bool,
}

impl Found<'_> {
    /// How many of the rows have each value of a field.
    ///
    /// # Errors
    ///
    /// As reading the database.
    pub fn tally(&mut self, field: Field) -> Result<Tally, IndexError> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut is_cut = false;
        for (origin, blocks) in &self.in_journals {
            let at = RefCell::new(String::new());
            let reads = |value: &[u8]| {
                *at.borrow_mut() = String::from_utf8_lossy(value).into_owned();
                true
            };
            let mut each = |block: u32, bytes: &[u8]| {
                let Some(meant) = blocks.get(&block) else {
                    return Ok(());
                };
                let mut places = Places::empty_bits();
                super::places::join(bytes, &mut places).ok_or_else(odd_places)?;
                let both = meant.iter().zip(places.iter());
                let rows: u64 = both.map(|(a, b)| u64::from((a & b).count_ones())).sum();
                if rows == 0 {
                    return Ok(());
                }
                let value = at.borrow();
                if let Some(count) = counts.get_mut(value.as_str()) {
                    *count = count.saturating_add(rows);
                } else if counts.len() < MOST_VALUES {
                    counts.insert(value.clone(), rows);
                } else {
                    is_cut = true;
                }
                Ok(())
            };
            self.store
                .postings(origin, field, b"", None, &reads, &mut each)?;
        }
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        Ok(Tally { values, is_cut })
    }

    /// Before the first row and behind the last one, as far as chunks tell; none without a row.
    ///
    /// # Errors
    ///
    /// As reading the database.
    pub fn times(&mut self) -> Result<Option<(Time, Time)>, IndexError> {
        let mut span: Option<(u64, u64)> = None;
        for (origin, blocks) in &self.in_journals {
            for times in self.store.chunks(origin)? {
                if rows_of(blocks, times.chunk) > 0 {
                    let (from, to) = span.unwrap_or((times.earliest_ms, times.latest_ms));
                    span = Some((from.min(times.earliest_ms), to.max(times.latest_ms)));
                }
            }
        }
        Ok(span.map(|(from, to)| (Time::from_ms(from), Time::from_ms(to))))
    }

    /// How many of the rows lie from each of these moments to the next one, which is not in it, and how
    /// many of those have this value of a field; the moments ascend.
    ///
    /// # Errors
    ///
    /// As reading the database.
    pub fn between(
        &mut self,
        moments: &[Time],
        field: Field,
        value: &str,
    ) -> Result<Vec<Counted>, IndexError> {
        let mut counts = vec![Counted::default(); moments.len().saturating_sub(1)];
        // 0 is before the first moment.
        let step = |ms: u64| moments.partition_point(|moment| moment.as_ms() <= ms);
        let mut count = |step: usize, rows: u64, with: u64| {
            let at = step.checked_sub(1).and_then(|at| counts.get_mut(at));
            if let Some(at) = at {
                at.rows = at.rows.saturating_add(rows);
                at.with = at.with.saturating_add(with);
            }
        };
        for (origin, blocks) in &self.in_journals {
            let mut with = Blocks::new();
            let behind = [value.as_bytes(), &[0]].concat();
            let is_it = |found: &[u8]| found == value.as_bytes();
            let mut each = |block: u32, bytes: &[u8]| {
                let bits = with.entry(block).or_insert_with(Places::empty_bits);
                super::places::join(bytes, bits).ok_or_else(odd_places)
            };
            let from = value.as_bytes();
            self.store
                .postings(origin, field, from, Some(&behind), &is_it, &mut each)?;
            let with = both(with, blocks);
            for times in self.store.chunks(origin)? {
                let rows = rows_of(blocks, times.chunk);
                let (from, to) = (step(times.earliest_ms), step(times.latest_ms));
                if rows == 0 || (from == to && (from == 0 || from == moments.len())) {
                    continue;
                }
                if from == to {
                    count(from, rows, rows_of(&with, times.chunk));
                    continue;
                }
                let begin = times.chunk.saturating_mul(CHUNK);
                for kept in text(self.store, origin, times.chunk)? {
                    let place = begin.saturating_add(u64::from(kept.place));
                    if has(blocks, place)
                        && let Ok(timed) = serde_json::from_slice::<Timed>(&kept.text)
                    {
                        count(step(timed.time), 1, u64::from(has(&with, place)));
                    }
                }
            }
        }
        Ok(counts)
    }
}

/// Rows of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All of them.
    pub rows: u64,
    /// Those with the value.
    pub with: u64,
}

/// When a record is of, without the rest of it.
#[derive(Deserialize)]
struct Timed {
    time: u64,
}

/// Whether a place is among the rows.
fn has(blocks: &Blocks, place: u64) -> bool {
    let at = usize::try_from(place % BLOCK / 64).unwrap_or(usize::MAX);
    let word = blocks.get(&block_of(place)).and_then(|bits| bits.get(at));
    word.is_some_and(|word| (word >> (place % 64)) & 1 == 1)
}

/// How many of the rows lie in a chunk.
fn rows_of(blocks: &Blocks, chunk: u64) -> u64 {
    let begin = chunk.saturating_mul(CHUNK);
    let bits = blocks.get(&block_of(begin));
    let first = usize::try_from(begin % BLOCK / 64).unwrap_or(usize::MAX);
    let words = bits.and_then(|bits| bits.get(first..)).unwrap_or_default();
    let words = words.iter().take(WORDS);
    words.map(|word| u64::from(word.count_ones())).sum()
}

/// Of a chunk, 64 places each.
const WORDS: usize = 4;

/// More values than these are not counted one by one: memory is bounded.
const MOST_VALUES: usize = 100_000;
