//! Puts one question into Cedar's terms.
//!
//! In: facts, an action, a resource and a moment. Out: a Cedar request with just the entities it
//! needs: the principal, the resource and the actions.
//!
//! Ancestors are laid flat: a job's repository and every group above it, a person's teams, a
//! resource's project. An absent claim is an absent attribute. Request and entities are checked
//! against the schema each time; what does not fit is no question, and the answer is an error.
//!
//! Never: a network, a file, a clock. The same question gives the same entities.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy as cedar;
use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::directory::Directory;
use super::lineage::{above, place};
use super::moment::Moment;
use super::schema::{PROJECT_LIST, Vocabulary};
use crate::identify::{Facts, Job, Who};
use crate::resolve::{Class, RECORDS, Resource, Scope};

/// Everything that a decision depends on, besides the policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// Who asks.
    pub(super) facts: &'a Facts,
    /// The action's name.
    pub(super) action: &'a str,
    /// Its class.
    pub(super) class: Class,
    /// The resource's type in policies.
    pub(super) kind: &'a str,
    /// What it is done to.
    pub(super) resource: &'a Resource,
    /// The team that owns the resource, where one does.
    pub(super) owner: Option<&'a str>,
    /// The ticket of an open break-glass, where there is one.
    pub(super) ticket: Option<&'a str>,
    /// When.
    pub(super) moment: Moment,
}

impl Question<'_> {
    /// The upstream's project that the question is about, where there is one.
    pub(super) fn project(&self) -> Option<&str> {
        let of_itself = match self.kind {
            "Project" => self.resource.id.as_deref(),
            _ => None,
        };
        self.resource.project.as_deref().or(of_itself)
    }

    /// The teams of whoever asks.
    pub(super) fn teams<'d>(&self, directory: &'d Directory) -> BTreeSet<&'d str> {
        match &self.facts.who {
            Who::Job(_) => BTreeSet::new(),
            Who::Person(person) => directory.teams_of(&self.facts.issuer, &person.groups),
            Who::Agent(agent) => directory.teams_of(&self.facts.issuer, &agent.groups),
        }
    }
}

/// The question as Cedar takes it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: cedar::Request,
    pub(super) entities: cedar::Entities,
}

/// Names in Cedar's own form, parsed once at load.
#[derive(Debug)]
pub(super) struct Names {
    types: HashMap<String, EntityTypeName>,
    actions: HashMap<String, EntityUid>,
}

impl Names {
    /// All names that the vocabulary has.
    pub(super) fn of(vocabulary: &Vocabulary) -> Option<Names> {
        let fixed = [
            "Job",
            "Person",
            "Agent",
            "Repository",
            "Group",
            "Team",
            "Project",
        ];
        let kinds = vocabulary.kinds().into_iter().chain(fixed);
        let types = kinds.map(|kind| Some((kind.to_owned(), kind.parse().ok()?)));
        let action: EntityTypeName = "Action".parse().ok()?;
        let actions = vocabulary.actions().map(|name| {
            let uid = EntityUid::from_type_name_and_id(action.clone(), EntityId::new(name));
            (name.to_owned(), uid)
        });
        Some(Names {
            types: types.collect::<Option<_>>()?,
            actions: actions.collect(),
        })
    }

    /// An entity's name.
    pub(super) fn uid(&self, kind: &str, id: &str) -> Result<EntityUid, String> {
        let kind = self.types.get(kind);
        let kind = kind.ok_or("a resource type that the schema does not have")?;
        Ok(EntityUid::from_type_name_and_id(
            kind.clone(),
            EntityId::new(id),
        ))
    }
}

/// What holds at the time beside what clocks show.
#[derive(Debug)]
pub(super) struct Now<'a> {
    /// Whether a binding of `org-admin` alone would allow the request.
    pub(super) org_admin: bool,
    /// The hours in other zones that are open, as they are written.
    pub(super) hours: Vec<&'a str>,
}

/// Asks in Cedar's terms; the error says what does not fit, and nothing of the caller's.
pub(super) fn ask(
    question: &Question<'_>,
    now: &Now<'_>,
    names: &Names,
    directory: &Directory,
    schema: &cedar::Schema,
) -> Result<Asked, String> {
    let principal = principal(question, names, directory)?;
    let resource = resource(question, names)?;
    let action = names.actions.get(question.action);
    let action = action.ok_or("an action that the schema does not have")?;
    let request = cedar::Request::new(
        principal.uid(),
        action.clone(),
        resource.uid(),
        moment(question, now)?,
        Some(schema),
    );
    let entities = cedar::Entities::from_entities([principal, resource], Some(schema));
    Ok(Asked {
        request: request.map_err(|_| "a request that does not fit the schema")?,
        entities: entities.map_err(|_| "entities that do not fit the schema")?,
    })
}

fn principal(
    question: &Question<'_>,
    names: &Names,
    directory: &Directory,
) -> Result<cedar::Entity, String> {
    let facts = question.facts;
    let mut attributes = Attributes::default();
    attributes.text("issuer", &facts.issuer);
    let mut parents = HashSet::new();
    let kind = match &facts.who {
        Who::Job(job) => {
            let repository = place(&facts.issuer, &job.repository);
            parents.insert(names.uid("Repository", &repository)?);
            for group in above(&repository) {
                parents.insert(names.uid("Group", group)?);
            }
            attributes.job(job, &facts.issuer);
            "Job"
        }
        Who::Person(person) => {
            attributes.text("name", &person.name);
            attributes.truth("mfa", person.mfa);
            attributes.texts("roles", &person.roles);
            attributes.texts("scopes", &person.scopes);
            attributes.text_if("client", person.client.as_deref());
            attributes.text_if("email", person.email.as_deref());
            attributes.text_if("domain", person.domain.as_deref());
            "Person"
        }
        Who::Agent(agent) => {
            attributes.text("name", &agent.name);
            attributes.text_if("acts_for", agent.acts_for.as_deref());
            attributes.text_if("actor", agent.actors.first().map(String::as_str));
            attributes.texts("actors", &agent.actors);
            attributes.texts("roles", &agent.roles);
            attributes.texts("scopes", &agent.scopes);
            attributes.text_if("client", agent.client.as_deref());
            "Agent"
        }
    };
    for team in question.teams(directory) {
        parents.insert(names.uid("Team", team)?);
    }
    let uid = names.uid(kind, &format!("{}:{}", facts.issuer, facts.subject))?;
    cedar::Entity::new(uid, attributes.0, parents)
        .map_err(|_| "a principal that Cedar cannot hold".into())
}

fn resource(question: &Question<'_>, names: &Names) -> Result<cedar::Entity, String> {
    let project = question.project();
    let id = question.resource.id.as_deref().unwrap_or("");
    if question.kind == "Project" {
        let uid = names.uid("Project", project.unwrap_or(id))?;
        return Ok(cedar::Entity::new_no_attrs(uid, HashSet::new()));
    }
    let mut attributes = Attributes::default();
    if let Some(team) = question.owner {
        let team = RestrictedExpression::new_entity_uid(names.uid("Team", team)?);
        attributes.0.insert("owner".to_owned(), team);
    }
    if question.kind == RECORDS
        && let Some(Scope::Project(path)) = Scope::of(question.resource.id.as_deref())
    {
        attributes.text("repository", path);
    }
    let mut parents = HashSet::new();
    if let Some(project) = project.filter(|_| question.kind != PROJECT_LIST) {
        parents.insert(names.uid("Project", project)?);
    }
    // No project's name has a slash, and a collection has no id, so no two resources share a name.
    let uid = names.uid(question.kind, &format!("{}/{id}", project.unwrap_or("")))?;
    cedar::Entity::new(uid, attributes.0, parents)
        .map_err(|_| "a resource that Cedar cannot hold".into())
}

fn moment(question: &Question<'_>, now: &Now<'_>) -> Result<cedar::Context, String> {
    let moment = question.moment;
    let mut attributes = Attributes::default();
    attributes.text("weekday", moment.weekday);
    attributes.number("minute_of_day", moment.minute_of_day);
    attributes.number("date", moment.date);
    attributes.truth("org_admin", now.org_admin);
    let hours = now.hours.iter().map(|hours| (*hours).to_owned());
    let hours = RestrictedExpression::new_set(hours.map(RestrictedExpression::new_string));
    attributes.0.insert("open_hours".to_owned(), hours);
    if let Some(ticket) = question.ticket {
        let ticket = RestrictedExpression::new_string(ticket.to_owned());
        let record = RestrictedExpression::new_record([("ticket".to_owned(), ticket)]);
        let record = record.map_err(|_| "a ticket that Cedar cannot hold")?;
        attributes.0.insert("break_glass".to_owned(), record);
    }
    cedar::Context::from_pairs(attributes.0)
        .map_err(|_| "a moment that Cedar cannot hold".to_owned())
}

#[derive(Default)]
struct Attributes(HashMap<String, RestrictedExpression>);

impl Attributes {
    fn job(&mut self, job: &Job, issuer: &str) {
        self.text("repository", &place(issuer, &job.repository));
        self.text("repository_id", &job.repository_id);
        self.text_if("namespace_id", job.namespace_id.as_deref());
        self.text("ref", &job.git_ref);
        self.text_if("ref_type", job.ref_type.as_deref());
        self.truth("ref_protected", job.ref_protected);
        self.text("pipeline_source", &job.pipeline_source);
        self.truth("from_fork", job.from_fork);
        let job_repository = job.job_repository.as_deref();
        let job_repository = job_repository.map(|path| place(issuer, path));
        self.text_if("job_repository", job_repository.as_deref());
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

    fn texts(&mut self, name: &str, values: &[String]) {
        let values = values
            .iter()
            .map(|value| RestrictedExpression::new_string(value.clone()));
        let value = RestrictedExpression::new_set(values);
        self.0.insert(name.to_owned(), value);
    }

    fn text(&mut self, name: &str, value: &str) {
        let value = RestrictedExpression::new_string(value.to_owned());
        self.0.insert(name.to_owned(), value);
    }

    fn text_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn truth(&mut self, name: &str, value: bool) {
        let value = RestrictedExpression::new_bool(value);
        self.0.insert(name.to_owned(), value);
    }

    fn number(&mut self, name: &str, value: i64) {
        let value = RestrictedExpression::new_long(value);
        self.0.insert(name.to_owned(), value);
    }
}
