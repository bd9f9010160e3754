//! `directory.yaml` as written.
//!
//! In: the text of the file. Out: lines with their places, whose form is right and nothing more.
//!
//! Their comments are what editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// `directory.yaml` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryFile {
    /// Team → where its people come from.
    pub(super) teams: BTreeMap<String, TeamLines>,
    /// Groups by full path: those whose jobs may be known at all, with all below them. Of another
    /// issuer than `gitlab`: `github:acme`.
    #[schemars(with = "Vec<GroupLine>")]
    pub(super) groups: Vec<Spanned<GroupLine>>,
    /// Repositories (GitLab's projects) by full path with their ids: another one that is given the
    /// path later is not known.
    #[schemars(with = "Vec<RepositoryLine>")]
    pub(super) repositories: Vec<Spanned<RepositoryLine>>,
    /// The upstream's projects.
    #[schemars(with = "Vec<String>")]
    pub(super) projects: Vec<Spanned<String>>,
    /// Resource type → `project/id` → the team that owns it.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, String>>")]
    pub(super) owners: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
}

/// One team.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TeamLines {
    /// Groups of an issuer, as `issuer:group`; whoever is in one is in the team.
    #[schemars(with = "OneOrMore")]
    pub(super) groups: Spanned<OneOrMore>,
}

/// One group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum GroupLine {
    /// Its full path.
    Path(String),
    /// Its full path and its id. It contains the jobs that show this id, which are those right in
    /// it; groups below it are listed with theirs.
    WithId {
        /// Full path.
        path: String,
        /// The id that the issuer gave it.
        id: u64,
    },
}

/// One repository.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryLine {
    /// Full path.
    pub(super) path: String,
    /// The id that the issuer gave it.
    pub(super) id: u64,
}

/// One text or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::authorize) enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl OneOrMore {
    /// All of them, in order.
    pub(in crate::authorize) fn all(&self) -> &[String] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}
