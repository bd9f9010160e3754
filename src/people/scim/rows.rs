//! Reads and writes users and groups of one provider.
//!
//! In: a provider's name, and ids or names. Out: [`Entry`]s.
//!
//! An absent text is an empty one. The members of a group are one value, so that 10,000 of them are one row.

use std::collections::HashSet;

use super::entry::{Entry, Id, Kind, id_of, id_text};
use crate::clock::Time;
use crate::database::{Cells, Database, DatabaseError, Value};
use crate::people::tables::{GONE, GROUPS, USERS};

/// The entry of this id.
pub(super) fn find(
    database: &mut dyn Database,
    provider: &str,
    kind: Kind,
    id: Id,
) -> Result<Option<Entry>, DatabaseError> {
    let sql = match kind {
        Kind::User => {
            "SELECT id, user_name, external_id, display_name, active, version, made_ms, changed_ms \
             FROM people_users WHERE provider = $1 AND id = $2"
        }
        Kind::Group => {
            "SELECT id, display_name, external_id, members, version, made_ms, changed_ms \
             FROM people_groups WHERE provider = $1 AND id = $2"
        }
    };
    let id = id_text(id);
    let mut found = None;
    let values = [Value::Text(provider), Value::Text(&id)];
    database.rows(sql, &values, &mut |row| {
        found = Some(entry(kind, row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Every entry, the oldest first.
pub(super) fn all(
    database: &mut dyn Database,
    provider: &str,
    kind: Kind,
) -> Result<Vec<Entry>, DatabaseError> {
    let sql = match kind {
        Kind::User => {
            "SELECT id, user_name, external_id, display_name, active, version, made_ms, changed_ms \
             FROM people_users WHERE provider = $1 ORDER BY made_ms, id"
        }
        Kind::Group => {
            "SELECT id, display_name, external_id, members, version, made_ms, changed_ms \
             FROM people_groups WHERE provider = $1 ORDER BY made_ms, id"
        }
    };
    let mut found = Vec::new();
    database.rows(sql, &[Value::Text(provider)], &mut |row| {
        found.push(entry(kind, row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Whether another entry has this name, or of users this `externalId`.
pub(super) fn is_taken(
    database: &mut dyn Database,
    provider: &str,
    kind: Kind,
    entry: &Entry,
    external_too: bool,
) -> Result<Option<&'static str>, DatabaseError> {
    let (id, key) = (id_text(entry.id), key(&entry.name));
    let sql = match kind {
        Kind::User => {
            "SELECT id FROM people_users WHERE provider = $1 AND name_key = $2 AND id <> $3"
        }
        Kind::Group => {
            "SELECT id FROM people_groups WHERE provider = $1 AND name_key = $2 AND id <> $3"
        }
    };
    let mut taken = None;
    let values = [Value::Text(provider), Value::Text(&key), Value::Text(&id)];
    database.rows(sql, &values, &mut |_| {
        taken = Some(kind.name());
        Ok(())
    })?;
    if let Some(external) = entry.external_id.as_ref().filter(|_| external_too) {
        let sql =
            "SELECT id FROM people_users WHERE provider = $1 AND external_id = $2 AND id <> $3";
        let values = [
            Value::Text(provider),
            Value::Text(external),
            Value::Text(&id),
        ];
        database.rows(sql, &values, &mut |_| {
            taken = Some("externalId");
            Ok(())
        })?;
    }
    Ok(taken)
}

/// The ids of all users.
pub(super) fn user_ids(
    database: &mut dyn Database,
    provider: &str,
) -> Result<HashSet<Id>, DatabaseError> {
    let sql = "SELECT id FROM people_users WHERE provider = $1";
    let mut found = HashSet::new();
    database.rows(sql, &[Value::Text(provider)], &mut |row| {
        found.insert(id(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Puts an entry in the place of the one with its id.
pub(super) fn put(
    database: &mut dyn Database,
    provider: &str,
    kind: Kind,
    entry: &Entry,
) -> Result<(), DatabaseError> {
    let (id, key) = (id_text(entry.id), key(&entry.name));
    let external = entry.external_id.as_deref().unwrap_or_default();
    let mut row = vec![
        Value::Text(provider),
        Value::Text(&id),
        Value::Text(&key),
        Value::Text(&entry.name),
        Value::Text(external),
    ];
    let members: Vec<u8> = entry
        .members
        .iter()
        .flat_map(|id| id.to_be_bytes())
        .collect();
    match kind {
        Kind::User => row.extend([
            Value::Text(entry.display_name.as_deref().unwrap_or_default()),
            Value::Number(i64::from(entry.active)),
        ]),
        Kind::Group => row.push(Value::Bytes(&members)),
    }
    row.extend([
        Value::unsigned(entry.version),
        Value::unsigned(entry.made.as_ms()),
        Value::unsigned(entry.changed.as_ms()),
    ]);
    match kind {
        Kind::User => database.put(&USERS, &[row]),
        Kind::Group => database.put(&GROUPS, &[row]),
    }
}

/// Takes an entry away; a user out of all groups as well.
pub(super) fn remove(
    database: &mut dyn Database,
    provider: &str,
    kind: Kind,
    entry: &Entry,
    now: Time,
) -> Result<(), DatabaseError> {
    let sql = match kind {
        Kind::User => "DELETE FROM people_users WHERE provider = $1 AND id = $2",
        Kind::Group => "DELETE FROM people_groups WHERE provider = $1 AND id = $2",
    };
    let id = id_text(entry.id);
    database.run(sql, &[Value::Text(provider), Value::Text(&id)])?;
    if kind == Kind::User {
        for mut group in all(database, provider, Kind::Group)? {
            if group.members.remove(&entry.id) {
                (group.version, group.changed) = (group.version + 1, now);
                put(database, provider, Kind::Group, &group)?;
            }
        }
    }
    Ok(())
}

/// Keeps that this subject was here and is not any more.
pub(super) fn put_gone(
    database: &mut dyn Database,
    provider: &str,
    digest: &[u8],
) -> Result<(), DatabaseError> {
    database.put(&GONE, &[vec![Value::Text(provider), Value::Bytes(digest)]])
}

/// Forgets that.
pub(super) fn forget_gone(
    database: &mut dyn Database,
    provider: &str,
    digest: &[u8],
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM people_gone WHERE provider = $1 AND digest = $2";
    let values = [Value::Text(provider), Value::Bytes(digest)];
    database.run(sql, &values).map(drop)
}

/// Every subject that was here and is not any more.
pub(super) fn gone(
    database: &mut dyn Database,
    provider: &str,
) -> Result<Vec<[u8; 16]>, DatabaseError> {
    let sql = "SELECT digest FROM people_gone WHERE provider = $1";
    let mut found = Vec::new();
    database.rows(sql, &[Value::Text(provider)], &mut |row| {
        let digest = row.bytes(0)?.try_into();
        found.push(digest.map_err(|_| DatabaseError::damaged("a digest has not 16 bytes"))?);
        Ok(())
    })?;
    Ok(found)
}

/// How often directories changed.
pub(super) fn version(database: &mut dyn Database) -> Result<u64, DatabaseError> {
    let mut version = 0;
    let sql = "SELECT number FROM people_state WHERE name = 'directory'";
    database.rows(sql, &[], &mut |row| {
        version = row.unsigned(0)?;
        Ok(())
    })?;
    Ok(version)
}

/// Counts a change of them.
pub(super) fn count_change(database: &mut dyn Database) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO people_state (name, number) VALUES ('directory', 1) \
               ON CONFLICT (name) DO UPDATE SET number = people_state.number + 1";
    database.run(sql, &[]).map(drop)
}

/// How names are compared: `userName` and `displayName` without regard to case (RFC 7643 4.1.1, 4.2).
pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}

fn entry(kind: Kind, row: &dyn Cells) -> Result<Entry, DatabaseError> {
    let text = |column| -> Result<Option<String>, DatabaseError> {
        let text = row.text(column)?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    // The columns that both have stand after those that one has.
    let common = if kind == Kind::User { 5 } else { 4 };
    let mut entry = Entry::new(id(row)?, Time::from_ms(row.unsigned(common + 1)?));
    entry.name = row.text(1)?.to_owned();
    entry.external_id = text(2)?;
    match kind {
        Kind::User => {
            entry.display_name = text(3)?;
            entry.active = row.number(4)? != 0;
        }
        Kind::Group => {
            let (ids, rest) = row.bytes(3)?.as_chunks::<16>();
            if !rest.is_empty() {
                return Err(DatabaseError::damaged("the members of a group are cut"));
            }
            entry.members = ids.iter().map(|id| Id::from_be_bytes(*id)).collect();
        }
    }
    entry.version = row.unsigned(common)?;
    entry.changed = Time::from_ms(row.unsigned(common + 2)?);
    Ok(entry)
}

fn id(row: &dyn Cells) -> Result<Id, DatabaseError> {
    id_of(row.text(0)?).ok_or_else(|| DatabaseError::damaged("an id is none"))
}
