//! Reads pipelines, jobs and deployments.

use serde_json::{Value, json};

use super::said::Said;
use crate::hook::settings::HookSettings;
use crate::refusal::Refusal;

type Facts = Vec<(&'static str, Value)>;

/// `object_kind: pipeline`
pub(super) fn pipeline(body: &Said<'_>) -> Result<Facts, Refusal> {
    let of = body.inside("object_attributes")?;
    let change = body.maybe("merge_request");
    let (jobs, left_out) = jobs(body);
    let parent = body.maybe("source_pipeline");
    Ok(vec![
        ("pipeline", json!(of.required("id")?)),
        ("status", json!(of.required("status")?)),
        ("ref", json!(of.required("ref")?)),
        ("commit", json!(of.required("sha")?)),
        ("source", of.fact("source")),
        ("started", of.moment_fact("created_at")),
        ("ended", of.moment_fact("finished_at")),
        ("url", of.fact("url")),
        ("stages", json!(of.texts("stages"))),
        ("jobs", Value::from(jobs)),
        ("jobs_left_out", left_out),
        (
            "change",
            change.as_ref().map_or(Value::Null, |mr| mr.fact("iid")),
        ),
        ("title", change.map_or(Value::Null, |mr| mr.fact("title"))),
        (
            "parent",
            parent.map_or(Value::Null, |parent| parent.fact("pipeline_id")),
        ),
    ])
}

/// The pipeline's jobs that ended, as many as a record holds: `[id, name, stage, status, began,
/// ended]`. Of others the job's own webhook tells.
fn jobs(body: &Said<'_>) -> (Vec<Value>, Value) {
    let mut bytes = 0;
    let mut left_out = 0_u64;
    let mut jobs = Vec::new();
    for job in body.each("builds") {
        let (Some(id), Some(name)) = (job.text("id"), job.text("name")) else {
            continue;
        };
        let (Some(stage), Some(status)) = (job.text("stage"), job.text("status")) else {
            continue;
        };
        let (Some(began), Some(ended)) = (job.moment("started_at"), job.moment("finished_at"))
        else {
            continue;
        };
        let job = json!([id, name, stage, status, began, ended]);
        bytes += job.to_string().len();
        match bytes < MOST_BYTES_OF_JOBS {
            true => jobs.push(job),
            false => left_out = left_out.saturating_add(1),
        }
    }
    let left_out = match left_out {
        0 => Value::Null,
        some => Value::from(some),
    };
    (jobs, left_out)
}

/// `object_kind: build`
pub(super) fn job(body: &Said<'_>) -> Result<Facts, Refusal> {
    let environment = body.maybe("environment");
    Ok(vec![
        ("job", json!(body.required("build_id")?)),
        ("name", json!(body.required("build_name")?)),
        ("stage", json!(body.required("build_stage")?)),
        ("status", json!(body.required("build_status")?)),
        ("pipeline", json!(body.required("pipeline_id")?)),
        ("ref", json!(body.required("ref")?)),
        ("commit", json!(body.required("sha")?)),
        ("started", body.moment_fact("build_started_at")),
        ("ended", body.moment_fact("build_finished_at")),
        ("why", body.fact("build_failure_reason")),
        (
            "environment",
            environment.map_or(Value::Null, |environment| environment.fact("name")),
        ),
    ])
}

/// `object_kind: deployment`
pub(super) fn deployment(
    body: &Said<'_>,
    from: &HookSettings,
    project: &str,
) -> Result<Facts, Refusal> {
    let named = project.rsplit('/').next().unwrap_or(project);
    let service = from.services.get(project).map_or(named, String::as_str);
    let short = body.text("short_sha");
    let url = body.text("commit_url");
    Ok(vec![
        ("deployment", json!(body.required("deployment_id")?)),
        ("status", json!(body.required("status")?)),
        ("environment", json!(body.required("environment")?)),
        ("tier", body.fact("environment_tier")),
        ("ref", json!(body.required("ref")?)),
        ("job", body.fact("deployable_id")),
        ("commit", commit_of(short.as_deref(), url.as_deref())),
        ("title", body.fact("commit_title")),
        ("url", body.fact("deployable_url")),
        ("ended", body.moment_fact("status_changed_at")),
        ("service", json!(service)),
    ])
}

/// The whole commit is in the link alone; it counts where the short form begins it.
fn commit_of(short: Option<&str>, url: Option<&str>) -> Value {
    let whole = url.and_then(|url| url.rsplit('/').next());
    let is_sha = |sha: &&str| {
        matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let whole = whole.filter(is_sha);
    match (short, whole) {
        (Some(short), Some(whole)) if whole.starts_with(short) => Value::from(whole),
        (Some(short), _) => Value::from(short),
        (None, _) => Value::Null,
    }
}

/// A record's details have 8 KiB; the rest is for everything else.
const MOST_BYTES_OF_JOBS: usize = 5 * 1024;
