//! Works out what a request changes, and changes it.
//!
//! In: what a provider wants of one entry. Out: the entry before and after, or a [`Problem`].
//!
//! It is worked out without writing first, and again where it is written: in the transaction that makes
//! changes wait for one another. Within that the journal is told, then the rows change; when they
//! cannot, the provider is told so and says it again.

use serde_json::{Value, json};

use super::edit::Edit;
use super::entry::{Entry, Id, Kind, id_text};
use super::problem::Problem;
use super::{rows, snapshot};
use crate::clock::Time;
use crate::database::{Database, DatabaseError};
use crate::people::settings::{ScimSettings, SubjectAttribute};

/// What is wanted of an entry.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Make(Vec<Edit>),
    Replace(Vec<Edit>),
    Change(Vec<Edit>),
    Remove,
}

/// What a provider wants to be changed.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) id: Id,
    pub(super) wish: Wish,
    /// The version that it must have, as the provider knows it.
    pub(super) if_match: Option<String>,
    pub(super) now: Time,
}

/// What becomes of an entry.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) before: Option<Entry>,
    pub(super) after: Option<Entry>,
}

/// Works it out.
pub(super) fn plan(
    database: &mut dyn Database,
    settings: &ScimSettings,
    asked: &Asked,
) -> Result<Result<Plan, Problem>, DatabaseError> {
    let (provider, kind) = (settings.issuer.name.as_str(), asked.kind);
    let makes = matches!(asked.wish, Wish::Make(_));
    let before = match makes {
        true => None,
        false => match rows::find(database, provider, kind, asked.id)? {
            Some(entry) => Some(entry),
            None => return Ok(Err(Problem::unknown())),
        },
    };
    if let (Some(entry), Some(wanted)) = (&before, &asked.if_match)
        && wanted != "*"
        && !wanted.split(',').any(|tag| tag.trim() == entry.tag())
    {
        let detail = "it has another version by now: read it again";
        return Ok(Err(Problem::new(412, detail)));
    }
    let mut after = before
        .clone()
        .unwrap_or_else(|| Entry::new(asked.id, asked.now));
    match &asked.wish {
        Wish::Make(edits) | Wish::Change(edits) => after.change(edits),
        Wish::Replace(edits) => {
            // What is not named is cleared (RFC 7644 3.5.1), but for what says who it is and
            // whether they may come in.
            after.display_name = None;
            after.members.clear();
            after.change(edits);
        }
        Wish::Remove => {
            return Ok(Ok(Plan {
                kind,
                before,
                after: None,
            }));
        }
    }
    if let Some(problem) = problem_of(database, settings, kind, before.as_ref(), &after)? {
        return Ok(Err(problem));
    }
    if before.as_ref() != Some(&after) && !makes {
        (after.version, after.changed) = (after.version + 1, asked.now);
    }
    Ok(Ok(Plan {
        kind,
        before,
        after: Some(after),
    }))
}

fn problem_of(
    database: &mut dyn Database,
    settings: &ScimSettings,
    kind: Kind,
    before: Option<&Entry>,
    after: &Entry,
) -> Result<Option<Problem>, DatabaseError> {
    let provider = settings.issuer.name.as_str();
    if after.name.is_empty() {
        let detail = format!("`{}` is missing", kind.name());
        return Ok(Some(Problem::bad("invalidValue", detail)));
    }
    let by_external =
        kind == Kind::User && settings.subject.contains(&SubjectAttribute::ExternalId);
    if by_external && after.external_id.is_none() {
        let detail = "`externalId` is missing, and tokens of this provider name people by it: map \
                      it in the provider, or set `people.scim.subject` here";
        return Ok(Some(Problem::bad("invalidValue", detail)));
    }
    if let Some(what) = rows::is_taken(database, provider, kind, after, by_external)? {
        return Ok(Some(Problem::taken(what)));
    }
    let none = std::collections::BTreeSet::new();
    let had = before.map_or(&none, |before| &before.members);
    if after.members.difference(had).next().is_some() {
        let known = rows::user_ids(database, provider)?;
        if let Some(unknown) = after.members.iter().find(|id| !known.contains(id)) {
            let detail = format!(
                "there is no user {} to be a member: groups have users in them, which are made first",
                id_text(*unknown)
            );
            return Ok(Some(Problem::bad("invalidValue", detail)));
        }
    }
    Ok(None)
}

impl Plan {
    /// Whether anything becomes another.
    pub(super) fn changes(&self) -> bool {
        self.before != self.after
    }

    /// Changes the rows.
    pub(super) fn apply(
        &self,
        database: &mut dyn Database,
        settings: &ScimSettings,
        key: &[u8; 32],
        now: Time,
    ) -> Result<(), DatabaseError> {
        let provider = settings.issuer.name.as_str();
        match (&self.before, &self.after) {
            (_, Some(after)) => rows::put(database, provider, self.kind, after)?,
            (Some(before), None) => rows::remove(database, provider, self.kind, before, now)?,
            (None, None) => {}
        }
        if self.kind == Kind::User {
            let digests = |entry: &Option<Entry>| match entry {
                Some(entry) => snapshot::digests_of(settings, key, entry),
                None => Vec::new(),
            };
            let (old, new) = (digests(&self.before), digests(&self.after));
            for old in old.iter().filter(|old| !new.contains(old)) {
                rows::put_gone(database, provider, old)?;
            }
            for new in &new {
                rows::forget_gone(database, provider, new)?;
            }
        }
        rows::count_change(database)
    }

    /// What the journal is told: users by the ids that they have here, and never by name. More than one
    /// where the members are too many for one record.
    pub(super) fn told(&self, provider: &str) -> Vec<Vec<(&'static str, Value)>> {
        let Some(entry) = self.after.as_ref().or(self.before.as_ref()) else {
            return Vec::new();
        };
        let change = match (&self.before, &self.after) {
            (None, _) => "made",
            (_, None) => "removed",
            _ => "changed",
        };
        let mut common = vec![
            ("provider", json!(provider)),
            ("change", json!(change)),
            ("version", json!(entry.version)),
        ];
        match self.kind {
            Kind::User => {
                common.push(("user", json!(id_text(entry.id))));
                common.push(("active", json!(entry.active && self.after.is_some())));
                common.push(("fields", json!(self.fields())));
                vec![common]
            }
            Kind::Group => {
                common.push(("group", json!(id_text(entry.id))));
                common.push(("name", json!(entry.name)));
                let members = self.after.as_ref().map_or(0, |after| after.members.len());
                common.push(("members", json!(members)));
                common.push(("fields", json!(self.fields())));
                self.in_parts(&common)
            }
        }
    }

    fn in_parts(&self, common: &[(&'static str, Value)]) -> Vec<Vec<(&'static str, Value)>> {
        let none = std::collections::BTreeSet::new();
        let of = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.members.clone());
        let before = of(&self.before).unwrap_or_default();
        let after = of(&self.after).unwrap_or(none);
        let added = after.difference(&before).map(|id| ("added", *id));
        let removed = before.difference(&after).map(|id| ("removed", *id));
        let moved: Vec<(&str, Id)> = added.chain(removed).collect();
        let mut parts: Vec<&[(&str, Id)]> = moved.chunks(IN_ONE_RECORD).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let count = parts.len();
        let part = |(n, part): (usize, &&[(&str, Id)])| {
            let mut told = common.to_vec();
            for word in ["added", "removed"] {
                let ids: Vec<String> = part
                    .iter()
                    .filter(|(how, _)| *how == word)
                    .map(|(_, id)| id_text(*id))
                    .collect();
                if !ids.is_empty() {
                    told.push((word, json!(ids)));
                }
            }
            if count > 1 {
                told.push(("part", json!(n + 1)));
                told.push(("parts", json!(count)));
            }
            told
        };
        parts.iter().enumerate().map(part).collect()
    }

    /// Which attributes become others.
    fn fields(&self) -> Vec<&'static str> {
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let differs = |of: fn(&Entry) -> Value| before.map(of) != after.map(of);
        let mut fields = Vec::new();
        if differs(|e| json!(e.name)) {
            fields.push(self.kind.name());
        }
        if differs(|e| json!(e.external_id)) {
            fields.push("externalId");
        }
        match self.kind {
            Kind::User => {
                if differs(|e| json!(e.display_name)) {
                    fields.push("displayName");
                }
                if differs(|e| json!(e.active)) {
                    fields.push("active");
                }
            }
            Kind::Group if before.map(|e| &e.members) != after.map(|e| &e.members) => {
                fields.push("members");
            }
            Kind::Group => {}
        }
        fields
    }
}

/// A record has 8 KiB for all of them, and an id has 39 bytes.
const IN_ONE_RECORD: usize = 150;
