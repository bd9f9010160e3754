//! Reads what a webhook tells.
//!
//! In: the body of a webhook that GitLab sent. Out: a [`Told`], with the facts that are kept of it.
//!
//! What is not needed is not read, so GitLab may add to its payloads what it likes; what is needed
//! and is not there makes the webhook malformed, by the name of the field.
//!
//! Never: a name or an address of a person; a text longer than a line.
//!
//! GitLab documentation: "Webhook events".

use serde_json::Value;

use super::settings::HookSettings;
use crate::identify::strict_json;
use crate::record::audit_record::Note;
use crate::refusal::{Reason, Refusal};

mod commits;
mod pipeline;
mod said;

pub use commits::is_bot;

use said::Said;

/// What a webhook tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Commits reached a branch or a tag.
    Push,
    /// A merge request changed.
    MergeRequest,
    /// A pipeline changed its status.
    Pipeline,
    /// A job changed its status.
    Job,
    /// A deployment changed its status.
    Deployment,
    /// A release was made, changed or removed.
    Release,
}

impl Kind {
    /// What the journal calls it.
    pub fn note(self) -> Note {
        match self {
            Kind::Push => Note::GitlabPush,
            Kind::MergeRequest => Note::GitlabMergeRequest,
            Kind::Pipeline => Note::GitlabPipeline,
            Kind::Job => Note::GitlabJob,
            Kind::Deployment => Note::GitlabDeployment,
            Kind::Release => Note::GitlabRelease,
        }
    }
}

/// What a webhook tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Of what.
    pub kind: Kind,
    /// The project, by its full path.
    pub project: String,
    /// What is kept of it, by the names in the journal.
    pub facts: Vec<(&'static str, Value)>,
}

/// What a body tells; nothing where it tells of something that is not kept here.
///
/// # Errors
///
/// `malformed_request` with the field that is missing; `policy_denied` for a project that this
/// GitLab may not speak of.
pub fn read(body: &[u8], from: &HookSettings) -> Result<Option<Told>, Refusal> {
    let object = strict_json(body, DEEPEST).ok_or_else(|| {
        Refusal::new(Reason::MalformedRequest)
            .telling("the webhook is not one JSON object in UTF-8 whose every key is there once")
    })?;
    let body = Said::of(&object);
    let Some(kind) = kind_of(&body)? else {
        return Ok(None);
    };
    let project = body.inside("project")?.required("path_with_namespace")?;
    let speaks_of = |group: &String| {
        let below = project.strip_prefix(group.as_str());
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    if !from.groups.iter().any(speaks_of) {
        return Err(Refusal::new(Reason::PolicyDenied).telling(format!(
            "webhooks of project `{project}` are not taken here: add it or a group above it to \
             `hooks[].groups`"
        )));
    }
    let mut facts = match kind {
        Kind::Push => commits::push(&body, &from.machines)?,
        Kind::MergeRequest => commits::merge_request(&body)?,
        Kind::Release => commits::release(&body)?,
        Kind::Pipeline => pipeline::pipeline(&body)?,
        Kind::Job => pipeline::job(&body)?,
        Kind::Deployment => pipeline::deployment(&body, from, &project)?,
    };
    facts.push(("issuer", Value::from(from.issuer.as_str())));
    facts.push(("project", Value::from(project.as_str())));
    facts.retain(|(_, value)| !value.is_null());
    Ok(Some(Told {
        kind,
        project,
        facts,
    }))
}

fn kind_of(body: &Said<'_>) -> Result<Option<Kind>, Refusal> {
    Ok(Some(match body.required("object_kind")?.as_str() {
        "push" | "tag_push" => Kind::Push,
        "merge_request" => Kind::MergeRequest,
        "pipeline" => Kind::Pipeline,
        "build" => Kind::Job,
        "deployment" => Kind::Deployment,
        "release" => Kind::Release,
        _ => return Ok(None),
    }))
}

/// Payloads nest by a handful; the rest is for what GitLab adds.
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests;
