//! Says in Cedar's terms what no request can be, so that a proof is about requests that exist.
//!
//! In: the directory, who may vouch for whom, the names that policies spell out. Out: policies that
//! forbid every request that no token, path and minute can come to.
//!
//! Cedar's schema lets a job be in a group that its path does not lie in, a person be in two teams
//! that no issuer's groups go together for, a day have 2000 minutes. The judge never asks about
//! such: what it builds ([`entities`](super::entities)) follows rules, and here are the same rules
//! again, as policies. Where a rule cannot be said exactly, less is forbidden: a proof then covers
//! requests that do not exist, and a refutation that is one of them does not pass the judge.
//!
//! Never: used to decide. A request that exists and is forbidden here would be a hole in every proof;
//! `tests/prove.rs` asks the judge's own questions against these policies.

use std::collections::BTreeSet;

use super::directory::Directory;
use super::lineage::{UNNAMED, above};

/// Who may vouch for whom, by the issuers' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouching {
    /// Issuers whose tokens are of jobs.
    pub jobs: Vec<String>,
    /// Issuers whose tokens are of people or agents.
    pub others: Vec<String>,
}

/// Whether requests for an entry of the catalogue name a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InProject {
    /// Each does.
    Always,
    /// None does.
    Never,
    /// The catalogue has entries of both kinds for the action.
    Sometimes,
}

/// Names of entities that policies spell out: type and id.
pub(super) type Spelled = BTreeSet<(String, String)>;

/// The policies that forbid what cannot be, as Cedar text.
pub(super) fn forbidden(
    directory: &Directory,
    vouching: &Vouching,
    spelled: &Spelled,
) -> Vec<String> {
    let mut all = vec![MOMENTS.to_owned(), ACTORS.to_owned()];
    all.push(jobs_come_from(directory));
    all.push(plain_paths(vouching));
    all.extend(issuers(vouching));
    all.extend(directory.teams().map(|team| {
        let ways = ways_into(team, directory);
        format!(
            "forbid (principal, action, resource) when {{ (principal is Person || principal is \
             Agent) && principal in Team::\"{team}\" }} unless {{ (principal is Person && \
             ({ways})) || (principal is Agent && ({ways})) }};"
        )
    }));
    for (kind, id) in spelled {
        all.extend(meant(kind, id));
    }
    let projects = spelled.iter().filter(|(kind, _)| kind == "Project");
    let projects: Vec<&String> = projects.map(|(_, id)| id).collect();
    for (index, one) in projects.iter().enumerate() {
        for other in projects.iter().skip(index + 1) {
            all.push(format!(
                "forbid (principal, action, resource in Project::\"{one}\") when {{ resource in \
                 Project::\"{other}\" }};"
            ));
        }
    }
    all
}

/// The policy about the projects that a request's resource is in; none where it may be in one or in
/// none.
pub(super) fn placed(directory: &Directory, within: InProject) -> Option<String> {
    let all = directory
        .projects()
        .map(|name| format!("Project::\"{name}\""));
    let all: Vec<String> = all.collect();
    let in_one = match all.is_empty() {
        true => "false".to_owned(),
        false => format!("resource in [{}]", all.join(", ")),
    };
    let word = match within {
        InProject::Always => "unless",
        InProject::Never => "when",
        InProject::Sometimes => return None,
    };
    Some(format!(
        "forbid (principal, action, resource) {word} {{ {in_one} }};"
    ))
}

/// Jobs of repositories that the directory knows, with the ids that it lists.
fn jobs_come_from(directory: &Directory) -> String {
    let mut ways = Vec::new();
    let pinned = |group: &str| {
        let mut listed = directory.listed_groups();
        listed.any(|(path, place)| path == group && place.id.is_some())
    };
    for (path, place) in directory.listed_groups() {
        let lies_in = format!("principal.repository like \"{path}/*\"");
        let mut way = match place.id {
            Some(id) => format!(
                "{lies_in} && !(principal.repository like \"{path}/*/*\") && principal has \
                 namespace_id && principal.namespace_id == \"{id}\""
            ),
            None if above(path).any(pinned) => continue,
            None => lies_in,
        };
        for (other, within) in directory.listed_groups() {
            let other_is_pinned = place.id.is_none() && within.id.is_some();
            if other_is_pinned && above(other).any(|above| above == path) {
                way.push_str(&format!(" && !(principal.repository like \"{other}/*\")"));
            }
        }
        for (repository, _) in directory.listed_repositories() {
            if above(&repository).any(|above| above == path) {
                way.push_str(&format!(" && principal.repository != \"{repository}\""));
            }
        }
        ways.push(format!("({way})"));
    }
    for (repository, id) in directory.listed_repositories() {
        ways.push(format!(
            "(principal.repository == \"{repository}\" && principal.repository_id == \"{id}\")"
        ));
    }
    let ways = either(&ways);
    format!("forbid (principal is Job, action, resource) unless {{ {ways} }};")
}

/// Jobs of paths that can be read in one way only.
fn plain_paths(vouching: &Vouching) -> String {
    let mut odd = Vec::new();
    for part in ["", ".", ".."] {
        odd.extend([
            format!("{part}/*"),
            format!("*/{part}/*"),
            format!("*/{part}"),
        ]);
        let jobs = vouching.jobs.iter();
        odd.extend(jobs.map(|issuer| format!("{issuer}:{part}/*")));
    }
    let odd = odd
        .iter()
        .map(|pattern| format!("principal.repository like \"{pattern}\""));
    let odd = either(&odd.collect::<Vec<_>>());
    format!("forbid (principal is Job, action, resource) when {{ {odd} }};")
}

/// Each issuer vouches for its own kind of callers, and jobs' paths begin with its name.
fn issuers(vouching: &Vouching) -> [String; 2] {
    let jobs = vouching.jobs.iter().map(|name| {
        let paths = match name == UNNAMED {
            true => "!(principal.repository like \"*:*\")".to_owned(),
            false => format!("principal.repository like \"{name}:*\""),
        };
        format!("(principal.issuer == \"{name}\" && {paths})")
    });
    let jobs: Vec<String> = jobs.collect();
    let others = vouching.others.iter();
    let others: Vec<String> = others
        .map(|name| format!("principal.issuer == \"{name}\""))
        .collect();
    let others = either(&others);
    [
        format!(
            "forbid (principal is Job, action, resource) unless {{ {} }};",
            either(&jobs)
        ),
        format!(
            "forbid (principal, action, resource) when {{ principal is Person || principal is \
             Agent }} unless {{ (principal is Person && ({others})) || (principal is Agent && \
             ({others})) }};"
        ),
    ]
}

/// What must hold of whoever is in a team: one of its groups, and with it every team of that group.
fn ways_into(team: &str, directory: &Directory) -> String {
    let ways = directory.groups_of(team).iter().map(|(issuer, group)| {
        let mut way = format!("principal.issuer == \"{issuer}\"");
        for other in directory.teams_of(issuer, std::slice::from_ref(group)) {
            if other != team {
                way.push_str(&format!(" && principal in Team::\"{other}\""));
            }
        }
        format!("({way})")
    });
    either(&ways.collect::<Vec<_>>())
}

/// What follows from a name that a policy spells out.
fn meant(kind: &str, id: &str) -> Option<String> {
    let text = quoted(id);
    match kind {
        "Group" => Some(format!(
            "forbid (principal is Job, action, resource) when {{ (principal in Group::{text}) != \
             (principal.repository like {}) }};",
            quoted(&format!("{id}/*"))
        )),
        "Repository" => Some(format!(
            "forbid (principal is Job, action, resource) when {{ (principal in \
             Repository::{text}) != (principal.repository == {text}) }};"
        )),
        "Job" | "Person" | "Agent" => {
            let (issuer, _) = id.split_once(':')?;
            Some(format!(
                "forbid (principal is {kind}, action, resource) when {{ principal == \
                 {kind}::{text} && principal.issuer != {} }};",
                quoted(issuer)
            ))
        }
        _ => None,
    }
}

fn either(ways: &[String]) -> String {
    match ways.is_empty() {
        true => "false".to_owned(),
        false => ways.join(" || "),
    }
}

/// A text as Cedar spells it. Names of groups have no star, so it may also be a pattern.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// Minutes and days as clocks and calendars have them; that the weekday is the day's cannot be said.
const MOMENTS: &str = "forbid (principal, action, resource) unless {
  [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"].contains(context.weekday) &&
  context.minute_of_day >= 0 && context.minute_of_day < 1440 &&
  context.date >= 20000101 && context.date <= 20991231
};";

/// Who acts now is one of those who act.
const ACTORS: &str = "forbid (principal is Agent, action, resource) unless {
  if principal has actor then principal.actors.contains(principal.actor)
  else principal.actors.isEmpty()
};";
