//! Keeps the index in a database.
//!
//! In: batches of what was found in records. Out: the same, by field, value and block.
//!
//! One set of statements serves both databases: whole numbers, texts and bytes, parameters `$1` to
//! `$n` in the order of their first appearance. The databases keep ordered rows and make a batch
//! whole or not at all; what a query means is worked out here and not in SQL, so that both give one
//! answer. sequence number = block × 65,536 + place = chunk × 256 + place in chunk.
//!
//! | table | a row for each | holds |
//! | --- | --- | --- |
//! | `origins` | journal | which records are in the index: the high-water mark |
//! | `postings` | field, value and block | the places where the field has that value |
//! | `chunks` | 256 records | times of the first and last row in it |
//! | `texts` | 256 records | the records, compressed |
//! | `links` | 256 records | how far behind each decision its outcome is |
//! | `waiting` | decision | that its outcome is not in the index yet |
//!
//! Never: half a batch; a batch on top of another state than it was made for.

use super::index_error::IndexError;
use super::settings::IndexSettings;

mod postgres;
mod reading;
mod sqlite;
mod statements;
mod tables;

pub(super) use reading::odd_places;
pub(super) use statements::{Amendment, BLOCK, Batch, CHUNK, ChunkTimes, Known, Posting, Store};

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A table that rows are put into.
#[derive(Debug)]
struct Table {
    name: &'static str,
    /// Columns by name and type; the first ones are the key.
    columns: &'static [(&'static str, Type)],
    keys: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Number,
    Text,
    Bytes,
}

/// A row that was read.
trait Cells {
    fn number(&self, column: usize) -> Result<i64, IndexError>;
    fn text(&self, column: usize) -> Result<&str, IndexError>;
    fn bytes(&self, column: usize) -> Result<&[u8], IndexError>;
}

type Visit<'v> = &'v mut dyn FnMut(&dyn Cells) -> Result<(), IndexError>;

/// What a database can do.
trait Database: Send {
    /// Does a statement; how many rows it changed.
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, IndexError>;

    /// Puts rows in, each in the place of the one with its key.
    fn put(&mut self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), IndexError>;

    /// Reads rows.
    fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: Visit<'_>,
    ) -> Result<(), IndexError>;

    /// Makes the tables where they are missing.
    fn prepare(&mut self, tables: &[&Table]) -> Result<(), IndexError>;

    /// Begins a transaction: one that writes, or one that sees a single state of everything.
    fn begin(&mut self, writes: bool) -> Result<(), IndexError>;

    /// Overwrites what deleted rows left behind.
    fn scrub(&mut self) -> Result<(), IndexError>;

    /// Ends it, with everything or with nothing.
    fn end(&mut self, keep: bool) -> Result<(), IndexError>;
}

impl Store {
    /// Opens the database, and makes the tables where they are missing.
    pub(super) fn make(settings: &IndexSettings) -> Result<Store, IndexError> {
        Store::open_with(settings, true)
    }

    /// Opens the database as it is.
    ///
    /// # Errors
    ///
    /// Also when there is no index in it.
    pub(super) fn open(settings: &IndexSettings) -> Result<Store, IndexError> {
        Store::open_with(settings, false)
    }

    fn open_with(settings: &IndexSettings, make: bool) -> Result<Store, IndexError> {
        let database: Box<dyn Database> = match settings {
            IndexSettings::File(file) => Box::new(sqlite::Sqlite::open(file, make)?),
            IndexSettings::Postgres(settings) => Box::new(postgres::Postgres::open(settings)?),
        };
        Store::on(database, make)
    }
}

impl Table {
    fn columns(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    fn key(&self) -> String {
        let keys = self.columns.iter().take(self.keys);
        let names: Vec<&str> = keys.map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// What an `INSERT` does where the key is there already.
    fn on_conflict(&self) -> String {
        let rest = self.columns.iter().skip(self.keys);
        let set: Vec<String> = rest
            .map(|(name, _)| format!("{name} = excluded.{name}"))
            .collect();
        match set.is_empty() {
            true => format!("ON CONFLICT ({}) DO NOTHING", self.key()),
            false => format!(
                "ON CONFLICT ({}) DO UPDATE SET {}",
                self.key(),
                set.join(", ")
            ),
        }
    }

    /// The statement that makes it, with a database's own words for types.
    fn definition(&self, word: impl Fn(Type) -> &'static str, ending: &str) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("{name} {} NOT NULL", word(*kind)))
            .collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({})){ending}",
            self.name,
            columns.join(", "),
            self.key()
        )
    }
}
