//! What a decision was made of, as far as the record does not say it elsewhere.
//!
//! In: a principal, an operation and the minute that policies read. Out: the member `inputs`, and
//! from its bytes the facts again.
//!
//! With the members about who asked and what for it is everything that a decision depends on besides
//! the policy set, so that the same question can be put to another set. Ids of pipelines and jobs are
//! not in it, because no policy reads them. An e-mail address is not either, unless it is the name
//! that the record has anyway: `email` then says `true`, and `false` where there is another address;
//! it lies beside the leaf, with the name.
//!
//! Never: a value under another name than the one that policies use.

use serde_json::Value;

use crate::authorize::kind_of;
use crate::identify::{Agent, Job, Person, Principal, Who};
use crate::record::render::Line;
use crate::resolve::{Operation, Seen};

use super::SOME;

/// What policies read besides the other members of a record.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// The issuer by its name in `stile.yaml`.
    pub issuer: &'a str,
    /// Who asked.
    pub who: &'a Who,
    /// The resource's type in policies, where it is another than the one in `resource`.
    pub kind: Option<&'a str>,
    /// The day and minute, in the zone of the policies.
    pub at: &'a str,
    /// What was seen of the object, where it was looked up.
    pub seen: Option<&'a Seen>,
}

impl<'a> Inputs<'a> {
    /// What was read for this principal, this operation and this minute.
    pub(in crate::record) fn of(
        principal: &'a Principal,
        operation: &'a Operation,
        at: &'a str,
    ) -> Inputs<'a> {
        let entry = &operation.entry;
        let kind = kind_of(&entry.resource_type, entry.names_one);
        Inputs {
            issuer: &principal.facts().issuer,
            who: &principal.facts().who,
            kind: (kind != operation.resource.kind).then_some(kind),
            at,
            seen: operation.seen.as_deref(),
        }
    }

    /// Whether a person's e-mail address is their name, where they have one.
    pub(super) fn email(&self) -> Option<bool> {
        match self.who {
            Who::Person(person) => person.email.as_ref().map(|email| *email == person.name),
            Who::Job(_) | Who::Agent(_) => None,
        }
    }

    /// Renders the member as far as the leaf has it.
    pub(super) fn render(&self, line: &mut Line<'_>) {
        let mut members = Members::default();
        members.text("at", self.at);
        members.text("issuer", self.issuer);
        if let Some(seen) = self.seen {
            members.seen(seen);
        }
        members.text_if("type", self.kind);
        match self.who {
            Who::Job(job) => members.job(job),
            Who::Person(person) => members.person(person),
            Who::Agent(agent) => members.agent(agent),
        }
        let members = members.0.iter().map(|(name, value)| (*name, value));
        line.map("inputs", members, SOME);
    }
}

#[derive(Default)]
struct Members(Vec<(&'static str, Value)>);

impl Members {
    /// `would_be` without a team is an object that nobody would own.
    fn seen(&mut self, seen: &Seen) {
        let mut said = serde_json::Map::new();
        let mut say = |name: &str, text: Option<&String>| {
            if let Some(text) = text {
                said.insert(name.to_owned(), Value::from(text.as_str()));
            }
        };
        say("digest", seen.digest.as_ref());
        say("found", Some(&seen.found));
        say("team", seen.team.as_ref());
        if let Some(would_be) = &seen.would_be {
            said.insert(
                "would_be".to_owned(),
                serde_json::json!({ "team": would_be }),
            );
        }
        self.0.push(("seen", Value::Object(said)));
    }

    fn job(&mut self, job: &Job) {
        self.text("repository", &job.repository);
        self.text("repository_id", &job.repository_id);
        self.text_if("namespace_id", job.namespace_id.as_deref());
        self.text("ref", &job.git_ref);
        self.text_if("ref_type", job.ref_type.as_deref());
        self.truth("ref_protected", job.ref_protected);
        self.text("pipeline_source", &job.pipeline_source);
        self.truth("from_fork", job.from_fork);
        self.text_if("job_repository", job.job_repository.as_deref());
        self.text_if("job_repository_id", job.job_repository_id.as_deref());
        self.text_if("job_source", job.job_source.as_deref());
        self.text_if("workflow", job.workflow.as_deref());
        self.text_if("runner_environment", job.runner_environment.as_deref());
        self.text_if("access_level", job.access_level.as_deref());
        self.text_if("visibility", job.visibility.as_deref());
        self.text_if("environment", job.environment.as_deref());
        if let Some(protected) = job.environment_protected {
            self.truth("environment_protected", protected);
        }
        self.text_if("environment_action", job.environment_action.as_deref());
        self.text_if("deployment_tier", job.deployment_tier.as_deref());
        self.text_if("sha", job.sha.as_deref());
    }

    fn person(&mut self, person: &Person) {
        self.truth("mfa", person.mfa);
        self.texts("roles", &person.roles);
        self.texts("scopes", &person.scopes);
        self.text_if("client", person.client.as_deref());
        self.text_if("domain", person.domain.as_deref());
    }

    fn agent(&mut self, agent: &Agent) {
        self.texts("roles", &agent.roles);
        self.texts("scopes", &agent.scopes);
        self.text_if("client", agent.client.as_deref());
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.0.push((name, Value::from(text)));
    }

    fn text_if(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn texts(&mut self, name: &'static str, texts: &[String]) {
        if !texts.is_empty() {
            self.0.push((name, Value::from(texts)));
        }
    }

    fn truth(&mut self, name: &'static str, truth: bool) {
        self.0.push((name, Value::from(truth)));
    }
}
