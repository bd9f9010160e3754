//! Gives rows as they become whole, from some place in the journal on, while it is written to.
//!
//! In: a journal's folder, a sequence number and a query. Out: the rows that it means, in the order
//! in which they became whole; a request does when its outcome is there.
//!
//! Reads the journal itself, so nothing is behind it but the disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::record::{Follower, JournalError, Record};

use super::facts::Facts;
use super::field::Field;
use super::query::Query;
use super::row::{Pairing, Part, Row, text_of};

/// A reader of rows that stays at the end.
#[derive(Debug)]
pub struct Following {
    query: Query,
    follower: Follower,
    pairing: Pairing,
    /// Requests without their outcome, by the place of their decision.
    waiting: BTreeMap<u64, (Row, Facts)>,
}

impl Following {
    /// From this sequence number on. The query's teams must have been put in before.
    pub fn from(folder: &Path, seq: u64, query: Query) -> Following {
        Following {
            query,
            follower: Follower::from(folder, seq),
            pairing: Pairing::default(),
            waiting: BTreeMap::new(),
        }
    }

    /// The next row that is whole; none when there is no more for now.
    ///
    /// # Errors
    ///
    /// As reading the journal.
    pub fn advance(&mut self) -> Result<Option<Row>, JournalError> {
        while let Some(record) = self.follower.advance()? {
            if let Some((row, facts)) = self.take(&record)
                && self.query.means(&facts)
            {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The requests whose outcome is not there yet, as far as the query means them without it.
    pub fn unfinished(self) -> impl Iterator<Item = Row> {
        let query = self.query;
        let waiting = self.waiting.into_values();
        waiting.filter_map(move |(row, facts)| query.means(&facts).then_some(row))
    }

    fn take(&mut self, record: &Record) -> Option<(Row, Facts)> {
        let whole = record.whole();
        match self.pairing.take(record.seq, record.kind, &whole) {
            Part::Nothing => None,
            Part::Begins(facts, id) => {
                let origin = facts.values(Field::Origin).next().unwrap_or_default();
                let row = Row {
                    origin: Arc::from(origin),
                    seq: record.seq,
                    time: facts.time,
                    record: text_of(&whole),
                    outcome: None,
                };
                if id.is_some() {
                    self.waiting.insert(record.seq, (row, facts));
                    return None;
                }
                Some((row, facts))
            }
            Part::Completes(seq, _, outcome) => {
                let (mut row, mut facts) = self.waiting.remove(&seq)?;
                facts.take(outcome);
                row.outcome = Some((record.seq, text_of(&whole)));
                Some((row, facts))
            }
        }
    }
}
