//! Keeps rows in a database: SQLite in a file, or PostgreSQL by a URL.
//!
//! In: tables and statements. Out: a `Database` that keeps ordered rows and makes a transaction
//! whole or not at all.
//!
//! One set of statements serves both: whole numbers, texts and bytes, parameters `$1` to `$n` in the
//! order of their first appearance. What rows mean is worked out by who asks and not in SQL, so that
//! both give one answer.
//!
//! Never: half a transaction.

pub mod database_error;
pub mod settings;
mod postgres;
mod sqlite;
mod table;

pub use database_error::DatabaseError;
pub use settings::{DatabaseSettings, PostgresSettings};
pub(crate) use table::{Cells, Table, Type, Value};

/// What is done with each row.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&dyn Cells) -> Result<(), DatabaseError>;

/// What a database can do.
pub(crate) trait Database: Send {
    /// Does a statement; how many rows it changed.
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError>;

    /// Puts rows in, each in the place of the one with its key.
    fn put(&mut self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), DatabaseError>;

    /// Reads rows.
    fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: Visit<'_>,
    ) -> Result<(), DatabaseError>;

    /// Makes the tables where they are missing.
    fn prepare(&mut self, tables: &[&Table]) -> Result<(), DatabaseError>;

    /// Begins a transaction: one that writes, or one that sees a single state of everything.
    fn begin(&mut self, writes: bool) -> Result<(), DatabaseError>;

    /// Overwrites what deleted rows of these tables left behind.
    fn scrub(&mut self, tables: &[&Table]) -> Result<(), DatabaseError>;

    /// Ends it, with everything or with nothing.
    fn end(&mut self, keep: bool) -> Result<(), DatabaseError>;
}

/// Opens the database; `make` says whether a file may be new.
///
/// # Errors
///
/// Also when there is no file and it may not be new.
pub(crate) fn open(
    settings: &DatabaseSettings,
    make: bool,
) -> Result<Box<dyn Database>, DatabaseError> {
    Ok(match settings {
        DatabaseSettings::File(file) => Box::new(sqlite::Sqlite::open(file, make)?),
        DatabaseSettings::Postgres(settings) => Box::new(postgres::Postgres::open(settings)?),
    })
}
