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
//! docs.gitlab.com/ci/secrets/id_token_authentication, up to GitLab 18.9

use super::claim_table::{ClaimLine, Form, line};
use super::claims::Claims;
use super::facts::{Job, Who};
use super::reading::Reading;
use crate::refusal::Refusal;

/// The job that these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    let job = Reading::of(claims, CLAIMS, &[], NO_JOB)?;
    let environment = job.maybe("environment")?;
    let environment_protected = job.is_true("environment_protected")?;
    let repository = job.text("project_path")?;
    let repository_id = job.text("project_id")?;
    let job_repository = job.maybe("job_project_path")?;
    let job_repository_id = job.maybe("job_project_id")?;
    let same = job_repository.as_ref() == Some(&repository)
        && job_repository_id.as_ref() == Some(&repository_id);
    Ok(Who::Job(Job {
        repository,
        repository_id,
        namespace_id: job.maybe("namespace_id")?,
        git_ref: job.text("ref")?,
        ref_type: job.maybe("ref_type")?,
        ref_protected: job.is_true("ref_protected")?,
        pipeline_source: job.text("pipeline_source")?,
        from_fork: !same,
        job_repository,
        job_repository_id,
        workflow: job.maybe("ci_config_ref_uri")?,
        runner_environment: job.maybe("runner_environment")?,
        job_source: job.maybe("job_source")?,
        access_level: job.maybe("user_access_level")?,
        visibility: job.maybe("project_visibility")?,
        environment_protected: environment.is_some().then_some(environment_protected),
        environment,
        deployment_tier: job.maybe("deployment_tier")?,
        environment_action: job.maybe("environment_action")?,
        sha: job.maybe("sha")?,
        pipeline_id: job.text("pipeline_id")?,
        job_id: job.text("job_id")?,
        started_by: job.maybe("user_login")?,
    }))
}

/// Every claim to GitLab 18.9. Ids and truths are texts, only `runner_id` is a number.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("project_id", Form::Mark, "repository_id").kept(),
    line("project_path", Form::Mark, "repository").kept(),
    line("namespace_id", Form::MaybeText, "namespace_id").kept(),
    line("namespace_path", Form::MaybeText, "-").kept(),
    line("job_project_id", Form::MaybeText, "job_repository_id").kept(),
    line("job_project_path", Form::MaybeText, "job_repository").kept(),
    line("job_namespace_id", Form::MaybeText, "-").kept(),
    line("job_namespace_path", Form::MaybeText, "-").kept(),
    line("ref", Form::Mark, "ref").kept(),
    line("ref_type", Form::MaybeText, "ref_type").kept(),
    line("ref_path", Form::MaybeText, "-"),
    line("ref_protected", Form::Truth, "ref_protected").kept(),
    line("sha", Form::MaybeText, "sha").kept(),
    line("pipeline_id", Form::Mark, "pipeline_id").kept(),
    line("pipeline_source", Form::Mark, "pipeline_source").kept(),
    line("job_id", Form::Mark, "job_id").kept(),
    line("job_source", Form::MaybeText, "job_source").kept(),
    line("job_config", Form::Object, "-"),
    line("environment", Form::MaybeText, "environment").kept(),
    line(
        "environment_protected",
        Form::Truth,
        "environment_protected",
    )
    .kept(),
    line("environment_action", Form::MaybeText, "environment_action").kept(),
    line("deployment_tier", Form::MaybeText, "deployment_tier").kept(),
    line("user_id", Form::MaybeText, "-").personal(),
    line("user_login", Form::NullableText, "started_by").personal(),
    line("user_email", Form::NullableText, "-"),
    line("user_access_level", Form::NullableText, "access_level").kept(),
    line("user_identities", Form::Objects, "-"),
    line("groups_direct", Form::Texts, "-"),
    line("runner_id", Form::Number, "-").kept(),
    line("runner_environment", Form::MaybeText, "runner_environment").kept(),
    line("project_visibility", Form::MaybeText, "visibility"),
    line("ci_config_ref_uri", Form::NullableText, "workflow").kept(),
    line("ci_config_sha", Form::NullableText, "-").kept(),
    line("target_audience", Form::MaybeText, "-"),
    line("act", Form::Never, "-"),
];

const NO_JOB: &str = "the token is of a login at GitLab, not of a CI job: \
    send the one that `id_tokens:` puts into the job";
