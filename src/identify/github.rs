//! The dialect of GitHub Actions.
//!
//! In: verified claims. Out: a [`Job`], or a [`Refusal`].
//!
//! A token does not say whose code a pull request brings. So whatever a pull request started counts
//! as a fork's: by its event, by the refs it names, by the ref it runs on. Whether an environment is
//! protected is not said either, and reads as no.
//!
//! Never: reads anything out of `sub`, whose make-up each repository may change.
//!
//! docs.github.com/actions/reference/security/oidc

use super::claim_table::{ClaimLine, Form, line};
use super::claims::{Claims, malformed};
use super::facts::{Job, Who};
use super::reading::Reading;
use crate::refusal::Refusal;

/// The job that these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    let job = Reading::of(claims, CLAIMS, &[], NO_JOB)?;
    let repository = job.text("repository")?;
    check_owner(&repository, &job.text("repository_owner")?)?;
    let full_ref = job.text("ref")?;
    let event = job.text("event_name")?;
    let of_pull_request = job.maybe("head_ref")?.or(job.maybe("base_ref")?).is_some()
        || event.starts_with("pull_request")
        || full_ref.starts_with("refs/pull/");
    let run = job.text("run_id")?;
    let attempt = job.text("run_attempt")?;
    let environment = job.maybe("environment")?;
    Ok(Who::Job(Job {
        repository,
        repository_id: job.text("repository_id")?,
        namespace_id: Some(job.text("repository_owner_id")?),
        git_ref: short(&full_ref)?.to_owned(),
        ref_type: job.maybe("ref_type")?,
        ref_protected: job.is_true("ref_protected")?,
        pipeline_source: event,
        from_fork: of_pull_request,
        job_repository: None,
        job_repository_id: None,
        workflow: job.maybe("job_workflow_ref")?,
        runner_environment: job.maybe("runner_environment")?,
        job_source: None,
        access_level: None,
        visibility: job.maybe("repository_visibility")?,
        environment_protected: environment.is_some().then_some(false),
        environment,
        deployment_tier: None,
        environment_action: None,
        sha: job.maybe("sha")?,
        job_id: job
            .maybe("check_run_id")?
            .unwrap_or_else(|| format!("{run}-{attempt}")),
        pipeline_id: run,
        started_by: job.maybe("actor")?,
    }))
}

/// A repository lies in its owner's account and in nothing below it.
fn check_owner(repository: &str, owner: &str) -> Result<(), Refusal> {
    match repository.split_once('/') {
        Some((account, name)) if account == owner && !name.is_empty() && !name.contains('/') => {
            Ok(())
        }
        _ => Err(malformed("claim `repository` is not in `repository_owner`")),
    }
}

/// `main` of `refs/heads/main`; a ref that is neither branch nor tag stays as it is.
fn short(full: &str) -> Result<&str, Refusal> {
    let short = ["refs/heads/", "refs/tags/"]
        .iter()
        .find_map(|prefix| full.strip_prefix(prefix));
    match short {
        Some("") => Err(malformed("claim `ref` names no branch")),
        Some(short) => Ok(short),
        None if full.starts_with("refs/") => Ok(full),
        None => Err(malformed("claim `ref` is not written in full")),
    }
}

/// Every claim that GitHub documents. Ids and truths are texts.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("repository", Form::Mark, "repository").kept(),
    line("repository_id", Form::Mark, "repository_id").kept(),
    line("repository_owner", Form::Mark, "-").kept(),
    line("repository_owner_id", Form::Mark, "namespace_id").kept(),
    line("repository_visibility", Form::MaybeText, "visibility"),
    line("ref", Form::Mark, "ref").kept(),
    line("ref_type", Form::MaybeText, "ref_type").kept(),
    line("ref_protected", Form::Truth, "ref_protected").kept(),
    line("head_ref", Form::MaybeText, "from_fork").kept(),
    line("base_ref", Form::MaybeText, "from_fork").kept(),
    line("event_name", Form::Mark, "pipeline_source").kept(),
    line("environment", Form::MaybeText, "environment").kept(),
    line("sha", Form::MaybeText, "sha").kept(),
    line("run_id", Form::Mark, "pipeline_id").kept(),
    line("run_number", Form::MaybeText, "-").kept(),
    line("run_attempt", Form::Text, "job_id").kept(),
    line("check_run_id", Form::MaybeText, "job_id").kept(),
    line("workflow", Form::MaybeText, "-").kept(),
    line("workflow_ref", Form::MaybeText, "-").kept(),
    line("workflow_sha", Form::MaybeText, "-").kept(),
    line("job_workflow_ref", Form::MaybeText, "workflow").kept(),
    line("job_workflow_sha", Form::MaybeText, "-").kept(),
    line("runner_environment", Form::MaybeText, "runner_environment").kept(),
    line("actor", Form::MaybeText, "started_by").personal(),
    line("actor_id", Form::MaybeText, "-").personal(),
    line("enterprise", Form::MaybeText, "-"),
    line("enterprise_id", Form::MaybeText, "-"),
    line("act", Form::Never, "-"),
];

const NO_JOB: &str = "the token is not of a GitHub Actions job: \
    send the one that the job asked for with `permissions: id-token: write`";
