//! Keeps the index in a database.
//!
//! In: batches of what was found in records. Out: the same, by field, value and block.
//!
//! What a query means is worked out here and not in SQL, so that both databases give one answer.
//! sequence number = block × 65,536 + place = chunk × 256 + place in chunk.
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
use crate::database::{self, DatabaseSettings};

mod reading;
mod statements;
mod tables;

pub(super) use reading::odd_places;
pub(super) use statements::{Amendment, BLOCK, Batch, CHUNK, ChunkTimes, Known, Posting, Store};

impl Store {
    /// Opens the database, and makes the tables where they are missing.
    pub(super) fn make(settings: &DatabaseSettings) -> Result<Store, IndexError> {
        Store::on(database::open(settings, true)?, true)
    }

    /// Opens the database as it is.
    ///
    /// # Errors
    ///
    /// Also when there is no index in it.
    pub(super) fn open(settings: &DatabaseSettings) -> Result<Store, IndexError> {
        Store::on(database::open(settings, false)?, false)
    }
}
