//! The classes of requests: actions, projects, owners and the things that policies name.
//!
//! In: the actions of the sets, and what policies compare with. Out: [`Ask`]s.
//!
//! Two actions are alike when each list of actions in each policy has both or neither.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ask, merged, named, named_teams};
use crate::authorize::{Doable, Literals, World};
use crate::resolve::Resource;

/// Every class of requests that some of these policies can tell apart. Projects and owners are
/// varied for those actions only that policies about them can apply to.
pub(super) fn asks(worlds: &[World], policies: &[&Literals]) -> Vec<Ask> {
    let mut asks = Vec::new();
    for alike in actions(worlds, &merged(policies.iter().copied())) {
        let Some(first) = alike.first() else {
            continue;
        };
        let applies = |one: &&&Literals| match &one.scope {
            Some(scope) => first.is_in(scope.iter()),
            None => true,
        };
        let spoken = merged(policies.iter().filter(applies).copied());
        let projects = projects(worlds, &spoken);
        let owners = owners(worlds, &spoken);
        let actions: BTreeSet<&String> = alike.iter().map(|one| &one.action).collect();
        let actions: Vec<String> = actions.into_iter().cloned().collect();
        for resource in resources(first, &projects, &spoken) {
            for owner in &owners {
                asks.push(Ask {
                    actions: actions.clone(),
                    class: first.class,
                    resource: resource.clone(),
                    owner: owner.clone(),
                });
            }
        }
    }
    asks
}

/// Actions that no policy tells apart, together; those that are alike in more come first.
pub(in crate::workbench) fn actions<'w>(
    worlds: &'w [World],
    spoken: &Literals,
) -> Vec<Vec<&'w Doable>> {
    let mut classes: BTreeMap<_, Vec<&Doable>> = BTreeMap::new();
    for doable in worlds.iter().flat_map(|world| &world.actions) {
        let lists = spoken.actions.iter();
        let signature: Vec<bool> = lists.map(|list| doable.is_in(list.iter())).collect();
        let told_apart = spoken.types.contains(&doable.kind)
            || spoken.entities.contains_key(&doable.kind)
            || doable.kind.starts_with("Project"); // where a project is said differently
        let placed = [doable.in_project, doable.in_none];
        let kind = if told_apart {
            doable.kind.clone()
        } else {
            String::new()
        };
        let class = classes
            .entry((doable.class, placed, signature, kind))
            .or_default();
        if !class.contains(&doable) {
            class.push(doable);
        }
    }
    classes.into_values().collect()
}

/// The projects that policies name, and one that they do not.
pub(in crate::workbench) fn projects(worlds: &[World], spoken: &Literals) -> Vec<String> {
    let known: BTreeSet<&String> = worlds.iter().flat_map(|world| &world.projects).collect();
    let named: BTreeSet<&String> = named(spoken, "Project").collect();
    let other = known.iter().find(|project| !named.contains(*project));
    let mut projects: Vec<String> = known
        .intersection(&named)
        .map(|name| (*name).clone())
        .collect();
    projects.extend(other.map(|name| (*name).clone()));
    projects
}

fn owners(worlds: &[World], spoken: &Literals) -> Vec<Option<String>> {
    let mut owners = vec![None];
    if spoken.reads.contains("owner") {
        let named = match spoken.any_owner {
            true => named_teams(worlds, spoken),
            false => spoken.owners.clone(),
        };
        let mut teams = worlds.iter().flat_map(|world| &world.teams);
        let other = teams.find(|(team, _)| !named.contains(team));
        owners.extend(other.map(|(team, _)| Some(team.clone())));
        owners.extend(named.into_iter().map(Some));
    }
    owners
}

/// Something in each project, something in none, and what policies name.
fn resources(doable: &Doable, projects: &[String], spoken: &Literals) -> Vec<Resource> {
    let kind = doable.kind.clone();
    let of = |id: Option<&str>, project: Option<&str>| Resource {
        kind: kind.clone(),
        id: id.map(str::to_owned),
        project: project.map(str::to_owned),
    };
    if kind == "Project" {
        let projects = projects.iter();
        return projects.map(|name| of(Some(name), Some(name))).collect();
    }
    let mut resources = Vec::new();
    if doable.in_project {
        resources.extend(projects.iter().map(|name| of(Some(ANY), Some(name))));
    }
    if doable.in_none {
        resources.push(of(Some(ANY), None));
    }
    for name in named(spoken, &kind) {
        let (project, id) = name.split_once('/').unwrap_or(("", name));
        resources.push(of(
            Some(id),
            Some(project).filter(|project| !project.is_empty()),
        ));
    }
    resources
}

/// An id that no policy and no directory names.
pub(in crate::workbench) const ANY: &str = "any";
