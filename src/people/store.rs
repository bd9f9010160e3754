//! Opens the database of people, and changes it whole or not at all.
//!
//! In: statements of whoever keeps a table. Out: their transaction, and one number that it raised.
//!
//! A change that was not counted would not be obeyed elsewhere, so there is no way to write without
//! counting but [`Store::keep`], which is for what no other instance has to know of.

use std::fmt;

use super::tables::TABLES;
use crate::database::{self, Database, DatabaseError, DatabaseSettings, Value};

/// The database of people.
pub(crate) struct Store {
    database: Box<dyn Database>,
}

impl Store {
    /// Opens it, and makes the tables where they are missing.
    pub(crate) fn open(settings: &DatabaseSettings) -> Result<Store, DatabaseError> {
        let mut database = database::open(settings, true)?;
        database.prepare(TABLES)?;
        let sql = "INSERT INTO people_state (name, number) VALUES ($1, $2) \
                   ON CONFLICT (name) DO NOTHING";
        database.run(sql, &[Value::Text(VERSION), Value::Number(1)])?;
        Ok(Store { database })
    }

    /// How often something changed that every instance obeys.
    pub(crate) fn version(&mut self) -> Result<u64, DatabaseError> {
        let mut version = None;
        let sql = "SELECT number FROM people_state WHERE name = $1";
        self.database
            .rows(sql, &[Value::Text(VERSION)], &mut |row| {
                version = Some(row.unsigned(0)?);
                Ok(())
            })?;
        version.ok_or_else(|| DatabaseError::damaged("how often people changed is not in it"))
    }

    /// Changes something that every instance obeys; all of it or nothing.
    pub(crate) fn change<T>(
        &mut self,
        what: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.whole(true, |database| {
            // First, so that changes are made one after the other.
            let sql = "UPDATE people_state SET number = number + 1 WHERE name = $1";
            database.run(sql, &[Value::Text(VERSION)])?;
            what(database)
        })
    }

    /// Writes something that no other instance has to know of at once; all of it or nothing.
    pub(crate) fn keep<T>(
        &mut self,
        what: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.whole(true, what)
    }

    /// Reads, all of it as it is at one moment.
    pub(crate) fn read<T>(
        &mut self,
        what: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.whole(false, what)
    }

    fn whole<T>(
        &mut self,
        writes: bool,
        what: impl FnOnce(&mut dyn Database) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.database.begin(writes)?;
        let done = what(self.database.as_mut());
        self.database.end(done.is_ok())?;
        done
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

const VERSION: &str = "version";
