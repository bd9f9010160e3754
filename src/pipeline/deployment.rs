//! Turns a verified deployment into a span.
//!
//! In: a [`Committed`] `deployments.create` and its body, `{"service": "checkout"}`. Out: one OTLP
//! span, sent through the telemetry upstream.
//!
//! The upstream has no endpoint for deployments: it marks one where `service.version` changes on a
//! service's spans. Which service it is, the job says; commit, pipeline, environment and project
//! are the token's, so no script can have typed them.
//!
//! A body that is not exactly that is `malformed_request`; nothing is sent.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{Value, json};

use super::carried::Carried;
use super::ruling::Ruling;
use crate::clock::Time;
use crate::forward::{Made, ResponseBody, Unanswered, Upstreams};
use crate::identify::{Job, Who};
use crate::listen::Trace;
use crate::record::Committed;
use crate::refusal::{Reason, Refusal};

/// The action that this file answers.
pub(super) const ACTION: &str = "deployments.create";

/// What a job says of its deployment; everything else is in its token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    service: String,
}

/// Whether a committed request is a deployment.
pub(super) fn is_one(committed: &Committed) -> bool {
    committed.permit().operation().entry.action == ACTION
}

/// Sends the span.
pub(super) async fn forward(
    ruling: &Ruling,
    committed: Committed,
    body: Carried,
) -> Result<Response<ResponseBody>, Box<Unanswered>> {
    let arrival = committed.arrival();
    let (time, trace) = (arrival.time(), arrival.trace());
    let made = match (
        read(body).await,
        &committed.permit().principal().facts().who,
    ) {
        (Ok(deployment), Who::Job(job)) => span(&deployment, job, time, trace),
        (Ok(_), _) => Err(Refusal::new(Reason::PolicyDenied)
            .telling("only a job's token says which commit is deployed")),
        (Err(refusal), _) => Err(refusal),
    };
    match made {
        Ok(made) => ruling.upstreams.forward_made(committed, made).await,
        Err(refusal) => Err(Upstreams::keep_back(committed, refusal)),
    }
}

async fn read(body: Carried) -> Result<Deployment, Refusal> {
    let Ok(body) = Limited::new(body, LARGEST_BYTES).collect().await else {
        return Err(Refusal::new(Reason::MalformedRequest)
            .telling("the body of a deployment is a small JSON object and must arrive whole"));
    };
    serde_json::from_slice(&body.to_bytes()).map_err(|_| {
        Refusal::new(Reason::MalformedRequest)
            .telling("the body of a deployment is `{\"service\": \"NAME\"}`; the rest is read from the token")
    })
}

fn span(deployment: &Deployment, job: &Job, time: Time, trace: Trace) -> Result<Made, Refusal> {
    let Some(sha) = &job.sha else {
        return Err(Refusal::new(Reason::PolicyDenied).telling("the token names no commit"));
    };
    let mut facts = vec![
        text("service.name", &deployment.service),
        text("service.version", sha),
        text("vcs.ref.head.revision", sha),
        text("vcs.ref.head.name", &job.git_ref),
        text("vcs.repository.name", &job.repository),
        text("cicd.pipeline.run.id", &job.pipeline_id),
        text("cicd.pipeline.task.run.id", &job.job_id),
    ];
    if let Some(environment) = &job.environment {
        facts.push(text("deployment.environment.name", environment));
    }
    let nanos = time.as_ms().saturating_mul(1_000_000).to_string();
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": facts},
        "scopeSpans": [{"scope": {"name": "stile"}, "spans": [{
            "traceId": hex(&trace.trace_id), "spanId": hex(&trace.span_id),
            "name": "deployment", "kind": 1,
            "startTimeUnixNano": nanos, "endTimeUnixNano": nanos,
        }]}],
    }]});
    Ok(Made {
        method: http::Method::POST,
        path_and_query: http::uri::PathAndQuery::from_static("/v1/traces"),
        content_type: http::HeaderValue::from_static("application/json"),
        body: Bytes::from(body.to_string()),
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const LARGEST_BYTES: usize = 64 * 1024;
