//! The finitely many classes of callers and requests that policy sets can tell apart.
//!
//! In: the [`World`] of one set, or of two that are compared, and the day. Out: [`Classes`]: one
//! representative of each class, callers and requests apart, with words for people and what was not
//! covered.
//!
//! A policy can tell two callers apart only by a literal that it compares with. So each attribute
//! that some policy reads is tried inside and outside of every literal: a group by a project in it,
//! a pattern by a text that it matches, a number before and after. An attribute that no policy
//! reads has one value. Names that no policy has are all alike; one stands for them.
//!
//! Attributes are varied together. Where that is too much (`MOST_CALLERS`), at most two at a time
//! are away from the usual, and [`Kind::uncovered`] says so.
//!
//! Never: a decision. What representatives may do is the judge's to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::authorize::{Answer, Doable, Literals, Moment, Policies, Posed, World};
use crate::identify::{Facts, Job};
use crate::resolve::{Class, Resource};

mod asks;
mod axes;
mod jobs;
mod moments;
mod people;
mod places;

/// One representative of each class.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// Jobs, people and agents: each kind with the requests that policies about it tell apart.
    pub kinds: Vec<Kind>,
}

/// One kind of callers, and what they may ask for.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its type in policies: `Job`, `Person` or `Agent`.
    pub name: &'static str,
    /// Who may ask, when.
    pub callers: Vec<Caller>,
    /// What may be asked for.
    pub asks: Vec<Ask>,
    /// What was left out, in sentences; empty when every combination is there.
    pub uncovered: Vec<String>,
}

/// A caller at a moment, standing for all that no policy tells from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// In words: `CI acme/*, unprotected, fork`.
    pub name: String,
    /// What its token says.
    pub facts: Facts,
    /// When it asks.
    pub moment: Moment,
    /// The ticket of an open break-glass.
    pub ticket: Option<String>,
}

/// A request, standing for all that no policy tells from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The actions that no policy tells apart; the first one is asked for.
    pub actions: Vec<String>,
    /// Their class.
    pub class: Class,
    /// What it is asked on; its kind is the type in policies.
    pub resource: Resource,
    /// The team that owns it.
    pub owner: Option<String>,
}

impl Classes {
    /// Every class that some of these sets can tell apart. `now` is the usual moment.
    pub fn of(worlds: &[World], now: Moment) -> Classes {
        let mut classes = Classes::default();
        for name in KINDS {
            let spoken = of_kind(worlds, name);
            let mut uncovered = Vec::new();
            let callers = match *name {
                "Job" => jobs::callers(worlds, &spoken, now, &mut uncovered),
                _ => people::callers(worlds, name, &spoken, now, &mut uncovered),
            };
            let asks = asks::asks(worlds, &Spoken::of(worlds).about(name));
            classes.kinds.push(Kind {
                name,
                callers,
                asks,
                uncovered,
            });
        }
        classes
    }

    /// Without what policies of both sets decide about alike: kinds of callers, and actions that no
    /// changed policy can apply to. Where the names differ, nothing is left out.
    pub(super) fn without_unchanged(mut self, worlds: &[World]) -> Classes {
        let [before, after] = worlds else {
            return self;
        };
        if !before.has_names_of(after) {
            return self;
        }
        for kind in &mut self.kinds {
            let (old, new) = (before.about(kind.name), after.about(kind.name));
            let changed: Vec<&Literals> = old
                .iter()
                .filter(|one| !new.contains(one))
                .chain(new.iter().filter(|one| !old.contains(one)))
                .copied()
                .collect();
            let applies = |ask: &Ask| {
                let mut doable = after.actions.iter();
                let doable = doable.find(|one| one.action == ask.action());
                changed.iter().any(|one| match (&one.scope, doable) {
                    (Some(scope), Some(doable)) => doable.is_in(scope.iter()),
                    _ => true,
                })
            };
            kind.asks.retain(applies);
        }
        self.kinds.retain(|kind| !kind.asks.is_empty());
        self
    }

    /// What was left out of the kinds that are here, in sentences.
    pub fn uncovered(&self) -> Vec<String> {
        let kinds = self.kinds.iter();
        kinds.flat_map(|kind| kind.uncovered.clone()).collect()
    }

    /// How many combinations there are.
    pub fn combinations(&self) -> usize {
        let kinds = self.kinds.iter();
        kinds.map(|kind| kind.callers.len() * kind.asks.len()).sum()
    }

    /// Every caller with every request that policies about such callers tell apart.
    pub fn each(&self) -> impl Iterator<Item = (&Caller, &Ask)> {
        self.kinds.iter().flat_map(|kind| {
            let asks = |caller| kind.asks.iter().map(move |ask| (caller, ask));
            kind.callers.iter().flat_map(asks)
        })
    }
}

impl Ask {
    /// The action that is asked for.
    pub fn action(&self) -> &str {
        self.actions.first().map_or("", String::as_str)
    }

    /// In words: `dashboards.update on X, owned by payments`.
    pub fn words(&self) -> String {
        let mut words = self.action().to_owned();
        if let Some(project) = &self.resource.project {
            words.push_str(&format!(" on {project}"));
        }
        if let Some(owner) = &self.owner {
            words.push_str(&format!(", owned by {owner}"));
        }
        words
    }

    /// What these policies answer to it.
    pub fn put_to(&self, policies: &Policies, caller: &Caller) -> Answer {
        policies.weigh(&self.posed(caller))
    }

    /// The question as the judge takes it.
    pub fn posed<'a>(&'a self, caller: &'a Caller) -> Posed<'a> {
        Posed {
            facts: &caller.facts,
            action: self.action(),
            resource: &self.resource,
            owner: self.owner.as_deref(),
            ticket: caller.ticket.as_deref(),
            moment: caller.moment,
        }
    }
}

/// What the policies of all sets that can apply to such a caller compare with, as one.
pub(super) fn of_kind(worlds: &[World], kind: &str) -> Literals {
    Spoken::of(worlds).of_kind(kind)
}

/// What all policies of all sets compare with, as one.
pub(super) fn all_spoken(worlds: &[World]) -> Literals {
    Spoken::of(worlds).all()
}

/// Actions that no policy tells apart, together.
pub(super) fn alike<'w>(worlds: &'w [World], spoken: &Literals) -> Vec<Vec<&'w Doable>> {
    asks::actions(worlds, spoken)
}

/// The projects that policies name, and one that they do not.
pub(super) fn known_projects(worlds: &[World], spoken: &Literals) -> Vec<String> {
    asks::projects(worlds, spoken)
}

/// A moment of each class, the usual one first.
pub(super) fn moments_of(spoken: &Literals, now: Moment) -> Vec<Moment> {
    moments::all(spoken, now)
}

/// A job as usual: a push to a protected `main`.
pub(super) fn usual_job() -> Job {
    jobs::job()
}

pub(super) use asks::ANY;
pub(super) use places::all_places;

/// What all policies of all sets compare with.
struct Spoken<'a>(Vec<&'a Literals>);

impl<'a> Spoken<'a> {
    fn of(worlds: &'a [World]) -> Spoken<'a> {
        Spoken(worlds.iter().flat_map(|world| &world.literals).collect())
    }

    fn all(&self) -> Literals {
        merged(self.0.iter().copied())
    }

    /// Those policies that can apply to such a caller.
    fn about(&self, kind: &str) -> Vec<&'a Literals> {
        let fits = |literals: &&&Literals| literals.caller.as_deref().is_none_or(|of| of == kind);
        self.0.iter().filter(fits).copied().collect()
    }

    fn of_kind(&self, kind: &str) -> Literals {
        merged(self.about(kind).into_iter())
    }
}

/// As one policy that compares with all of it.
fn merged<'a>(all: impl Iterator<Item = &'a Literals>) -> Literals {
    let mut into = Literals::default();
    for one in all {
        join(&mut into.entities, &one.entities);
        join(&mut into.texts, &one.texts);
        join(&mut into.bounds, &one.bounds);
        into.owners.extend(one.owners.iter().cloned());
        into.reads.extend(one.reads.iter().cloned());
        into.types.extend(one.types.iter().cloned());
        into.any_owner |= one.any_owner;
        add_new(&mut into.actions, &one.actions);
        add_new(&mut into.weekdays, &one.weekdays);
    }
    into
}

fn join<T: Ord + Clone>(
    into: &mut BTreeMap<String, BTreeSet<T>>,
    from: &BTreeMap<String, BTreeSet<T>>,
) {
    for (key, values) in from {
        let all = into.entry(key.clone()).or_default();
        all.extend(values.iter().cloned());
    }
}

fn add_new(into: &mut Vec<BTreeSet<String>>, from: &[BTreeSet<String>]) {
    for one in from {
        if !into.contains(one) {
            into.push(one.clone());
        }
    }
}

/// The entities of one type that policies name.
fn named<'a>(spoken: &'a Literals, kind: &str) -> impl Iterator<Item = &'a String> + Clone {
    spoken.entities.get(kind).into_iter().flatten()
}

/// The teams that policies can tell apart by name.
pub(super) fn named_teams(worlds: &[World], spoken: &Literals) -> BTreeSet<String> {
    match spoken.any_owner {
        true => worlds
            .iter()
            .flat_map(|world| world.teams.iter().map(|(team, _)| team.clone()))
            .collect(),
        false => named(spoken, "Team").cloned().collect(),
    }
}

/// The kinds of callers, by their types in policies.
const KINDS: &[&str] = &["Job", "Person", "Agent"];

#[cfg(test)]
mod tests;
