//! Answers like the Lightstep API.
//!
//! In: a request with our key. Out: JSON:API-like answers over projects held in memory: 200 also
//! for create, 204 for delete, 404 for what is not there, 401 without the key.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing a JSON value by name makes what is missing"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::script::Answer;
use super::seen::Seen;

/// Everything of one organization, `acme`.
#[derive(Debug)]
pub(super) struct Store {
    projects: BTreeMap<String, Collections>,
    made: u64,
}

/// `streams`, `metric_dashboards`, …: id to resource.
type Collections = BTreeMap<String, BTreeMap<String, Value>>;

impl Store {
    /// Projects X and Y with two dashboards and a stream in X.
    pub(super) fn new() -> Store {
        let mut store = Store {
            projects: BTreeMap::new(),
            made: 0,
        };
        for project in ["X", "Y"] {
            store.projects.insert(project.to_owned(), BTreeMap::new());
        }
        let team = json!([{"key": "team", "value": "payments"}]);
        for (id, labels) in [("checkout-latency", team), ("search-latency", json!([]))] {
            let attributes = json!({"name": id, "description": "", "groups": [], "charts": [],
                                    "labels": labels, "template_variables": []});
            store.put("X", "metric_dashboards", id, attributes);
        }
        let stream = json!({"name": "checkout", "query": "service IN (\"checkout\")"});
        store.put("X", "streams", "stream-1", stream);
        store
    }

    fn put(&mut self, project: &str, collection: &str, id: &str, attributes: Value) -> Value {
        let resource = resource(project, collection, id, attributes);
        self.projects
            .entry(project.to_owned())
            .or_default()
            .entry(collection.to_owned())
            .or_default()
            .insert(id.to_owned(), resource.clone());
        resource
    }

    /// The answer, if this is a path of the API.
    pub(super) fn answer(&mut self, seen: &Seen) -> Option<Answer> {
        let path = seen.target.split('?').next().unwrap_or_default();
        let rest = path.strip_prefix("/public/v0.2/")?;
        let segments: Vec<String> = rest.split('/').map(plain).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if segments.first() != Some(&"acme")
            || super::bearer(seen).as_deref() != Some(super::API_KEY)
        {
            return Some(error(401, "invalid API key or organization"));
        }
        let sent: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let answer = match (seen.method.as_str(), segments.get(1..).unwrap_or_default()) {
            ("GET" | "POST", ["test"]) => Answer::status(200)
                .field("content-type", "text/plain")
                .body("OK!"),
            (method, ["projects", rest @ ..]) => self.projects(method, rest, &sent),
            (_, ["role-binding" | "saml-group-mappings" | "Users"]) => ok(sent["data"].clone()),
            _ => error(404, "not found"),
        };
        Some(
            answer
                .field("X-RateLimit-Limit", "100")
                .field("X-RateLimit-Remaining", "99")
                .field("X-RateLimit-Reset", "1"),
        )
    }

    fn projects(&mut self, method: &str, rest: &[&str], sent: &Value) -> Answer {
        match (method, rest) {
            ("GET", []) => ok(self.projects.keys().map(|name| project(name)).collect()),
            ("POST", []) => {
                let name = sent["data"]["name"].as_str().unwrap_or_default();
                self.projects.entry(name.to_owned()).or_default();
                ok(project(name))
            }
            (_, [name, ..]) if !self.projects.contains_key(*name) => error(404, "unknown project"),
            ("GET", [name]) => ok(project(name)),
            ("DELETE", [name]) => {
                self.projects.remove(*name);
                Answer::status(204)
            }
            ("POST", [_, "telemetry", "query_timeseries"]) => {
                ok(json!({"attributes": {"series": [{"group-labels": [], "points": [[0, 1]]}]}}))
            }
            ("POST", [_, "telemetry", "attributes"]) => ok(json!({"service": []})),
            ("POST", [_, "query_translation"]) => ok(json!({"queries": []})),
            ("POST", [_, "snooze_rules_validate"]) => {
                ok(json!({"is_valid": true, "validation_error": ""}))
            }
            ("GET", [name, "directory", "services"]) => {
                let services = json!([{"attributes": {"name": "checkout", "last_seen": 0}}]);
                ok(
                    json!({"items": services, "links": {"self": link(name, "directory", "services")}}),
                )
            }
            (_, [_, "access_tokens"]) => {
                ok(json!([{"type": "access_token", "id": super::INGEST_KEY}]))
            }
            (method, [name, collection]) => self.collection(method, name, collection, sent),
            (method, [name, collection, id, ..]) => self.one(method, name, collection, id, sent),
            _ => error(404, "not found"),
        }
    }

    fn collection(&mut self, method: &str, name: &str, collection: &str, sent: &Value) -> Answer {
        let held = self.projects.get(name).and_then(|all| all.get(collection));
        match method {
            "GET" => ok(held
                .into_iter()
                .flat_map(|all| all.values().cloned())
                .collect()),
            "POST" => {
                let attributes = attributes(sent);
                // A stream is its query: the same one again is an update.
                let same = held.and_then(|all| {
                    let query = attributes["query"].as_str()?;
                    let found = all
                        .iter()
                        .find(|(_, r)| r["attributes"]["query"] == query)?;
                    (collection == "streams").then(|| found.0.clone())
                });
                let id = same.unwrap_or_else(|| {
                    self.made += 1;
                    format!("made-{}", self.made)
                });
                ok(self.put(name, collection, &id, attributes))
            }
            _ => error(405, "method not allowed"),
        }
    }

    fn one(
        &mut self,
        method: &str,
        name: &str,
        collection: &str,
        id: &str,
        sent: &Value,
    ) -> Answer {
        // The documentation writes `dashboard/{id}` once, where it means `dashboards/{id}`.
        let collection = if collection == "dashboard" {
            "dashboards"
        } else {
            collection
        };
        let held = self
            .projects
            .get_mut(name)
            .and_then(|all| all.get_mut(collection));
        let Some(found) = held.and_then(|all| all.get(id).cloned()) else {
            return error(404, "unknown id");
        };
        match method {
            "GET" => ok(found),
            "PUT" => ok(self.put(name, collection, id, attributes(sent))),
            "PATCH" => {
                let mut merged = found["attributes"].clone();
                for (key, value) in attributes(sent).as_object().into_iter().flatten() {
                    merged[key.as_str()] = value.clone();
                }
                ok(self.put(name, collection, id, merged))
            }
            "DELETE" => {
                let held = self
                    .projects
                    .get_mut(name)
                    .and_then(|all| all.get_mut(collection));
                held.and_then(|all| all.remove(id));
                Answer::status(204)
            }
            _ => error(405, "method not allowed"),
        }
    }
}

/// Some bodies carry `attributes`, some are flat.
fn attributes(sent: &Value) -> Value {
    match &sent["data"]["attributes"] {
        Value::Null => sent["data"].clone(),
        given => given.clone(),
    }
}

fn resource(project: &str, collection: &str, id: &str, attributes: Value) -> Value {
    let kind = match collection {
        "metric_dashboards" | "dashboards" => "dashboard",
        other => other.strip_suffix('s').unwrap_or(other),
    };
    json!({"type": kind, "id": id, "attributes": attributes, "relationships": {},
           "links": {"self": link(project, collection, id)}})
}

fn project(name: &str) -> Value {
    let streams = format!("{BASE}/projects/{name}/streams");
    json!({"type": "project", "id": name, "attributes": {"name": name},
           "relationships": {"streams": {"links": {"related": streams}}},
           "links": {"self": format!("{BASE}/projects/{name}")}})
}

fn link(project: &str, collection: &str, id: &str) -> String {
    format!("{BASE}/projects/{project}/{collection}/{id}")
}

fn ok(data: Value) -> Answer {
    Answer::status(200)
        .field("content-type", "application/vnd.api+json")
        .body(json!({ "data": data }).to_string())
}

fn error(status: u16, text: &str) -> Answer {
    Answer::status(status)
        .field("content-type", "application/json")
        .body(json!({ "errors": [text] }).to_string())
}

/// Percent-decoded until nothing is left to decode: the real thing is as lenient (`a%2520b`).
fn plain(segment: &str) -> String {
    let mut text = segment.to_owned();
    for _ in 0..3 {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok());
            let decoded = hex.and_then(|h| u8::from_str_radix(h, 16).ok());
            match (byte, decoded) {
                (b'%', Some(decoded)) => {
                    bytes.push(decoded);
                    rest = after.get(2..).unwrap_or_default();
                }
                _ => {
                    bytes.push(byte);
                    rest = after;
                }
            }
        }
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

const BASE: &str = "https://api.lightstep.com/public/v0.2/acme";
