//! Sends what stile itself made of a committed request, in the request's place.
//!
//! In: a [`Committed`] and the message made of it. Out: the upstream's answer, or [`Unanswered`].
//!
//! A deployment becomes a span: what leaves is not what came, but it leaves for the same decision,
//! with the same record and the same single outcome.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use uuid::Uuid;

use super::account::Owed;
use super::body::BodyFault;
use super::limits::caller;
use super::send::Outbound;
use super::{ResponseBody, Unanswered, Upstreams};
use crate::listen::{BodyError, Protocol, Trace};
use crate::record::{Committed, End, Outcome};
use crate::refusal::{Reason, Refusal};

/// A message of our own making.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its method.
    pub method: Method,
    /// Where it goes at the upstream of its operation.
    pub path_and_query: PathAndQuery,
    /// Its media type.
    pub content_type: HeaderValue,
    /// Its body.
    pub body: Bytes,
}

impl Upstreams {
    /// Sends a message of our own making in the place of a committed request. No field of the
    /// caller's goes along.
    ///
    /// # Errors
    ///
    /// As [`Upstreams::forward`].
    pub async fn forward_made(
        &self,
        committed: Committed,
        made: Made,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>> {
        let (arrival, permit, pending) = committed.into_parts();
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_TYPE, made.content_type);
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(made.body.len()));
        let entry = &permit.operation().entry;
        let outbound = Outbound {
            upstream: &entry.upstream,
            method: &made.method,
            path_and_query: &made.path_and_query,
            fields: &fields,
            protocol: Protocol::Http1,
            trace: arrival.trace(),
            decision: arrival.id(),
            caller: &caller(&permit),
            places: permit.places(),
            most_bytes: entry.body_bytes,
            keep_bytes: usize::MAX,
            standing: self.standing(&permit),
        };
        match self
            .send(outbound, Full::new(made.body), Owed::Journal(pending))
            .await
        {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(Box::new(Unanswered {
                refusal,
                arrival,
                permit,
            })),
        }
    }

    /// Sends a message of our own making that no request asked for, and reads the whole answer: its
    /// status, how long to wait before the next, its body. It counts among the upstream's requests in
    /// flight; what it is made of is in the journal.
    ///
    /// # Errors
    ///
    /// Why there was no answer.
    pub async fn hand_over(
        &self,
        upstream: &str,
        made: Made,
    ) -> Result<(StatusCode, Option<Duration>, Bytes), Refusal> {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_TYPE, made.content_type);
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(made.body.len()));
        let ours = Uuid::now_v7();
        let outbound = Outbound {
            upstream,
            method: &made.method,
            path_and_query: &made.path_and_query,
            fields: &fields,
            protocol: Protocol::Http1,
            trace: Trace::begun(ours),
            decision: ours,
            caller: "",
            places: &[],
            most_bytes: u64::MAX,
            keep_bytes: usize::MAX,
            standing: None,
        };
        let answer = self.send(outbound, Full::new(made.body), Owed::Nobody);
        let (head, body) = answer.await?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Refusal::new(Reason::UpstreamBadResponse))?;
        let wait = head.headers.get(header::RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok((head.status, wait.map(Duration::from_secs), body.to_bytes()))
    }

    /// Sends nothing for a committed request that asks for what was done already.
    pub fn leave_be(committed: Committed) {
        let (_, _, pending) = committed.into_parts();
        pending.close(Outcome::of(End::NotForwarded));
    }

    /// Sends nothing for a committed request, and tells the journal so.
    pub fn keep_back(committed: Committed, refusal: Refusal) -> Box<Unanswered> {
        let (arrival, permit, pending) = committed.into_parts();
        let reason = Some(refusal.reason());
        pending.close(Outcome {
            reason,
            ..Outcome::of(End::NotForwarded)
        });
        Box::new(Unanswered {
            refusal,
            arrival,
            permit,
        })
    }
}

impl BodyFault for BodyError {
    fn caller_timed_out(&self) -> bool {
        matches!(self, BodyError::TimedOut)
    }
}

impl BodyFault for Infallible {
    fn caller_timed_out(&self) -> bool {
        match *self {}
    }
}

/// Of an answer that is read whole, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024;
