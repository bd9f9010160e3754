//! A refusal as the status of a gRPC call.
//!
//! In: a [`Refusal`]. Out: the two trailers, which stand in the head when there is no body.
//!
//! gRPC over HTTP/2, "Responses" (Trailers-Only) and "Status-Message".

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::answer::insert;
use super::{Refusal, sentence};

/// Adds `grpc-status` and `grpc-message`.
pub(super) fn add_trailers(refusal: &Refusal, headers: &mut HeaderMap) {
    headers.insert(
        STATUS,
        HeaderValue::from(u16::from(refusal.reason().grpc())),
    );
    insert(headers, MESSAGE, &encoded(&sentence::of(refusal)));
}

/// Percent-encodes what is not visible ASCII or a space, and the percent sign.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
