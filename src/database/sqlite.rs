//! Rows in a SQLite file.
//!
//! In: the file. Out: a [`Database`].
//!
//! Written ahead (WAL), synced at checkpoints only: after a power cut the last batches may be
//! missing. Pages are overwritten when rows are deleted, because a row may be of a person whom the
//! journal has erased. The file is for its owner alone, as the journal is.
//!
//! sqlite.org/wal.html

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ToSql, params_from_iter};

use super::{Cells, Database, DatabaseError, Table, Type, Value, Visit};

#[derive(Debug)]
pub(super) struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file; `make` says whether it may be new.
    pub(super) fn open(file: &Path, make: bool) -> Result<Sqlite, DatabaseError> {
        if make {
            let made = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(file);
            made.map_err(|fault| {
                DatabaseError::failed("open", format!("`{}`: {fault}", file.display()))
            })?;
        } else if std::fs::metadata(file).map_or(0, |facts| facts.len()) == 0 {
            return Err(DatabaseError::missing(Some(file)));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|e| fault("open", e))?;
        connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.execute_batch(PRAGMAS))
            .map_err(|e| fault("open", e))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Sqlite(connection))
    }
}

impl Database for Sqlite {
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let mut statement = self.0.prepare_cached(sql).map_err(|e| fault("write", e))?;
        let changed = statement.execute(params_from_iter(values));
        let changed = changed.map_err(|e| fault("write", e))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn put(&mut self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), DatabaseError> {
        let places = (1..=table.columns.len()).map(|n| format!("?{n}"));
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) {}",
            table.name,
            table.columns(),
            places.collect::<Vec<_>>().join(", "),
            table.on_conflict()
        );
        let mut statement = self.0.prepare_cached(&sql).map_err(|e| fault("write", e))?;
        for row in rows {
            let done = statement.execute(params_from_iter(row));
            done.map_err(|e| fault("write", e))?;
        }
        Ok(())
    }

    fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: Visit<'_>,
    ) -> Result<(), DatabaseError> {
        let mut statement = self.0.prepare_cached(sql).map_err(|e| fault("read", e))?;
        let found = statement.query(params_from_iter(values));
        let mut found = found.map_err(|e| fault("read", e))?;
        while let Some(row) = found.next().map_err(|e| fault("read", e))? {
            visit(row)?;
        }
        Ok(())
    }

    fn prepare(&mut self, tables: &[&Table]) -> Result<(), DatabaseError> {
        let word = |kind| match kind {
            Type::Number => "INTEGER",
            Type::Text => "TEXT",
            Type::Bytes => "BLOB",
        };
        for table in tables {
            let sql = table.definition(word, " WITHOUT ROWID");
            self.0.execute_batch(&sql).map_err(|e| fault("open", e))?;
        }
        Ok(())
    }

    fn begin(&mut self, writes: bool) -> Result<(), DatabaseError> {
        let sql = if writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.0.execute_batch(sql).map_err(|e| fault("begin", e))
    }

    fn scrub(&mut self, _: &[&Table]) -> Result<(), DatabaseError> {
        // Pages are overwritten as rows go; the log ahead of the file has older ones. Where somebody
        // reads in it now, it is begun anew when they have ended.
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.0
            .query_row(sql, [], |_| Ok(()))
            .map_err(|e| fault("scrub", e))
    }

    fn end(&mut self, keep: bool) -> Result<(), DatabaseError> {
        let sql = if keep { "COMMIT" } else { "ROLLBACK" };
        self.0.execute_batch(sql).map_err(|e| fault("commit", e))
    }
}

impl Cells for Row<'_> {
    fn number(&self, column: usize) -> Result<i64, DatabaseError> {
        self.get_ref(column)
            .map_err(|e| fault("read", e))?
            .as_i64()
            .map_err(DatabaseError::damaged)
    }

    fn text(&self, column: usize) -> Result<&str, DatabaseError> {
        self.get_ref(column)
            .map_err(|e| fault("read", e))?
            .as_str()
            .map_err(DatabaseError::damaged)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], DatabaseError> {
        self.get_ref(column)
            .map_err(|e| fault("read", e))?
            .as_blob()
            .map_err(DatabaseError::damaged)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Tables that are missing are an index that is missing; bytes that make no sense are damage.
fn fault(doing: &'static str, error: rusqlite::Error) -> DatabaseError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DatabaseError::damaged(error),
        _ if error.to_string().starts_with("no such table") => DatabaseError::missing(None),
        _ => DatabaseError::failed(doing, error),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const PRAGMAS: &str = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; \
    PRAGMA wal_autocheckpoint = 2000; PRAGMA trusted_schema = OFF; \
    PRAGMA secure_delete = ON;";
