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

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::folder::File;
use super::schema::Vocabulary;
use super::yaml;
use crate::resolve::Class;
use crate::setup_error::{Code, SetupError};

/// `roles.yaml` as written: role → actions, classes, or `dashboards.*`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RolesFile {
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    roles: BTreeMap<String, Vec<Spanned<String>>>,
}

/// Per role, the actions and action groups it names.
#[derive(Debug, Default)]
pub(super) struct Roles(BTreeMap<String, Vec<String>>);

impl Roles {
    /// Reads and checks the file.
    pub(super) fn read(file: &File, vocabulary: &Vocabulary) -> Result<Roles, Vec<SetupError>> {
        let written: RolesFile = yaml::read(file).map_err(|fault| vec![fault])?;
        let mut roles = Roles::default();
        let mut faults = Vec::new();
        for (role, lines) in &written.roles {
            let mut actions = Vec::new();
            for line in lines {
                match meant(&line.value, vocabulary) {
                    Some(meant) => actions.extend(meant),
                    None => faults.push(unknown(file, line, vocabulary)),
                }
            }
            if lines.is_empty() {
                let fault = format!("role `{role}` names no action");
                faults.push(SetupError::in_file(&file.path, fault).coded(Code::NamesNothing));
            }
            actions.sort();
            actions.dedup();
            roles.0.insert(role.clone(), actions);
        }
        match faults.is_empty() {
            true => Ok(roles),
            false => Err(faults),
        }
    }

    /// The actions of a role, where it exists.
    pub(super) fn actions(&self, role: &str) -> Option<&[String]> {
        self.0.get(role).map(Vec::as_slice)
    }

    /// Every role's name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
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
