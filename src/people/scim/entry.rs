//! A user or a group as it is kept, and as it is shown.
//!
//! In: rows, and [`Edit`]s. Out: an [`Entry`], or its JSON.
//!
//! RFC 7643 3.1, 4.1, 4.2.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::edit::Edit;
use crate::clock::Time;

/// What is called by it here: a random number.
pub(super) type Id = u128;

/// What an entry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: Id,
    /// A user's `userName`, a group's `displayName`.
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    /// Of a user.
    pub(super) display_name: Option<String>,
    /// Of a user.
    pub(super) active: bool,
    /// Of a group.
    pub(super) members: BTreeSet<Id>,
    pub(super) version: u64,
    pub(super) made: Time,
    pub(super) changed: Time,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Group => "Group",
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Kind::User => "urn:ietf:params:scim:schemas:core:2.0:User",
            Kind::Group => "urn:ietf:params:scim:schemas:core:2.0:Group",
        }
    }

    /// The name of the attribute that is its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::User => "userName",
            Kind::Group => "displayName",
        }
    }
}

/// The id in this text.
pub(super) fn id_of(text: &str) -> Option<Id> {
    let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    Some(uuid.as_u128())
}

/// An id as a text.
pub(super) fn id_text(id: Id) -> String {
    Uuid::from_u128(id).to_string()
}

impl Entry {
    /// A new one without a name.
    pub(super) fn new(id: Id, now: Time) -> Entry {
        Entry {
            id,
            name: String::new(),
            external_id: None,
            display_name: None,
            active: true,
            members: BTreeSet::new(),
            version: 1,
            made: now,
            changed: now,
        }
    }

    /// Changes it by these steps.
    pub(super) fn change(&mut self, edits: &[Edit]) {
        for edit in edits {
            match edit {
                Edit::Name(name) => self.name.clone_from(name),
                Edit::ExternalId(id) => self.external_id.clone_from(id),
                Edit::DisplayName(name) => self.display_name.clone_from(name),
                Edit::Active(active) => self.active = *active,
                Edit::AddMembers(ids) => self.members.extend(ids),
                Edit::RemoveMembers(ids) => {
                    for id in ids {
                        self.members.remove(id);
                    }
                }
                Edit::SetMembers(ids) => self.members = ids.iter().copied().collect(),
            }
        }
    }

    /// What it is told as at this version.
    pub(super) fn tag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// Where it is.
    pub(super) fn location(&self, kind: Kind, base: &str) -> String {
        format!("{base}/{}s/{}", kind.word(), id_text(self.id))
    }

    /// As it is shown; `with_members` says whether with its members.
    pub(super) fn shown(&self, kind: Kind, base: &str, with_members: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        put("schemas", json!([kind.schema()]));
        put("id", json!(id_text(self.id)));
        put(kind.name(), json!(self.name));
        if let Some(id) = &self.external_id {
            put("externalId", json!(id));
        }
        if let Some(name) = &self.display_name {
            put("displayName", json!(name));
        }
        match kind {
            Kind::User => put("active", json!(self.active)),
            Kind::Group if with_members => {
                let member = |id: &Id| json!({ "value": id_text(*id), "type": "User" });
                put("members", self.members.iter().map(member).collect());
            }
            Kind::Group => {}
        }
        put(
            "meta",
            json!({
                "resourceType": kind.word(),
                "created": moment(self.made),
                "lastModified": moment(self.changed),
                "location": self.location(kind, base),
                "version": self.tag(),
            }),
        );
        shown
    }
}

/// RFC 3339, in UTC (RFC 7643 2.3.5).
fn moment(time: Time) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}
