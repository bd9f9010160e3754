//! Reads the tokens of a folder's cases: facts by name, as an issuer would have signed them.
//!
//! In: the `tokens` of a file of `tests/`. Out: [`Facts`].
//!
//! What a token leaves out is not claimed: no protected ref, no environment, no second factor. Teams
//! become the issuer's groups that make someone a member, so that a case goes the whole way from
//! group to team.
//!
//! Never: a token about a team that the directory does not have, or of two issuers at once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::directory::Directory;
use crate::identify::{Agent, Facts, Job, Person, Who};

/// The facts of one token; exactly one of `ci`, `user` and `agent`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TokenLines {
    /// Another token of this file; what is said here wins.
    extends: Option<String>,
    /// The issuer by its name in stile.yaml.
    issuer: Option<String>,
    /// A job of this project.
    ci: Option<String>,
    /// The project's id; `1` when left out.
    id: Option<String>,
    /// The id of the group that the project lies in directly.
    namespace_id: Option<String>,
    /// Its branch or tag.
    #[serde(rename = "ref")]
    git_ref: Option<String>,
    /// `branch` or `tag`.
    ref_type: Option<String>,
    /// Whether the ref is protected.
    protected: Option<bool>,
    /// What started the pipeline: `push` when left out.
    source: Option<String>,
    /// Whether the code is a fork's.
    fork: Option<bool>,
    /// The project that runs the job, where it is another.
    job: Option<String>,
    /// The environment that it deploys to.
    env: Option<String>,
    /// Whether that environment is protected.
    env_protected: Option<bool>,
    /// The environment's tier.
    tier: Option<String>,
    /// The commit.
    sha: Option<String>,
    /// The file that says what the job does, with its ref.
    workflow: Option<String>,
    /// Where the job runs: `self-hosted`.
    runner: Option<String>,
    /// The role in the project of the user who started it: `maintainer`.
    access_level: Option<String>,
    /// A person.
    user: Option<String>,
    /// An agent.
    agent: Option<String>,
    /// Whom the agent acts for.
    #[serde(rename = "for")]
    acts_for: Option<String>,
    /// Who acts, nearest first, where more than the agent itself does.
    actors: Option<Vec<String>>,
    /// Teams of the person, or of whom the agent acts for.
    teams: Option<Vec<String>>,
    /// Roles and permissions that the issuer gives.
    roles: Option<Vec<String>>,
    /// What the token may be used for.
    scopes: Option<Vec<String>>,
    /// The program that got the token.
    client: Option<String>,
    /// The person's verified e-mail address.
    email: Option<String>,
    /// The domain of the person's organization.
    domain: Option<String>,
    /// Whether the person proved more than a password.
    mfa: Option<bool>,
}

/// The tokens of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    pub(super) written: &'a BTreeMap<String, Spanned<TokenLines>>,
    pub(super) directory: &'a Directory,
}

impl Tokens<'_> {
    /// The facts of a token; the fault is in words.
    pub(super) fn facts(&self, name: &str) -> Result<Facts, String> {
        let lines = self.token(name, 0)?;
        let who = [&lines.ci, &lines.user, &lines.agent];
        if who.iter().filter(|who| who.is_some()).count() != 1 {
            return Err(format!(
                "token `{name}` is not exactly one of `ci`, `user` and `agent`"
            ));
        }
        let teams = lines.teams.clone().unwrap_or_default();
        let (issuer, groups) = self.groups(&teams)?;
        let subject = who
            .into_iter()
            .flatten()
            .next()
            .cloned()
            .unwrap_or_default();
        let who = match (&lines.ci, &lines.user) {
            (Some(path), _) => Who::Job(job(path, &lines)),
            (None, Some(user)) => Who::Person(Person {
                name: user.clone(),
                groups,
                mfa: lines.mfa.unwrap_or(false),
                roles: lines.roles.clone().unwrap_or_default(),
                scopes: lines.scopes.clone().unwrap_or_default(),
                client: lines.client.clone(),
                email: lines.email.clone(),
                domain: lines.domain.clone(),
            }),
            (None, None) => Who::Agent(Agent {
                name: subject.clone(),
                groups,
                acts_for: lines.acts_for.clone(),
                actors: lines.actors(&subject),
                roles: lines.roles.clone().unwrap_or_default(),
                scopes: lines.scopes.clone().unwrap_or_default(),
                client: lines.client.clone(),
            }),
        };
        let default = if lines.ci.is_some() { "gitlab" } else { "okta" };
        let issuer = lines.issuer.clone().or(issuer);
        Ok(Facts {
            issuer: issuer.unwrap_or_else(|| default.to_owned()),
            subject,
            who,
        })
    }

    /// A token with what it extends laid under it.
    fn token(&self, name: &str, depth: usize) -> Result<TokenLines, String> {
        let lines = self.written.get(name);
        let lines = lines.ok_or_else(|| format!("unknown token `{name}`"))?;
        match &lines.value.extends {
            Some(_) if depth > DEEPEST => Err(format!("token `{name}` extends itself")),
            Some(under) => Ok(lines.value.clone().over(self.token(under, depth + 1)?)),
            None => Ok(lines.value.clone()),
        }
    }

    /// The issuer and groups that make someone a member of all these teams.
    fn groups(&self, teams: &[String]) -> Result<(Option<String>, Vec<String>), String> {
        let mut of: Option<&str> = None;
        let mut groups = Vec::new();
        for team in teams {
            self.known_team(team)?;
            let pair = self.directory.group_of(team);
            let (issuer, group) = pair.ok_or_else(|| format!("team `{team}` has no groups"))?;
            if *of.get_or_insert(issuer) != issuer {
                return Err(format!(
                    "team `{team}` is of another issuer than the others"
                ));
            }
            groups.push(group.to_owned());
        }
        Ok((of.map(str::to_owned), groups))
    }

    /// Whether the directory has the team; the fault is in words.
    pub(super) fn known_team(&self, team: &str) -> Result<(), String> {
        match self.directory.has_team(team) {
            true => Ok(()),
            false => Err(format!("team `{team}` is not in directory.yaml")),
        }
    }
}

impl TokenLines {
    /// Who acts: the agent itself, where it acts for someone and nobody else is named.
    fn actors(&self, agent: &str) -> Vec<String> {
        match (&self.actors, &self.acts_for) {
            (Some(actors), _) => actors.clone(),
            (None, Some(_)) => vec![agent.to_owned()],
            (None, None) => Vec::new(),
        }
    }

    fn over(self, under: TokenLines) -> TokenLines {
        TokenLines {
            extends: None,
            issuer: self.issuer.or(under.issuer),
            ci: self.ci.or(under.ci),
            id: self.id.or(under.id),
            namespace_id: self.namespace_id.or(under.namespace_id),
            git_ref: self.git_ref.or(under.git_ref),
            ref_type: self.ref_type.or(under.ref_type),
            protected: self.protected.or(under.protected),
            source: self.source.or(under.source),
            fork: self.fork.or(under.fork),
            job: self.job.or(under.job),
            env: self.env.or(under.env),
            env_protected: self.env_protected.or(under.env_protected),
            tier: self.tier.or(under.tier),
            sha: self.sha.or(under.sha),
            workflow: self.workflow.or(under.workflow),
            runner: self.runner.or(under.runner),
            access_level: self.access_level.or(under.access_level),
            user: self.user.or(under.user),
            agent: self.agent.or(under.agent),
            acts_for: self.acts_for.or(under.acts_for),
            actors: self.actors.or(under.actors),
            teams: self.teams.or(under.teams),
            roles: self.roles.or(under.roles),
            scopes: self.scopes.or(under.scopes),
            client: self.client.or(under.client),
            email: self.email.or(under.email),
            domain: self.domain.or(under.domain),
            mfa: self.mfa.or(under.mfa),
        }
    }
}

fn job(path: &str, lines: &TokenLines) -> Job {
    Job {
        repository: path.to_owned(),
        repository_id: lines.id.clone().unwrap_or_else(|| "1".to_owned()),
        namespace_id: lines.namespace_id.clone(),
        git_ref: lines.git_ref.clone().unwrap_or_else(|| "main".to_owned()),
        ref_type: lines.ref_type.clone(),
        ref_protected: lines.protected.unwrap_or(false),
        pipeline_source: lines.source.clone().unwrap_or_else(|| "push".to_owned()),
        from_fork: lines.fork.unwrap_or(false),
        job_repository: lines.job.clone(),
        job_repository_id: None,
        workflow: lines.workflow.clone(),
        runner_environment: lines.runner.clone(),
        job_source: None,
        access_level: lines.access_level.clone(),
        visibility: None,
        environment: lines.env.clone(),
        environment_protected: lines.env_protected,
        deployment_tier: lines.tier.clone(),
        environment_action: None,
        sha: lines.sha.clone(),
        pipeline_id: "1".to_owned(),
        job_id: "1".to_owned(),
        started_by: None,
    }
}

const DEEPEST: usize = 8;
