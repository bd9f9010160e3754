//! Says whether a job's repository is one that the directory lists, and still the same one.
//!
//! In: groups and repositories as listed, some with the id that their issuer gave them; a job's
//! path and ids. Out: a [`Lineage`].
//!
//! A path is only a name: whoever registers a deleted group anew has its path, and another id. Where
//! an id is listed it must be the token's. A token tells the id of the project and of the group right
//! above it, and none further up; so a group with an id contains what lies in it directly, and groups
//! below it are listed with theirs. What cannot be told is not the same.
//!
//! Never: a group by the beginning of its name. `acme` contains `acme/shop` and not `acme-evil`.

use std::collections::BTreeMap;

use crate::identify::Job;

/// Groups and repositories by full path, each with its id where one is listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) groups: BTreeMap<String, Option<u64>>,
    pub(super) repositories: BTreeMap<String, u64>,
}

/// What is known of where a job comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lineage {
    /// It is listed, or lies in a listed group.
    Known,
    /// Nothing here lists it.
    Unknown,
    /// Its path is listed with an id that it has not, or that its token cannot show.
    OtherId,
}

impl Listed {
    /// Where a job comes from. Its path is as policies spell it.
    pub(super) fn lineage(&self, path: &str, job: &Job) -> Lineage {
        // No issuer writes such a path; some reader could take it for another.
        if job
            .repository
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return Lineage::Unknown;
        }
        if let Some(id) = self.repositories.get(path) {
            return judged(is(*id, Some(&job.repository_id)));
        }
        let Some(nearest) = above(path).next() else {
            return Lineage::Unknown;
        };
        if let Some(Some(id)) = self.groups.get(nearest) {
            return judged(is(*id, job.namespace_id.as_deref()));
        }
        let mut listed = above(path)
            .filter_map(|group| self.groups.get(group))
            .peekable();
        match listed.peek() {
            None => Lineage::Unknown,
            Some(_) => judged(listed.all(Option::is_none)),
        }
    }

    /// Whether a repository's path is listed or lies in a listed group, at any depth.
    pub(super) fn has_path(&self, path: &str) -> bool {
        self.repositories.contains_key(path)
            || above(path).any(|group| self.groups.contains_key(group))
    }
}

fn judged(same: bool) -> Lineage {
    match same {
        true => Lineage::Known,
        false => Lineage::OtherId,
    }
}

/// Issuers write ids as texts, without signs and zeros before.
fn is(listed: u64, id: Option<&str>) -> bool {
    id == Some(listed.to_string().as_str())
}

/// The groups that contain a path, nearest first: `a/b/c` lies in `a/b` and `a`.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(above, _)| above)
}

/// A path as policies spell it: of another issuer than `gitlab` it begins with that issuer's name,
/// so that no two issuers share a group. No issuer's name has a colon.
pub(super) fn place(issuer: &str, path: &str) -> String {
    match issuer == UNNAMED && !path.contains(':') {
        true => path.to_owned(),
        false => format!("{issuer}:{path}"),
    }
}

/// The issuer whose paths stand alone.
pub(super) const UNNAMED: &str = "gitlab";

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(groups: &[(&str, Option<u64>)], repositories: &[(&str, u64)]) -> Listed {
        let own = |(path, id): &(&str, Option<u64>)| ((*path).to_owned(), *id);
        Listed {
            groups: groups.iter().map(own).collect(),
            repositories: repositories
                .iter()
                .map(|(path, id)| ((*path).to_owned(), *id))
                .collect(),
        }
    }

    fn job(repository_id: &str, namespace_id: Option<&str>) -> Job {
        Job {
            repository: "acme/api".to_owned(),
            repository_id: repository_id.to_owned(),
            namespace_id: namespace_id.map(str::to_owned),
            git_ref: "main".to_owned(),
            ref_type: None,
            ref_protected: false,
            pipeline_source: "push".to_owned(),
            from_fork: true,
            job_repository: None,
            job_repository_id: None,
            workflow: None,
            runner_environment: None,
            job_source: None,
            access_level: None,
            visibility: None,
            environment: None,
            environment_protected: None,
            deployment_tier: None,
            environment_action: None,
            sha: None,
            pipeline_id: "1".to_owned(),
            job_id: "1".to_owned(),
            started_by: None,
        }
    }

    #[test]
    fn a_group_without_an_id_contains_all_below_it() {
        let listed = listed(&[("acme", None)], &[]);
        for path in ["acme/api", "acme/shop/api", "acme/a/b/c"] {
            assert_eq!(listed.lineage(path, &job("1", None)), Lineage::Known);
        }
        for path in ["acme-evil/api", "acme", "evil/acme/api", "github:acme/api"] {
            assert_eq!(listed.lineage(path, &job("1", None)), Lineage::Unknown);
        }
    }

    #[test]
    fn a_recycled_group_is_not_the_group() {
        let listed = listed(&[("acme", Some(7))], &[]);
        assert_eq!(
            listed.lineage("acme/api", &job("1", Some("7"))),
            Lineage::Known
        );
        for id in [None, Some("8"), Some("07"), Some(" 7"), Some("")] {
            assert_eq!(listed.lineage("acme/api", &job("1", id)), Lineage::OtherId);
        }
    }

    #[test]
    fn below_a_group_with_an_id_each_group_needs_its_own() {
        let only_top = listed(&[("acme", Some(7))], &[]);
        let deep = job("1", Some("9"));
        assert_eq!(only_top.lineage("acme/shop/api", &deep), Lineage::OtherId);
        let without = listed(&[("acme", Some(7)), ("acme/shop", None)], &[]);
        assert_eq!(without.lineage("acme/shop/api", &deep), Lineage::OtherId);
        let both = listed(&[("acme", Some(7)), ("acme/shop", Some(9))], &[]);
        assert_eq!(both.lineage("acme/shop/api", &deep), Lineage::Known);
    }

    #[test]
    fn a_recycled_repository_is_not_the_repository() {
        let listed = listed(&[("acme", None)], &[("acme/api", 20), ("other/x", 21)]);
        assert_eq!(listed.lineage("acme/api", &job("20", None)), Lineage::Known);
        assert_eq!(
            listed.lineage("acme/api", &job("21", None)),
            Lineage::OtherId
        );
        assert_eq!(listed.lineage("other/x", &job("21", None)), Lineage::Known);
        assert_eq!(
            listed.lineage("other/y", &job("21", None)),
            Lineage::Unknown
        );
    }

    #[test]
    fn no_two_issuers_share_a_path() {
        assert_eq!(place("gitlab", "acme/api"), "acme/api");
        assert_eq!(place("github", "acme/api"), "github:acme/api");
        assert_eq!(place("gitlab", "github:acme/api"), "gitlab:github:acme/api");
    }
}
