//! Lists what one caller may do, place by place.
//!
//! In: a loaded set, facts, a moment. Out: [`Permitted`]s: for each place and class the actions that
//! the judge allows there.
//!
//! What a team's own things add is an entry of its own, without what holds for everybody's.

use std::collections::BTreeMap;

use super::assemble::Assembled;
use super::decision::Verdict;
use super::entities::Question;
use super::moment::Moment;
use super::schema::{PROJECT_LIST, Vocabulary};
use crate::identify::{Facts, Who};
use crate::resolve::{RECORDS, Resource};

/// What may be done in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    /// The upstream's project; none for what lies in none.
    pub project: Option<String>,
    /// The team whose things it is about; none where it holds for everybody's.
    pub owner: Option<String>,
    /// The class of the actions: `read`.
    pub class: &'static str,
    /// The actions.
    pub actions: Vec<String>,
    /// Whether these are all actions of the class that such a place has.
    pub all: bool,
}

/// One caller at one moment, to be asked about places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) set: &'a Assembled,
    pub(super) facts: &'a Facts,
    pub(super) moment: Moment,
}

impl Places<'_> {
    /// What lies in no project first, then project by project, each with what its own things add.
    pub(super) fn of(&self, projects: &[&str]) -> Vec<Permitted> {
        let mut permitted = self.place(None, None);
        let teams = self.teams();
        for team in &teams {
            permitted.extend(self.place(None, Some(team)));
        }
        for project in projects {
            permitted.extend(self.place(Some(project), None));
            for team in &teams {
                permitted.extend(self.place(Some(project), Some(team)));
            }
        }
        permitted
    }

    /// The teams whose things might be its own.
    fn teams(&self) -> Vec<&str> {
        let directory = &self.set.judge.directory;
        let groups = match &self.facts.who {
            Who::Job(_) => return Vec::new(),
            Who::Person(person) => &person.groups,
            Who::Agent(agent) => &agent.groups,
        };
        let teams = directory.teams_of(&self.facts.issuer, groups);
        teams.into_iter().collect()
    }

    fn place(&self, project: Option<&str>, owner: Option<&str>) -> Vec<Permitted> {
        let vocabulary = &self.set.judge.vocabulary;
        let mut allowed: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
        for action in vocabulary.actions() {
            let owned_only = || owner.is_some() && !self.may(action, project, None);
            if let Some(class) = vocabulary.class(action)
                && self.may(action, project, owner)
                && (owner.is_none() || owned_only())
            {
                allowed.entry(class.word()).or_default().push(action);
            }
        }
        let permitted = allowed.into_iter().map(|(class, actions)| Permitted {
            project: project.map(str::to_owned),
            owner: owner.map(str::to_owned),
            class,
            all: actions.len() == of_class(vocabulary, class, project.is_some()).count(),
            actions: actions.into_iter().map(str::to_owned).collect(),
        });
        permitted.collect()
    }

    fn may(&self, action: &str, project: Option<&str>, owner: Option<&str>) -> bool {
        let judge = &self.set.judge;
        let vocabulary = &judge.vocabulary;
        let (Some(class), Some(kind)) = (vocabulary.class(action), vocabulary.kind(action)) else {
            return false;
        };
        if !has_place(kind, project.is_some()) {
            return false;
        }
        let resource = Resource {
            kind: kind.to_owned(),
            id: project.map(|project| match kind {
                "Project" => project.to_owned(),
                _ => "any".to_owned(),
            }),
            project: project.map(str::to_owned),
        };
        let question = Question {
            facts: self.facts,
            action,
            class,
            kind,
            resource: &resource,
            owner: owner.filter(|_| kind != "Project" && kind != PROJECT_LIST),
            ticket: None,
            moment: self.moment,
        };
        judge.rule(&question).verdict == Verdict::Allow
    }
}

/// The actions of a class that can be asked for in a project, or in none.
pub(super) fn of_class<'v>(
    vocabulary: &'v Vocabulary,
    class: &'v str,
    in_project: bool,
) -> impl Iterator<Item = &'v str> {
    vocabulary.actions().filter(move |action| {
        let of_class = vocabulary
            .class(action)
            .is_some_and(|one| one.word() == class);
        let kind = vocabulary.kind(action);
        of_class && kind.is_some_and(|kind| has_place(kind, in_project))
    })
}

/// A project lies in itself; the list of projects and records lie nowhere. Others may be asked anywhere.
fn has_place(kind: &str, in_project: bool) -> bool {
    match kind {
        "Project" => in_project,
        PROJECT_LIST | RECORDS => !in_project,
        _ => true,
    }
}
