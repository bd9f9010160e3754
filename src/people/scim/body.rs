//! Reads the body of a request.
//!
//! In: fields and bytes. Out: the one object in it, or a [`Problem`].
//!
//! RFC 7644 3.1, 8.1.

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::identify::strict_json;

/// The one object in a body.
pub(super) fn object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_known = ["application/scim+json", "application/json"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known));
    if !is_known || headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "a body is plain `application/scim+json` or `application/json`";
        return Err(Problem::new(415, detail));
    }
    strict_json(body, DEEPEST).ok_or_else(|| {
        Problem::bad(
            "invalidSyntax",
            "the body is not one JSON object, has a name twice, or nests deeper than 12 levels",
        )
    })
}

const DEEPEST: usize = 12;
