//! Facts of somebody who is only described, for `stile explain`.
//!
//! In: options of the command line. Out: [`Facts`], which prove nothing.
//!
//! What is left out is what a token would least like to say: not protected, no second factor.

use clap::Args;

use super::trouble::Trouble;
use crate::identify::{Agent, Dialect, Facts, IssuerSettings, Job, Person, Who};
use crate::setup_error::SetupError;

/// Somebody described on the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who")]
pub(super) struct Described {
    /// A CI job of this project: acme/shop/api.
    #[arg(long, value_name = "PROJECT", conflicts_with_all = ["user", "agent"])]
    ci: Option<String>,
    /// A person, by the name that the issuer shows.
    #[arg(long, value_name = "NAME", conflicts_with = "agent")]
    user: Option<String>,
    /// A program, by the name that the issuer shows.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The issuer, by its name in the settings. Default: the first that fits.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// Of a job: the project's id, where directory.yaml pins it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "agent"], default_value = "1")]
    project_id: String,
    /// Of a job: the id of the group that the project lies in directly.
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "agent"])]
    namespace_id: Option<String>,
    /// Of a job: its branch or tag.
    #[arg(
        long = "ref",
        value_name = "NAME",
        conflicts_with_all = ["user", "agent"],
        default_value = "main"
    )]
    git_ref: String,
    /// Of a job: its branch or tag is protected.
    #[arg(long, conflicts_with_all = ["user", "agent"])]
    protected: bool,
    /// Of a job: its ref is a tag.
    #[arg(long, conflicts_with_all = ["user", "agent"])]
    tag: bool,
    /// Of a job: what started the pipeline.
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["user", "agent"], default_value = "push")]
    source: String,
    /// Of a job: the code is of a fork.
    #[arg(long, conflicts_with_all = ["user", "agent"])]
    fork: bool,
    /// Of a job: the environment that it deploys to.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "agent"])]
    env: Option<String>,
    /// Of a job: that environment is protected.
    #[arg(long, requires = "env", conflicts_with_all = ["user", "agent"])]
    env_protected: bool,
    /// Of a job: the tier of that environment, such as production.
    #[arg(long, value_name = "TIER", requires = "env", conflicts_with_all = ["user", "agent"])]
    tier: Option<String>,
    /// Of a person, or of whom an agent acts for: a group, as the issuer spells it. Repeatable.
    #[arg(long = "group", value_name = "NAME", conflicts_with = "ci")]
    groups: Vec<String>,
    /// Of a person: proved more than a password.
    #[arg(long, conflicts_with_all = ["ci", "agent"])]
    mfa: bool,
    /// Of a person or an agent: a role or permission that the issuer gives. Repeatable.
    #[arg(long = "role", value_name = "NAME", conflicts_with = "ci")]
    roles: Vec<String>,
    /// Of a person or an agent: what the token may be used for. Repeatable.
    #[arg(long = "scope", value_name = "WORD", conflicts_with = "ci")]
    scopes: Vec<String>,
    /// Of a person or an agent: the program that got the token.
    #[arg(long, value_name = "ID", conflicts_with = "ci")]
    client: Option<String>,
    /// Of a person: the domain of the organization.
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = ["ci", "agent"])]
    domain: Option<String>,
    /// Of an agent: whom it acts for.
    #[arg(long = "for", value_name = "NAME", conflicts_with_all = ["ci", "user"])]
    acts_for: Option<String>,
}

impl Described {
    /// The facts that a token of such a caller would come to.
    pub(super) fn facts(&self, issuers: &[IssuerSettings]) -> Result<Facts, Trouble> {
        let (subject, who) = match (&self.ci, &self.user, &self.agent) {
            (Some(project), _, _) => (project, Who::Job(self.job(project))),
            (None, Some(user), _) => (user, Who::Person(self.person(user))),
            (None, None, Some(agent)) => (agent, Who::Agent(self.agent(agent))),
            (None, None, None) => {
                let fault = SetupError::new("nobody asks: who is missing");
                let hint = "add --ci PROJECT, --user NAME, --agent NAME or --token FILE";
                return Err(Trouble::input(fault.hint(hint)));
            }
        };
        Ok(Facts {
            issuer: self.issuer(issuers)?,
            subject: subject.clone(),
            who,
        })
    }

    /// The issuer that was named, or the first that makes such tokens.
    fn issuer(&self, issuers: &[IssuerSettings]) -> Result<String, Trouble> {
        let names = issuers.iter().map(|issuer| issuer.name.as_str());
        if let Some(name) = &self.issuer {
            if names.clone().any(|known| known == name) {
                return Ok(name.clone());
            }
            let fault = SetupError::new(format!("there is no issuer `{name}` in the settings"));
            return Err(Trouble::input(fault.did_you_mean(name, names)));
        }
        let fits = |issuer: &&IssuerSettings| match &issuer.dialect {
            Dialect::Openid(claims) => self.ci.is_none() && claims.agents == self.agent.is_some(),
            dialect if dialect.is_of_jobs() => self.ci.is_some(),
            _ => self.user.is_some(),
        };
        let found = issuers.iter().find(fits);
        found.map(|issuer| issuer.name.clone()).ok_or_else(|| {
            let fault = SetupError::new("no issuer in the settings makes such tokens");
            Trouble::input(fault.hint("name one with --issuer"))
        })
    }

    fn job(&self, project: &str) -> Job {
        Job {
            repository: project.to_owned(),
            repository_id: self.project_id.clone(),
            namespace_id: self.namespace_id.clone(),
            git_ref: self.git_ref.clone(),
            ref_type: Some(if self.tag { "tag" } else { "branch" }.into()),
            ref_protected: self.protected,
            pipeline_source: self.source.clone(),
            from_fork: self.fork,
            job_repository: Some(project.to_owned()),
            job_repository_id: Some(self.project_id.clone()),
            workflow: None,
            runner_environment: None,
            job_source: None,
            access_level: None,
            visibility: None,
            environment: self.env.clone(),
            environment_protected: self.env.as_ref().map(|_| self.env_protected),
            deployment_tier: self.tier.clone(),
            environment_action: None,
            sha: None,
            pipeline_id: "1".into(),
            job_id: "1".into(),
            started_by: None,
        }
    }

    fn person(&self, name: &str) -> Person {
        Person {
            name: name.to_owned(),
            groups: self.groups.clone(),
            mfa: self.mfa,
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            client: self.client.clone(),
            email: None,
            domain: self.domain.clone(),
        }
    }

    fn agent(&self, name: &str) -> Agent {
        Agent {
            name: name.to_owned(),
            groups: self.groups.clone(),
            acts_for: self.acts_for.clone(),
            actors: self.acts_for.iter().map(|_| name.to_owned()).collect(),
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            client: self.client.clone(),
        }
    }
}
