//! Finds where an issuer publishes its keys.
//!
//! In: the bytes of a discovery document and the issuer's URL as set. Out: the URL of the key set.
//!
//! Only two members are read, so that issuers which serve no logins (CI systems, clusters) and leave
//! the rest out are welcome. The document must name exactly the issuer that was set, byte by byte,
//! and its keys must be as safe to fetch as itself.
//!
//! Never: fetched for an issuer that a token names and nobody set.
//!
//! OpenID Connect Discovery 4.3.

use http::Uri;
use openidconnect::{IssuerUrl, JsonWebKeySetUrl};
use serde::Deserialize;

use super::fetch::{FetchFault, is_safe};

/// What is read of a discovery document.
#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: IssuerUrl,
    jwks_uri: JsonWebKeySetUrl,
}

/// Where the discovery document of an issuer is.
pub(super) fn document_url(issuer_url: &str) -> Option<Uri> {
    let base = issuer_url.strip_suffix('/').unwrap_or(issuer_url);
    format!("{base}/.well-known/openid-configuration")
        .parse()
        .ok()
}

/// Where the key set is, by a discovery document that came from [`document_url`].
pub(super) fn keys_url(document: &[u8], issuer_url: &str) -> Result<Uri, FetchFault> {
    let found: Discovered =
        serde_json::from_slice(document).map_err(|_| FetchFault::NotDiscovery)?;
    // Their type keeps the text as it came, so this compares what was sent.
    if found.issuer.as_str() != issuer_url {
        return Err(FetchFault::WrongIssuer);
    }
    let keys: Uri = found
        .jwks_uri
        .as_str()
        .parse()
        .map_err(|_| FetchFault::UnsafeUrl)?;
    // Keys may be on another host, as Google's and Entra ID's are, but only by TLS; and a document
    // that came over TLS may not send us anywhere without.
    let at_home = issuer_url
        .parse::<Uri>()
        .is_ok_and(|issuer| issuer.scheme_str() == Some("http") && issuer.host() == keys.host());
    let by_tls = keys.scheme_str() == Some("https");
    if !(by_tls || at_home) || !is_safe(&keys) {
        return Err(FetchFault::UnsafeUrl);
    }
    Ok(keys)
}
