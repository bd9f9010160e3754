//! The one public document: where callers learn what this proxy protects (RFC 9728).
//!
//! In: an arrival for `/.well-known/oauth-protected-resource`. Out: its JSON.
//!
//! Public by its nature: a caller without a token is sent there by `www-authenticate`. It names the
//! issuers and actions, nothing of policies, teams or upstreams.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};

use super::ruling::Ruling;
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::refusal::{Site, protected_resource_metadata};

/// A public document of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document(());

/// The document that an arrival asks for, if it asks for one.
pub(super) fn asked_for(arrival: &Arrival) -> Option<Document> {
    let asked = arrival.method() == Method::GET && arrival.path() == PATH;
    asked.then_some(Document(()))
}

impl Document {
    /// The answer.
    pub(super) fn answer(self, ruling: &Ruling, site: &Site) -> Response<ResponseBody> {
        let (issuers, scopes) = (ruling.issuers.urls(), ruling.catalogue.actions());
        let json = protected_resource_metadata(site, issuers, scopes).to_string();
        let mut response = Response::new(ResponseBody::Full(Bytes::from(json)));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

const PATH: &str = "/.well-known/oauth-protected-resource";
