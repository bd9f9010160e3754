//! The fields that come back to the caller.
//!
//! In: the upstream's fields. Out: those that concern the caller, with no key in any of them.
//!
//! A status 401 of the upstream passes as it is: it speaks of our key, and hiding it would hide a
//! fault. Its `www-authenticate` does not: it would ask the caller for a credential of a realm that
//! is not theirs.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::sent::DECISION;
use super::{CONNECTION, alike, nominated, reserved};

/// The upstream keys, for finding them where they must not be.
#[derive(Clone)]
pub(crate) struct Keys(Vec<crate::secret::Secret>);

impl Keys {
    /// The keys of one upstream.
    pub(crate) fn new(keys: Vec<crate::secret::Secret>) -> Keys {
        Keys(keys)
    }

    /// These and more.
    pub(crate) fn and(&self, more: &[crate::secret::Secret]) -> Keys {
        Keys(self.0.iter().chain(more).cloned().collect())
    }

    /// Each of them.
    pub(crate) fn revealed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(crate::secret::Secret::reveal)
    }

    /// Whether any key occurs in these bytes.
    pub(crate) fn occur_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|key| {
            let key = key.reveal().as_bytes();
            bytes.len() >= key.len() && bytes.windows(key.len()).any(|window| window == key)
        })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// The fields of the answer to the caller, with the decision's id.
pub(crate) fn answer_fields(from: &HeaderMap, keys: &Keys, decision: Uuid) -> HeaderMap {
    let mut to = kept(from, keys);
    if let Ok(value) = HeaderValue::try_from(decision.to_string()) {
        to.insert(DECISION, value);
    }
    to
}

/// The fields after the answer's body.
pub(crate) fn answer_trailers(from: &HeaderMap, keys: &Keys) -> HeaderMap {
    let mut to = kept(from, keys);
    for framing in [header::CONTENT_LENGTH, header::HOST, header::CONTENT_TYPE] {
        to.remove(framing);
    }
    to
}

/// Whether the answer's length can be read in one way only (RFC 9112, 6.3).
///
/// hyper takes `chunked` over a length, one length out of several equal ones, and an unknown coding
/// for a body up to the end of the connection; each of these is a difference somebody can use.
pub(crate) fn well_framed(fields: &HeaderMap) -> bool {
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    let digits =
        |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    if lengths.next().is_some() || !length.is_none_or(digits) {
        return false;
    }
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    match codings.next() {
        None => true,
        Some(coding) => {
            length.is_none()
                && codings.next().is_none()
                && coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
    }
}

fn kept(from: &HeaderMap, keys: &Keys) -> HeaderMap {
    let nominated = nominated(from);
    let mut to = HeaderMap::with_capacity(from.len().saturating_add(4));
    for (name, value) in from {
        if !belongs_here(name) || nominated.contains(name) {
            continue;
        }
        if keys.occur_in(value.as_bytes()) {
            tracing::warn!(
                field = name.as_str(),
                "upstream sent its key back; field dropped"
            );
            continue;
        }
        to.append(name.clone(), value.clone());
    }
    to
}

fn belongs_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    if name.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        let alike = alike(name);
        return !reserved(&alike) && !STAYS.contains(&alike.as_str());
    }
    // `trailer` announces fields that do pass; hyper sends none that were not announced.
    name == "trailer" || !(CONNECTION.contains(&name) || STAYS.contains(&name) || reserved(name))
}

/// What would speak for our host, ask for a credential, or reach into our sessions.
const STAYS: &[&str] = &[
    "access-control-allow-credentials",
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "nel",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "www-authenticate",
];
