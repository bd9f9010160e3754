//! Reads deployments out of records, and brings together what two of them tell of one.
//!
//! In: rows of the index. Out: [`Deploy`]s without what is around them.
//!
//! A job that announced a service's deployment and the webhook about the same job are one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::deploy::{Deploy, Status, Teller};
use crate::clock::Time;
use crate::index::Row;

/// The deployments that rows tell of.
pub(super) fn deploys_in(rows: &[Row]) -> Vec<Deploy> {
    let mut all: Vec<Deploy> = Vec::new();
    for deploy in rows.iter().filter_map(deploy_in) {
        let same = |one: &&mut Deploy| {
            one.project == deploy.project
                && one.job.is_some()
                && one.job == deploy.job
                && one.environment == deploy.environment
                // A webhook knows a service by its project alone.
                && (one.service == deploy.service || one.tellers != deploy.tellers)
        };
        match all.iter_mut().find(same) {
            Some(known) => known.take(deploy),
            None => all.push(deploy),
        }
    }
    all
}

impl Deploy {
    /// Takes over what another record says of the same deployment. The token's word stands first;
    /// how it ended, GitLab knows better.
    fn take(&mut self, other: Deploy) {
        let (first, second) = match (self.is_announced(), other.is_announced()) {
            (false, true) => (other, self.clone()),
            (true, true) if self.status != Status::Deployed => (other, self.clone()),
            _ => (self.clone(), other),
        };
        let failed = second.status == Status::Failed && first.status == Status::Deployed;
        *self = Deploy {
            status: if failed { Status::Failed } else { first.status },
            tellers: first.tellers.union(&second.tellers).copied().collect(),
            commit: first.commit.or(second.commit),
            pipeline: first.pipeline.or(second.pipeline),
            by: first.by.or(second.by),
            title: first.title.or(second.title),
            url: first.url.or(second.url),
            ..first
        };
    }

    fn is_announced(&self) -> bool {
        self.tellers.contains(&Teller::Token)
    }
}

fn deploy_in(row: &Row) -> Option<Deploy> {
    let record: Value = serde_json::from_str(&row.record).ok()?;
    match record.get("kind")?.as_str()? {
        "event" => told(&record, row.time),
        "decision" => announced(&record, row),
        _ => None,
    }
}

/// By a job, with its token.
fn announced(record: &Value, row: &Row) -> Option<Deploy> {
    let text = |name: &str| Some(record.get(name)?.as_str()?.to_owned());
    let claim = |name: &str| Some(record.get("claims")?.get(name)?.as_str()?.to_owned());
    let service = record.get("resource")?.get(1)?.as_str()?.to_owned();
    let outcome: Option<Value> = row
        .outcome
        .as_ref()
        .and_then(|(_, text)| serde_json::from_str(text).ok());
    let status = match record.get("decision")?.as_str()? {
        "allow" => match outcome {
            Some(outcome) if is_told(&outcome) => Status::Deployed,
            Some(outcome) => match outcome.get("reason").and_then(Value::as_str) {
                Some("provenance_mismatch") => Status::Denied("provenance_mismatch".to_owned()),
                _ => Status::NotTold,
            },
            None => Status::NotTold,
        },
        _ => Status::Denied(text("reason").unwrap_or_default()),
    };
    Some(Deploy {
        service,
        environment: claim("environment"),
        project: claim("project_path")?,
        commit: claim("sha"),
        tellers: BTreeSet::from([Teller::Token]),
        job: claim("job_id"),
        pipeline: claim("pipeline_id"),
        by: text("subject_name"),
        decision: text("id"),
        ..bare(row.time, status)
    })
}

/// Whether the telemetry has it: it was sent and taken, or had been before.
fn is_told(outcome: &Value) -> bool {
    match outcome.get("status").and_then(Value::as_u64) {
        Some(status) => (200..300).contains(&status),
        None => {
            outcome.get("end").and_then(Value::as_str) == Some("not_forwarded")
                && outcome.get("reason").is_none_or(Value::is_null)
        }
    }
}

/// By GitLab, with a webhook.
fn told(record: &Value, recorded: Time) -> Option<Deploy> {
    let detail = record.get("detail")?;
    let text = |name: &str| Some(detail.get(name)?.as_str()?.to_owned());
    let status = match text("status")?.as_str() {
        "success" => Status::Deployed,
        "failed" => Status::Failed,
        _ => return None,
    };
    let ended = detail.get("ended").and_then(Value::as_u64);
    Some(Deploy {
        service: text("service")?,
        environment: text("environment"),
        project: text("project")?,
        commit: text("commit"),
        tellers: BTreeSet::from([Teller::Webhook]),
        job: text("job"),
        title: text("title"),
        url: text("url"),
        ..bare(ended.map_or(recorded, Time::from_ms), status)
    })
}

fn bare(time: Time, status: Status) -> Deploy {
    Deploy {
        time,
        service: String::new(),
        environment: None,
        project: String::new(),
        commit: None,
        status,
        tellers: BTreeSet::new(),
        job: None,
        pipeline: None,
        by: None,
        title: None,
        change: None,
        url: None,
        machines: BTreeSet::new(),
        decision: None,
        previous: None,
        is_rollback: false,
        between: None,
        writes: 0,
        denied: 0,
    }
}
