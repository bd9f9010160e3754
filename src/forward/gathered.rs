//! Sends a request whose answer is looked at as a whole before it goes on.
//!
//! In: a [`Committed`], and what is to become of the answer's body. Out: the answer with another body,
//! or [`Unanswered`]; the outcome says how many items stayed and how many were left out.
//!
//! What is held has its share of the upstream's room until the caller has it.
//!
//! The upstream is asked for the whole list as it is: not encoded, not a part of it, not whether it
//! changed. What an answer says of the bytes that it had is taken out of what goes on.
//!
//! Never: an answer in part, an encoded one, one that is too large: nobody has read it, so nobody gets
//! it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body;

use super::account::Owed;
use super::body::GatheredBody;
use super::limits::caller;
use super::room::{LARGEST_BYTES, Share};
use super::send::Outbound;
use super::{BodyFault, BoxError, ResponseBody, Unanswered, Upstreams};
use crate::record::{Committed, End};
use crate::refusal::{Reason, Refusal};

/// An answer of which some items were left out.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What goes on.
    pub body: Bytes,
    /// Items that stayed.
    pub kept: u64,
    /// Items that did not.
    pub left_out: u64,
}

impl Upstreams {
    /// Sends it, and passes on what becomes of the body of a success; nothing becomes of one that
    /// cannot be read.
    ///
    /// # Errors
    ///
    /// As [`Upstreams::forward`]; `overloaded` where its upstream has no room for one more answer that
    /// is held, `upstream_bad_response` for an answer that cannot be read.
    pub async fn forward_gathered<B, F>(
        &self,
        committed: Committed,
        body: B,
        keep: F,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: BodyFault + Into<BoxError>,
        F: FnOnce(&[u8]) -> Option<Kept>,
    {
        let upstream = self.find(&committed.permit().operation().entry.upstream);
        let share = match upstream {
            Some(upstream) => upstream.room.share().await,
            None => None,
        };
        let Some(share) = share else {
            let refusal = Refusal::new(Reason::Overloaded);
            return Err(Upstreams::keep_back(committed, refusal));
        };
        let (arrival, permit, pending) = committed.into_parts();
        let mut fields = arrival.headers().clone();
        for name in OF_A_PART {
            fields.remove(name);
        }
        let identity = HeaderValue::from_static("identity");
        fields.insert(header::ACCEPT_ENCODING, identity);
        let entry = &permit.operation().entry;
        let outbound = Outbound {
            upstream: &entry.upstream,
            method: arrival.method(),
            path_and_query: arrival.path_and_query(),
            fields: &fields,
            protocol: arrival.protocol(),
            trace: arrival.trace(),
            decision: arrival.id(),
            caller: &caller(&permit),
            places: permit.places(),
            most_bytes: entry.body_bytes,
            keep_bytes: 0,
            standing: self.standing(&permit),
        };
        let refusal = match self.send(outbound, body, Owed::Journal(pending)).await {
            Ok(answer) if !answer.status().is_success() => return Ok(answer),
            Ok(answer) => match gathered(answer, keep, share).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        Err(Box::new(Unanswered {
            refusal,
            arrival,
            permit,
        }))
    }
}

async fn gathered<F>(
    answer: Response<ResponseBody>,
    keep: F,
    share: Share,
) -> Result<Response<ResponseBody>, Refusal>
where
    F: FnOnce(&[u8]) -> Option<Kept>,
{
    let (mut head, body) = answer.into_parts();
    let ResponseBody::Streaming(body) = body else {
        return Err(Refusal::new(Reason::UpstreamBadResponse));
    };
    let is_whole = head.status != StatusCode::PARTIAL_CONTENT
        && !head.headers.contains_key(header::CONTENT_ENCODING);
    let (bytes, mut account) = match body.whole(LARGEST_BYTES, LONGEST).await {
        Ok(whole) => whole,
        Err(Reason::UpstreamBadResponse) => {
            return Err(unread("broke off or is larger than 8 MiB"));
        }
        Err(reason) => return Err(Refusal::new(reason)),
    };
    let kept = match is_whole {
        true => keep(&bytes).ok_or("is not as the catalogue declares it"),
        false => Err("is encoded or a part, though neither was asked for"),
    };
    match kept {
        Ok(Kept {
            body,
            kept,
            left_out,
        }) => {
            account.listed(kept, left_out);
            for name in OF_THE_BYTES {
                head.headers.remove(name);
            }
            let length = HeaderValue::from(body.len());
            head.headers.insert(header::CONTENT_LENGTH, length);
            let body = GatheredBody::new(body, account, share);
            Ok(Response::from_parts(head, ResponseBody::Gathered(body)))
        }
        Err(why) => {
            account.close(End::UpstreamError, Some(Reason::UpstreamBadResponse));
            Err(unread(why))
        }
    }
}

fn unread(why: &str) -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse)
        .telling("the list could not be read, so nothing of it is shown")
        .noting(format!("a list of the upstream {why}"))
}

/// Of a request: what asks for a part, or whether anything changed (RFC 9110 13.1 and 14.2).
const OF_A_PART: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Of an answer: what is true of the bytes that it had.
const OF_THE_BYTES: [HeaderName; 9] = [
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    header::CONTENT_RANGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
    header::TRANSFER_ENCODING,
];

const LONGEST: Duration = Duration::from_secs(30);
