//! Says what a table is, in words that both databases understand.
//!
//! In: names, types and which columns are the key. Out: the statements that make and fill it.

use super::DatabaseError;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A table that rows are put into.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns by name and type; the first ones are the key.
    pub(crate) columns: &'static [(&'static str, Type)],
    pub(crate) keys: usize,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Number,
    Text,
    Bytes,
}

/// A row that was read.
pub(crate) trait Cells {
    fn number(&self, column: usize) -> Result<i64, DatabaseError>;
    fn text(&self, column: usize) -> Result<&str, DatabaseError>;
    fn bytes(&self, column: usize) -> Result<&[u8], DatabaseError>;

    /// A number that is never below zero.
    fn unsigned(&self, column: usize) -> Result<u64, DatabaseError> {
        let number = u64::try_from(self.number(column)?);
        number.map_err(|_| DatabaseError::damaged("a number below zero"))
    }
}

impl Value<'_> {
    /// As databases count; what is beyond their range never occurs.
    pub(crate) fn unsigned(number: u64) -> Value<'static> {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl Table {
    pub(super) fn columns(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    fn key(&self) -> String {
        let keys = self.columns.iter().take(self.keys);
        let names: Vec<&str> = keys.map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// What an `INSERT` does where the key is there already.
    pub(super) fn on_conflict(&self) -> String {
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
    pub(super) fn definition(&self, word: impl Fn(Type) -> &'static str, ending: &str) -> String {
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
