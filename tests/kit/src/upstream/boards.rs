//! Answers like Grafana's API, which is not Lightstep's in any path or shape.
//!
//! In: a request with our key. Out: dashboards under a namespace with labels in `metadata`, alert rules
//! in lists without an envelope, and what search finds.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name makes what is missing"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::script::Answer;
use super::seen::Seen;

/// Everything of one server, by collection and id.
#[derive(Debug, Default)]
pub(super) struct Store {
    held: BTreeMap<String, BTreeMap<String, Value>>,
    made: u64,
}

impl Store {
    /// The answer, if this is a path of the API.
    pub(super) fn answer(&mut self, seen: &Seen) -> Option<Answer> {
        let path = seen.target.split('?').next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let (collection, id) = match segments.as_slice() {
            [
                "apis",
                group,
                _,
                "namespaces",
                namespace,
                collection,
                rest @ ..,
            ] if group.ends_with(".grafana.app") => {
                (format!("{namespace}/{collection}"), rest.first().copied())
            }
            ["api", "v1", "provisioning", collection, rest @ ..] => {
                ((*collection).to_owned(), rest.first().copied())
            }
            ["api", "search"] => ("search".to_owned(), None),
            _ => return None,
        };
        if super::bearer(seen).as_deref() != Some(super::API_KEY) {
            return Some(said(401, &json!({"message": "Invalid API key"})));
        }
        let sent: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        Some(match id {
            None => self.all(&seen.method, &collection, sent),
            Some(id) => self.one(&seen.method, &collection, id, sent),
        })
    }

    fn all(&mut self, method: &str, collection: &str, mut sent: Value) -> Answer {
        let held = self.held.entry(collection.to_owned()).or_default();
        match method {
            "GET" if collection == "search" => self.found(),
            "GET" => {
                let all: Vec<Value> = held.values().cloned().collect();
                match collection.contains('/') {
                    true => said(200, &json!({"kind": "List", "items": all, "metadata": {}})),
                    false => said(200, &Value::Array(all)),
                }
            }
            "POST" => {
                self.made += 1;
                let id = format!("made-{}", self.made);
                match collection.contains('/') {
                    true => sent["metadata"]["name"] = id.as_str().into(),
                    false => sent["uid"] = id.as_str().into(),
                }
                held.insert(id, sent.clone());
                said(201, &sent)
            }
            _ => said(405, &json!({"message": "method not allowed"})),
        }
    }

    /// Search knows titles and not whose something is.
    fn found(&self) -> Answer {
        let dashboards = self.held.iter();
        let dashboards = dashboards.filter(|(name, _)| name.ends_with("/dashboards"));
        let hits = dashboards.flat_map(|(_, held)| held).map(|(id, one)| {
            json!({"uid": id, "title": one["spec"]["title"], "type": "dash-db", "tags": []})
        });
        said(200, &Value::Array(hits.collect()))
    }

    fn one(&mut self, method: &str, collection: &str, id: &str, mut sent: Value) -> Answer {
        let held = self.held.entry(collection.to_owned()).or_default();
        let Some(found) = held.get_mut(id) else {
            return said(404, &json!({"message": "not found"}));
        };
        match method {
            "GET" => said(200, found),
            "PUT" => {
                match collection.contains('/') {
                    true => sent["metadata"]["name"] = id.into(),
                    false => sent["uid"] = id.into(),
                }
                found.clone_from(&sent);
                said(200, found)
            }
            "PATCH" => {
                merge(found, sent);
                said(200, found)
            }
            "DELETE" => {
                held.remove(id);
                said(200, &json!({}))
            }
            _ => said(405, &json!({"message": "method not allowed"})),
        }
    }
}

/// A merge patch (RFC 7396).
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(target)) => drop(target.remove(&key)),
            (value, _) => merge(&mut target[key.as_str()], value),
        }
    }
}

fn said(status: u16, body: &Value) -> Answer {
    Answer::status(status)
        .field("content-type", "application/json")
        .body(body.to_string())
}
