//! `directory.yaml` as written.
//!
//! In: the text of the file. Out: lines with their places, whose form is right and nothing more.
//!
//! Their comments are what editors show.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
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
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum GroupLine {
    /// Its full path.
    Path(String),
    /// Its full path with its id, or with why there is none.
    Lines(GroupLines),
}

/// A group with more than its path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupLines {
    /// Full path.
    pub(super) path: String,
    /// The id that the issuer gave it. It then contains the jobs that show this id, which are those
    /// right in it; groups below it are listed with theirs.
    pub(super) id: Option<u64>,
    /// Lint → why it is meant: `P103`.
    #[serde(default)]
    pub(super) accept: BTreeMap<String, String>,
}

/// By hand, since serde's untagged enums pass over unknown keys.
impl<'de> Deserialize<'de> for GroupLine {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<GroupLine, D::Error> {
        struct Line;
        impl<'de> Visitor<'de> for Line {
            type Value = GroupLine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a full path, or `path` with `id`")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<GroupLine, E> {
                Ok(GroupLine::Path(path.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GroupLine, A::Error> {
                let lines = GroupLines::deserialize(MapAccessDeserializer::new(map));
                lines.map(GroupLine::Lines)
            }
        }
        from.deserialize_any(Line)
    }
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
