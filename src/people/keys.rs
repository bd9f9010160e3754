//! Keeps keys that all instances share.
//!
//! In: a key's name, and a fresh one. Out: the key of that name; the fresh one where there was none.

use super::Store;
use crate::database::{DatabaseError, Value};

/// The key of this name.
pub(super) fn shared(
    store: &mut Store,
    name: &str,
    fresh: [u8; 32],
) -> Result<[u8; 32], DatabaseError> {
    store.keep(|database| {
        let sql = "INSERT INTO people_keys (name, bytes) VALUES ($1, $2) \
                   ON CONFLICT (name) DO NOTHING";
        database.run(sql, &[Value::Text(name), Value::Bytes(&fresh)])?;
        let mut found = None;
        let sql = "SELECT bytes FROM people_keys WHERE name = $1";
        database.rows(sql, &[Value::Text(name)], &mut |row| {
            found = row.bytes(0)?.try_into().ok();
            Ok(())
        })?;
        found.ok_or_else(|| DatabaseError::damaged("a key has not 32 bytes"))
    })
}
