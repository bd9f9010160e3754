//! Takes one parsed request through the checks and to its answer.
//!
//! In: a request from hyper. Out: the response of [`Receive`], counted until its last byte.
//!
//! Never: more requests in flight than the limit lets, or one that began after the drain did; these
//! are turned away, recorded.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::exchanges::{Exchanges, ListenCounts, Running};
use super::received::ConnectionFacts;
use super::trailers::{self, Trailers};
use super::{Arrival, Protocol, Receive, RequestBody};
use crate::refusal::{Reason, Refusal};

/// What it takes to answer the requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Answering<R> {
    pub(super) receive: R,
    pub(super) facts: Arc<ConnectionFacts>,
    pub(super) exchanges: Arc<Exchanges>,
    pub(super) counts: Arc<ListenCounts>,
}

/// A response body that counts as in flight until it is dropped.
#[derive(Debug)]
pub(super) struct Counted<B> {
    body: B,
    trailers: Trailers,
    over: bool,
    _running: Arc<Running>,
}

impl<R: Receive> Answering<R> {
    /// Answers one request. The exchange begins now and not when the future is first polled: in
    /// between hyper looks for the end of the stream, which the gate shows to an idle one only.
    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Counted<R::Body>>, Infallible>> + Send + use<R> {
        let running = Arc::new(self.exchanges.begin(&self.counts));
        self.clone().answer_in(running, request)
    }

    async fn answer_in(
        self,
        running: Arc<Running>,
        request: Request<Incoming>,
    ) -> Result<Response<Counted<R::Body>>, Infallible> {
        let (parts, incoming) = request.into_parts();
        let takes_trailers = trailers::asked_for(&parts.headers);
        let version = parts.version;
        let wants_upgrade = parts.headers.contains_key(header::UPGRADE);
        let mut response = match self.check(parts, running.in_flight) {
            Ok(mut arrival) => {
                // A request goes on to its record although its caller resets it, and counts till then.
                arrival.running = Some(Arc::clone(&running));
                let idle_ms = self.facts.limits.body_idle_ms;
                let head = arrival.headers();
                let body = RequestBody::received(incoming, version, head, idle_ms);
                self.receive.receive(arrival, body).await
            }
            Err(turned_away) => {
                let (unreadable, refusal) = *turned_away;
                self.receive.turn_away(unreadable, refusal).await
            }
        };
        if self.facts.protocol == Protocol::Http1 && (wants_upgrade || !self.is_gated()) {
            // What follows a wish to upgrade may be another protocol: it is never read as ours.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let trailers = match self.facts.protocol {
            Protocol::Http1 => Trailers::over_http1(takes_trailers, response.headers()),
            Protocol::Http2 => Trailers::All,
        };
        Ok(response.map(|body| Counted {
            body,
            trailers,
            over: false,
            _running: running,
        }))
    }

    fn check(
        &self,
        parts: http::request::Parts,
        in_flight: usize,
    ) -> Result<Arrival, super::received::TurnedAway> {
        let arrival = Arrival::received(parts, &self.facts)?;
        let reason = if !self.is_gated() {
            Reason::MalformedRequest
        } else if self.exchanges.are_finishing() {
            // An HTTP/2 peer may open streams until it has heard that it must not.
            Reason::Draining
        } else if in_flight > self.facts.limits.requests {
            Reason::Overloaded
        } else {
            return Ok(arrival);
        };
        Err(Box::new((arrival.into_unreadable(), Refusal::new(reason))))
    }

    /// Whether hyper shows no head that the gate has not cleared. It cannot, as long as both count
    /// body bytes alike; should they ever differ, the request is refused and the connection ends.
    fn is_gated(&self) -> bool {
        self.facts.protocol == Protocol::Http2 || self.exchanges.are_all_cleared()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let me = self.get_mut();
        if me.over {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut me.body).poll_frame(cx));
        let sendable = |frame: &Frame<Bytes>| {
            let trailers = frame.trailers_ref();
            trailers.is_none_or(|trailers| me.trailers.pass(trailers))
        };
        me.over = matches!(&frame, Some(Ok(frame)) if !sendable(frame));
        Poll::Ready(frame.filter(|_| !me.over))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
