//! What is written to the database, in one SQL for both.
//!
//! In: a [`Batch`]. Out: all of it in the database, or nothing.

use std::fmt;

use super::tables::{CHUNKS, LINKS, POSTINGS, TABLES, TEXTS, WAITING};
use crate::database::{Database, Value};
use crate::index::field::Field;
use crate::index::index_error::IndexError;

/// The index in its database.
pub(in crate::index) struct Store {
    pub(super) database: Box<dyn Database>,
    reading: bool,
}

/// What the index has of one journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::index) struct Known {
    pub(in crate::index) origin: String,
    /// Records before this one are not in the index any more.
    pub(in crate::index) first_seq: u64,
    /// The record that comes next.
    pub(in crate::index) next_seq: u64,
}

/// The places where a field has a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::index) struct Posting {
    pub(in crate::index) block: u32,
    pub(in crate::index) field: Field,
    pub(in crate::index) value: String,
}

/// Between which moments the rows of a chunk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::index) struct ChunkTimes {
    pub(in crate::index) chunk: u64,
    pub(in crate::index) earliest_ms: u64,
    pub(in crate::index) latest_ms: u64,
}

/// What a stretch of records adds.
#[derive(Debug, Default)]
pub(in crate::index) struct Batch {
    pub(in crate::index) origin: String,
    pub(in crate::index) from: u64,
    pub(in crate::index) to: u64,
    pub(in crate::index) postings: Vec<(Posting, Vec<u8>)>,
    pub(in crate::index) chunks: Vec<(ChunkTimes, Vec<u8>)>,
    pub(in crate::index) links: Vec<(u64, Vec<u8>)>,
    pub(in crate::index) begun: Vec<(String, u64)>,
    pub(in crate::index) ended: Vec<String>,
}

/// What an erasure changes in one chunk.
#[derive(Debug)]
pub(in crate::index) struct Amendment {
    pub(in crate::index) chunk: u64,
    pub(in crate::index) text: Vec<u8>,
    /// What is left of each posting; nothing where it goes.
    pub(in crate::index) postings: Vec<(Posting, Option<Vec<u8>>)>,
}

impl Store {
    pub(super) fn on(mut database: Box<dyn Database>, make: bool) -> Result<Store, IndexError> {
        if make {
            database.prepare(TABLES)?;
        }
        Ok(Store {
            database,
            reading: false,
        })
    }

    /// Sees to it that a journal is known.
    pub(in crate::index) fn begin(
        &mut self,
        origin: &str,
        first_seq: u64,
    ) -> Result<(), IndexError> {
        let first = Value::unsigned(first_seq);
        let sql = "INSERT INTO stile_origins (origin, first_seq, next_seq) VALUES ($1, $2, $3) \
                   ON CONFLICT (origin) DO NOTHING";
        let values = [Value::Text(origin), first.clone(), first];
        self.database.run(sql, &values)?;
        Ok(())
    }

    /// Writes a batch, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`IndexError::Moved`] when it was not made for the state that the database is in.
    pub(in crate::index) fn write(&mut self, batch: &Batch) -> Result<(), IndexError> {
        self.database.begin(true)?;
        let written = self.write_inside(batch);
        self.database.end(written.is_ok())?;
        written
    }

    fn write_inside(&mut self, batch: &Batch) -> Result<(), IndexError> {
        let origin = Value::Text(&batch.origin);
        let mark = "UPDATE stile_origins SET next_seq = $1 WHERE origin = $2 AND next_seq = $3";
        let (to, from) = (Value::unsigned(batch.to), Value::unsigned(batch.from));
        let marked = [to, origin.clone(), from];
        if self.database.run(mark, &marked)? != 1 {
            return Err(IndexError::Moved);
        }
        let postings = batch.postings.iter().map(|(posting, places)| {
            vec![
                origin.clone(),
                Value::Text(posting.field.word()),
                Value::Bytes(posting.value.as_bytes()),
                Value::Number(i64::from(posting.block)),
                Value::Bytes(places),
            ]
        });
        self.database
            .put(&POSTINGS, &postings.collect::<Vec<_>>())?;
        let chunks = batch.chunks.iter().map(|(times, _)| {
            let numbers = [times.chunk, times.earliest_ms, times.latest_ms];
            let numbers = numbers.map(Value::unsigned);
            std::iter::once(origin.clone()).chain(numbers).collect()
        });
        self.database.put(&CHUNKS, &chunks.collect::<Vec<_>>())?;
        let kept =
            |chunk: u64, bytes| vec![origin.clone(), Value::unsigned(chunk), Value::Bytes(bytes)];
        let texts = batch
            .chunks
            .iter()
            .map(|(times, text)| kept(times.chunk, text));
        self.database.put(&TEXTS, &texts.collect::<Vec<_>>())?;
        let links = batch.links.iter().map(|(chunk, links)| kept(*chunk, links));
        self.database.put(&LINKS, &links.collect::<Vec<_>>())?;
        for id in &batch.ended {
            let sql = "DELETE FROM stile_waiting WHERE origin = $1 AND id = $2";
            self.database
                .run(sql, &[origin.clone(), Value::Bytes(id.as_bytes())])?;
        }
        let begun = batch.begun.iter().map(|(id, seq)| {
            vec![
                origin.clone(),
                Value::Bytes(id.as_bytes()),
                Value::unsigned(*seq),
            ]
        });
        self.database.put(&WAITING, &begun.collect::<Vec<_>>())?;
        Ok(())
    }

    /// Puts a chunk's records in the place of those that were there, and takes away what they do not
    /// say any more; all of it or nothing.
    pub(in crate::index) fn amend(
        &mut self,
        origin: &str,
        amendment: &Amendment,
    ) -> Result<(), IndexError> {
        self.all_or_nothing(|store| {
            let chunk = Value::unsigned(amendment.chunk);
            let text = vec![Value::Text(origin), chunk, Value::Bytes(&amendment.text)];
            store.database.put(&TEXTS, &[text])?;
            for (posting, places) in &amendment.postings {
                let mut row = vec![
                    Value::Text(origin),
                    Value::Text(posting.field.word()),
                    Value::Bytes(posting.value.as_bytes()),
                    Value::Number(i64::from(posting.block)),
                ];
                if let Some(places) = places {
                    row.push(Value::Bytes(places));
                    store.database.put(&POSTINGS, &[row])?;
                } else {
                    let sql = "DELETE FROM stile_postings \
                               WHERE origin = $1 AND field = $2 AND value = $3 AND block = $4";
                    store.database.run(sql, &row)?;
                }
            }
            Ok(())
        })
    }

    /// Sees to it that what was taken away is not in the database's files either.
    pub(in crate::index) fn scrub(&mut self) -> Result<(), IndexError> {
        self.database.scrub(&[&POSTINGS, &TEXTS])?;
        Ok(())
    }

    /// Forgets all there is of a journal.
    pub(in crate::index) fn clear(&mut self, origin: &str) -> Result<(), IndexError> {
        self.all_or_nothing(|store| {
            for sql in [
                "DELETE FROM stile_postings WHERE origin = $1",
                "DELETE FROM stile_chunks WHERE origin = $1",
                "DELETE FROM stile_texts WHERE origin = $1",
                "DELETE FROM stile_links WHERE origin = $1",
                "DELETE FROM stile_waiting WHERE origin = $1",
                "DELETE FROM stile_origins WHERE origin = $1",
            ] {
                store.database.run(sql, &[Value::Text(origin)])?;
            }
            Ok(())
        })
    }

    /// Forgets the records before this one, which the journal does not have any more.
    pub(in crate::index) fn forget(
        &mut self,
        origin: &str,
        first_seq: u64,
    ) -> Result<(), IndexError> {
        self.all_or_nothing(|store| {
            let chunk = Value::unsigned(first_seq / CHUNK);
            let block = Value::unsigned(first_seq / BLOCK);
            let origin = Value::Text(origin);
            for sql in [
                "DELETE FROM stile_chunks WHERE origin = $1 AND chunk < $2",
                "DELETE FROM stile_texts WHERE origin = $1 AND chunk < $2",
                "DELETE FROM stile_links WHERE origin = $1 AND chunk < $2",
            ] {
                store.database.run(sql, &[origin.clone(), chunk.clone()])?;
            }
            let sql = "DELETE FROM stile_postings WHERE origin = $1 AND block < $2";
            store.database.run(sql, &[origin.clone(), block])?;
            let sql = "UPDATE stile_origins SET first_seq = $1 WHERE origin = $2";
            store
                .database
                .run(sql, &[Value::unsigned(first_seq), origin])?;
            Ok(())
        })
    }

    fn all_or_nothing(
        &mut self,
        what: impl FnOnce(&mut Store) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        self.database.begin(true)?;
        let done = what(self);
        self.database.end(done.is_ok())?;
        done
    }

    /// From here on everything is read as it is now, whoever writes meanwhile.
    pub(in crate::index) fn hold_still(&mut self) -> Result<(), IndexError> {
        if std::mem::take(&mut self.reading) {
            self.database.end(false)?;
        }
        self.database.begin(false)?;
        self.reading = true;
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Records of a block.
pub(in crate::index) const BLOCK: u64 = 65_536;
/// Records of a chunk.
pub(in crate::index) const CHUNK: u64 = 256;
