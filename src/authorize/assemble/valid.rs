//! Validates every policy of a folder, and says where each fault stands.
//!
//! In: the set, the schema, the policies as written. Out: faults, each once: what Cedar says, put at
//! its place, with the nearest name where one was meant.
//!
//! Never: the consequence of a misspelling told beside the misspelling.

use std::collections::BTreeSet;

use cedar_policy as cedar;
use cedar_policy::ffi::DetailedError;

use super::Building;
use crate::authorize::folder::File;
use crate::authorize::invariants::{self, Invariant, Misspelt};
use crate::authorize::schema::Vocabulary;
use crate::authorize::spread::spread;
use crate::authorize::statements::place;
use crate::authorize::written::{self, Written};
use crate::setup_error::{Code, SetupError, nearest};

impl Building<'_> {
    /// Names of the directory that policies spell out, checked here because only we know what is
    /// near, and because groups are not enumerated.
    pub(super) fn literals(&mut self, written: &[(&File, Written)]) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for (file, one) in written {
            for uid in one.policy.entity_literals() {
                let Some(misspelt) = self.unknown(&uid) else {
                    continue;
                };
                let text = file.text.get(one.start..one.end).unwrap_or("");
                let spelled = uid.to_string();
                let offset = one.start + text.find(&spelled).unwrap_or(one.first_byte - one.start);
                let (line, column) = place(&file.text, offset);
                let error = misspelt.told(&file.path).at(line, column);
                self.faults.push(error.wide(spelled.chars().count()));
                told.insert(one.id.clone());
            }
        }
        told
    }

    /// What is wrong with a name that a policy spells out.
    fn unknown(&self, uid: &cedar::EntityUid) -> Option<Misspelt> {
        let id = uid.id().unescaped();
        let (code, fault, near) = match uid.type_name().basename() {
            "Team" if !self.directory.has_team(id) => (
                Code::UnknownTeam,
                format!("team `{id}` is not in directory.yaml"),
                nearest(id, self.directory.teams()),
            ),
            "Project" if !self.directory.has_project(id) => (
                Code::UnknownProject,
                format!("project `{id}` is not in directory.yaml"),
                nearest(id, self.directory.projects()),
            ),
            "Group" if !self.knows_group(id) => (
                Code::UnknownGroup,
                format!("group `{id}` is not in directory.yaml"),
                nearest(id, self.directory.groups()),
            ),
            "Action" if !self.knows_action(id) => {
                let known = self.vocabulary.actions();
                let known = known.chain(Vocabulary::groups().iter().copied());
                let fault = format!("unknown action `{id}`");
                (Code::UnknownAction, fault, nearest(id, known))
            }
            "Repository" if !self.directory.knows_repository(id) => {
                let fault = format!("`{id}` lies in no group of directory.yaml");
                (Code::UnknownGroup, fault, None)
            }
            _ => return None,
        };
        let near = near.map(str::to_owned);
        Some(Misspelt { code, fault, near })
    }

    /// The claims about all this, which decide nothing.
    pub(super) fn invariants(&mut self, schema: &cedar::Schema) -> Vec<Invariant> {
        let Some(file) = self.folder.file("invariants.yaml") else {
            return Vec::new();
        };
        let reading = invariants::Reading {
            file,
            vocabulary: self.vocabulary,
            directory: self.directory,
            schema,
            unknown: &|uid| self.unknown(uid),
        };
        reading.invariants().unwrap_or_else(|faults| {
            self.faults.extend(faults);
            Vec::new()
        })
    }

    fn knows_group(&self, path: &str) -> bool {
        self.directory.has_group(path) || self.directory.knows_repository(path)
    }

    fn knows_action(&self, name: &str) -> bool {
        self.vocabulary.class(name).is_some() || Vocabulary::groups().contains(&name)
    }

    pub(super) fn validate(
        &mut self,
        schema: &cedar::Schema,
        written: &[(&File, Written)],
        mut told: BTreeSet<String>,
    ) {
        let validator = cedar::Validator::new(schema.clone());
        let found = spread(&parts_of(&self.set), |part| {
            validator.validate(part, cedar::ValidationMode::Strict)
        });
        let mut consequences = Vec::new();
        for error in found.iter().flat_map(|part| part.validation_errors()) {
            use cedar::ValidationError as E;
            let id = error.policy_id().to_string();
            match error {
                // Told already, with the nearest name.
                E::InvalidEnumEntity(_) | E::UnrecognizedActionId(_) if told.contains(&id) => {}
                E::InvalidActionApplication(_) => consequences.push((id, error.into())),
                _ => {
                    let code = code_of(error);
                    let fault = self.fault_of(&id, &error.into(), written).coded(code);
                    self.faults.push(fault);
                    told.insert(id);
                }
            }
        }
        for warning in found.iter().flat_map(|part| part.validation_warnings()) {
            consequences.push((warning.policy_id().to_string(), warning.into()));
        }
        // "Never applies" follows from a misspelt name; alone it is the fault.
        for (id, fault) in consequences {
            if told.insert(id.clone()) {
                let fault = self.fault_of(&id, &fault, written);
                let fault = fault.coded(Code::NeverApplies);
                self.faults.push(match fault.hint {
                    Some(_) => fault,
                    None => fault.hint(NEVER_APPLIES),
                });
            }
        }
    }

    fn fault_of(
        &self,
        id: &str,
        fault: &DetailedError,
        written: &[(&File, Written)],
    ) -> SetupError {
        if let Some((file, one)) = written.iter().find(|(_, one)| one.id == id) {
            let mut fault = fault.clone();
            let prefix = format!("for policy `{id}`, ");
            if let Some(rest) = fault.message.strip_prefix(&prefix) {
                fault.message = format!("{rest} (in `{id}`)");
            }
            return written::explain(&fault, file, one.start);
        }
        match self.sources.get(id) {
            Some(source) => {
                SetupError::in_file(&source.file, fault.message.clone()).at(source.line, 1)
            }
            None => SetupError::new(fault.message.clone()),
        }
    }
}

/// What kind of fault Cedar's validator means.
pub(in crate::authorize) fn code_of(error: &cedar::ValidationError) -> Code {
    use cedar::ValidationError as E;
    match error {
        E::UnrecognizedEntityType(_) => Code::UnknownType,
        E::UnrecognizedActionId(_) => Code::UnknownAction,
        E::InvalidEnumEntity(_) => Code::UnknownTeam, // projects are told before, by name
        E::UnsafeAttributeAccess(_) => Code::UnknownAttribute,
        E::UnsafeOptionalAttributeAccess(_) => Code::Unguarded,
        E::UnexpectedType(_) | E::IncompatibleTypes(_) => Code::WrongType,
        _ => Code::Invalid,
    }
}

/// A set in parts that can be validated one by one; links stay together with their templates.
fn parts_of(set: &cedar::PolicySet) -> Vec<cedar::PolicySet> {
    let mut linked = set.clone();
    let mut parts = Vec::new();
    let alone: Vec<&cedar::Policy> = set.policies().filter(|one| one.is_static()).collect();
    for some in alone.chunks(ONE_PART) {
        let mut part = cedar::PolicySet::new();
        for one in some {
            // What cannot move stays where it is, and is validated there.
            if part.add((*one).clone()).is_ok() {
                let _ = linked.remove_static(one.id().clone());
            }
        }
        parts.push(part);
    }
    parts.push(linked);
    parts
}

/// Policies that are validated together.
const ONE_PART: usize = 250;

const NEVER_APPLIES: &str =
    "no action of its scope applies to such a principal and resource, or its conditions never hold";
