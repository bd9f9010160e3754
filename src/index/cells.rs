//! Shows a row: in columns for people and spreadsheets, whole for programs.
//!
//! In: a [`Row`]. Out: the cells under [`COLUMNS`], or one JSON document.
//!
//! Never: escaped here; who writes a table, a page or CSV knows what is dangerous there.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::query::shown_in;
use super::row::Row;

/// What the cells are.
pub const COLUMNS: &[&str] = &[
    "time", "decision", "who", "action", "resource", "where", "why", "status", "id", "origin",
    "seq",
];

/// The cells of a row; null where it says nothing.
pub fn cells(row: &Row, zone: &TimeZone) -> Vec<Value> {
    let members = parsed(&row.record);
    let outcome = row.outcome.as_ref().map(|(_, text)| parsed(text));
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let from_outcome = |name: &str| outcome.as_ref().and_then(|o| o.get(name)).cloned();
    let resource = |at: usize| {
        let part = members.get("resource").and_then(|triple| triple.get(at));
        part.and_then(Value::as_str).map(str::to_owned)
    };
    let named = match (resource(0), resource(1)) {
        (Some(kind), Some(id)) => Some(format!("{kind} {id}")),
        (kind, _) => kind,
    };
    let status = from_outcome("status").or_else(|| from_outcome("end"));
    vec![
        shown_in(row.time, zone).into(),
        text("decision").or_else(|| text("event")).into(),
        who(&members).into(),
        text("op").or_else(|| asked(&members)).into(),
        named.into(),
        resource(2).into(),
        why(&members).into(),
        status.unwrap_or(Value::Null),
        text("id").into(),
        row.origin.to_string().into(),
        row.seq.into(),
    ]
}

/// The whole row.
pub fn document(row: &Row) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("origin", row.origin.to_string().into());
    put("seq", row.seq.into());
    put("record", parsed(&row.record));
    if let Some((seq, outcome)) = &row.outcome {
        put("outcome_seq", (*seq).into());
        put("outcome", parsed(outcome));
    }
    Value::Object(members)
}

/// A record as JSON; as a text where it is none.
fn parsed(record: &str) -> Value {
    serde_json::from_str(record).unwrap_or_else(|_| record.into())
}

/// A job by its project and ref, an agent with whom it acts for, a person by name.
fn who(members: &Value) -> Option<String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let claim = |name: &str| {
        members
            .get("claims")
            .and_then(|c| c.get(name))
            .and_then(Value::as_str)
    };
    let name = text("subject_name").or(text("subject"));
    match text("subject_kind")? {
        "job" => {
            let project = claim("project_path").or(claim("repository")).or(name)?;
            Some(match claim("ref") {
                Some(at) => format!("{project} @ {at}"),
                None => project.to_owned(),
            })
        }
        "agent" => Some(match text("acts_for") {
            Some(subject) => format!("{} for {subject}", name?),
            None => name?.to_owned(),
        }),
        _ => name.map(str::to_owned),
    }
}

/// What was asked, where the catalogue does not know it.
fn asked(members: &Value) -> Option<String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    Some(format!("{} {}", text("method")?, text("path")?))
}

/// The reason against it, or the policies for it.
fn why(members: &Value) -> Option<String> {
    let reason = members.get("reason").and_then(Value::as_str);
    let policies = members.get("policies").and_then(Value::as_array);
    let policies = policies.map(|all| {
        let ids: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
        ids.join(" ")
    });
    match (reason, policies) {
        (Some(reason), Some(policies)) => Some(format!("{reason} {policies}")),
        (reason, policies) => reason.map(str::to_owned).or(policies),
    }
}
