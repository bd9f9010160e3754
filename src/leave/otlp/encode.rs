//! Makes the body of an OTLP request out of records.
//!
//! In: records. Out: `ExportLogsServiceRequest` in protobuf.
//!
//! Records of one process stand under one resource, in the journal's order. The body of each is a
//! short sentence without anybody's name; everything that the record says is in its attributes.
//!
//! opentelemetry-proto 1.x: `logs/v1/logs.proto`, `common/v1/common.proto`.

use serde_json::Value;

use super::attributes::{Attribute, attributes, resource};
use super::wire::Message;
use crate::clock::Time;
use crate::leave::source::Item;
use crate::record::frame::Kind;

/// The request with these records.
pub(super) fn request_body(items: &[Item], now: Time) -> Vec<u8> {
    let mut request = Message::default();
    for same in items.chunk_by(|a, b| resource(a) == resource(b)) {
        request.message(1, |logs| {
            logs.message(1, |message| {
                for attribute in same.first().map(resource).into_iter().flatten() {
                    put(message, 1, &attribute);
                }
            });
            logs.message(2, |scope| {
                scope.message(1, |named| named.text(1, SCOPE));
                for item in same {
                    scope.message(2, |message| log_record(message, item, now));
                }
            });
        });
    }
    request.bytes()
}

fn log_record(message: &mut Message, item: &Item, now: Time) {
    let (number, word) = severity(item);
    message.fixed64(1, nanos(item.row.time));
    message.int(2, number);
    message.text(3, word);
    message.message(5, |body| body.text(1, sentence(item)));
    for attribute in attributes(item) {
        put(message, 6, &attribute);
    }
    for (field, part) in [(9, 0), (10, 1)] {
        let id = item.members.get("trace").and_then(|ids| ids.get(part));
        if let Some(bytes) = id.and_then(Value::as_str).and_then(unhexed) {
            message.text(field, bytes);
        }
    }
    message.fixed64(11, nanos(now));
    message.text(12, event_name(item.kind));
}

/// What kind of record it is, as `event_name` says it.
fn event_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Decision => "stile.decision",
        Kind::Outcome => "stile.outcome",
        Kind::Event => "stile.event",
        Kind::Session => "stile.session",
    }
}

/// `SeverityNumber` and the word beside it.
fn severity(item: &Item) -> (i64, &'static str) {
    match (item.word("decision"), item.word("end"), item.word("event")) {
        (Some("error"), ..) => (17, "ERROR"),
        (Some("deny" | "refuse"), ..) => (13, "WARN"),
        (_, Some(end), _) if end != "complete" => (13, "WARN"),
        (.., Some(event)) if TROUBLE.contains(&event) => (13, "WARN"),
        _ => (9, "INFO"),
    }
}

/// What happened, without anybody's name.
fn sentence(item: &Item) -> String {
    let word = |name| item.word(name).unwrap_or_default();
    let number = |name: &str| item.members.get(name).and_then(Value::as_u64);
    match item.kind {
        Kind::Decision => {
            let (decision, op, reason) = (word("decision"), word("op"), word("reason"));
            let asked = if op.is_empty() { word("method") } else { op };
            match reason.is_empty() {
                true => format!("{decision} {asked}"),
                false => format!("{decision} {asked}: {reason}"),
            }
        }
        Kind::Outcome => {
            let status = number("status").map_or(String::new(), |code| format!(" with {code}"));
            format!("ended {}{status}", word("end"))
        }
        Kind::Event => format!("event {}", word("event")),
        Kind::Session => "session".to_owned(),
    }
    .trim_end()
    .to_owned()
}

fn put(message: &mut Message, field: u32, (name, value): &Attribute<'_>) {
    message.message(field, |pair| {
        pair.text(1, name.as_ref());
        pair.message(2, |any| any_value(any, value));
    });
}

/// `AnyValue`; null is one without a value.
fn any_value(message: &mut Message, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => message.int(2, i64::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => message.int(3, whole),
            None => message.text(1, number.to_string()),
        },
        Value::String(text) => message.text(1, text),
        Value::Array(values) => message.message(5, |list| {
            for value in values {
                list.message(1, |any| any_value(any, value));
            }
        }),
        Value::Object(members) => message.message(6, |map| {
            for (name, value) in members {
                map.message(1, |pair| {
                    pair.text(1, name);
                    pair.message(2, |any| any_value(any, value));
                });
            }
        }),
    }
}

fn nanos(time: Time) -> u64 {
    time.as_ms().saturating_mul(1_000_000)
}

fn unhexed(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let pairs = digits?;
    let bytes = pairs.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    bytes.collect()
}

const SCOPE: &str = "stile";
/// Events that somebody should look at.
const TROUBLE: &[&str] = &[
    "reload.refused",
    "journal.recovered",
    "journal.unrecorded",
    "clock.step",
    "keys.failed",
    "anchor.conflict",
    "anchor.stale",
];
