//! A refusal as `google.rpc.Status`, as exporters of telemetry read it.
//!
//! In: a [`Refusal`]. Out: the message in Protobuf or in JSON, as the request was.
//!
//! Two fields are written by hand: `int32 code = 1` and `string message = 2`.
//!
//! OTLP 1.x, "Failures"; Protocol Buffers, "Encoding".

use serde_json::json;

use super::{Refusal, sentence};

/// The message in Protobuf.
pub(super) fn protobuf(refusal: &Refusal) -> Vec<u8> {
    let message = sentence::of(refusal);
    let mut bytes = vec![FIELD_CODE, refusal.reason().grpc(), FIELD_MESSAGE];
    put_varint(&mut bytes, message.len());
    bytes.extend_from_slice(message.as_bytes());
    bytes
}

/// The message in JSON.
pub(super) fn json(refusal: &Refusal) -> String {
    json!({ "code": refusal.reason().grpc(), "message": sentence::of(refusal) }).to_string()
}

/// Seven bits a byte, the lowest first.
fn put_varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Field 1, a varint; codes are below 17, so one byte holds each.
const FIELD_CODE: u8 = 1 << 3;

/// Field 2, length and bytes.
const FIELD_MESSAGE: u8 = 2 << 3 | 2;
