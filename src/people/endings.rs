//! Keeps who was ended, until no token can be left that it is about.
//!
//! In: what a provider or an operator ended, blocked or freed again. Out: rows, and the
//! [`Endings`] that every instance obeys.
//!
//! Three kinds of row stand beside each other, so that one says nothing of another: an `end` of what was
//! issued until a moment, an operator's `block`, and a provider's `disabled`. Lifting one leaves the
//! others. An end is never taken back to an earlier moment.
//!
//! An end is needed for as long as a token could be accepted that it is about, and taken away after
//! that; blocks stay until they are lifted.
//!
//! A notice counts once: its id is kept in the same transaction as what it ended, so that no replica
//! takes it again.

use crate::clock::Time;
use crate::database::{Cells, Database, DatabaseError, Value};
use crate::identify::{Ending, Endings, What};

use super::store::Store;
use super::tables::{ENDINGS, NOTICES};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingRow {
    /// What it is about.
    pub what: What,
    /// The issuer's exact URL.
    pub issuer_url: String,
    /// Its name there.
    pub value: String,
    /// Whether things end, are blocked or are disabled.
    pub kind: EndingKind,
    /// What was issued until then is ended; without meaning for the others.
    pub at: Time,
    /// Why, in a few words.
    pub why: String,
    /// Who said so: the name of an issuer, or `operator`.
    pub by: String,
    /// When it was said.
    pub said: Time,
    /// Until when it is needed.
    pub needed_until: Time,
}

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndingKind {
    /// Ends what was issued before.
    End,
    /// An operator's: everything, until it is lifted.
    Block,
    /// The provider's: everything, until it is lifted.
    Disabled,
}

impl EndingKind {
    /// The word in the database and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            EndingKind::End => "end",
            EndingKind::Block => "block",
            EndingKind::Disabled => "disabled",
        }
    }

    fn of(word: &str) -> Option<EndingKind> {
        let all = [EndingKind::End, EndingKind::Block, EndingKind::Disabled];
        all.into_iter().find(|kind| kind.word() == word)
    }
}

/// Puts rows in; takes away what nobody needs any more.
pub(crate) fn add(
    database: &mut dyn Database,
    rows: &[EndingRow],
    now: Time,
) -> Result<(), DatabaseError> {
    forget(database, now)?;
    for row in rows {
        let value = row.what.spelled(&row.value);
        let mut at = row.at;
        let mut needed_until = row.needed_until;
        let key = [
            Value::Text(row.what.word()),
            Value::Text(&row.issuer_url),
            Value::Text(&value),
            Value::Text(row.kind.word()),
        ];
        let sql = "SELECT at, needed_until FROM people_endings \
                   WHERE what = $1 AND issuer = $2 AND value = $3 AND kind = $4";
        database.rows(sql, &key, &mut |known| {
            at = at.max(Time::from_ms(known.unsigned(0)?));
            needed_until = needed_until.max(Time::from_ms(known.unsigned(1)?));
            Ok(())
        })?;
        let [what, issuer, name, kind] = key;
        let cells = vec![
            what,
            issuer,
            name,
            kind,
            Value::unsigned(at.as_ms()),
            Value::Text(&row.why),
            Value::Text(&row.by),
            Value::unsigned(row.said.as_ms()),
            Value::unsigned(needed_until.as_ms()),
        ];
        database.put(&ENDINGS, &[cells])?;
    }
    Ok(())
}

/// Lifts a block; whether there was one.
pub(crate) fn lift(
    database: &mut dyn Database,
    (what, issuer_url, value): (What, &str, &str),
    kind: EndingKind,
) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM people_endings \
               WHERE what = $1 AND issuer = $2 AND value = $3 AND kind = $4";
    let value = what.spelled(value);
    let key = [
        Value::Text(what.word()),
        Value::Text(issuer_url),
        Value::Text(&value),
        Value::Text(kind.word()),
    ];
    Ok(database.run(sql, &key)? > 0)
}

/// Takes a notice; false when it was taken before.
pub(crate) fn take_notice(
    database: &mut dyn Database,
    id: &[u8; 32],
    until: Time,
) -> Result<bool, DatabaseError> {
    let mut known = false;
    let sql = "SELECT until FROM people_notices WHERE id = $1";
    database.rows(sql, &[Value::Bytes(id)], &mut |_| {
        known = true;
        Ok(())
    })?;
    if known {
        return Ok(false);
    }
    let row = vec![Value::Bytes(id), Value::unsigned(until.as_ms())];
    database.put(&NOTICES, &[row])?;
    Ok(true)
}

/// Every row.
pub(crate) fn rows(database: &mut dyn Database) -> Result<Vec<EndingRow>, DatabaseError> {
    let mut all = Vec::new();
    let sql = "SELECT what, issuer, value, kind, at, why, who, said, needed_until \
               FROM people_endings ORDER BY said, what, issuer, value, kind";
    database.rows(sql, &[], &mut |row| {
        all.push(read(row)?);
        Ok(())
    })?;
    Ok(all)
}

/// Everybody who is ended, as the rows have it now.
pub(crate) fn endings(store: &mut Store) -> Result<Endings, DatabaseError> {
    let all = store.read(rows)?;
    let ending = |row: EndingRow| Ending {
        what: row.what,
        issuer_url: row.issuer_url,
        value: row.value,
        until: (row.kind == EndingKind::End).then_some(row.at),
        why: row.why,
        by: row.by,
    };
    Ok(all.into_iter().map(ending).collect())
}

fn read(row: &dyn Cells) -> Result<EndingRow, DatabaseError> {
    let unknown = || DatabaseError::damaged("an ending of a kind that this version does not know");
    let time = |column| Ok::<_, DatabaseError>(Time::from_ms(row.unsigned(column)?));
    Ok(EndingRow {
        what: What::of(row.text(0)?).ok_or_else(unknown)?,
        issuer_url: row.text(1)?.to_owned(),
        value: row.text(2)?.to_owned(),
        kind: EndingKind::of(row.text(3)?).ok_or_else(unknown)?,
        at: time(4)?,
        why: row.text(5)?.to_owned(),
        by: row.text(6)?.to_owned(),
        said: time(7)?,
        needed_until: time(8)?,
    })
}

fn forget(database: &mut dyn Database, now: Time) -> Result<(), DatabaseError> {
    let now = [Value::unsigned(now.as_ms())];
    let sql = "DELETE FROM people_endings WHERE kind = 'end' AND needed_until <= $1";
    database.run(sql, &now)?;
    database.run("DELETE FROM people_notices WHERE until <= $1", &now)?;
    Ok(())
}
