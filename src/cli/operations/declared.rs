//! Shows what a catalogue declares of an operation's object, list and body.
//!
//! In: an entry. Out: cells: a text for people, the parts for programs.

use serde_json::{Map, Value, json};

use crate::cli::table::Format;
use crate::resolve::{BodyMeans, Entry};

/// How what it is done to says whose it is.
pub(super) fn object(entry: &Entry, format: Format) -> Value {
    let Some(object) = &entry.object else {
        return Value::Null;
    };
    let (read, owner, labels) = (&object.read, &object.owner, pointer(&object.labels));
    let same = object.same.iter();
    let same = same.map(|(parameter, place)| (parameter.clone(), pointer(place)));
    if is_for_programs(format) {
        let same: Map<String, Value> = same.map(|(name, place)| (name, place.into())).collect();
        return json!({ "owner": owner, "labels": labels, "read": read, "same": same });
    }
    let mut text = format!("`{owner}` in {labels} of {read}");
    for (parameter, place) in same {
        text.push_str(&format!("; {place} is {{{parameter}}}"));
    }
    text.into()
}

/// Where its answer has items of which some may be left out.
pub(super) fn list(entry: &Entry, format: Format) -> Value {
    let Some(list) = &entry.list else {
        return Value::Null;
    };
    let (read, items, id) = (&list.read, pointer(&list.items), pointer(&list.id));
    let labels = list.labels.as_deref().map(pointer);
    if is_for_programs(format) {
        return json!({ "read": read, "items": items, "id": id, "labels": labels });
    }
    let items = match items.as_str() {
        "" => "the answer",
        items => items,
    };
    let labels = labels.map_or_else(String::new, |labels| format!(", labels {labels}"));
    format!("{items} by {read}: id {id}{labels}").into()
}

/// What its body is to who judges it.
pub(super) fn body(entry: &Entry) -> Value {
    match entry.object.as_ref().and_then(|object| object.body) {
        Some(BodyMeans::Whole) => "whole".into(),
        Some(BodyMeans::Changes) => "changes".into(),
        None => Value::Null,
    }
}

fn is_for_programs(format: Format) -> bool {
    matches!(format, Format::Json | Format::Jsonl)
}

fn pointer(steps: &[String]) -> String {
    steps.iter().map(|step| format!("/{step}")).collect()
}
