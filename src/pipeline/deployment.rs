//! Turns a verified deployment into a span.
//!
//! In: `deployments.create` with its body, `{"service": "checkout"}`. Out: before the decision, the
//! service as what is asked for; after it, one OTLP span, sent through the telemetry upstream.
//!
//! A deployment that arrived is remembered for a day: the job that posts it again, or is not sure
//! whether it did, is answered as the first time, and nothing is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header, uri::PathAndQuery};
use moka::sync::Cache;

use super::carried::Carried;
use super::ruling::Ruling;
use crate::deploy::ids::SpanId;
use crate::deploy::{Announced, Deployment, traces};
use crate::forward::{Made, ResponseBody, Unanswered, Upstreams};
use crate::listen::Arrival;
use crate::record::Committed;
use crate::refusal::{Reason, Refusal};
use crate::resolve::Operation;

/// Whether this is the operation that this file answers.
pub(super) fn is_one(operation: &Operation) -> bool {
    operation.entry.action == "deployments.create"
}

/// Reads which service it is of, so that policies can ask for it and the record names it.
///
/// # Errors
///
/// `malformed_request`, with the field that is wrong; `body_too_large`.
pub(super) async fn announced(
    arrival: &Arrival,
    body: &mut Carried,
    mut operation: Operation,
) -> Result<Operation, (Box<Operation>, Refusal)> {
    if arrival.headers().contains_key(header::CONTENT_ENCODING) {
        let refusal = Refusal::new(Reason::MalformedRequest)
            .telling("the body of a deployment is sent as it is, and this one is encoded");
        return Err((Box::new(operation), refusal));
    }
    let announced = match body.gather(LARGEST_BYTES).await {
        Ok(bytes) => Announced::read(&bytes),
        Err(refusal) => Err(refusal),
    };
    match announced {
        Ok(announced) => {
            operation.resource.id = Some(announced.service);
            Ok(operation)
        }
        Err(refusal) => Err((Box::new(operation), refusal)),
    }
}

/// Deployments that arrived a while ago, by their spans.
#[derive(Clone, Debug)]
pub(super) struct Arrived(Cache<SpanId, ()>);

impl Default for Arrived {
    fn default() -> Arrived {
        let kept = Cache::builder().max_capacity(MOST_KEPT);
        Arrived(kept.time_to_live(KEPT).build())
    }
}

impl Arrived {
    /// Sends the span, unless it arrived already.
    pub(super) async fn forward(
        &self,
        ruling: &Ruling,
        committed: Committed,
        mut body: Carried,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>> {
        let deployment = match verified(&committed, &mut body).await {
            Ok(deployment) => deployment,
            Err(refusal) => return Err(Upstreams::keep_back(committed, refusal)),
        };
        let id = deployment.span.id;
        if self.0.contains_key(&id) {
            Upstreams::leave_be(committed);
            return Ok(as_the_first_time());
        }
        let made = Made {
            method: Method::POST,
            path_and_query: PathAndQuery::from_static("/v1/traces"),
            content_type: HeaderValue::from_static("application/json"),
            body: traces(&[deployment.span]),
        };
        let answer = ruling.upstreams.forward_made(committed, made).await?;
        if answer.status().is_success() {
            self.0.insert(id, ());
        }
        Ok(answer)
    }
}

async fn verified(committed: &Committed, body: &mut Carried) -> Result<Deployment, Refusal> {
    let announced = Announced::read(&body.gather(LARGEST_BYTES).await?)?;
    let (arrival, principal) = (committed.arrival(), committed.permit().principal());
    let trace = arrival.trace();
    let request = (trace.trace_id, trace.span_id);
    Deployment::verified(&announced, principal, arrival.time(), request)
}

/// The answer of an OTLP receiver that took everything.
fn as_the_first_time() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(Bytes::from_static(b"{}")));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// As the catalogue of stile's own operations says.
const LARGEST_BYTES: usize = 64 * 1024;
const KEPT: Duration = Duration::from_hours(24);
const MOST_KEPT: u64 = 10_000;
