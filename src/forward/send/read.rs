//! Reads what an exchange hangs on out of the heads of both sides.
//!
//! In: fields, an answer, a connection. Out: a length, a protocol, an address, a refused key.

use http::header::{self, HeaderMap};
use http::{Response, StatusCode};
use hyper_util::client::legacy::connect::{Connected, HttpInfo};

use super::ending::Ending;
use crate::forward::dial::Life;
use crate::refusal::Reason;

/// The length that the caller declared; framing was checked when the request came in.
pub(super) fn declared_length(fields: &HeaderMap) -> Result<Option<u64>, Ending> {
    let Some(value) = fields.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let text = value.to_str().ok();
    let length = text.and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Ending::unsent(Reason::AmbiguousFraming))
}

/// `application/grpc`, `application/grpc+proto`, but not `application/grpc-web`.
pub(super) fn is_grpc(fields: &HeaderMap) -> bool {
    let content_type = fields.get(header::CONTENT_TYPE);
    let rest = content_type.and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Whether the upstream says that it does not know the key: HTTP's 401, or gRPC's 16 in the head.
pub(super) fn refuses_the_key<B>(answer: &Response<B>) -> bool {
    let grpc = answer.headers().get("grpc-status");
    answer.status() == StatusCode::UNAUTHORIZED || grpc.is_some_and(|code| code == "16")
}

/// Whether the body is not what it says, in HTTP's or in gRPC's way.
pub(super) fn is_encoded(fields: &HeaderMap) -> bool {
    let codings = ["content-encoding", "grpc-encoding"];
    let mut said = codings.iter().flat_map(|name| fields.get_all(*name));
    said.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// What a connection went through; of HTTP/1.1 only, where it is one request's at a time.
pub(super) fn life_of(connected: Option<&Connected>) -> Option<Life> {
    let connected = connected.filter(|connected| !connected.is_negotiated_h2())?;
    let mut extras = http::Extensions::new();
    connected.get_extras(&mut extras);
    extras.get::<Life>().cloned()
}

/// Where a connection leads to.
pub(super) fn address_of(connected: Option<&Connected>) -> Option<String> {
    let mut extras = http::Extensions::new();
    connected?.get_extras(&mut extras);
    extras
        .get::<HttpInfo>()
        .map(|to| to.remote_addr().to_string())
}
