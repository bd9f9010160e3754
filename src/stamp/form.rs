//! Reads from a request's head how its body is written.
//!
//! In: path and fields. Out: a [`Form`], which stamps the body; or a [`Flaw`] for whatever is not
//! exactly one known form.
//!
//! Which signal it is, the path says, by OTLP's own names. Paths of OTLP before 0.9 that took traces
//! and metrics alike are refused: what is in them cannot be told before it is read.
//!
//! OTLP 1.x, "OTLP/HTTP Request"; gRPC over HTTP/2, "Length-Prefixed-Message".

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::coding::Coding;
use super::facts::Provenance;
use super::flaw::Flaw;
use super::held::Room;
use super::message::{Signal, Stamped, Writing, stamp};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    signal: Signal,
    writing: Writing,
    coding: Coding,
    grpc: bool,
}

impl Form {
    /// As the head says.
    pub(super) fn of(path: &str, fields: &HeaderMap) -> Result<Form, Flaw> {
        let signal = signal_of(path).ok_or(Flaw::Media(
            "what is exported to this path cannot be told, so it cannot be stamped",
        ))?;
        let media = one(fields, CONTENT_TYPE.as_str())?.unwrap_or_default();
        let (media, parameters) = match media.split_once(';') {
            Some((media, parameters)) => (media.trim(), parameters.trim()),
            None => (media.trim(), ""),
        };
        let (writing, grpc) = match media.to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => (Writing::Protobuf, false),
            "application/json" => (Writing::Json, false),
            "application/grpc" | "application/grpc+proto" => (Writing::Protobuf, true),
            _ => return Err(Flaw::Media("the body is neither Protobuf nor JSON")),
        };
        let utf8 = ["", "charset=utf-8", "charset=\"utf-8\""];
        if !utf8.contains(&parameters.to_ascii_lowercase().as_str()) {
            return Err(Flaw::Media(
                "the media type has parameters that are not read here",
            ));
        }
        let packed = one(fields, CONTENT_ENCODING.as_str())?.unwrap_or_default();
        let coding = if grpc {
            if Coding::named(packed)? != Coding::Identity {
                return Err(Flaw::Media("a gRPC call is packed by message, not whole"));
            }
            Coding::named(one(fields, "grpc-encoding")?.unwrap_or_default())?
        } else {
            Coding::named(packed)?
        };
        Ok(Form {
            signal,
            writing,
            coding,
            grpc,
        })
    }

    /// Stamps a body of this form.
    pub(super) fn stamp(
        self,
        body: Vec<u8>,
        provenance: &Provenance,
        most: usize,
        mut room: Room,
    ) -> Result<Stamped, Flaw> {
        let (coding, message) = match self.grpc {
            true => self.unframe(body)?,
            false => (self.coding, body),
        };
        let message = coding.unpack(message, most, &mut room)?;
        let stamped = stamp(
            &message,
            self.signal,
            self.writing,
            provenance,
            most,
            &mut room,
        )?;
        room.shrink(message.len());
        drop(message);
        let mut digest = [0; 32];
        digest.copy_from_slice(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &stamped).as_ref(),
        );
        let packed = coding.pack(stamped, &mut room)?;
        let body = match self.grpc {
            true => frame(packed, coding)?,
            false => packed,
        };
        let body = Bytes::from_owner(Kept { body, _room: room });
        Ok(Stamped { body, digest })
    }

    /// The one message of a call, and how it is packed.
    fn unframe(self, mut body: Vec<u8>) -> Result<(Coding, Vec<u8>), Flaw> {
        let Some((&[packed, a, b, c, d], message)) = body.split_first_chunk() else {
            return Err(Flaw::Unclear("the call has no whole message"));
        };
        if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
            return Err(Flaw::Unclear("the call has not exactly one message"));
        }
        let coding = match (packed, self.coding) {
            (0, _) => Coding::Identity,
            (1, coding) if coding != Coding::Identity => coding,
            _ => return Err(Flaw::Unclear("the message says that it is packed, not how")),
        };
        body.drain(..FRAME);
        Ok((coding, body))
    }
}

/// The body with the memory that was set aside for it.
struct Kept {
    body: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

fn frame(message: Vec<u8>, coding: Coding) -> Result<Vec<u8>, Flaw> {
    let length = u32::try_from(message.len()).map_err(|_| Flaw::TooLarge)?;
    let mut framed = Vec::with_capacity(FRAME + message.len());
    framed.push(u8::from(coding != Coding::Identity));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    Ok(framed)
}

fn signal_of(path: &str) -> Option<Signal> {
    let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    if ends(TRACES) {
        Some(Signal::Traces)
    } else if ends(METRICS) {
        Some(Signal::Metrics)
    } else if ends(LOGS) {
        Some(Signal::Logs)
    } else {
        None
    }
}

/// The one value of a field.
fn one<'f>(fields: &'f HeaderMap, name: &str) -> Result<Option<&'f str>, Flaw> {
    let mut values = fields.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Flaw::Media("a field that describes the body occurs twice"));
    }
    first
        .map(|value| value.to_str().map(str::trim))
        .transpose()
        .map_err(|_| Flaw::Media("a field that describes the body is not ASCII"))
}

const TRACES: &[&str] = &[
    "/v1/traces",
    "/traces/otlp/v0.9",
    "/api/v2/otel/trace",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
];
const METRICS: &[&str] = &[
    "/v1/metrics",
    "/metrics/otlp/v0.9",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
];
const LOGS: &[&str] = &[
    "/v1/logs",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
];

/// The flag and the length before a message of gRPC.
const FRAME: usize = 5;
