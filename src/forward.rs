//! Passes it on, with our key.
//!
//! In: a [`Committed`] and the caller's body. Out: the upstream's answer, streaming; or
//! [`Unanswered`] with a refusal to answer in the upstream's place.
//!
//! Holding a [`Committed`] means that the decision to allow is in the journal, and nothing else
//! opens this door, so no request can be forwarded unrecorded. What a decision depends on is read through
//! a door of its own ([`look`]), which sends nothing of the caller's. The request that leaves is made anew
//! from the parts that were authorised: method, path and query byte for byte, the fields that may
//! pass, then ours, the keys last. However it ends, the journal is told once.
//!
//! Never: the caller's credential, a key towards the caller, a redirect followed, a request sent
//! twice that may have done something, a whole body in memory.
//!
//! When the upstream cannot be reached, does not answer in time, or answers something that is not
//! one well-formed answer, the caller gets a refusal with the reason and the upstream's words none.

pub(crate) mod account;
pub mod body;
pub(crate) mod dial;
pub mod headers;
pub mod gathered;
mod held;
pub mod look;
pub mod made;
mod reached;
mod replicas;
mod rewritten;
mod room;
pub(crate) mod send;
mod limits;
mod resting;
mod shares;
pub mod upstream;
pub mod upstream_key;

pub mod settings;

#[cfg(test)]
mod tests;

pub use body::{BodyFault, BoxError, ForwardBody, GatheredBody, ResponseBody};
pub use gathered::Kept;
pub use headers::refuse_loop;
pub use look::{Look, Looked};
pub use made::Made;
pub use reached::{Unreached, reach};
pub use settings::{
    InjectedHeader, KeyCommand, LimitSettings, Per, RestSettings, TlsSettings, UpstreamSettings,
};
pub use upstream::{UpstreamState, Upstreams};
pub(crate) use upstream_key::header_with_key;
pub use upstream_key::{InjectedHeaders, UpstreamKeyState};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use self::account::Owed;
use self::send::Outbound;
use crate::authorize::Permit;
use crate::listen::Arrival;
use crate::record::Committed;
use crate::refusal::Refusal;

/// A committed request that got no answer of the upstream, with what the pipeline needs to answer
/// in its place. Its outcome is already with the journal.
#[derive(Debug)]
pub struct Unanswered {
    /// Why.
    pub refusal: Refusal,
    /// The request.
    pub arrival: Arrival,
    /// What was allowed.
    pub permit: Permit,
}

impl Upstreams {
    /// Sends a committed request to its upstream and returns the answer as soon as its head is
    /// there. The answer has `stile-decision` set; dropping its body is the caller's leaving.
    ///
    /// # Errors
    ///
    /// `overloaded`, `body_too_large`, `upstream_unreachable`, `upstream_tls_error`,
    /// `upstream_timeout`, `upstream_bad_response`; and `client_timeout` or `malformed_request`
    /// when the caller's body broke off.
    pub async fn forward<B>(
        &self,
        committed: Committed,
        body: B,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: BodyFault + Into<BoxError>,
    {
        let (arrival, permit, pending) = committed.into_parts();
        let entry = &permit.operation().entry;
        let outbound = Outbound {
            upstream: &entry.upstream,
            method: arrival.method(),
            path_and_query: arrival.path_and_query(),
            fields: arrival.headers(),
            protocol: arrival.protocol(),
            trace: arrival.trace(),
            decision: arrival.id(),
            caller: &limits::caller(&permit),
            places: permit.places(),
            most_bytes: entry.body_bytes,
            keep_bytes: KEPT_BYTES,
            standing: self.standing(&permit),
        };
        match self.send(outbound, body, Owed::Journal(pending)).await {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(Box::new(Unanswered {
                refusal,
                arrival,
                permit,
            })),
        }
    }
}

/// What is kept of a body that streams, in bytes: a usual write fits, and 512 of them are 32 MiB.
const KEPT_BYTES: usize = 64 * 1024;
