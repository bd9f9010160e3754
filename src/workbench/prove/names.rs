//! The names of a set, by which what a solver found becomes groups and paths again.
//!
//! In: a loaded set's [`World`]. Out: groups that make someone a member of just these teams, a
//! repository in a group.

use std::collections::BTreeSet;

use crate::authorize::World;

/// Names to make callers of.
#[derive(Clone, Debug)]
pub(super) struct Names(World);

impl Names {
    pub(super) fn of(world: World) -> Names {
        Names(world)
    }

    /// An issuer's groups that make someone a member of these teams and, where that can be, of no
    /// other.
    pub(super) fn groups_for(&self, issuer: &str, teams: &BTreeSet<String>) -> Vec<String> {
        let mut groups = Vec::new();
        for team in teams {
            let known = self.0.teams.iter().find(|(name, _)| name == team);
            let pairs = known.map_or(&[][..], |(_, pairs)| pairs);
            let ours = pairs.iter().filter(|(of, _)| of == issuer);
            let strays = |group: &&(String, String)| {
                let members = self.0.teams.iter();
                let members = members.filter(|(_, pairs)| pairs.contains(group));
                members.filter(|(name, _)| !teams.contains(name)).count()
            };
            if let Some((_, group)) = ours.min_by_key(strays)
                && !groups.contains(group)
            {
                groups.push(group.clone());
            }
        }
        groups
    }

    /// The teams that these groups make someone a member of.
    pub(super) fn teams_of(&self, issuer: &str, groups: &[String]) -> Vec<String> {
        let teams = self.0.teams.iter().filter(|(_, pairs)| {
            let mut pairs = pairs.iter();
            pairs.any(|(of, group)| of == issuer && groups.contains(group))
        });
        teams.map(|(name, _)| name.clone()).collect()
    }

    /// The largest listed group that a path lies in.
    pub(super) fn group_above(&self, path: &str) -> Option<String> {
        let groups = self.0.groups.iter().map(|(group, _)| group);
        let mut above = groups.filter(|group| {
            let rest = path.strip_prefix(group.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        });
        above.next().cloned()
    }

    /// Any of the projects.
    pub(super) fn projects(&self) -> &[String] {
        &self.0.projects
    }
}
