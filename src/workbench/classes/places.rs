//! Where jobs can come from: groups and repositories that policies and directories tell apart.
//!
//! In: the directories, and what policies compare jobs with. Out: [`Place`]s. A group stands for all
//! below it that no policy names, by one project in it.

use std::collections::BTreeSet;

use super::axes::inside;
use super::named;
use crate::authorize::{Literals, World};
use crate::identify::{Facts, Who};

/// Where a job's code is: a group by a project in it, or a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::workbench) struct Place {
    /// `acme/*`, or a repository's full path.
    pub(in crate::workbench) words: String,
    issuer: String,
    repository: String,
    repository_id: String,
    namespace_id: Option<String>,
}

impl Place {
    fn new(path: &str, words: &str, repository_id: Option<u64>, namespace: Option<u64>) -> Place {
        let (issuer, repository) = path.split_once(':').unwrap_or(("gitlab", path));
        Place {
            words: words.to_owned(),
            issuer: issuer.to_owned(),
            repository: repository.to_owned(),
            repository_id: repository_id.unwrap_or(1).to_string(),
            namespace_id: namespace.map(|id| id.to_string()),
        }
    }

    /// Lets a job come from here.
    pub(in crate::workbench) fn set(&self, facts: &mut Facts) {
        facts.issuer = self.issuer.clone();
        facts.subject = format!("project_path:{}", self.repository);
        if let Who::Job(job) = &mut facts.who {
            job.repository = self.repository.clone();
            job.repository_id = self.repository_id.clone();
            job.namespace_id = self.namespace_id.clone();
            job.job_repository = Some(self.repository.clone());
            job.job_repository_id = Some(self.repository_id.clone());
        }
    }
}

/// One place for each set of named groups and repositories that a place can lie in.
pub(in crate::workbench) fn all_places(worlds: &[World], spoken: &Literals) -> Vec<Place> {
    let mut candidates: Vec<(String, Place)> = Vec::new();
    let group = |path: &str, id: Option<u64>| {
        let inner = format!("{path}/any");
        (
            inner.clone(),
            Place::new(&inner, &format!("{path}/*"), None, id),
        )
    };
    for path in named(spoken, "Repository") {
        candidates.push((
            path.clone(),
            Place::new(path, path, id_of(worlds, path), None),
        ));
    }
    for path in named(spoken, "Group") {
        candidates.push(group(path, group_id(worlds, path)));
    }
    if let Some(paths) = spoken.texts.get("repository") {
        for path in paths.iter().map(|path| inside(path)) {
            candidates.push((path.clone(), Place::new(&path, &path, None, None)));
        }
    }
    for world in worlds {
        let groups = world.groups.iter();
        candidates.extend(groups.map(|(path, id)| group(path, *id)));
        for (path, id) in &world.repositories {
            candidates.push((path.clone(), Place::new(path, path, Some(*id), None)));
        }
    }
    candidates.push((
        "unlisted/any".to_owned(),
        Place::new("unlisted/any", "unlisted/*", None, None),
    ));
    let mut told = BTreeSet::new();
    let mut places = Vec::new();
    for (path, place) in candidates {
        if told.insert(signature(worlds, spoken, &path)) {
            places.push(place);
        }
    }
    places
}

/// What policies and directories can tell of a repository's path.
fn signature(worlds: &[World], spoken: &Literals, path: &str) -> Vec<bool> {
    let below = |group: &str| {
        path.strip_prefix(group)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let groups = named(spoken, "Group").map(|group| below(group));
    let repositories = named(spoken, "Repository").map(|name| name == path);
    let texts = spoken.texts.get("repository").into_iter().flatten();
    let texts = texts.map(|text| inside(text) == path);
    let listed = worlds.iter().map(|world| {
        world.groups.iter().any(|(group, _)| below(group))
            || world.repositories.iter().any(|(name, _)| name == path)
    });
    groups
        .chain(repositories)
        .chain(texts)
        .chain(listed)
        .collect()
}

fn group_id(worlds: &[World], path: &str) -> Option<u64> {
    let mut groups = worlds.iter().flat_map(|world| &world.groups);
    groups
        .find(|(name, _)| name == path)
        .and_then(|(_, id)| *id)
}

fn id_of(worlds: &[World], path: &str) -> Option<u64> {
    let mut repositories = worlds.iter().flat_map(|world| &world.repositories);
    repositories
        .find(|(name, _)| name == path)
        .map(|(_, id)| *id)
}
