//! Everything that a loaded set knows by name: what representatives of all callers are made of.
//!
//! In: a loaded set. Out: its [`World`]: the directory, the actions, and what each policy compares
//! with.

use std::collections::BTreeSet;
use std::path::Path;

use super::literals::Literals;
use super::policies::Policies;
use super::schema::groups_of;
use super::testing::PolicyPlace;
use crate::identify::{Facts, Who};
use crate::resolve::Class;

/// The names of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Teams, each with its (issuer, group) pairs.
    pub teams: Vec<(String, Vec<(String, String)>)>,
    /// Groups of jobs by full path, with the id where one is listed.
    pub groups: Vec<(String, Option<u64>)>,
    /// Repositories by full path, with their ids.
    pub repositories: Vec<(String, u64)>,
    /// The upstream's projects.
    pub projects: Vec<String>,
    /// What the directory says is owned: type, `project/id`, team.
    pub owners: Vec<(String, String, String)>,
    /// What can be asked for.
    pub actions: Vec<Doable>,
    /// What each policy compares with, in the order of ids.
    pub literals: Vec<Literals>,
}

impl World {
    /// Whether both know the same names: all that a decision can depend on besides the policies.
    pub fn has_names_of(&self, other: &World) -> bool {
        self.teams == other.teams
            && self.groups == other.groups
            && self.repositories == other.repositories
            && self.projects == other.projects
            && self.owners == other.owners
            && self.actions == other.actions
    }

    /// What the policies that can apply to such callers (`Job`, `Person`, `Agent`) compare with.
    pub fn about(&self, kind: &str) -> Vec<&Literals> {
        let applies = |one: &&Literals| one.caller.as_deref().is_none_or(|of| of == kind);
        self.literals.iter().filter(applies).collect()
    }
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doable {
    /// Its name.
    pub action: String,
    /// Its class.
    pub class: Class,
    /// The type in policies of what it is done to.
    pub kind: String,
    /// The action groups that it is in, nearest first.
    pub groups: Vec<&'static str>,
    /// Whether a request for it can name a project.
    pub in_project: bool,
    /// Whether a request for it can name none.
    pub in_none: bool,
}

impl Doable {
    /// Whether a list of actions and action groups has it.
    pub fn is_in<'a>(&self, mut list: impl Iterator<Item = &'a String>) -> bool {
        list.any(|name| *name == self.action || self.groups.contains(&name.as_str()))
    }
}

impl Policies {
    /// Everything that the set knows by name.
    pub fn world(&self) -> World {
        let judge = self.judge();
        let (directory, vocabulary) = (&judge.directory, &judge.vocabulary);
        let own = |(issuer, group): &(String, String)| (issuer.clone(), group.clone());
        let teams = directory.teams().map(|team| {
            let pairs = directory.groups_of(team).iter().map(own);
            (team.to_owned(), pairs.collect())
        });
        let actions = vocabulary.actions().flat_map(|action| {
            let class = vocabulary.class(action);
            let kinds = vocabulary.kinds_of(action);
            kinds.filter_map(move |kind| {
                Some(Doable {
                    action: action.to_owned(),
                    class: class?,
                    kind: kind.to_owned(),
                    groups: groups_of(action, class?),
                    in_project: vocabulary.is_placed(action, true),
                    in_none: vocabulary.is_placed(action, false),
                })
            })
        });
        let turns = judge.elsewhere.turns(self.loaded_at(), &judge.zone);
        let literals = judge.policies.policies().map(|policy| {
            let mut spoken = Literals::of(policy);
            spoken.org_admin = judge.org_admins.policy(policy.id()).is_some();
            if spoken.reads.contains("open_hours") {
                spoken.turn_at(&turns);
            }
            spoken
        });
        let mut literals: Vec<Literals> = literals.collect();
        literals.sort_by(|a, b| a.policy.cmp(&b.policy));
        World {
            teams: teams.collect(),
            groups: directory.groups_with_ids().collect(),
            repositories: directory.listed_repositories().collect(),
            projects: directory.projects().map(str::to_owned).collect(),
            owners: directory.owned().collect(),
            actions: actions.collect(),
            literals,
        }
    }

    /// The names of the bindings, in the order of their file.
    pub fn binding_names(&self) -> impl Iterator<Item = &str> {
        self.bindings().iter().map(|binding| binding.name.as_str())
    }

    /// The teams of whoever has these facts.
    pub fn teams_of(&self, facts: &Facts) -> Vec<String> {
        let groups = match &facts.who {
            Who::Job(_) => return Vec::new(),
            Who::Person(person) => &person.groups,
            Who::Agent(agent) => &agent.groups,
        };
        let teams = self.judge().directory.teams_of(&facts.issuer, groups);
        teams.into_iter().map(str::to_owned).collect()
    }

    /// The roles that have all of these actions, each with the number of actions that it has.
    pub fn roles_with(&self, actions: &BTreeSet<&str>) -> Vec<(String, usize)> {
        let vocabulary = &self.judge().vocabulary;
        let has = |list: &[String], action: &str| {
            vocabulary.class(action).is_some_and(|class| {
                let groups = groups_of(action, class);
                list.iter()
                    .any(|name| name == action || groups.contains(&name.as_str()))
            })
        };
        let roles = self
            .roles()
            .filter(|(_, list)| actions.iter().all(|action| has(list, action)));
        let sized = roles.map(|(name, list)| {
            let size = vocabulary.actions().filter(|action| has(list, action));
            (name.to_owned(), size.count())
        });
        sized.collect()
    }

    /// Where a rule, a guardrail or a binding is written.
    pub fn place(&self, id: &str) -> Option<PolicyPlace> {
        let source = self.sources().get(id)?;
        Some(PolicyPlace {
            id: id.to_owned(),
            file: source.file.clone(),
            line: source.line,
        })
    }
}

impl PolicyPlace {
    /// `bindings.yaml:14`: the file below its folder, and the line.
    pub fn short(&self, folder: &Path) -> String {
        let file = self.file.strip_prefix(folder).unwrap_or(&self.file);
        format!("{}:{}", file.display(), self.line)
    }
}
