//! Says which fields cross, in either direction.
//!
//! In: the fields of one side. Out: the fields of the other side, made anew.
//!
//! Towards the upstream the list is closed: a field passes because it is named here or by the
//! operator, never because nobody thought of it. So no spelling of a credential, of an identity, of
//! a tenant or of a method override can cross, whatever it is called and whatever `_` or `.` an
//! upstream would read as `-`. What `connection` nominates is taken away before our own fields are
//! set, so a caller cannot nominate ours. Towards the caller the list is open, less what belongs to
//! a connection, to us, or to the upstream's own login, and less every value that shows a key.
//!
//! Never: a field that the caller wrote beside one of ours with the same name.
//!
//! RFC 9110, 7.6.1 (connection), 7.6.3 (via); W3C Trace Context.

use http::{HeaderMap, HeaderName};

mod answered;
mod sent;

pub(crate) use answered::{Keys, answer_fields, answer_trailers, well_framed};
pub(crate) use sent::{Passing, Stamp, searchable};

use crate::refusal::{Reason, Refusal};

/// Refuses a request that already went through an instance of stile twice: a loop.
///
/// Once is a chain that somebody may want; what we append to `via` makes the count true.
///
/// # Errors
///
/// `malformed_request`, telling of a loop (RFC 9110, 7.6.3).
pub fn refuse_loop(fields: &HeaderMap) -> Result<(), Refusal> {
    if passages(fields) < MOST_PASSAGES {
        return Ok(());
    }
    Err(Refusal::new(Reason::MalformedRequest)
        .telling("the request went through this proxy more than once: a loop"))
}

/// How often `via` names stile.
fn passages(fields: &HeaderMap) -> usize {
    fields
        .get_all(http::header::VIA)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter(|hop| {
            let mut words = hop
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            words.nth(1).is_some_and(|by| by == PSEUDONYM.as_bytes())
        })
        .count()
}

/// Whether a field of this name may neither be passed nor injected: it is the connection's, the
/// message's own framing, or set by this step.
pub(crate) fn is_ours(name: &HeaderName) -> bool {
    let alike = alike(name.as_str());
    CONNECTION.contains(&alike.as_str()) || OURS.contains(&alike.as_str()) || reserved(&alike)
}

/// Whether a field of this name says who the caller is, what they may do or where it should go.
pub(crate) fn is_claim(name: &HeaderName) -> bool {
    let alike = alike(name.as_str());
    CLAIMS.contains(&alike.as_str()) || CLAIM_STARTS.iter().any(|start| alike.starts_with(start))
}

/// The name as a careless upstream reads it: lower case, `_` and `.` as `-`.
pub(crate) fn alike(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '_' | '.' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// The names that stile keeps for itself.
fn reserved(alike: &str) -> bool {
    ["stile-", "x-stile-"]
        .iter()
        .any(|start| alike.starts_with(start))
}

/// The field names that `connection` nominates, those that describe the content excepted: the
/// decision may rest on them, so they stay with the body they describe.
fn nominated(fields: &HeaderMap) -> Vec<HeaderName> {
    fields
        .get_all(http::header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !name.as_str().starts_with("content-"))
        .collect()
}

/// A third passage is a loop.
const MOST_PASSAGES: usize = 2;

/// Our name in `via`.
const PSEUDONYM: &str = "stile";

/// Fields of one connection (RFC 9110, 7.6.1).
const CONNECTION: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Fields that this step or hyper writes.
const OURS: &[&str] = &["content-length", "expect", "host", "traceparent", "via"];

/// Fields that an upstream or something before it might believe.
const CLAIMS: &[&str] = &[
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "cookie2",
    "dd-api-key",
    "dd-application-key",
    "dpop",
    "forwarded",
    "from",
    "job-token",
    "lightstep-access-token",
    "max-forwards",
    "private-token",
    "set-cookie",
    "set-cookie2",
    "true-client-ip",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-goog-api-key",
    "x-honeycomb-team",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-id-token",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-vault-token",
];

/// The same by their beginnings.
const CLAIM_STARTS: &[&str] = &[
    "authorization-",
    "cf-",
    "proxy-",
    "x-envoy-",
    "x-forwarded",
    "x-remote-",
    "x-ssl-",
    "x-webauth-",
];
