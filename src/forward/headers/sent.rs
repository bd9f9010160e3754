//! The fields that go to an upstream.
//!
//! In: the caller's fields, the trace, the decision's id. Out: a new set of fields, ours last.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::{PSEUDONYM, alike, is_claim, is_ours, nominated, passages};
use crate::forward::settings::UpstreamSettings;
use crate::forward::upstream_key::InjectedHeaders;
use crate::listen::{Protocol, Trace};
use crate::setup_error::SetupError;

/// The names that may pass to one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Passing(HeaderMap<()>);

/// What stile itself says on a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The protocol that the request came by.
    pub(crate) protocol: Protocol,
    /// The trace, with our own span in it.
    pub(crate) trace: Trace,
    /// The decision's id, by which the upstream's log can be joined with the journal.
    pub(crate) decision: Uuid,
    /// Whether the call is gRPC, which needs `te: trailers`.
    pub(crate) grpc: bool,
    /// The length of the body, where it was declared.
    pub(crate) length: Option<u64>,
}

impl Passing {
    /// The fields that every API knows, and the operator's own.
    ///
    /// # Errors
    ///
    /// One for each name of the operator's that belongs to the connection, claims an identity, or
    /// reads like a field that is injected.
    pub(crate) fn build(
        upstream: &str,
        extra: &[HeaderName],
        settings: &UpstreamSettings,
    ) -> Result<Passing, Vec<SetupError>> {
        let taken = |name: &HeaderName| {
            let alike_name = alike(name.as_str());
            let mut injected = settings.headers.iter();
            injected.any(|ours| alike(ours.name.as_str()) == alike_name)
        };
        let errors: Vec<SetupError> = extra
            .iter()
            .filter(|name| is_ours(name) || is_claim(name) || taken(name))
            .map(|name| {
                SetupError::new(format!(
                    "upstream `{upstream}` may not pass the field `{name}`"
                ))
                .hint("only fields that claim no identity and are not set by stile can pass")
            })
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let known = PASSED.iter().map(|name| HeaderName::from_static(name));
        let names = known.chain(extra.iter().cloned());
        Ok(Passing(
            names
                .filter(|name| !taken(name))
                .map(|name| (name, ()))
                .collect(),
        ))
    }

    /// The fields of the request to the upstream.
    pub(crate) fn fields(
        &self,
        from: &HeaderMap,
        stamp: &Stamp,
        injected: &InjectedHeaders,
    ) -> HeaderMap {
        let nominated = nominated(from);
        let mut to = HeaderMap::with_capacity(from.len().saturating_add(8));
        for (name, value) in from {
            if self.0.contains_key(name) && !nominated.contains(name) {
                to.append(name.clone(), value.clone());
            }
        }
        // A trace state belongs to a trace that was taken over (W3C Trace Context, 3.3).
        if stamp.trace.parent_id.is_none() {
            to.remove("tracestate");
        }
        stamp.put(from, &mut to);
        injected.put(&mut to);
        to
    }
}

/// Asks for an answer in which something can be looked for: not encoded, and whole.
pub(crate) fn searchable(fields: &mut HeaderMap) {
    let identity = HeaderValue::from_static("identity");
    if fields.remove("grpc-accept-encoding").is_some() {
        fields.insert("grpc-accept-encoding", identity.clone());
    }
    fields.insert(header::ACCEPT_ENCODING, identity);
    fields.remove(header::RANGE);
    fields.remove(header::IF_RANGE);
}

impl Stamp {
    fn put(&self, from: &HeaderMap, to: &mut HeaderMap) {
        let mut put = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                to.insert(name, value);
            }
        };
        put(header::VIA, self.via(passages(from)));
        put(TRACEPARENT, self.traceparent());
        put(DECISION, self.decision.to_string());
        if let Some(length) = self.length {
            put(header::CONTENT_LENGTH, length.to_string());
        }
        if self.grpc {
            to.insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }

    /// One hop for us and one for each time before, so that a loop is counted; other hops are the
    /// caller's own affair.
    fn via(&self, before: usize) -> String {
        let version = match self.protocol {
            Protocol::Http1 => "1.1",
            Protocol::Http2 => "2",
        };
        let earlier = format!("1.1 {PSEUDONYM}, ").repeat(before.min(super::MOST_PASSAGES));
        format!("{earlier}{version} {PSEUDONYM}")
    }

    fn traceparent(&self) -> String {
        format!(
            "00-{:032x}-{:016x}-{:02x}",
            u128::from_be_bytes(self.trace.trace_id),
            u64::from_be_bytes(self.trace.span_id),
            self.trace.flags
        )
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Our field with the decision's id, in both directions.
pub(super) const DECISION: HeaderName = HeaderName::from_static("stile-decision");

/// What passes to every upstream: content, its negotiation, preconditions, caching, tracing, and
/// gRPC's own. The content's length is not here: framing is ours.
const PASSED: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "baggage",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "prefer",
    "range",
    "repr-digest",
    "tracestate",
    "user-agent",
    "x-correlation-id",
    "x-request-id",
    "x-user-agent",
];
