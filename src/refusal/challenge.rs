//! What tells a caller how to identify itself: the `www-authenticate` field and the metadata that it
//! points to.
//!
//! In: a refusal and where this proxy is found. Out: a header field, or a JSON document.
//!
//! A request without a credential gets no error code, a bad token `invalid_token`, a deny
//! `insufficient_scope` with the action as the scope that was missing. `curl -f` hides bodies, so the
//! sentence is here, too.
//!
//! Never: a quote, a backslash or a byte outside of visible ASCII inside a quoted value.
//!
//! RFC 6750, 3; RFC 9728.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{Site, insert};
use super::{Reason, Refusal, sentence};

/// Adds the field to answers that deserve one.
pub(super) fn add(refusal: &Refusal, site: &Site, headers: &mut HeaderMap) {
    let error = match (refusal.reason().status(), refusal.reason()) {
        (StatusCode::UNAUTHORIZED, Reason::NoCredential) => None,
        (StatusCode::UNAUTHORIZED, _) => Some("invalid_token"),
        (StatusCode::FORBIDDEN, _) => Some("insufficient_scope"),
        _ => return,
    };
    let mut field = String::from("Bearer ");
    if let Some(error) = error {
        let told = quotable(&sentence::of(refusal), DESCRIPTION_CHARS);
        field.push_str(&format!(
            "error=\"{error}\", error_description=\"{told}\", "
        ));
    }
    if let (StatusCode::FORBIDDEN, Some(explanation)) =
        (refusal.reason().status(), refusal.explanation())
    {
        let scope = quotable(&explanation.action, SCOPE_CHARS).replace(' ', "_");
        field.push_str(&format!("scope=\"{scope}\", "));
    }
    let metadata = quotable(
        &format!("{}{PATH}", site.url.trim_end_matches('/')),
        URL_CHARS,
    );
    field.push_str(&format!("resource_metadata=\"{metadata}\""));
    insert(headers, header::WWW_AUTHENTICATE, &field);
}

/// The document at `/.well-known/oauth-protected-resource` (RFC 9728, 2): who issues tokens for this
/// proxy, and what can be asked of it.
pub fn protected_resource_metadata<'a>(
    site: &Site,
    issuers: impl IntoIterator<Item = &'a str>,
    scopes: impl IntoIterator<Item = &'a str>,
) -> Value {
    json!({
        "resource": site.url.trim_end_matches('/'),
        "resource_name": "stile",
        "authorization_servers": issuers.into_iter().collect::<Vec<_>>(),
        "scopes_supported": scopes.into_iter().collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
    })
}

/// A text as it may stand in a quoted value (RFC 6750, 3).
fn quotable(text: &str, most_chars: usize) -> String {
    let plain = |c: char| match c {
        '"' | '`' => '\'',
        '\\' => '/',
        c if c == ' ' || c.is_ascii_graphic() => c,
        _ => '?',
    };
    text.chars().take(most_chars).map(plain).collect()
}

/// Where the metadata is found (RFC 9728, 3).
const PATH: &str = "/.well-known/oauth-protected-resource";

const DESCRIPTION_CHARS: usize = 400;
const SCOPE_CHARS: usize = 100;
const URL_CHARS: usize = 1000;
