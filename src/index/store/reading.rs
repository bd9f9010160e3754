//! What a query and a filler read from the database.
//!
//! In: a journal, and what is wanted of it. Out: rows, decoded; damage where they cannot be.

use std::collections::HashMap;

use super::{ChunkTimes, Known, Posting, Store};
use crate::database::{Cells, DatabaseError, Value};
use crate::index::field::Field;
use crate::index::index_error::IndexError;
use crate::index::places::Places;

/// Which values are meant.
type Fits<'v> = &'v dyn Fn(&[u8]) -> bool;

/// What is done with each posting that is meant: its block, and its places as they are kept.
type EachPosting<'v> = &'v mut dyn FnMut(u32, &[u8]) -> Result<(), DatabaseError>;

impl Store {
    /// Every journal in the index.
    pub(in crate::index) fn known(&mut self) -> Result<Vec<Known>, IndexError> {
        let mut found = Vec::new();
        let sql = "SELECT origin, first_seq, next_seq FROM stile_origins ORDER BY origin";
        self.database.rows(sql, &[], &mut |row| {
            found.push(Known {
                origin: row.text(0)?.to_owned(),
                first_seq: row.unsigned(1)?,
                next_seq: row.unsigned(2)?,
            });
            Ok(())
        })?;
        Ok(found)
    }

    /// The decisions whose outcomes are not in the index yet.
    pub(in crate::index) fn waiting(
        &mut self,
        origin: &str,
    ) -> Result<HashMap<String, u64>, IndexError> {
        let mut found = HashMap::new();
        let sql = "SELECT id, seq FROM stile_waiting WHERE origin = $1";
        self.database
            .rows(sql, &[Value::Text(origin)], &mut |row| {
                let id = String::from_utf8_lossy(row.bytes(0)?).into_owned();
                found.insert(id, row.unsigned(1)?);
                Ok(())
            })?;
        Ok(found)
    }

    /// One posting.
    pub(in crate::index) fn posting(
        &mut self,
        origin: &str,
        of: &Posting,
    ) -> Result<Places, IndexError> {
        let mut found = Places::none();
        let sql = "SELECT places FROM stile_postings \
                   WHERE origin = $1 AND field = $2 AND value = $3 AND block = $4";
        let values = [
            Value::Text(origin),
            Value::Text(of.field.word()),
            Value::Bytes(of.value.as_bytes()),
            Value::Number(i64::from(of.block)),
        ];
        self.database.rows(sql, &values, &mut |row| {
            found = places(row, 0)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// The postings of a field whose values lie between two, the first one included, and fit.
    pub(in crate::index) fn postings(
        &mut self,
        origin: &str,
        field: Field,
        from: &[u8],
        before: Option<&[u8]>,
        fits: Fits<'_>,
        visit: EachPosting<'_>,
    ) -> Result<(), IndexError> {
        // Rows of one value come together: each value is looked at once, and the places of those that
        // do not fit are not even fetched.
        let (mut last, mut is_meant) = (Vec::new(), fits(b""));
        let mut each = |row: &dyn Cells| {
            let value = row.bytes(0)?;
            if value != last {
                is_meant = fits(value);
                last = value.to_vec();
            }
            if !is_meant {
                return Ok(());
            }
            let block = u32::try_from(row.number(1)?);
            let block = block.map_err(|_| DatabaseError::damaged("a block has an odd number"))?;
            visit(block, row.bytes(2)?)
        };
        let start = [
            Value::Text(origin),
            Value::Text(field.word()),
            Value::Bytes(from),
        ];
        match before {
            None => {
                let sql = "SELECT value, block, places FROM stile_postings \
                           WHERE origin = $1 AND field = $2 AND value >= $3";
                self.database.rows(sql, &start, &mut each)?;
            }
            Some(before) => {
                let sql = "SELECT value, block, places FROM stile_postings \
                           WHERE origin = $1 AND field = $2 AND value >= $3 AND value < $4";
                let [origin, field, from] = start;
                let values = [origin, field, from, Value::Bytes(before)];
                self.database.rows(sql, &values, &mut each)?;
            }
        }
        Ok(())
    }

    /// The times of every chunk.
    pub(in crate::index) fn chunks(&mut self, origin: &str) -> Result<Vec<ChunkTimes>, IndexError> {
        let mut found = Vec::new();
        let sql = "SELECT chunk, earliest_ms, latest_ms FROM stile_chunks WHERE origin = $1";
        self.database
            .rows(sql, &[Value::Text(origin)], &mut |row| {
                found.push(ChunkTimes {
                    chunk: row.unsigned(0)?,
                    earliest_ms: row.unsigned(1)?,
                    latest_ms: row.unsigned(2)?,
                });
                Ok(())
            })?;
        Ok(found)
    }

    /// The compressed records of a chunk.
    pub(in crate::index) fn text(
        &mut self,
        origin: &str,
        chunk: u64,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let sql = "SELECT text FROM stile_texts WHERE origin = $1 AND chunk = $2";
        self.kept(sql, origin, chunk)
    }

    /// How far behind the decisions of a chunk their outcomes are.
    pub(in crate::index) fn links(
        &mut self,
        origin: &str,
        chunk: u64,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let sql = "SELECT links FROM stile_links WHERE origin = $1 AND chunk = $2";
        self.kept(sql, origin, chunk)
    }

    fn kept(
        &mut self,
        sql: &'static str,
        origin: &str,
        chunk: u64,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let mut found = None;
        let values = [Value::Text(origin), Value::unsigned(chunk)];
        self.database.rows(sql, &values, &mut |row| {
            found = Some(row.bytes(0)?.to_vec());
            Ok(())
        })?;
        Ok(found)
    }
}

fn places(row: &dyn Cells, column: usize) -> Result<Places, DatabaseError> {
    Places::of_bytes(row.bytes(column)?).ok_or_else(odd_places)
}

/// Bytes that are no places.
pub(in crate::index) fn odd_places() -> DatabaseError {
    DatabaseError::damaged("places that nobody wrote")
}
