//! Reads one object of an upstream for ourselves, so that a decision can depend on it.
//!
//! In: an upstream, a path that the catalogue made, a trace. Out: the status, the media type and the
//! whole body, within a size and a time.
//!
//! Only `GET`, with our key and nothing of the caller's; what comes back is looked at and goes to
//! nobody. It counts among the upstream's requests in flight. That it was read stands in the record
//! of the decision that it was read for.
//!
//! Never: an answer cut off at the limit taken for a whole one.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use uuid::Uuid;

use super::Upstreams;
use super::account::Owed;
use super::send::Outbound;
use crate::listen::{Protocol, Trace};

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The upstream's name.
    pub upstream: &'a str,
    /// The path of the object.
    pub path: &'a str,
    /// The trace of the request that it is for.
    pub trace: Trace,
    /// Its decision.
    pub decision: Uuid,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The status.
    pub status: StatusCode,
    /// Whether the body is encoded, though that was not asked for.
    pub encoded: bool,
    /// The body.
    pub body: Bytes,
}

impl Upstreams {
    /// Reads it; nothing where the upstream does not answer whole and in time.
    pub async fn look(&self, look: Look<'_>) -> Option<Looked> {
        let path_and_query = PathAndQuery::try_from(look.path).ok()?;
        let mut fields = HeaderMap::new();
        fields.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/json, */*;q=0.5"),
        );
        fields.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let outbound = Outbound {
            upstream: look.upstream,
            method: &Method::GET,
            path_and_query: &path_and_query,
            fields: &fields,
            protocol: Protocol::Http1,
            trace: look.trace,
            decision: look.decision,
            most_bytes: 0,
            caller: "",
            places: &[],
            keep_bytes: 0,
            standing: None,
        };
        let read = async {
            let sent = self.send(outbound, Empty::<Bytes>::new(), Owed::Nobody);
            let (head, body) = sent.await.ok()?.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await.ok()?;
            Some(Looked {
                status: head.status,
                encoded: head.headers.contains_key(header::CONTENT_ENCODING),
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(LONGEST, read).await.ok().flatten()
    }
}

/// The largest object, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// The longest that a decision waits for an object.
const LONGEST: Duration = Duration::from_secs(5);
