//! A caller and a request that break a claim, in the words of those who have to mend it.
//!
//! In: a sketch that the judge allows. Out: the facts of the token, method and path, what allowed it,
//! the command that shows it again, and the case that keeps it from coming back.

use serde_json::{Value, json};

use super::Subject;
use super::found::Sketch;
use super::kinds::resource_type;
use super::names::Names;
use crate::authorize::{Answer, Moment};
use crate::identify::{Facts, Who};

/// What breaks a claim; the judge allows it.
#[derive(Clone, Debug)]
pub struct Refutation {
    /// What the token says.
    pub facts: Facts,
    /// What is asked for.
    pub action: String,
    /// The request, as `DELETE /projects/X/streams/1`.
    pub request: String,
    /// The team that would have to own the resource, where that matters.
    pub owner: Option<String>,
    /// The ticket of an open break-glass, where that matters.
    pub ticket: Option<String>,
    /// When.
    pub moment: Moment,
    /// The policies that allow it.
    pub allowed_by: Vec<String>,
    /// The same as a case of `policies/tests/`: the token, and the line with the wished answer.
    pub case: (String, String),
}

impl Refutation {
    /// The sketch with its request.
    pub(super) fn of(
        sketch: &Sketch,
        request: String,
        answer: Answer,
        names: &Names,
    ) -> Refutation {
        Refutation {
            request,
            facts: sketch.facts.clone(),
            action: sketch.action.clone(),
            owner: sketch.owner.clone(),
            ticket: sketch.ticket.clone(),
            moment: sketch.moment,
            allowed_by: answer.policies,
            case: (token(&sketch.facts, names), line(sketch)),
        }
    }

    /// Everything, for programs.
    pub fn document(&self) -> Value {
        json!({
            "facts": self.facts,
            "action": self.action,
            "request": self.request,
            "owner": self.owner,
            "ticket": self.ticket,
            "moment": [self.moment.weekday, self.moment.clock(), self.moment.date],
            "allowed_by": self.allowed_by,
            "case": { "token": self.case.0, "line": self.case.1 },
        })
    }
}

/// The requests of the catalogue that ask for such a thing, each with the resource that it names: an
/// id and a project are there where the path has a place for them.
pub(super) fn requests(subject: Subject<'_>, sketch: &Sketch) -> Vec<(Sketch, String)> {
    let entries = subject.catalogue.entries().iter();
    let fitting = entries.filter(|entry| {
        entry.action == sketch.action && resource_type(entry) == sketch.resource.kind
    });
    let requests = fitting.filter_map(|entry| {
        let mut named = sketch.clone();
        let id = || named.resource.id.take().or_else(|| Some("1".to_owned()));
        named.resource.id = entry.names_one.then(id).flatten();
        if !subject.catalogue.names_project(entry) {
            named.resource.project = None;
        }
        let mut resource = named.resource.clone();
        resource.kind.clone_from(&entry.resource_type);
        let path = subject.catalogue.path_to(entry, &resource)?;
        Some((named, format!("{} {path}", entry.method)))
    });
    requests.collect()
}

/// The token as `policies/tests/` writes it.
fn token(facts: &Facts, names: &Names) -> String {
    let mut parts = Vec::new();
    let mut text = |key: &str, value: &str| parts.push(format!("{key}: {}", json!(value)));
    match &facts.who {
        Who::Job(job) => {
            text("ci", &job.repository);
            text("issuer", &facts.issuer);
            text("ref", &job.git_ref);
            text("id", &job.repository_id);
            text("source", &job.pipeline_source);
            let optional = [
                ("namespace_id", &job.namespace_id),
                ("ref_type", &job.ref_type),
                ("job", &job.job_repository),
                ("env", &job.environment),
                ("tier", &job.deployment_tier),
                ("sha", &job.sha),
                ("workflow", &job.workflow),
                ("runner", &job.runner_environment),
                ("access_level", &job.access_level),
            ];
            for (key, value) in optional {
                if let Some(value) = value {
                    text(key, value);
                }
            }
            parts.push(format!("protected: {}", job.ref_protected));
            parts.push(format!("fork: {}", job.from_fork));
            if let Some(protected) = job.environment_protected {
                parts.push(format!("env_protected: {protected}"));
            }
        }
        Who::Person(person) => {
            text("user", &person.name);
            text("issuer", &facts.issuer);
            let optional = [
                ("client", &person.client),
                ("email", &person.email),
                ("domain", &person.domain),
            ];
            for (key, value) in optional {
                if let Some(value) = value {
                    text(key, value);
                }
            }
            parts.push(format!("mfa: {}", person.mfa));
            let teams = names.teams_of(&facts.issuer, &person.groups);
            lists(&mut parts, &teams, &person.roles, &person.scopes);
        }
        Who::Agent(agent) => {
            text("agent", &agent.name);
            text("issuer", &facts.issuer);
            let optional = [("client", &agent.client), ("for", &agent.acts_for)];
            for (key, value) in optional {
                if let Some(value) = value {
                    text(key, value);
                }
            }
            parts.push(format!("actors: {}", json!(agent.actors)));
            let teams = names.teams_of(&facts.issuer, &agent.groups);
            lists(&mut parts, &teams, &agent.roles, &agent.scopes);
        }
    }
    format!("{{{}}}", parts.join(", "))
}

fn lists(parts: &mut Vec<String>, teams: &[String], roles: &[String], scopes: &[String]) {
    for (key, values) in [("teams", teams), ("roles", roles), ("scopes", scopes)] {
        if !values.is_empty() {
            parts.push(format!("{key}: {}", json!(values)));
        }
    }
}

/// What a case says after its token.
fn line(sketch: &Sketch) -> String {
    let resource = &sketch.resource;
    let place = match (&resource.project, &resource.id) {
        (Some(project), _) if resource.kind == "Project" => project.clone(),
        (Some(project), Some(id)) => format!("{project}/{id}"),
        (Some(project), None) => project.clone(),
        (None, Some(id)) => format!("/{id}"),
        (None, None) => "-".to_owned(),
    };
    let mut line = format!("{} {place}", sketch.action);
    if let Some(owner) = &sketch.owner {
        line.push_str(&format!(" owner={owner}"));
    }
    if let Some(ticket) = &sketch.ticket {
        line.push_str(&format!(" ticket={ticket}"));
    }
    let moment = sketch.moment;
    line.push_str(&format!(
        " at \"{} {}\" deny",
        day(moment.date),
        moment.clock()
    ));
    line
}

fn day(digits: i64) -> String {
    let (year, month, day) = (digits / 10_000, digits / 100 % 100, digits % 100);
    format!("{year:04}-{month:02}-{day:02}")
}
