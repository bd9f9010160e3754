//! Answers a query from the journal alone, without an index.
//!
//! In: the journal's folder and a query. Out: the rows it means, in the journal's order.
//!
//! Slow and exact: everything is read. A row is given once its outcome is known, so memory is what
//! waits behind the oldest request in flight.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use crate::record::{JournalError, Record, Records, read};

use super::facts::Facts;
use super::query::Query;
use super::row::{Order, Pairing, Part, Row, text_of};

/// The rows of a journal that a query means.
#[derive(Debug)]
pub struct Scanned<'q> {
    query: &'q Query,
    records: Records,
    origin: Arc<str>,
    pairing: Pairing,
    /// Rows by their place, each with whether it is whole.
    waiting: BTreeMap<u64, (Row, Facts, bool)>,
    ended: bool,
}

/// Reads the journal in a folder.
///
/// # Errors
///
/// As listing the folder.
pub fn scan<'q>(folder: &Path, query: &'q Query) -> Result<Scanned<'q>, JournalError> {
    Ok(Scanned {
        query,
        records: read(folder)?,
        origin: Arc::from(""),
        pairing: Pairing::default(),
        waiting: BTreeMap::new(),
        ended: false,
    })
}

impl Scanned<'_> {
    /// The first or last so many rows, in that order, and how many there are in all.
    ///
    /// # Errors
    ///
    /// As reading the journal.
    pub fn some(self, order: Order, limit: usize) -> Result<(Vec<Row>, u64), JournalError> {
        let mut kept = VecDeque::new();
        let mut count = 0_u64;
        for row in self {
            let row = row?;
            count = count.saturating_add(1);
            match order {
                Order::Oldest if kept.len() < limit => kept.push_back(row),
                Order::Oldest => {}
                Order::Newest => {
                    kept.push_front(row);
                    kept.truncate(limit);
                }
            }
        }
        Ok((kept.into(), count))
    }

    fn take(&mut self, record: Record) {
        let whole = record.whole();
        match self.pairing.take(record.seq, record.kind, &whole) {
            Part::Nothing => {}
            Part::Begins(facts, id) => {
                if self.origin.is_empty()
                    && let Some(origin) = facts.values(super::field::Field::Origin).next()
                {
                    self.origin = Arc::from(origin);
                }
                let row = Row {
                    origin: Arc::clone(&self.origin),
                    seq: record.seq,
                    time: facts.time,
                    record: text_of(&whole),
                    outcome: None,
                };
                self.waiting.insert(record.seq, (row, facts, id.is_none()));
            }
            Part::Completes(seq, _, outcome) => {
                if let Some((row, facts, is_whole)) = self.waiting.get_mut(&seq) {
                    facts.take(outcome);
                    row.outcome = Some((record.seq, text_of(&whole)));
                    *is_whole = true;
                }
            }
        }
    }

    /// The first row that waits, if nothing more can be said about it.
    fn ready(&mut self) -> Option<(Row, Facts)> {
        let first = self.waiting.first_entry()?;
        let whole = first.get().2 || self.ended;
        whole
            .then(|| first.remove())
            .map(|(row, facts, _)| (row, facts))
    }
}

impl Iterator for Scanned<'_> {
    type Item = Result<Row, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((row, facts)) = self.ready() {
                if self.query.means(&facts) {
                    return Some(Ok(row));
                }
                continue;
            }
            if self.ended {
                return None;
            }
            match self.records.next() {
                Some(Ok(record)) => self.take(record),
                Some(Err(error)) => {
                    self.ended = true;
                    self.waiting.clear();
                    return Some(Err(error));
                }
                None => self.ended = true,
            }
        }
    }
}
