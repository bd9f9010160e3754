//! What a token says of its bearer, in our words: the typed attributes that policies read.
//!
//! In: verified claims, or a fixture of a policy test. Out: [`Facts`].
//!
//! [`Facts`] prove nothing: anyone may write them down, and `stile test` and `stile explain` do. A
//! [`Principal`](super::Principal) is facts plus the proof that an issuer signed them. An absent
//! claim is an absent attribute, never an empty one; what cannot be told reads as the unsafe case.

use serde::Serialize;

/// Who someone is, as far as policies care.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The issuer by its name in `stile.yaml`.
    pub issuer: String,
    /// The issuer's name for the principal (`sub`).
    pub subject: String,
    /// A job, a person, or an agent acting for one.
    #[serde(flatten)]
    pub who: Who,
}

/// The kinds of principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "made once for each token and shared from then on"
)]
pub enum Who {
    /// A job of a CI pipeline.
    Job(Job),
    /// A person.
    Person(Person),
    /// A program acting by itself or for a person, such as an AI agent.
    Agent(Agent),
}

/// A job of a CI pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Full path of the project whose code runs: `acme/shop/api`.
    pub repository: String,
    /// That project's id, as the issuer writes it.
    pub repository_id: String,
    /// The id of the group that the project lies in directly, where the issuer says it.
    pub namespace_id: Option<String>,
    /// Branch or tag, short: `main`.
    pub git_ref: String,
    /// `branch` or `tag`.
    pub ref_type: Option<String>,
    /// Only the exact word `true` of the issuer makes this true.
    pub ref_protected: bool,
    /// What started the pipeline: `push`, `schedule`, `merge_request_event`.
    pub pipeline_source: String,
    /// Whether the code is of another project than the one that runs the job; true when that cannot
    /// be told.
    pub from_fork: bool,
    /// Full path of the project that runs the job, where the issuer says so.
    pub job_repository: Option<String>,
    /// That project's id.
    pub job_repository_id: Option<String>,
    /// The file that says what the job does, with its ref, where the issuer names it.
    pub workflow: Option<String>,
    /// Where the job runs: `gitlab-hosted`, `github-hosted` or `self-hosted`.
    pub runner_environment: Option<String>,
    /// What put the job into the pipeline, where the issuer says so: `push`, a policy.
    pub job_source: Option<String>,
    /// The role in the project of the user who started it: `maintainer`.
    pub access_level: Option<String>,
    /// `private`, `internal` or `public`.
    pub visibility: Option<String>,
    /// The environment the job deploys to.
    pub environment: Option<String>,
    /// Only the exact word `true` of the issuer makes this true; absent without an environment.
    pub environment_protected: Option<bool>,
    /// `production`, `staging`, `testing`, `development` or `other`.
    pub deployment_tier: Option<String>,
    /// What the job does to the environment: `start`, `stop`.
    pub environment_action: Option<String>,
    /// The commit.
    pub sha: Option<String>,
    /// The pipeline's id.
    pub pipeline_id: String,
    /// The job's id.
    pub job_id: String,
    /// The login of the user who started it; mutable, so for reading only.
    pub started_by: Option<String>,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// A name to show: login or e-mail address.
    pub name: String,
    /// The issuer's groups, as the issuer spells them.
    pub groups: Vec<String>,
    /// Whether the person proved more than a password (`amr`, RFC 8176).
    pub mfa: bool,
    /// Roles and permissions that the issuer gives here, as the issuer spells them.
    pub roles: Vec<String>,
    /// What the token may be used for: the words of `scope` or `scp`.
    pub scopes: Vec<String>,
    /// The program that got the token, by its client id.
    pub client: Option<String>,
    /// The e-mail address, where the issuer verified it.
    pub email: Option<String>,
    /// The organization's domain, where the issuer says it.
    pub domain: Option<String>,
}

/// A program acting by itself or for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// A name to show: client id or actor.
    pub name: String,
    /// The groups of the person it acts for.
    pub groups: Vec<String>,
    /// The subject it acts for, where it acts for someone.
    pub acts_for: Option<String>,
    /// Who acts for that subject, nearest first (`act`, RFC 8693 4.1): the first acts now.
    pub actors: Vec<String>,
    /// Roles and permissions that the issuer gives here, as the issuer spells them.
    pub roles: Vec<String>,
    /// What the token may be used for: the words of `scope` or `scp`.
    pub scopes: Vec<String>,
    /// The program that got the token, by its client id.
    pub client: Option<String>,
}
