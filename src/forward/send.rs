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
//! A request that the upstream says it did not begin, or whose kept connection was closed without a
//! word, is sent once more on a connection of its own: the second only where doing it twice is doing it
//! once (RFC 9110, 9.2.2), and both only where nothing was taken of the caller's body.
//!
//! Never: a byte of the request before the connection is made and its certificate verified; a
//! second try of anything else that was sent; an answer whose length can be read in two ways.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::HeaderMap;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

mod attempt;
mod ending;
mod read;

use self::attempt::{Connection, attempt};
use self::ending::{Ending, Known};
use self::read::{declared_length, is_grpc, refuses_the_key};
use super::account::{Account, Owed};
use super::body::{
    BodyFault, BoxError, ForwardBody, Progress, Replayed, ResponseBody, Scrub, SentBody,
};
use super::headers::{Stamp, answer_fields, searchable};
use super::shares::Share;
use super::upstream::{Upstream, Upstreams};
use super::upstream_key::{InjectedHeaders, Slot};
use crate::clock::Clock;
use crate::identify::Standing;
use crate::listen::{Protocol, Trace};
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
    /// Who asks, as far as places go; empty for what is asked in nobody's name.
    pub(crate) caller: &'a str,
    /// Where the principal belongs, as the directory says: which key it is sent with.
    pub(crate) places: &'a [String],
    /// The largest body, in bytes.
    pub(crate) most_bytes: u64,
    /// How much of the body is kept for a second try with another key, in bytes.
    pub(crate) keep_bytes: usize,
    /// In whose name it is asked, where that person or job can be ended meanwhile.
    pub(crate) standing: Option<Standing>,
}

impl Upstreams {
    /// Sends the request and waits for the answer's head.
    pub(crate) async fn send<B>(
        &self,
        mut outbound: Outbound<'_>,
        body: B,
        owed: Owed,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: BodyFault + Into<BoxError>,
    {
        let progress = Progress::begin(outbound.standing.take());
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
    let place = place.ok_or_else(|| Ending::unsent(Reason::Overloaded))?;
    account.keep(place, share(upstream, outbound.caller)?);
    let length = declared_length(outbound.fields)?;
    if length.is_some_and(|length| length > outbound.most_bytes) {
        return Err(Ending::unsent(Reason::BodyTooLarge));
    }
    let slot = upstream.injected.of(outbound.places);
    let slot = slot.map_err(Ending::kept_back)?;
    let held = upstream.held.ask(slot.whose(), Instant::now());
    held.map_err(Ending::held)?;
    let keys = slot.now();
    slot.is_used(Clock::machine().now());
    let body = Replayed::new(Box::pin(body), outbound.keep_bytes);
    let sent = body.sent();
    let answer = deliver(upstream, outbound, (body, length), &keys, account).await?;
    heed(upstream, slot, &answer);
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
    let answer = deliver(upstream, outbound, body, &renewed, account).await?;
    heed(upstream, slot, &answer);
    let taken = !refuses_the_key(&answer);
    upstream.injected.settle(slot, renewed, taken);
    Ok((upstream, answer))
}

/// One more of the places that this caller may have.
fn share(upstream: &Upstream, caller: &str) -> Result<Option<Share>, Ending> {
    if caller.is_empty() {
        return Ok(None);
    }
    let free = upstream
        .most_in_flight
        .saturating_sub(upstream.in_flight.count());
    let share = upstream.shares.take(caller, free);
    let told = "this caller has as many requests in flight here as one may have";
    let full = || Ending::kept_back(Refusal::new(Reason::Overloaded).telling(told));
    share.map(Some).ok_or_else(full)
}

/// Keeps the next ones back where the upstream says that there were too many.
fn heed(upstream: &Upstream, slot: &Slot, answer: &Response<Incoming>) {
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        let time = Clock::machine().now();
        let fields = answer.headers();
        upstream
            .held
            .refused(slot.whose(), fields, Instant::now(), time);
    }
}

/// Sends the request with these keys; once more where that is safe and the body is whole.
async fn deliver<B>(
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
    let most = outbound.most_bytes;
    let mut body = SentBody::new(body, length, most, Arc::clone(&progress));
    let mut on = Connection::Kept;
    let mut tries = 0;
    loop {
        tries += 1;
        let request = rebuild(upstream, outbound, body, length, keys)?;
        let replica = upstream.replicas.pick(Instant::now()).await;
        let replica = replica.map_err(|why| last(upstream, Ending::unreachable(why)))?;
        let failed = match attempt(upstream, &replica, request, on, account).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let is_first_sent = matches!(on, Connection::Kept);
        if !is_first_sent && failed.ending.is_of_upstream() {
            upstream.replicas.failed(&replica, Instant::now());
        }
        let goes_on = match failed.known {
            Known::Nothing => false,
            Known::Unconnected => tries < MOST_TRIES && !upstream.replicas.all_aside(),
            Known::Untouched => is_first_sent,
            Known::Broke => is_first_sent && outbound.method.is_idempotent(),
        };
        let whole = goes_on.then(|| SentBody::once_more(length, most, Arc::clone(&progress)));
        let Some(same) = whole.flatten() else {
            return Err(last(upstream, failed.ending));
        };
        body = same;
        if failed.known != Known::Unconnected {
            on = Connection::Own;
        }
    }
}

/// What becomes of a request that is not tried again: where no address is left, the upstream failed.
fn last(upstream: &Upstream, ending: Ending) -> Ending {
    if ending.is_of_upstream() && upstream.replicas.all_aside() {
        upstream.resting.failed(Instant::now());
    }
    ending
}

/// Addresses that one request is tried at, where no connection comes about.
const MOST_TRIES: u32 = 3;

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
    if upstream.scrubs {
        searchable(request.headers_mut());
    }
    Ok(request)
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
    let scrub = upstream.scrubs.then(|| Scrub::of(&keys));
    let body = ForwardBody::new(body, head.version, account, keys, scrub, upstream.idle);
    let mut response = Response::new(ResponseBody::Streaming(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = fields;
    response
}
