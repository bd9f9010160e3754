//! Builds the judge from the policy folder, or says everything that is wrong with it.
//!
//! In: the folder, the catalogue's entries, a zone. Out: an [`Assembled`] set, validated and not
//! yet tested, or all faults at once with their places.
//!
//! What holds: every policy has the id that its author gave it and is valid in Cedar's strict mode
//! against the generated schema, where warnings count as errors, since a policy that can never
//! apply is a misspelling. Every group, repository, team and project that a policy names is in the
//! directory.
//!
//! Never: a part of a folder. One fault, and nothing of it is used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use cedar_policy as cedar;
use cedar_policy::ffi::DetailedError;
use jiff::tz::TimeZone;

use super::because::Because;
use super::bindings::{self, Binding};
use super::cases::{self, Case};
use super::directory::Directory;
use super::entities::Names;
use super::folder::{File, Folder};
use super::judge::Judge;
use super::roles::Roles;
use super::schema::{self, Vocabulary};
use super::settings::PolicySettings;
use super::statements::place;
use super::written::{self, Power, Written};
use crate::resolve::Entry;
use crate::setup_error::{Code, SetupError, nearest};

/// A policy set before its cases have run.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) judge: Judge,
    pub(super) because: Because,
    /// Where each policy is written, by id.
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) bindings: Vec<Binding>,
    pub(super) cases: Vec<Case>,
    pub(super) digest: String,
}

/// Where a policy is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) guardrail: bool,
}

/// Builds everything but runs nothing.
pub(super) fn assemble(
    settings: &PolicySettings,
    entries: &[Arc<Entry>],
) -> Result<Assembled, Vec<SetupError>> {
    let folder = Folder::read(&settings.folder)?;
    assemble_from(&folder, settings, entries).map_err(|mut faults| {
        folder.show(&mut faults);
        faults
    })
}

fn assemble_from(
    folder: &Folder,
    settings: &PolicySettings,
    entries: &[Arc<Entry>],
) -> Result<Assembled, Vec<SetupError>> {
    let zone = zone(&settings.time_zone).map_err(|fault| vec![fault])?;
    let directory = directory(folder, settings)?;
    let vocabulary = Vocabulary::of(entries)?;
    let mut building = Building {
        folder,
        directory: &directory,
        vocabulary: &vocabulary,
        faults: Vec::new(),
        sources: BTreeMap::new(),
        set: cedar::PolicySet::new(),
        org_admins: cedar::PolicySet::new(),
        templates: HashMap::new(),
    };
    building.owners();
    let written = building.written();
    let bindings = building.bindings(&settings.time_zone);
    if building.sources.len() > MOST_POLICIES {
        let fault = format!("more than {MOST_POLICIES} policies decide too slowly");
        let fault = SetupError::in_file(&settings.folder, fault);
        return Err(vec![fault.coded(Code::TooLarge)]);
    }
    let strange = building.literals(&written);
    let schema = building.schema();
    if let Some(schema) = &schema {
        building.validate(schema, &written, strange);
    }
    let cases = building.cases();
    let names = Names::of(&vocabulary);
    let (Some(schema), Some(names), true) = (schema, names, building.faults.is_empty()) else {
        let place = |fault: &SetupError| (fault.file.clone(), fault.line, fault.column);
        building.faults.sort_by_key(place);
        return Err(building.faults);
    };
    let Building {
        sources,
        set,
        org_admins,
        ..
    } = building;
    Ok(Assembled {
        because: Because::of(&set),
        judge: Judge {
            authorizer: cedar::Authorizer::new(),
            policies: set,
            org_admins,
            schema,
            names,
            zone,
            directory,
            vocabulary,
        },
        sources,
        bindings,
        cases,
        digest: folder.digest().to_owned(),
    })
}

/// The generated schema alone, for `stile schema cedar`.
pub(super) fn schema_text(
    settings: &PolicySettings,
    entries: &[Arc<Entry>],
) -> Result<String, Vec<SetupError>> {
    let folder = Folder::read(&settings.folder)?;
    let directory = directory(&folder, settings)?;
    Ok(schema::text(&Vocabulary::of(entries)?, &directory))
}

fn directory(folder: &Folder, settings: &PolicySettings) -> Result<Directory, Vec<SetupError>> {
    match folder.file("directory.yaml") {
        Some(file) => Directory::read(file),
        None => {
            let fault = SetupError::in_file(&settings.folder, "`directory.yaml` is missing");
            let hint = "it lists the teams, groups and projects that exist; without it nobody does";
            Err(vec![fault.coded(Code::Unreadable).hint(hint)])
        }
    }
}

fn zone(name: &str) -> Result<TimeZone, SetupError> {
    TimeZone::get(name).map_err(|_| {
        SetupError::new(format!("`{name}` is no time zone"))
            .hint("zones are written like `Europe/Berlin`")
    })
}

struct Building<'a> {
    folder: &'a Folder,
    directory: &'a Directory,
    vocabulary: &'a Vocabulary,
    faults: Vec<SetupError>,
    sources: BTreeMap<String, Source>,
    set: cedar::PolicySet,
    org_admins: cedar::PolicySet,
    /// Template text → template id.
    templates: HashMap<String, String>,
}

impl<'a> Building<'a> {
    fn owners(&mut self) {
        let kinds = self.vocabulary.kinds();
        for kind in self.directory.owned_types() {
            if !kinds.contains(kind) {
                let fault = format!("`owners` names an unknown resource type `{kind}`");
                let fault = match self.folder.file("directory.yaml") {
                    Some(file) => SetupError::in_file(&file.path, fault),
                    None => SetupError::new(fault),
                };
                let fault = fault.coded(Code::UnknownKind);
                self.faults
                    .push(fault.did_you_mean(kind, kinds.iter().copied()));
            }
        }
    }

    /// Rules and guardrails, added to the set.
    fn written(&mut self) -> Vec<(&'a File, Written)> {
        let mut all = Vec::new();
        for (part, power) in [("rules", Power::Rule), ("guardrails", Power::Guardrail)] {
            for file in self.folder.part(part) {
                match written::read(file, power) {
                    Ok(policies) => all.extend(policies.into_iter().map(|one| (file, one))),
                    Err(faults) => self.faults.extend(faults),
                }
            }
        }
        for (file, one) in &all {
            let (line, column) = place(&file.text, one.first_byte);
            let source = Source {
                file: file.path.clone(),
                line,
                guardrail: one.power == Power::Guardrail,
            };
            if let Some(other) = self.sources.get(&one.id) {
                let fault = format!("two policies are called `{}`", one.id);
                let fault = SetupError::in_file(&file.path, fault).at(line, column);
                let fault = fault.coded(Code::TwoAlike);
                let hint = format!("the other is at {}:{}", other.file.display(), other.line);
                self.faults.push(fault.hint(hint));
            } else if self.set.add(one.policy.clone()).is_ok() {
                self.sources.insert(one.id.clone(), source);
            }
        }
        all
    }

    /// The bindings, linked into the set.
    fn bindings(&mut self, zone: &str) -> Vec<Binding> {
        let roles = match self.folder.file("roles.yaml") {
            Some(file) => Roles::read(file, self.vocabulary),
            None => Ok(Roles::default()),
        };
        let roles = match roles {
            Ok(roles) => roles,
            Err(faults) => {
                self.faults.extend(faults);
                return Vec::new(); // every binding would seem to have an unknown role
            }
        };
        let Some(file) = self.folder.file("bindings.yaml") else {
            return Vec::new();
        };
        let bindings = match bindings::read(file, &roles, self.directory, zone) {
            Ok(bindings) => bindings,
            Err(faults) => {
                self.faults.extend(faults);
                return Vec::new();
            }
        };
        for binding in &bindings {
            if let Err((code, why)) = self.link(file, binding) {
                let fault = SetupError::in_file(&file.path, why).coded(code);
                self.faults.push(fault.at(binding.line, 1));
            }
        }
        bindings
    }

    fn link(&mut self, file: &File, binding: &Binding) -> Result<(), (Code, String)> {
        let source = Source {
            file: file.path.clone(),
            line: binding.line,
            guardrail: false,
        };
        if self.sources.contains_key(&binding.name) {
            let why = format!("a policy is called `{}` already", binding.name);
            return Err((Code::TwoAlike, why));
        }
        let next = format!("template {}", self.templates.len() + 1);
        let template = self.templates.entry(binding.template.clone());
        let template = template.or_insert(next).clone();
        let invalid = |why| (Code::Invalid, why);
        put(&mut self.set, binding, &template).map_err(invalid)?;
        if binding.org_admin {
            put(&mut self.org_admins, binding, &template).map_err(invalid)?;
        }
        self.sources.insert(binding.name.clone(), source);
        Ok(())
    }

    /// Names of the directory that policies spell out, checked here because only we know what is
    /// near, and because groups are not enumerated.
    fn literals(&mut self, written: &[(&File, Written)]) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for (file, one) in written {
            for uid in one.policy.entity_literals() {
                let id = uid.id().unescaped();
                let fault = match uid.type_name().basename() {
                    "Team" if !self.directory.has_team(id) => {
                        let fault = format!("team `{id}` is not in directory.yaml");
                        (
                            Code::UnknownTeam,
                            fault,
                            nearest(id, self.directory.teams()),
                        )
                    }
                    "Project" if !self.directory.has_project(id) => {
                        let fault = format!("project `{id}` is not in directory.yaml");
                        (
                            Code::UnknownProject,
                            fault,
                            nearest(id, self.directory.projects()),
                        )
                    }
                    "Group" if !self.knows_group(id) => {
                        let fault = format!("group `{id}` is not in directory.yaml");
                        (
                            Code::UnknownGroup,
                            fault,
                            nearest(id, self.directory.groups()),
                        )
                    }
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
                    _ => continue,
                };
                let text = file.text.get(one.start..one.end).unwrap_or("");
                let spelled = format!("{}::\"{id}\"", uid.type_name().basename());
                let offset = one.start + text.find(&spelled).unwrap_or(one.first_byte - one.start);
                let (line, column) = place(&file.text, offset);
                let error = SetupError::in_file(&file.path, fault.1)
                    .coded(fault.0)
                    .at(line, column)
                    .wide(spelled.chars().count());
                self.faults.push(match fault.2 {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                });
                told.insert(one.id.clone());
            }
        }
        told
    }

    fn knows_group(&self, path: &str) -> bool {
        self.directory.has_group(path) || self.directory.knows_repository(path)
    }

    fn knows_action(&self, name: &str) -> bool {
        self.vocabulary.class(name).is_some() || Vocabulary::groups().contains(&name)
    }

    fn schema(&mut self) -> Option<cedar::Schema> {
        let text = schema::text(self.vocabulary, self.directory);
        match cedar::Schema::from_cedarschema_str(&text) {
            Ok((schema, _)) => Some(schema),
            Err(why) => {
                let fault = format!("the generated schema is not valid: {why}");
                self.faults.push(SetupError::new(fault));
                None
            }
        }
    }

    fn validate(
        &mut self,
        schema: &cedar::Schema,
        written: &[(&File, Written)],
        mut told: BTreeSet<String>,
    ) {
        let validator = cedar::Validator::new(schema.clone());
        let found = validator.validate(&self.set, cedar::ValidationMode::Strict);
        let mut consequences = Vec::new();
        for error in found.validation_errors() {
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
        for warning in found.validation_warnings() {
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

    fn cases(&mut self) -> Vec<Case> {
        let mut all = Vec::new();
        // With a fault before, policies are missing that the cases rightly name.
        let policies = self.faults.is_empty().then_some(&self.sources);
        for file in self.folder.part("tests") {
            match cases::read(file, self.directory, self.vocabulary, policies) {
                Ok(cases) => all.extend(cases),
                Err(faults) => self.faults.extend(faults),
            }
        }
        all
    }
}

/// What kind of fault Cedar's validator means.
fn code_of(error: &cedar::ValidationError) -> Code {
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

fn put(set: &mut cedar::PolicySet, binding: &Binding, template: &str) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| format!("binding `{}`: {why}", binding.name);
    let id = cedar::PolicyId::new(&binding.name);
    let mut slots = HashMap::new();
    let filled = [
        (cedar::SlotId::principal(), &binding.principal),
        (cedar::SlotId::resource(), &binding.resource),
    ];
    for (slot, with) in filled {
        if let Some((kind, name)) = with {
            let kind: cedar::EntityTypeName = kind.parse().map_err(|why| wrong(&why))?;
            let name = cedar::EntityId::new(name);
            slots.insert(slot, cedar::EntityUid::from_type_name_and_id(kind, name));
        }
    }
    if slots.is_empty() {
        let policy = cedar::Policy::parse(Some(id), &binding.template);
        return set
            .add(policy.map_err(|why| wrong(&why))?)
            .map_err(|why| wrong(&why));
    }
    let template = cedar::PolicyId::new(template);
    if set.template(&template).is_none() {
        let parsed = cedar::Template::parse(Some(template.clone()), &binding.template);
        set.add_template(parsed.map_err(|why| wrong(&why))?)
            .map_err(|why| wrong(&why))?;
    }
    set.link(template, id, slots).map_err(|why| wrong(&why))
}

/// More would make one decision slower than the 5 ms that a request should wait at most.
const MOST_POLICIES: usize = 1_000;

const NEVER_APPLIES: &str =
    "no action of its scope applies to such a principal and resource, or its conditions never hold";
