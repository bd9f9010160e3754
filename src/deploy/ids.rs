//! Names traces and spans by what they are of.
//!
//! In: the issuer's name and GitLab's own ids. Out: ids of OTLP, the same each time.
//!
//! An id is the beginning of a SHA-256 over all names with a zero byte after each, so that no two
//! lists of names run together.
//!
//! OTLP 1.x, `trace.proto`: 16 and 8 bytes, not all of them zero.

use crate::record::frame::sha256;

/// The id of a trace.
pub type TraceId = [u8; 16];
/// The id of a span.
pub type SpanId = [u8; 8];

/// The trace of a pipeline.
pub fn trace_of(issuer: &str, pipeline: &str) -> TraceId {
    begin(&["trace", issuer, pipeline])
}

/// The whole pipeline.
pub fn pipeline_span(issuer: &str, pipeline: &str) -> SpanId {
    begin(&["pipeline", issuer, pipeline])
}

/// A pipeline that went on after its end, when somebody retried a job of it.
pub fn again_span(issuer: &str, pipeline: &str, ended: &str) -> SpanId {
    begin(&["again", issuer, pipeline, ended])
}

/// A stage of a pipeline.
pub fn stage_span(issuer: &str, pipeline: &str, stage: &str) -> SpanId {
    begin(&["stage", issuer, pipeline, stage])
}

/// A job; one that is retried has another id.
pub fn job_span(issuer: &str, job: &str) -> SpanId {
    begin(&["job", issuer, job])
}

/// The deployment of a service by a job.
pub fn deployment_span(issuer: &str, job: &str, service: &str) -> SpanId {
    begin(&["deployment", issuer, job, service])
}

fn begin<const N: usize>(names: &[&str]) -> [u8; N] {
    let parts: Vec<&[u8]> = names
        .iter()
        .flat_map(|name| [name.as_bytes(), b"\0"])
        .collect();
    let mut id = [0; N];
    for (to, from) in id.iter_mut().zip(sha256(&parts)) {
        *to = from;
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_names_give_the_same_id_and_others_another() {
        assert_eq!(job_span("gitlab", "4711"), job_span("gitlab", "4711"));
        let ids = BTreeSet::from([
            job_span("gitlab", "4711"),
            job_span("gitlab2", "4711"),
            job_span("gitlab", "4712"),
            pipeline_span("gitlab", "4711"),
            stage_span("gitlab", "4711", "build"),
            stage_span("gitlab", "47", "11build"),
            deployment_span("gitlab", "4711", "build"),
            again_span("gitlab", "4711", "build"),
        ]);
        assert_eq!(ids.len(), 8);
    }
}
