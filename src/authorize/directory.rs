//! Knows the teams, the groups of jobs, the upstream's projects, and who owns what.
//!
//! In: `directory.yaml`. Out: a [`Directory`], in which every name is plain and every reference
//! leads somewhere.
//!
//! The directory is the closed world of names. Teams and projects become enumerated types of the
//! schema, so a policy that misspells one is not loaded; a request on a project that is not here, or
//! of a job whose repository lies in none of the groups, is denied before any policy is asked.
//!
//! Paths of groups and repositories are of the issuer `gitlab`; those of another begin with its name,
//! `github:acme/shop`, as teams' groups do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::acceptance::Accepted;
use super::folder::File;
use super::lineage::{Lineage, Listed, UNNAMED, above, place};
use super::yaml;
use crate::identify::{Facts, Job, Who};
use crate::resolve::{RECORDS, Scope};
use crate::setup_error::SetupError;

mod checked;
mod file;

pub use file::DirectoryFile;
pub(super) use file::OneOrMore;

use checked::Checked;

/// The names that exist.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Teams by name, each with its (issuer, group) pairs.
    teams: TeamGroups,
    /// Issuer → group → teams; the way a principal's groups are looked up.
    by_group: HashMap<String, HashMap<String, Vec<String>>>,
    listed: Listed,
    /// Group → where it is listed.
    group_lines: BTreeMap<String, GroupPlace>,
    projects: BTreeSet<String>,
    /// Resource type → `project/id` → team.
    owners: HashMap<String, HashMap<String, String>>,
}

/// Where a group is listed.
#[derive(Debug)]
pub(super) struct GroupPlace {
    /// The id, where one is listed.
    pub(super) id: Option<u64>,
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) column: usize,
    /// What about it is accepted.
    pub(super) accepted: Accepted,
}

/// Every team of a policy folder, each with its (issuer, group) pairs. Nothing else in the folder is
/// looked at.
///
/// # Errors
/// When the folder or its directory does not hold.
pub fn team_groups(folder: &Path) -> Result<TeamGroups, Vec<SetupError>> {
    let path = folder.join("directory.yaml");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| vec![SetupError::in_file(&path, format!("cannot be read: {e}"))])?;
    let name = "directory.yaml".to_owned();
    Directory::read(&File { name, path, text }).map(|directory| directory.teams)
}

/// Teams by name, each with its (issuer, group) pairs.
type TeamGroups = BTreeMap<String, Vec<(String, String)>>;

impl Directory {
    /// Reads and checks the file. Types of resources are checked by the schema, which knows them.
    pub(super) fn read(file: &File) -> Result<Directory, Vec<SetupError>> {
        let written: DirectoryFile = yaml::read(file).map_err(|fault| vec![fault])?;
        let mut checked = Checked {
            file,
            faults: Vec::new(),
            directory: Directory::default(),
        };
        checked.teams(&written);
        checked.groups(&written);
        checked.repositories(&written);
        checked.projects(&written);
        checked.owners(&written);
        match checked.faults.is_empty() {
            true => Ok(checked.directory),
            false => Err(checked.faults),
        }
    }

    /// Every team's name.
    pub(super) fn teams(&self) -> impl Iterator<Item = &str> + Clone {
        self.teams.keys().map(String::as_str)
    }

    /// Every group's full path.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> + Clone {
        self.listed.groups.keys().map(String::as_str)
    }

    /// Every group with its place.
    pub(super) fn listed_groups(&self) -> impl Iterator<Item = (&str, &GroupPlace)> {
        let lines = self.group_lines.iter();
        lines.map(|(path, place)| (path.as_str(), place))
    }

    /// Every project's name.
    pub(super) fn projects(&self) -> impl Iterator<Item = &str> + Clone {
        self.projects.iter().map(String::as_str)
    }

    /// Whether the upstream's project is known.
    pub(super) fn has_project(&self, name: &str) -> bool {
        self.projects.contains(name)
    }

    /// Whether the team is known.
    pub(super) fn has_team(&self, name: &str) -> bool {
        self.teams.contains_key(name)
    }

    /// Whether the group is listed itself.
    pub(super) fn has_group(&self, path: &str) -> bool {
        self.listed.groups.contains_key(path)
    }

    /// Whether a repository is listed or lies in a listed group, at any depth.
    pub(super) fn knows_repository(&self, path: &str) -> bool {
        self.listed.has_path(path)
    }

    /// Whether a job's repository is listed, and is the one that was listed.
    pub(super) fn lineage(&self, issuer: &str, job: &Job) -> Lineage {
        self.listed.lineage(&place(issuer, &job.repository), job)
    }

    /// The teams that an issuer's groups make someone a member of, each once.
    pub(super) fn teams_of<'a>(&'a self, issuer: &str, groups: &[String]) -> BTreeSet<&'a str> {
        let Some(by_group) = self.by_group.get(issuer) else {
            return BTreeSet::new();
        };
        let teams = groups.iter().filter_map(|group| by_group.get(group));
        teams.flatten().map(String::as_str).collect()
    }

    /// Where someone belongs: a job's repository and the groups above it, nearest first, where they
    /// are known; the teams of people and agents as `team:NAME`.
    pub(super) fn places_of(&self, facts: &Facts) -> Vec<String> {
        let teams = |groups: &[String]| {
            let teams = self.teams_of(&facts.issuer, groups).into_iter();
            teams.map(|team| format!("team:{team}")).collect()
        };
        match &facts.who {
            Who::Job(job) if self.lineage(&facts.issuer, job) == Lineage::Known => {
                let path = place(&facts.issuer, &job.repository);
                let above: Vec<String> = above(&path).map(str::to_owned).collect();
                std::iter::once(path).chain(above).collect()
            }
            Who::Job(_) => Vec::new(),
            Who::Person(person) => teams(&person.groups),
            Who::Agent(agent) => teams(&agent.groups),
        }
    }

    /// One (issuer, group) that makes someone a member of the team.
    pub(super) fn group_of(&self, team: &str) -> Option<(&str, &str)> {
        let (issuer, group) = self.teams.get(team)?.first()?;
        Some((issuer, group))
    }

    /// Every (issuer, group) that makes someone a member of the team.
    pub(super) fn groups_of(&self, team: &str) -> &[(String, String)] {
        self.teams.get(team).map_or(&[], Vec::as_slice)
    }

    /// Everything that is owned: type, `project/id`, team; in order.
    pub(super) fn owned(&self) -> impl Iterator<Item = (String, String, String)> {
        let mut all: Vec<_> = self
            .owners
            .iter()
            .flat_map(|(kind, owned)| {
                let own = move |(name, team): (&String, &String)| {
                    (kind.clone(), name.clone(), team.clone())
                };
                owned.iter().map(own)
            })
            .collect();
        all.sort();
        all.into_iter()
    }

    /// Every listed group with its id, where it has one.
    pub(super) fn groups_with_ids(&self) -> impl Iterator<Item = (String, Option<u64>)> {
        let groups = self.listed.groups.iter();
        groups.map(|(path, id)| (path.clone(), *id))
    }

    /// Every listed repository with its id.
    pub(super) fn listed_repositories(&self) -> impl Iterator<Item = (String, u64)> {
        let repositories = self.listed.repositories.iter();
        repositories.map(|(path, id)| (path.clone(), *id))
    }

    /// The team that owns a resource, where the directory says so.
    pub(super) fn owner(&self, kind: &str, project: Option<&str>, id: &str) -> Option<&str> {
        if kind == RECORDS {
            // Those of a team are the team's: the scope says so itself.
            let Some(Scope::Team(named)) = Scope::of(Some(id)) else {
                return None;
            };
            return self.teams().find(|team| *team == named);
        }
        let owned = self.owners.get(kind)?;
        let name = match project {
            Some(project) => format!("{project}/{id}"),
            None => format!("/{id}"),
        };
        owned.get(&name).map(String::as_str)
    }

    /// Every resource with an owner: type, `project/id` and team.
    pub(super) fn all_owners(&self) -> BTreeSet<(&str, &str, &str)> {
        let owners = self.owners.iter().flat_map(|(kind, owned)| {
            let owned = owned.iter();
            owned.map(move |(name, team)| (kind.as_str(), name.as_str(), team.as_str()))
        });
        owners.collect()
    }

    /// The resource types with owners.
    pub(super) fn owned_types(&self) -> impl Iterator<Item = &str> {
        self.owners.keys().map(String::as_str)
    }
}

/// Whether a name may stand in a policy as it is.
pub(super) fn is_plain(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
    starts && name.len() <= 128 && name.chars().all(rest) && !name.ends_with(' ')
}

/// Whether a full path may stand in a policy as it is.
pub(super) fn is_plain_path(path: &str) -> bool {
    let (issuer, rest) = path.split_once(':').unwrap_or(("other", path));
    let issuer_is_plain = is_plain(issuer) && issuer != UNNAMED;
    path.len() <= 512 && issuer_is_plain && rest.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(text: &str) -> Result<Directory, Vec<SetupError>> {
        Directory::read(&File {
            name: "directory.yaml".to_owned(),
            path: "directory.yaml".into(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_look_alike_group_is_not_the_group() {
        let directory = directory("groups: [acme, {path: other/team, id: 7}]").unwrap();
        assert!(directory.knows_repository("acme/shop/api"));
        assert!(directory.knows_repository("other/team/x"));
        for stranger in ["acme-evil/api", "acme", "evil/acme/api", "other/x", ""] {
            assert!(!directory.knows_repository(stranger), "{stranger}");
        }
    }

    #[test]
    fn a_group_of_another_issuer_makes_no_member() {
        let directory = directory("teams: {payments: {groups: okta:pay}}").unwrap();
        let groups = ["pay".to_owned()];
        assert_eq!(directory.teams_of("okta", &groups).len(), 1);
        assert!(directory.teams_of("gitlab", &groups).is_empty());
    }

    #[test]
    fn faults_name_line_and_nearest_name() {
        let text = "teams:\n  payments: {groups: okta:pay}\nprojects: [X]\nowners:\n  \
                    Dashboard:\n    X/a: paymants\n    Z/b: payments\n";
        let faults = directory(text).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[0].line, Some(6));
        assert_eq!(faults[0].hint.as_deref(), Some("did you mean `payments`?"));
        assert_eq!(faults[1].line, Some(7));
    }

    #[test]
    fn names_that_could_break_out_of_a_policy_are_refused() {
        for name in ["a\\\"b", "", "-x", "a/b", "x\\n"] {
            assert!(
                directory(&format!("projects: [\"{name}\"]")).is_err(),
                "{name}"
            );
        }
    }
}
