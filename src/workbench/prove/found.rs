//! Turns what a solver found into a caller and a request that somebody could send.
//!
//! In: a request and entities in Cedar's terms. Out: a [`Sketch`]: facts, an action, a resource, its
//! owner, a ticket and a moment, as the judge is asked.
//!
//! The way back of [`entities`](crate::authorize): a job's groups are its path's, a person's teams
//! are groups of its issuer. What cannot come back that way, such as a job in no repository, comes
//! back as something near; whoever uses it asks the judge, and not this file, whether it is allowed.

use cedar_policy::{Entities, Entity, EntityUid, EvalResult, Request};
use jiff::ToSpan;
use jiff::civil::Date;

use super::names::Names;
use crate::authorize::{Moment, Posed};
use crate::identify::{Agent, Facts, Job, Person, Who};
use crate::resolve::Resource;

/// A caller and what they ask for.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) facts: Facts,
    pub(super) action: String,
    pub(super) resource: Resource,
    pub(super) owner: Option<String>,
    pub(super) ticket: Option<String>,
    pub(super) moment: Moment,
}

impl Sketch {
    /// The question that the judge is asked.
    pub(super) fn posed(&self) -> Posed<'_> {
        Posed {
            facts: &self.facts,
            action: &self.action,
            resource: &self.resource,
            owner: self.owner.as_deref(),
            ticket: self.ticket.as_deref(),
            moment: self.moment,
        }
    }

    /// What the solver found, as near as it can be asked; one for each minute that may be meant.
    pub(super) fn of(request: &Request, entities: &Entities, names: &Names) -> Vec<Sketch> {
        let (Some(principal), Some(action), Some(resource)) =
            (request.principal(), request.action(), request.resource())
        else {
            return Vec::new();
        };
        let Some(facts) = facts(principal, entities, names) else {
            return Vec::new();
        };
        let context = request.context();
        let in_context = |name: &str| context.and_then(|context| context.get(name));
        let number = |name: &str| match in_context(name) {
            Some(EvalResult::Long(number)) => number,
            _ => 0,
        };
        let weekday = match in_context("weekday") {
            Some(EvalResult::String(weekday)) => weekday,
            _ => String::new(),
        };
        let ticket = match in_context("break_glass") {
            Some(EvalResult::Record(glass)) => match glass.get("ticket") {
                Some(EvalResult::String(ticket)) => Some(ticket.clone()),
                _ => None,
            },
            _ => None,
        };
        let sketch = Sketch {
            facts,
            action: action.id().unescaped().to_owned(),
            resource: placed(resource, entities),
            owner: attribute(entities.get(resource), "owner").and_then(|owner| match owner {
                EvalResult::EntityUid(team) => Some(team.id().unescaped().to_owned()),
                _ => None,
            }),
            ticket,
            moment: Moment::on(FIXED_DAY, NOON),
        };
        moments(&weekday, number("minute_of_day"), number("date"))
            .into_iter()
            .map(|moment| Sketch {
                moment,
                ..sketch.clone()
            })
            .collect()
    }
}

/// Minutes near the one that was found; the solver does not know which day is a Monday.
fn moments(weekday: &str, minute: i64, date: i64) -> Vec<Moment> {
    let part = |at: i64, most: i64| i8::try_from((date / at % 100).clamp(1, most)).unwrap_or(1);
    let year = i16::try_from((date / 10_000).clamp(1970, 9000)).unwrap_or(1970);
    let (month, day) = (part(100, 12), part(1, 31));
    let days = (28..=day).rev().chain([day.min(28)]);
    let mut real = days.filter_map(|day| Date::new(year, month, day).ok());
    let Some(near) = real.next() else {
        return Vec::new();
    };
    let around = (0..7).flat_map(|far| [far, -far]);
    let around = around.filter_map(|far| near.checked_add(far.days()).ok());
    let mut moments: Vec<Moment> = around
        .map(|day| Moment::on(day, minute.clamp(0, 24 * 60 - 1)))
        .collect();
    moments.sort_by_key(|moment| moment.weekday != weekday); // stable: the nearest first
    moments
}

fn facts(principal: &EntityUid, entities: &Entities, names: &Names) -> Option<Facts> {
    let found = Attributes(entities.get(principal));
    let issuer = found.text("issuer").unwrap_or_default();
    let id = principal.id().unescaped();
    let subject = id.strip_prefix(&format!("{issuer}:")).unwrap_or(id);
    let groups = || {
        let above = entities.ancestors(principal).into_iter().flatten();
        let teams = above.filter(|uid| uid.type_name().basename() == "Team");
        let teams = teams.map(|uid| uid.id().unescaped().to_owned());
        names.groups_for(&issuer, &teams.collect())
    };
    let who = match principal.type_name().basename() {
        "Job" => Who::Job(job(&found, &issuer)),
        "Person" => Who::Person(Person {
            name: found.text("name").unwrap_or_default(),
            groups: groups(),
            mfa: found.truth("mfa").unwrap_or(false),
            roles: found.texts("roles"),
            scopes: found.texts("scopes"),
            client: found.text("client"),
            email: found.text("email"),
            domain: found.text("domain"),
        }),
        "Agent" => {
            let mut actors = found.texts("actors");
            let actor = found.text("actor");
            actors.sort_by_key(|one| Some(one) != actor.as_ref()); // the first acts now
            Who::Agent(Agent {
                name: found.text("name").unwrap_or_default(),
                groups: groups(),
                acts_for: found.text("acts_for"),
                actors,
                roles: found.texts("roles"),
                scopes: found.texts("scopes"),
                client: found.text("client"),
            })
        }
        _ => return None,
    };
    Some(Facts {
        subject: subject.to_owned(),
        issuer,
        who,
    })
}

fn job(found: &Attributes<'_>, issuer: &str) -> Job {
    let bare = |path: String| match path.strip_prefix(&format!("{issuer}:")) {
        Some(bare) => bare.to_owned(),
        None => path,
    };
    let text = |name: &str| found.text(name).unwrap_or_default();
    Job {
        repository: bare(text("repository")),
        repository_id: text("repository_id"),
        namespace_id: found.text("namespace_id"),
        git_ref: text("ref"),
        ref_type: found.text("ref_type"),
        ref_protected: found.truth("ref_protected").unwrap_or(false),
        pipeline_source: text("pipeline_source"),
        from_fork: found.truth("from_fork").unwrap_or(true),
        job_repository: found.text("job_repository").map(bare),
        job_repository_id: found.text("job_repository_id"),
        workflow: found.text("workflow"),
        runner_environment: found.text("runner_environment"),
        job_source: found.text("job_source"),
        access_level: found.text("access_level"),
        visibility: found.text("visibility"),
        environment: found.text("environment"),
        environment_protected: found.truth("environment_protected"),
        deployment_tier: found.text("deployment_tier"),
        environment_action: found.text("environment_action"),
        sha: found.text("sha"),
        pipeline_id: "1".to_owned(),
        job_id: "1".to_owned(),
        started_by: None,
    }
}

fn placed(uid: &EntityUid, entities: &Entities) -> Resource {
    let kind = uid.type_name().basename().to_owned();
    if kind == "Project" {
        let name = uid.id().unescaped().to_owned();
        return Resource {
            kind,
            id: Some(name.clone()),
            project: Some(name),
        };
    }
    let mut above = entities.ancestors(uid).into_iter().flatten();
    let project = above.find(|uid| uid.type_name().basename() == "Project");
    let project = project.map(|uid| uid.id().unescaped().to_owned());
    let id = uid.id().unescaped();
    let within = project.clone().unwrap_or_default();
    let id = id.strip_prefix(&format!("{within}/")).unwrap_or(id);
    Resource {
        kind,
        id: (!id.is_empty()).then(|| id.to_owned()),
        project,
    }
}

struct Attributes<'a>(Option<&'a Entity>);

impl Attributes<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match attribute(self.0, name)? {
            EvalResult::String(text) => Some(text),
            _ => None,
        }
    }

    fn truth(&self, name: &str) -> Option<bool> {
        match attribute(self.0, name)? {
            EvalResult::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let Some(EvalResult::Set(all)) = attribute(self.0, name) else {
            return Vec::new();
        };
        let texts = all.iter().filter_map(|one| match one {
            EvalResult::String(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }
}

fn attribute(of: Option<&Entity>, name: &str) -> Option<EvalResult> {
    of?.attr(name)?.ok()
}

const FIXED_DAY: Date = jiff::civil::date(2026, 1, 7);
const NOON: i64 = 12 * 60;
