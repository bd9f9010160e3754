//! Writes spans as OTLP takes them.
//!
//! In: spans, each with the attributes of its resource. Out: the JSON of an
//! `ExportTraceServiceRequest`.
//!
//! OTLP 1.x, JSON Protobuf encoding: ids in hexadecimal digits, times in nanoseconds as text.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ids::{SpanId, TraceId};
use crate::clock::Time;
use crate::record::frame::hex;

/// A name and its text.
pub type Attribute = (&'static str, String);

/// One span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// The trace and span of a request that it came of.
    pub link: Option<(TraceId, SpanId)>,
    /// Its name.
    pub name: String,
    /// When it began.
    pub begins: Time,
    /// When it ended.
    pub ends: Time,
    /// How it ended.
    pub ended: Ended,
    /// What it is of.
    pub resource: Vec<Attribute>,
    /// What else is known of it.
    pub attributes: Vec<Attribute>,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was for.
    Well,
    /// It did not.
    Badly,
    /// Neither: it was skipped or called off.
    Neither,
}

/// The message that hands these spans over.
pub fn traces(spans: &[Span]) -> Bytes {
    let spans: Vec<Value> = spans.iter().map(Span::resource_spans).collect();
    Bytes::from(json!({ "resourceSpans": spans }).to_string())
}

impl Span {
    fn resource_spans(&self) -> Value {
        let link =
            |(trace, id): &(TraceId, SpanId)| json!([{ "traceId": hex(trace), "spanId": hex(id) }]);
        let mut span = json!({
            "traceId": hex(&self.trace),
            "spanId": hex(&self.id),
            "name": self.name,
            "kind": INTERNAL,
            "startTimeUnixNano": nanos(self.begins),
            "endTimeUnixNano": nanos(self.ends.max(self.begins)),
            "attributes": attributes(&self.attributes),
            "status": { "code": self.ended.code() },
        });
        if let Some(span) = span.as_object_mut() {
            let parent = self.parent.as_ref().map(|parent| Value::from(hex(parent)));
            span.extend(parent.map(|parent| ("parentSpanId".to_owned(), parent)));
            span.extend(self.link.as_ref().map(|of| ("links".to_owned(), link(of))));
        }
        json!({
            "resource": { "attributes": attributes(&self.resource) },
            "scopeSpans": [{ "scope": { "name": "stile" }, "spans": [span] }],
        })
    }
}

impl Ended {
    /// `Status.StatusCode` of OTLP.
    fn code(self) -> u8 {
        match self {
            Ended::Neither => 0,
            Ended::Well => 1,
            Ended::Badly => 2,
        }
    }
}

fn attributes(of: &[Attribute]) -> Vec<Value> {
    of.iter()
        .map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }))
        .collect()
}

fn nanos(time: Time) -> String {
    time.as_ms().saturating_mul(1_000_000).to_string()
}

/// `Span.SpanKind` of OTLP.
const INTERNAL: u8 = 1;
