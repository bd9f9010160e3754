//! Sends one request and waits for the head of its answer.
//!
//! In: the parts of a request that was authorised and committed. Out: the answer, its body still
//! on its way; or a [`Refusal`]. In both cases the account is closed with what happened.
//!
//! The parts come from a [`Committed`](crate::record::Committed) and from nowhere else:
//! [`Upstreams::forward`] is the only caller outside of tests, and this door is not public.
//!
//! A key that the upstream refuses is tried once more with the one that has taken its place, where
//! the whole request is still at hand: nothing was done with the first.
//!
//! Never: a byte of the request before the connection is made and its certificate verified; a
//! second try of anything else that was sent; an answer whose length can be read in two ways.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::HeaderMap;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use uuid::Uuid;

mod ending;
mod read;

use self::ending::{Ending, fault_of, sort, stopped};
use self::read::{address_of, declared_length, is_grpc, refuses_the_key};
use super::account::{Account, Owed};
use super::body::{BodyFault, BoxError, ForwardBody, Progress, Replayed, ResponseBody, SentBody};
use super::headers::{Stamp, answer_fields};
use super::upstream::{Upstream, Upstreams};
use super::upstream_key::InjectedHeaders;
use crate::listen::{Protocol, Trace};
use crate::record::End;
use crate::refusal::{Reason, Refusal};

/// The parts of a request, as they were authorised.
#[derive(Debug)]
pub(crate) struct Outbound<'a> {
    /// The upstream's name.
    pub(crate) upstream: &'a str,
    /// The method.
    pub(crate) method: &'a Method,
    /// These bytes and no others.
    pub(crate) path_and_query: &'a PathAndQuery,
    /// The caller's fields.
    pub(crate) fields: &'a HeaderMap,
    /// The protocol that the request came by.
    pub(crate) protocol: Protocol,
    /// The trace.
    pub(crate) trace: Trace,
    /// The decision's id.
    pub(crate) decision: Uuid,
    /// Where the principal belongs, as the directory says: which key it is sent with.
    pub(crate) places: &'a [String],
    /// The largest body, in bytes.
    pub(crate) most_bytes: u64,
    /// How much of the body is kept for a second try with another key, in bytes.
    pub(crate) keep_bytes: usize,
}

impl Upstreams {
    /// Sends the request and waits for the answer's head.
    pub(crate) async fn send<B>(
        &self,
        outbound: Outbound<'_>,
        body: B,
        owed: Owed,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: BodyFault + Into<BoxError>,
    {
        let progress = Progress::begin();
        let mut account = Account::open(owed, Arc::clone(&progress));
        let exchanged = match self.find(outbound.upstream) {
            Some(upstream) => exchange(upstream, &outbound, body, &mut account).await,
            None => Err(Ending::unsent(Reason::UpstreamUnreachable)),
        };
        match exchanged {
            Ok((upstream, answer)) => Ok(pass_back(upstream, answer, outbound.decision, account)),
            Err(Ending { end, refusal }) => {
                account.close(end, Some(refusal.reason()));
                Err(refusal)
            }
        }
    }
}

async fn exchange<'u, B>(
    upstream: &'u Upstream,
    outbound: &Outbound<'_>,
    body: B,
    account: &mut Account,
) -> Result<(&'u Upstream, Response<Incoming>), Ending>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: BodyFault + Into<BoxError>,
{
    let asked = upstream.resting.ask(Instant::now());
    asked.map_err(Ending::resting)?;
    let place = upstream.in_flight.take(upstream.most_in_flight);
    account.keep(place.ok_or_else(|| Ending::unsent(Reason::Overloaded))?);
    let length = declared_length(outbound.fields)?;
    if length.is_some_and(|length| length > outbound.most_bytes) {
        return Err(Ending::unsent(Reason::BodyTooLarge));
    }
    let slot = upstream.injected.of(outbound.places);
    let slot = slot.map_err(Ending::kept_back)?;
    let keys = slot.now();
    let body = Replayed::new(Box::pin(body), outbound.keep_bytes);
    let sent = body.sent();
    let answer = attempt(upstream, outbound, (body, length), &keys, account).await?;
    if !refuses_the_key(&answer) {
        sent.forget();
        return Ok((upstream, answer));
    }
    // What was sent can be sent again or it cannot; then the caller learns of the 401.
    let Some(again) = sent.again() else {
        return Ok((upstream, answer));
    };
    let Some(renewed) = upstream.injected.after(slot, &keys) else {
        return Ok((upstream, answer));
    };
    drop(answer);
    let body = (Full::new(again), length);
    let answer = attempt(upstream, outbound, body, &renewed, account).await?;
    let taken = !refuses_the_key(&answer);
    upstream.injected.settle(slot, renewed, taken);
    Ok((upstream, answer))
}

/// Sends the request once, with these keys.
async fn attempt<B>(
    upstream: &Upstream,
    outbound: &Outbound<'_>,
    (body, length): (B, Option<u64>),
    keys: &InjectedHeaders,
    account: &mut Account,
) -> Result<Response<Incoming>, Ending>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: BodyFault + Into<BoxError>,
{
    let progress = Arc::clone(account.progress());
    let body = SentBody::new(body, length, outbound.most_bytes, Arc::clone(&progress));
    let mut request = rebuild(upstream, outbound, body, length, keys)?;
    let storm = Arc::clone(&progress);
    hyper::ext::on_informational(&mut request, move |_| storm.interim());
    let captured = capture_connection(&mut request);
    let pool = match request.version() {
        Version::HTTP_2 => &upstream.pools.grpc,
        _ => &upstream.pools.usual,
    };
    let answering = pin!(pool.request(request));
    let answer = wait(upstream, answering, captured.clone(), &progress).await;
    if let Some(address) = address_of(captured.connection_metadata().as_ref()) {
        account.reached(address);
    }
    let answer = answer.inspect_err(|ending| {
        if ending.is_of_upstream() {
            upstream.resting.failed(Instant::now());
        }
        // A connection that fell silent may be dead for all who share it (HTTP/2).
        if matches!(ending.end, End::Timeout) {
            leave(&captured);
        }
    })?;
    upstream.resting.answered();
    account.answered(answer.status().as_u16());
    if let Some(fault) = fault_of(&answer, &progress) {
        // What follows on this connection belongs to nobody.
        leave(&captured);
        return Err(Ending::spoke_badly(fault));
    }
    Ok(answer)
}

/// Begins nothing more on this connection; what runs on it may end.
fn leave(captured: &CaptureConnection) {
    captured
        .connection_metadata()
        .as_ref()
        .inspect(|to| to.poison());
}

/// The request from the parts that were authorised.
fn rebuild(
    upstream: &Upstream,
    outbound: &Outbound<'_>,
    body: SentBody,
    declared: Option<u64>,
    keys: &InjectedHeaders,
) -> Result<Request<SentBody>, Ending> {
    let grpc = is_grpc(outbound.fields);
    // A method that means a body says so when it has none (RFC 9110, 8.6).
    let means_body = matches!(*outbound.method, Method::POST | Method::PUT | Method::PATCH);
    let length = declared.or((means_body && !grpc && body.is_end_stream()).then_some(0));
    let stamp = Stamp {
        protocol: outbound.protocol,
        trace: outbound.trace,
        decision: outbound.decision,
        grpc,
        length,
    };
    let uri = Uri::builder()
        .scheme(upstream.scheme.clone())
        .authority(upstream.authority.clone())
        .path_and_query(outbound.path_and_query.clone())
        .build()
        .map_err(|_| Ending::unsent(Reason::BadTarget))?;
    let mut request = Request::new(body);
    *request.method_mut() = outbound.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = if grpc {
        Version::HTTP_2
    } else {
        Version::HTTP_11
    };
    *request.headers_mut() = upstream.passing.fields(outbound.fields, &stamp, keys);
    Ok(request)
}

/// Waits for a connection, then for the head, each within its time.
async fn wait<F>(
    upstream: &Upstream,
    mut answering: Pin<&mut F>,
    mut captured: CaptureConnection,
    progress: &Progress,
) -> Result<Response<Incoming>, Ending>
where
    F: Future<Output = Result<Response<Incoming>, hyper_util::client::legacy::Error>>,
{
    // In this order: on a kept connection the first poll sends and the second branch is ready, so
    // no timer is started.
    tokio::select! {
        biased;
        answer = &mut answering => return answer.map_err(|error| sort(&error, progress)),
        _ = captured.wait_for_connection_metadata() => progress.connected(),
        () = tokio::time::sleep(upstream.connect) => {
            return Err(Ending::unreachable("no connection in time"));
        }
    }
    loop {
        let until = progress.silent_until(upstream.head);
        tokio::select! {
            biased;
            () = progress.stopped() => return Err(stopped(progress)),
            answer = &mut answering => return answer.map_err(|error| sort(&error, progress)),
            () = tokio::time::sleep_until(until) => {
                if progress.silent_until(upstream.head) <= until {
                    return Err(Ending::silent());
                }
            }
        }
    }
}

fn pass_back(
    upstream: &Upstream,
    answer: Response<Incoming>,
    decision: Uuid,
    mut account: Account,
) -> Response<ResponseBody> {
    let (head, body) = answer.into_parts();
    account.grpc(&head.headers);
    let keys = upstream.injected.known();
    let fields = answer_fields(&head.headers, &keys, decision);
    let body = ForwardBody::new(body, account, keys, upstream.idle);
    let mut response = Response::new(ResponseBody::Streaming(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = fields;
    response
}
