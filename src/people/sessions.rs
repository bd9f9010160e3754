//! Keeps sessions of people in the database.
//!
//! In: who signed in, and a random id that only the browser has. Out: the row under that id's digest.
//!
//! The database has the digest and not the id, so whoever reads it cannot take a session over. Ending a
//! session takes its row away, as a change that every instance obeys.

use super::Store;
use super::tables::SESSIONS;
use crate::clock::Time;
use crate::database::{Cells, DatabaseError, Value};
use crate::identify::KeptPerson;

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// A short name for it in lists and records.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) person: KeptPerson,
    /// When they signed in.
    pub(crate) begun: Time,
    /// When it was last used, to the minute.
    pub(crate) seen: Time,
    /// When the provider last said that they still are who they were.
    pub(crate) renewed: Time,
    /// When somebody last began to ask the provider.
    pub(crate) asked: Time,
    /// When it ends at the latest.
    pub(crate) ends: Time,
    /// What the provider gave for later, sealed.
    pub(super) sealed: Vec<u8>,
}

/// Puts a session in; `before` is the digest of one that the same browser had, which ends.
pub(super) fn begin(
    store: &mut Store,
    digest: &[u8; 32],
    session: &Session,
    before: Option<[u8; 32]>,
) -> Result<(), DatabaseError> {
    let person = written(&session.person)?;
    let row = vec![
        Value::Bytes(digest),
        Value::Text(&session.id),
        Value::Bytes(&person),
        Value::unsigned(session.begun.as_ms()),
        Value::unsigned(session.seen.as_ms()),
        Value::unsigned(session.renewed.as_ms()),
        Value::unsigned(session.asked.as_ms()),
        Value::unsigned(session.ends.as_ms()),
        Value::Bytes(&session.sealed),
    ];
    let put = |database: &mut dyn crate::database::Database| {
        if let Some(before) = before {
            let sql = "DELETE FROM people_sessions WHERE digest = $1";
            database.run(sql, &[Value::Bytes(&before)])?;
        }
        database.put(&SESSIONS, &[row])
    };
    match before {
        // Nobody knows a new one yet.
        None => store.keep(put),
        Some(_) => store.change(put),
    }
}

/// The session of this digest.
pub(super) fn find(store: &mut Store, digest: &[u8; 32]) -> Result<Option<Session>, DatabaseError> {
    let sql = "SELECT id, person, begun_ms, seen_ms, renewed_ms, asked_ms, ends_ms, sealed \
               FROM people_sessions WHERE digest = $1";
    store.read(|database| {
        let mut found = None;
        database.rows(sql, &[Value::Bytes(digest)], &mut |row| {
            found = Some(session(row)?);
            Ok(())
        })?;
        Ok(found)
    })
}

/// Every session that has not ended by itself, the newest first.
pub(crate) fn all(
    store: &mut Store,
    now: Time,
    idle_ms: u64,
) -> Result<Vec<Session>, DatabaseError> {
    let sql = "SELECT id, person, begun_ms, seen_ms, renewed_ms, asked_ms, ends_ms, sealed \
               FROM people_sessions WHERE ends_ms > $1 AND seen_ms > $2 ORDER BY begun_ms DESC, id";
    let values = [
        Value::unsigned(now.as_ms()),
        Value::unsigned(now.as_ms().saturating_sub(idle_ms)),
    ];
    store.read(|database| {
        let mut found = Vec::new();
        database.rows(sql, &values, &mut |row| {
            found.push(session(row)?);
            Ok(())
        })?;
        Ok(found)
    })
}

/// Notes that it was used.
pub(super) fn seen(store: &mut Store, digest: &[u8; 32], now: Time) -> Result<(), DatabaseError> {
    let sql = "UPDATE people_sessions SET seen_ms = $1 WHERE digest = $2";
    let values = [Value::unsigned(now.as_ms()), Value::Bytes(digest)];
    store.keep(|database| database.run(sql, &values).map(drop))
}

/// Takes on to ask the provider about it; false when somebody else has since `last`.
pub(super) fn take_on(
    store: &mut Store,
    digest: &[u8; 32],
    last: Time,
    now: Time,
) -> Result<bool, DatabaseError> {
    let sql = "UPDATE people_sessions SET asked_ms = $1 WHERE digest = $2 AND asked_ms = $3";
    let values = [
        Value::unsigned(now.as_ms()),
        Value::Bytes(digest),
        Value::unsigned(last.as_ms()),
    ];
    store.keep(|database| Ok(database.run(sql, &values)? == 1))
}

/// Keeps what the provider said now. That groups changed is obeyed everywhere.
pub(super) fn renew(
    store: &mut Store,
    digest: &[u8; 32],
    session: &Session,
) -> Result<(), DatabaseError> {
    let person = written(&session.person)?;
    let sql = "UPDATE people_sessions SET person = $1, renewed_ms = $2, sealed = $3 \
               WHERE digest = $4";
    let values = [
        Value::Bytes(&person),
        Value::unsigned(session.renewed.as_ms()),
        Value::Bytes(&session.sealed),
        Value::Bytes(digest),
    ];
    store.change(|database| database.run(sql, &values).map(drop))
}

/// Ends it; false when there was none.
pub(super) fn end(store: &mut Store, digest: &[u8; 32]) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM people_sessions WHERE digest = $1";
    store.change(|database| Ok(database.run(sql, &[Value::Bytes(digest)])? == 1))
}

/// Takes away those that have ended by themselves.
pub(super) fn sweep(store: &mut Store, now: Time, idle_ms: u64) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM people_sessions WHERE ends_ms <= $1 OR seen_ms <= $2";
    let values = [
        Value::unsigned(now.as_ms()),
        Value::unsigned(now.as_ms().saturating_sub(idle_ms)),
    ];
    store.keep(|database| database.run(sql, &values).map(drop))
}

fn session(row: &dyn Cells) -> Result<Session, DatabaseError> {
    let time = |column| row.unsigned(column).map(Time::from_ms);
    Ok(Session {
        id: row.text(0)?.to_owned(),
        person: serde_json::from_slice(row.bytes(1)?).map_err(DatabaseError::damaged)?,
        begun: time(2)?,
        seen: time(3)?,
        renewed: time(4)?,
        asked: time(5)?,
        ends: time(6)?,
        sealed: row.bytes(7)?.to_vec(),
    })
}

fn written(person: &KeptPerson) -> Result<Vec<u8>, DatabaseError> {
    serde_json::to_vec(person).map_err(|fault| DatabaseError::failed("write", fault))
}
