//! Shows entries: one, or those that a filter finds, some at a time.
//!
//! In: the query of a request, and entries. Out: their JSON.
//!
//! RFC 7644 3.4.2, 3.9.

use serde_json::{Map, Value, json};

use super::MOST_SHOWN;
use super::entry::{Entry, Kind, id_of, id_text};
use super::filter::{Test, attribute_of, filter};
use super::problem::Problem;
use super::rows::key;

/// What is asked of a list, and which attributes are wanted.
#[derive(Clone, Debug)]
pub(super) struct Query {
    tests: Vec<Test>,
    start: usize,
    count: usize,
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl Query {
    /// As written behind the `?`.
    pub(super) fn read(query: Option<&str>) -> Result<Query, Problem> {
        let mut read = Query {
            tests: Vec::new(),
            start: 1,
            count: USUALLY_SHOWN,
            only: None,
            without: Vec::new(),
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.to_ascii_lowercase().as_str() {
                "filter" => read.tests.extend(filter(&value)?),
                // Below its least each is its least (RFC 7644 table 6).
                "startindex" => read.start = number(&name, &value)?.max(1),
                "count" => read.count = number(&name, &value)?.min(MOST_SHOWN),
                "attributes" => read.only = Some(names(&value)),
                "excludedattributes" => read.without = names(&value),
                _ => {}
            }
        }
        Ok(read)
    }

    fn wants(&self, attribute: &str) -> bool {
        let name = attribute.to_ascii_lowercase();
        let is_named = |names: &[String]| names.contains(&name);
        // These are always there (RFC 7643 7, `returned`).
        matches!(name.as_str(), "id" | "schemas")
            || (self.only.as_deref().is_none_or(is_named) && !is_named(&self.without))
    }

    /// One entry.
    pub(super) fn shown(&self, kind: Kind, entry: &Entry, base: &str) -> Map<String, Value> {
        let mut shown = entry.shown(kind, base, self.wants("members"));
        shown.retain(|name, _| self.wants(name));
        shown
    }

    /// Those that it finds.
    pub(super) fn list(&self, kind: Kind, entries: &[Entry], base: &str) -> Result<Value, Problem> {
        let mut found = Vec::new();
        for entry in entries {
            if self.finds(kind, entry)? {
                found.push(entry);
            }
        }
        if entries.is_empty() {
            // What cannot be asked is told even where there is nothing to find.
            self.finds(kind, &Entry::new(0, crate::clock::Time::from_ms(0)))?;
        }
        let total = found.len();
        let (mut shown, mut members) = (Vec::new(), 0);
        for entry in found.into_iter().skip(self.start - 1).take(self.count) {
            members += if self.wants("members") {
                entry.members.len()
            } else {
                0
            };
            if !shown.is_empty() && members > MOST_MEMBERS {
                break;
            }
            shown.push(Value::Object(self.shown(kind, entry, base)));
        }
        Ok(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": self.start,
            "itemsPerPage": shown.len(),
            "Resources": shown,
        }))
    }

    fn finds(&self, kind: Kind, entry: &Entry) -> Result<bool, Problem> {
        let mut all = true;
        for test in &self.tests {
            all &= equals(kind, entry, test)?;
        }
        Ok(all)
    }
}

fn equals(kind: Kind, entry: &Entry, test: &Test) -> Result<bool, Problem> {
    let text = test.value.as_str();
    let without_case = |has: Option<&str>| match (has, text) {
        (Some(has), Some(text)) => key(has) == key(text),
        (None, None) => test.value.is_null(),
        _ => false,
    };
    Ok(match (kind, test.attribute.as_str()) {
        (_, "id") => text.is_some_and(|text| text.eq_ignore_ascii_case(&id_text(entry.id))),
        (_, "externalid") => match text {
            Some(text) => entry.external_id.as_deref() == Some(text),
            None => test.value.is_null() && entry.external_id.is_none(),
        },
        (Kind::User, "username") | (Kind::Group, "displayname") => without_case(Some(&entry.name)),
        (Kind::User, "displayname") => without_case(entry.display_name.as_deref()),
        (Kind::User, "active") => match &test.value {
            Value::Bool(active) => entry.active == *active,
            Value::String(text) => text.eq_ignore_ascii_case(&entry.active.to_string()),
            _ => false,
        },
        (Kind::Group, "members" | "members.value") => text
            .and_then(id_of)
            .is_some_and(|id| entry.members.contains(&id)),
        (_, other) => {
            let detail = format!("`{other:.64}` is not kept, so nothing is found by it");
            return Err(Problem::bad("invalidFilter", detail));
        }
    })
}

fn number(name: &str, text: &str) -> Result<usize, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        let detail = format!("`{name:.64}` is no whole number");
        return Err(Problem::bad("invalidValue", detail));
    }
    match text.starts_with('-') {
        true => Ok(0),
        // Beyond what can be counted is beyond the end as well.
        false => Ok(digits.parse().unwrap_or(usize::MAX)),
    }
}

fn names(text: &str) -> Vec<String> {
    text.split(',')
        .filter_map(|name| attribute_of(name.trim()))
        .collect()
}

const USUALLY_SHOWN: usize = 100;
/// So that a list stays below about 10 MB.
const MOST_MEMBERS: usize = 100_000;
