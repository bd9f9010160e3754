//! The columns of the matrix: what can be asked for.
//!
//! In: the world, what to leave out. Out: [`Column`]s: actions that no policy tells apart, in each
//! project that policies name, on what the caller's team owns and on what another team owns.

use std::collections::BTreeSet;

use super::{Ask, Row, Wanted, World};
use crate::authorize::Doable;
use crate::resolve::Resource;
use crate::workbench::classes::{ANY, alike, all_spoken, known_projects};

/// Whose the resource is, seen from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owned {
    /// Nobody's, as far as is known.
    Nobody,
    /// The caller's team's.
    Own,
    /// Another team's.
    Others,
}

/// Requests that get the same answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The actions.
    pub actions: Vec<String>,
    /// Their classes.
    pub classes: BTreeSet<&'static str>,
    /// The projects; none when the answers are the same in all.
    pub projects: Vec<String>,
    /// Whose the resource is; none when that makes no difference.
    pub owned: BTreeSet<Owned>,
    asked: (Doable, Option<String>, Owned),
    /// All that it could be: how many projects, how many relations.
    of: (usize, usize),
    teams: Vec<String>,
}

/// Every column before any is joined.
pub(super) fn columns(worlds: &[World], wanted: &Wanted) -> Vec<Column> {
    let spoken = all_spoken(worlds);
    let mut projects = known_projects(worlds, &spoken);
    if let Some(on) = &wanted.on {
        projects = vec![on.clone()];
    }
    let relations: &[Owned] = match spoken.reads.contains("owner") {
        true => &[Owned::Nobody, Owned::Own, Owned::Others],
        false => &[Owned::Nobody],
    };
    let teams: BTreeSet<&String> = worlds
        .iter()
        .flat_map(|world| world.teams.iter().map(|(team, _)| team))
        .collect();
    let teams: Vec<String> = teams.into_iter().cloned().collect();
    let mut columns = Vec::new();
    for class in alike(worlds, &spoken) {
        let class: Vec<&Doable> = class
            .into_iter()
            .filter(|one| is_wanted(one, wanted))
            .collect();
        let Some(first) = class.first() else {
            continue;
        };
        let actions: BTreeSet<&String> = class.iter().map(|one| &one.action).collect();
        let actions: Vec<String> = actions.into_iter().cloned().collect();
        let mut places: Vec<Option<&String>> = Vec::new();
        if first.in_project {
            places.extend(projects.iter().map(Some));
        }
        if first.in_none && (wanted.on.is_none() || !first.in_project) {
            places.push(None);
        }
        for place in &places {
            for owned in relations {
                columns.push(Column {
                    actions: actions.clone(),
                    classes: BTreeSet::from([first.class.word()]),
                    projects: place.iter().map(|name| (*name).clone()).collect(),
                    owned: BTreeSet::from([*owned]),
                    asked: ((*first).clone(), place.cloned(), *owned),
                    of: (places.iter().flatten().count(), relations.len()),
                    teams: teams.clone(),
                });
            }
        }
    }
    columns
}

fn is_wanted(doable: &Doable, wanted: &Wanted) -> bool {
    let Some(action) = &wanted.action else {
        return true;
    };
    match action.strip_suffix('*') {
        Some(prefix) => doable.action.starts_with(prefix),
        None => doable.is_in(std::iter::once(action)),
    }
}

impl Column {
    /// What a row asks for here; none where a caller without a team has nothing of its own.
    pub(super) fn ask(&self, row: &Row) -> Option<Ask> {
        let (doable, project, owned) = &self.asked;
        let owner = match owned {
            Owned::Nobody => None,
            Owned::Own => Some(row.teams.first()?.clone()),
            Owned::Others => {
                let mut others = self.teams.iter().filter(|team| !row.is_of(team));
                Some(others.next()?.clone())
            }
        };
        Some(Ask {
            actions: self.actions.clone(),
            class: doable.class,
            resource: Resource {
                kind: doable.kind.clone(),
                id: match doable.kind.as_str() {
                    "Project" => project.clone(),
                    _ => Some(ANY.to_owned()),
                },
                project: project.clone(),
            },
            owner,
        })
    }

    /// Whether only the owner is another one.
    pub(super) fn differs_in_owner(&self, other: &Column) -> bool {
        self.actions == other.actions && self.projects == other.projects
    }

    /// Whether only the project is another one.
    pub(super) fn differs_in_project(&self, other: &Column) -> bool {
        self.actions == other.actions && self.owned == other.owned
    }

    /// Whether only the actions are others.
    pub(super) fn differs_in_actions(&self, other: &Column) -> bool {
        self.projects == other.projects && self.owned == other.owned
    }

    /// Takes another one in, which has the same answers.
    pub(super) fn join(&mut self, other: Column) {
        for action in other.actions {
            if !self.actions.contains(&action) {
                self.actions.push(action);
            }
        }
        for project in other.projects {
            if !self.projects.contains(&project) {
                self.projects.push(project);
            }
        }
        self.classes.extend(other.classes);
        self.owned.extend(other.owned);
    }

    /// Forgets what makes no difference.
    pub(super) fn settle(&mut self) {
        if self.projects.len() >= self.of.0 {
            self.projects.clear();
        }
        if self.owned.len() >= self.of.1 {
            self.owned.clear();
        }
    }

    /// The heading, one word on each line: `dashboards`, `update`, `own`.
    pub fn heading(&self) -> Vec<String> {
        let mut lines: Vec<String> = match self.actions.as_slice() {
            [one] => one.split('.').map(str::to_owned).collect(),
            many => {
                let creates = many.iter().all(|action| action.ends_with(".create"));
                let classes: Vec<&str> = self.classes.iter().copied().collect();
                let word = if creates {
                    "create".to_owned()
                } else {
                    classes.join("+")
                };
                vec![word, format!("{} actions", many.len())]
            }
        };
        lines.extend(self.qualifiers());
        lines
    }

    /// Where and whose, where that makes a difference.
    pub fn qualifiers(&self) -> Vec<String> {
        let mut words = Vec::new();
        if !self.projects.is_empty() {
            words.push(format!("in {}", self.projects.join(",")));
        }
        words.extend(self.owner_words().map(str::to_owned));
        words
    }

    /// Whose it is, where that makes a difference.
    pub fn owner_words(&self) -> Option<&'static str> {
        let owned = |owned: Owned| self.owned.contains(&owned);
        match (
            owned(Owned::Own),
            owned(Owned::Others),
            owned(Owned::Nobody),
        ) {
            (true, false, _) => Some("own"),
            (false, true, _) => Some("not own"),
            (false, false, true) => Some("nobody's"),
            _ => None,
        }
    }

    /// The action, or what several are called together: `read, 29 actions`.
    pub fn what(&self) -> String {
        match self.actions.as_slice() {
            [one] => one.clone(),
            _ => {
                let mut heading = self.heading();
                heading.truncate(2);
                heading.join(", ")
            }
        }
    }

    /// On one line: `dashboards.update in X own`.
    pub fn words(&self) -> String {
        let mut words = vec![self.what()];
        words.extend(self.qualifiers());
        words.join(" ")
    }
}
