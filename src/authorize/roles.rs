//! Turns a role into the actions it names.
//!
//! In: `roles.yaml` and the vocabulary. Out: [`Roles`]: per role, the Cedar actions.
//!
//! A role lists classes (`read`, `create`), actions (`dashboards.update`) or all actions of one kind
//! (`dashboards.*`). Each must exist; a star that matches nothing is a misspelling too.
//!
//! Never: power by a star. `projects.*` leaves out what hands out rights; only a role that names
//! such an action, or the class `power`, has it, and a guardrail stands behind that.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::acceptance::{self, Accepted};
use super::folder::File;
use super::schema::Vocabulary;
use super::yaml;
use crate::resolve::Class;
use crate::setup_error::{Code, SetupError};

/// `roles.yaml` as written: role → actions, classes, or `dashboards.*`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RolesFile {
    #[schemars(with = "BTreeMap<String, RoleLines>")]
    roles: BTreeMap<String, Spanned<RoleLines>>,
}

/// One role: its actions, or a mapping of them and of what is accepted.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum RoleLines {
    /// What it may do.
    #[schemars(with = "Vec<String>")]
    Actions(Vec<Spanned<String>>),
    /// What it may do, and what about it is meant although it looks dangerous.
    WithAcceptance(Accepting),
}

/// A role with an acceptance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Accepting {
    /// What it may do.
    #[schemars(with = "Vec<String>")]
    actions: Vec<Spanned<String>>,
    /// Lint → why it is meant.
    accept: BTreeMap<String, String>,
}

/// By hand, since serde's untagged enums forget places and pass over unknown keys.
impl<'de> Deserialize<'de> for RoleLines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<RoleLines, D::Error> {
        struct Lines;
        impl<'de> Visitor<'de> for Lines {
            type Value = RoleLines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of actions, or `actions` with `accept`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RoleLines, A::Error> {
                let actions = Vec::deserialize(SeqAccessDeserializer::new(seq));
                actions.map(RoleLines::Actions)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RoleLines, A::Error> {
                let lines = Accepting::deserialize(MapAccessDeserializer::new(map));
                lines.map(RoleLines::WithAcceptance)
            }
        }
        from.deserialize_any(Lines)
    }
}

/// Per role, what it may do.
#[derive(Debug, Default)]
pub(super) struct Roles(BTreeMap<String, Role>);

/// One role, read.
#[derive(Debug)]
pub(super) struct Role {
    /// The actions and action groups that it names.
    pub(super) actions: Vec<String>,
    /// Where it is written.
    pub(super) file: PathBuf,
    /// Its line there.
    pub(super) line: usize,
    /// What about it is accepted.
    pub(super) accepted: Accepted,
}

impl Roles {
    /// Reads and checks the file.
    pub(super) fn read(file: &File, vocabulary: &Vocabulary) -> Result<Roles, Vec<SetupError>> {
        let written: RolesFile = yaml::read(file).map_err(|fault| vec![fault])?;
        let mut roles = Roles::default();
        let mut faults = Vec::new();
        for (name, role) in &written.roles {
            let (lines, accept) = match &role.value {
                RoleLines::Actions(lines) => (lines, None),
                RoleLines::WithAcceptance(lines) => (&lines.actions, Some(&lines.accept)),
            };
            let fault = |code, fault: String| {
                let fault = SetupError::in_file(&file.path, fault).coded(code);
                yaml::at(fault, role.referenced)
            };
            let mut actions = Vec::new();
            for line in lines {
                match meant(&line.value, vocabulary) {
                    Some(meant) => actions.extend(meant),
                    None => faults.push(unknown(file, line, vocabulary)),
                }
            }
            if lines.is_empty() {
                let empty = format!("role `{name}` names no action");
                faults.push(fault(Code::NamesNothing, empty));
            }
            let accept = accept.into_iter().flatten();
            let accepted =
                acceptance::read(accept.map(|(code, why)| (code.as_str(), why.as_str())));
            let accepted = accepted.unwrap_or_else(|wrong| {
                let wrong = wrong
                    .into_iter()
                    .map(|wrong| fault(Code::BadAcceptance, wrong).hint(acceptance::HINT));
                faults.extend(wrong);
                Accepted::new()
            });
            actions.sort();
            actions.dedup();
            let role = Role {
                actions,
                file: file.path.clone(),
                line: usize::try_from(role.referenced.line()).unwrap_or(0),
                accepted,
            };
            roles.0.insert(name.clone(), role);
        }
        match faults.is_empty() {
            true => Ok(roles),
            false => Err(faults),
        }
    }

    /// The actions of a role, where it exists.
    pub(super) fn actions(&self, role: &str) -> Option<&[String]> {
        self.0.get(role).map(|role| role.actions.as_slice())
    }

    /// Every role with its actions and action groups.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &[String])> {
        let roles = self.0.iter();
        roles.map(|(name, role)| (name.as_str(), role.actions.as_slice()))
    }

    /// Every role's name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    /// Every role by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.0.iter().map(|(name, role)| (name.as_str(), role))
    }
}

fn meant(word: &str, vocabulary: &Vocabulary) -> Option<Vec<String>> {
    if Vocabulary::groups().contains(&word) || vocabulary.class(word).is_some() {
        return Some(vec![word.to_owned()]);
    }
    let prefix = word.strip_suffix('*')?;
    if !prefix.ends_with('.') {
        return None;
    }
    let powerless = |action: &&str| vocabulary.class(action) != Some(Class::Power);
    let actions = vocabulary.actions().filter(|a| a.starts_with(prefix));
    let actions: Vec<String> = actions.filter(powerless).map(str::to_owned).collect();
    (!actions.is_empty()).then_some(actions)
}

fn unknown(file: &File, line: &Spanned<String>, vocabulary: &Vocabulary) -> SetupError {
    let fault = SetupError::in_file(&file.path, format!("unknown action `{}`", line.value))
        .coded(Code::UnknownAction);
    let known = vocabulary
        .actions()
        .chain(Vocabulary::groups().iter().copied());
    yaml::at(fault.did_you_mean(&line.value, known), line.referenced)
}
