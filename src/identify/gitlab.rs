//! The dialect of GitLab CI `id_tokens`.
//!
//! In: verified claims. Out: a [`Job`], or a [`Refusal`].
//!
//! GitLab signs tokens of people who log in with keys of the same set and names the same issuer in
//! them; they have no job and are refused. `project_*` names the project whose code runs, which in a
//! merge request from a fork is the fork; `job_project_*` names the one that runs it. Unless both
//! are there and equal, the job counts as a fork's.
//!
//! Never: reads anything out of `sub`, whose make-up each project may change.
//!
//! docs.gitlab.com/ci/secrets/id_token_authentication

use super::claims::Claims;
use super::facts::{Job, Who};
use crate::refusal::{Reason, Refusal};

/// The job that these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    if !OF_A_JOB.iter().all(|name| claims.has(name)) {
        return Err(Refusal::new(Reason::WrongType).telling(NO_JOB));
    }
    let environment = claims.optional_text("environment")?;
    let environment_protected = claims.says_true("environment_protected")?;
    let deployment_tier = claims.optional_text("deployment_tier")?;
    Ok(Who::Job(Job {
        repository: claims.text("project_path")?,
        repository_id: claims.text("project_id")?,
        git_ref: claims.text("ref")?,
        ref_type: claims.optional_text("ref_type")?,
        ref_protected: claims.says_true("ref_protected")?,
        pipeline_source: claims.text("pipeline_source")?,
        from_fork: from_fork(claims)?,
        job_repository: claims.optional_text("job_project_path")?,
        environment_protected: environment.is_some().then_some(environment_protected),
        environment,
        deployment_tier,
        sha: claims.optional_text("sha")?,
        pipeline_id: claims.text("pipeline_id")?,
        job_id: claims.text("job_id")?,
        started_by: claims.nullable_text("user_login")?,
    }))
}

fn from_fork(claims: &Claims) -> Result<bool, Refusal> {
    let same = |code: &str, run: &str| -> Result<bool, Refusal> {
        Ok(claims.optional_text(run)? == Some(claims.text(code)?))
    };
    let same_id = same("project_id", "job_project_id")?;
    let same_path = same("project_path", "job_project_path")?;
    Ok(!(same_id && same_path))
}

/// Claims that records may keep.
pub(super) const KEPT: &[&str] = &[
    "project_id",
    "project_path",
    "namespace_id",
    "namespace_path",
    "job_project_id",
    "job_project_path",
    "ref",
    "ref_type",
    "ref_protected",
    "sha",
    "pipeline_id",
    "pipeline_source",
    "job_id",
    "job_source",
    "environment",
    "environment_protected",
    "environment_action",
    "deployment_tier",
    "user_id",
    "user_login",
    "user_access_level",
    "runner_id",
    "runner_environment",
    "ci_config_ref_uri",
    "ci_config_sha",
];

const OF_A_JOB: [&str; 6] = [
    "job_id",
    "pipeline_id",
    "project_id",
    "project_path",
    "ref",
    "pipeline_source",
];
const NO_JOB: &str = "the token is of a login at GitLab, not of a CI job: \
    send the one that `id_tokens:` puts into the job";
