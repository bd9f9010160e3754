//! The member `inputs` of a decision's record, read back.
//!
//! In: its JSON. Out: [`InputLines`], and a [`Job`] where the record is of one.
//!
//! Never: an unknown name passed over. It would be an input that this version cannot ask with.

use serde::Deserialize;

use super::Gap;
use crate::identify::Job;
use crate::resolve::Seen;

/// As [`Inputs`](crate::record::audit_record::Inputs) wrote it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputLines {
    pub(super) at: String,
    pub(super) issuer: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) mfa: Option<bool>,
    /// Whether the e-mail address is the name; absent where there is none.
    pub(super) email: Option<bool>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    pub(super) client: Option<String>,
    pub(super) domain: Option<String>,
    repository: Option<String>,
    repository_id: Option<String>,
    namespace_id: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    ref_type: Option<String>,
    ref_protected: Option<bool>,
    pipeline_source: Option<String>,
    from_fork: Option<bool>,
    job_repository: Option<String>,
    job_repository_id: Option<String>,
    job_source: Option<String>,
    workflow: Option<String>,
    runner_environment: Option<String>,
    access_level: Option<String>,
    visibility: Option<String>,
    environment: Option<String>,
    environment_protected: Option<bool>,
    environment_action: Option<String>,
    deployment_tier: Option<String>,
    sha: Option<String>,
    seen: Option<SeenLines>,
}

/// What was seen of the object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenLines {
    digest: Option<String>,
    found: String,
    team: Option<String>,
    would_be: Option<WouldBe>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WouldBe {
    team: Option<String>,
}

/// What of them lies beside the leaf.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputBeside {
    pub(super) email: Option<bool>,
}

impl InputLines {
    /// What was seen of the object, where it was looked up.
    pub(super) fn seen(&mut self) -> Option<Seen> {
        self.seen.take().map(|seen| Seen {
            team: seen.team,
            found: seen.found,
            digest: seen.digest,
            would_be: seen.would_be.map(|would_be| would_be.team),
        })
    }

    /// The job, without what no policy reads: ids of the pipeline and the job, who started it.
    pub(super) fn job(self) -> Result<Job, Gap> {
        let lacks = Gap::Unreadable;
        Ok(Job {
            repository: self.repository.ok_or(lacks("inputs.repository"))?,
            repository_id: self.repository_id.ok_or(lacks("inputs.repository_id"))?,
            namespace_id: self.namespace_id,
            git_ref: self.git_ref.ok_or(lacks("inputs.ref"))?,
            ref_type: self.ref_type,
            ref_protected: self.ref_protected.ok_or(lacks("inputs.ref_protected"))?,
            pipeline_source: self
                .pipeline_source
                .ok_or(lacks("inputs.pipeline_source"))?,
            from_fork: self.from_fork.ok_or(lacks("inputs.from_fork"))?,
            job_repository: self.job_repository,
            job_repository_id: self.job_repository_id,
            workflow: self.workflow,
            runner_environment: self.runner_environment,
            job_source: self.job_source,
            access_level: self.access_level,
            visibility: self.visibility,
            environment: self.environment,
            environment_protected: self.environment_protected,
            deployment_tier: self.deployment_tier,
            environment_action: self.environment_action,
            sha: self.sha,
            pipeline_id: String::new(),
            job_id: String::new(),
            started_by: None,
        })
    }
}
