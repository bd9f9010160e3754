//! Says a row in the words of OCSF, which programs that watch over security read.
//!
//! In: a row. Out: one event of class API Activity for a request with its outcome, of Application
//! Lifecycle or Application Error for something that happened to stile itself.
//!
//! What a record says has its place in [`MEMBERS`], what words mean in [`DECISIONS`] and [`EVENTS`];
//! anything else is kept under `unmapped` by its own name, so nothing of a record is lost. The same
//! tables are in the manual.
//!
//! Never: an event that its class does not allow, whatever a record says or lacks; personal members
//! that were erased leave the word `erased` where the class demands something.
//!
//! OCSF 1.8.0: classes 6002, 6003, 6008; profiles security_control and trace.

use serde_json::{Map, Value, json};

use crate::index::Row;

mod members;
mod said;
mod words;

pub use members::{MEMBERS, Member};
pub use words::{DECISIONS, DecisionWord, EVENTS, EventWord, activity_of};

/// The version of OCSF.
pub const VERSION: &str = "1.8.0";

/// A row as an event of OCSF.
pub fn ocsf(row: &Row) -> Value {
    let record = parsed(&row.record);
    let outcome = row.outcome.as_ref().map(|(_, text)| parsed(text));
    let mut event = Event::default();
    event.put("metadata.version", VERSION.into());
    event.put("metadata.product.vendor_name", "stile".into());
    event.put("metadata.sequence", row.seq.into());
    event.put("metadata.log_name", row.origin.to_string().into());
    event.put("timezone_offset", 0.into());
    event.put("time", row.time.as_ms().into());
    let is_request = record.get("event").is_none();
    members::take(&mut event, &record, outcome.as_ref());
    match is_request {
        true => request(&mut event, &record, outcome.as_ref()),
        false => happened(&mut event, row, &record),
    }
    if let Some((seq, _)) = &row.outcome {
        event.put("unmapped.outcome_seq", (*seq).into());
    }
    Value::Object(event.members)
}

/// What the class of requests demands beyond the members.
fn request(event: &mut Event, record: &Value, outcome: Option<&Value>) {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let word = words::decision(text("decision").unwrap_or_default());
    let activity = activity_of(text("activity"), text("op"), text("method"));
    class(event, "api_activity", 6003, activity.0, activity.1);
    event.put("metadata.profiles", json!(["security_control", "trace"]));
    event.put("action_id", word.action_id.into());
    event.put("disposition_id", word.disposition_id.into());
    event.put("severity_id", word.severity_id.into());
    let status = said::status(word, outcome);
    event.put("status_id", status.into());
    if let Some(code) = said::status_code(record, outcome) {
        event.put("status_code", code.into());
    }
    if let Some(detail) = said::status_detail(record, outcome) {
        event.put("status_detail", detail.into());
    }
    said::policies(event, record);
    event.put("message", said::message(record).into());
    event.or_put("api.operation", || {
        text("method").unwrap_or("unknown").into()
    });
    let erased = record.get("personal").is_some();
    let nobody = if erased { "erased" } else { "unidentified" };
    match text("subject_kind") {
        Some(kind) => {
            let (id, caption) = words::user_type(kind);
            event.put("actor.user.type_id", id.into());
            event.put("actor.user.type", caption.into());
            if event.get("actor.user.uid").is_none() && event.get("actor.user.name").is_none() {
                event.put("actor.user.name", nobody.into());
            }
        }
        None => event.or_put("actor.app_name", || nobody.into()),
    }
    if event.get("src_endpoint.ip").is_none() {
        let unknown = if erased { "erased" } else { "unknown" };
        event.put("src_endpoint.name", unknown.into());
    }
}

/// What the classes of events demand.
fn happened(event: &mut Event, row: &Row, record: &Value) {
    let name = record.get("event").and_then(Value::as_str);
    let name = name.unwrap_or("unknown");
    let word = words::event(name);
    let (class_name, class_uid) = match word.is_error {
        true => ("application_error", 6008),
        false => ("application_lifecycle", 6002),
    };
    class(event, class_name, class_uid, word.activity_id, name);
    if !word.is_error {
        event.put("app.name", "stile".into());
        event.put("app.vendor_name", "stile".into());
        if let Some(version) = record.get("version") {
            event.put("app.version", version.clone());
        }
    }
    event.put("severity_id", word.severity_id.into());
    event.put("status_id", if word.is_error { 2 } else { 1 }.into());
    event.put("message", format!("stile: {name}").into());
    event.put("metadata.uid", format!("{}/{}", row.origin, row.seq).into());
}

fn class(event: &mut Event, name: &str, uid: u64, activity_id: u64, activity: &str) {
    let caption = match name {
        "api_activity" => "API Activity",
        "application_error" => "Application Error",
        _ => "Application Lifecycle",
    };
    event.put("class_uid", uid.into());
    event.put("class_name", caption.into());
    event.put("category_uid", 6.into());
    event.put("category_name", "Application Activity".into());
    event.put("activity_id", activity_id.into());
    event.put("activity_name", activity.into());
    let type_uid = uid.saturating_mul(100).saturating_add(activity_id);
    event.put("type_uid", type_uid.into());
}

/// An event in the making.
#[derive(Debug, Default)]
struct Event {
    members: Map<String, Value>,
}

impl Event {
    /// Puts a value at a path of names with dots between.
    fn put(&mut self, path: &str, value: Value) {
        let mut at = &mut self.members;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                at.insert(name.to_owned(), value);
                return;
            }
            let inner = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { return };
            at = inner;
        }
    }

    fn or_put(&mut self, path: &str, value: impl FnOnce() -> Value) {
        if self.get(path).is_none() {
            self.put(path, value());
        }
    }

    fn get(&self, path: &str) -> Option<&Value> {
        let mut names = path.split('.');
        let first = self.members.get(names.next()?)?;
        names.try_fold(first, |at, name| at.get(name))
    }
}

/// A record as JSON; nothing in it where it is none.
fn parsed(record: &str) -> Value {
    serde_json::from_str(record).unwrap_or(Value::Null)
}
