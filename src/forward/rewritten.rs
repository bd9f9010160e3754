//! Sends a committed request whose body was made anew on the way.
//!
//! In: a [`Committed`] and the body in the place of the caller's. Out: the upstream's answer, or
//! [`Unanswered`].
//!
//! The head is the caller's as always, less the fields that would be untrue of another body.

use http::Response;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http_body_util::Full;

use super::account::Owed;
use super::limits::caller;
use super::send::Outbound;
use super::{ResponseBody, Unanswered, Upstreams};
use crate::record::Committed;
use crate::stamp::Stamped;

impl Upstreams {
    /// Sends a committed request with a stamped body, whose digest the record keeps.
    ///
    /// # Errors
    ///
    /// As [`Upstreams::forward`].
    pub async fn forward_stamped(
        &self,
        committed: Committed,
        stamped: Stamped,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>> {
        let (arrival, permit, mut pending) = committed.into_parts();
        pending.stamped(stamped.digest);
        let mut fields = arrival.headers().clone();
        for name in OF_THE_BODY {
            fields.remove(*name);
        }
        fields.insert(CONTENT_LENGTH, HeaderValue::from(stamped.body.len()));
        let outbound = Outbound {
            upstream: &permit.operation().entry.upstream,
            method: arrival.method(),
            path_and_query: arrival.path_and_query(),
            fields: &fields,
            protocol: arrival.protocol(),
            trace: arrival.trace(),
            decision: arrival.id(),
            caller: &caller(&permit),
            places: permit.places(),
            most_bytes: stamped.body.len() as u64,
            keep_bytes: usize::MAX,
            standing: self.standing(&permit),
        };
        let sent = self.send(outbound, Full::new(stamped.body), Owed::Journal(pending));
        match sent.await {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(Box::new(Unanswered {
                refusal,
                arrival,
                permit,
            })),
        }
    }
}

/// Digests of the caller's body (RFC 9530; RFC 1864).
const OF_THE_BODY: &[&str] = &["content-digest", "content-md5", "repr-digest"];
