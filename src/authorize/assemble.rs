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

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use cedar_policy as cedar;
use jiff::tz::TimeZone;

use super::acceptance::Accepted;
use super::because::Because;
use super::bindings::{self, Binding};
use super::cases::{self, Case};
use super::directory::Directory;
use super::entities::Names;
use super::folder::{File, Folder};
use super::hours::Elsewhere;
use super::index::{self, Index};
use super::invariants::Invariant;
use super::judge::Judge;
use super::observe;
use super::roles::Roles;
use super::schema::{self, Vocabulary};
use super::settings::PolicySettings;
use super::spread::spread;
use super::statements::place;
use super::written::{self, Power, Written};
use crate::resolve::Entry;
use crate::setup_error::{Code, SetupError};

mod link;
mod valid;

pub(super) use valid::code_of;

/// A policy set before its cases have run.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) judge: Judge,
    pub(super) because: Because,
    /// Where each policy is written, by id.
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) bindings: Vec<Binding>,
    pub(super) roles: Roles,
    pub(super) invariants: Vec<Invariant>,
    pub(super) cases: Vec<Case>,
    /// The files that all this was read from.
    pub(super) folder: Arc<Folder>,
}

/// Where a policy is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) guardrail: bool,
    /// What about it is accepted.
    pub(super) accepted: Accepted,
    /// Its text in the file, in bytes; nothing for a binding, whose text is made.
    pub(super) text: Option<Range<usize>>,
    /// Whether it is only tried.
    pub(super) observed: bool,
}

/// Builds everything but runs nothing.
pub(super) fn assemble(
    settings: &PolicySettings,
    entries: &[Arc<Entry>],
) -> Result<Assembled, Vec<SetupError>> {
    let folder = Arc::new(Folder::read(&settings.folder)?);
    match assemble_from(&folder, settings, entries) {
        Ok(set) => Ok(set),
        Err(mut faults) => {
            folder.show(&mut faults);
            Err(faults)
        }
    }
}

fn assemble_from(
    folder: &Arc<Folder>,
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
    let (roles, bindings) = building.bindings(&settings.time_zone);
    if building.sources.len() > MOST_POLICIES {
        let fault = format!("more than {MOST_POLICIES} policies load too slowly");
        let fault = SetupError::in_file(&settings.folder, fault);
        return Err(vec![fault.coded(Code::TooLarge)]);
    }
    let strange = building.literals(&written);
    let schema = building.schema();
    let mut invariants = Vec::new();
    if let Some(schema) = &schema {
        building.validate(schema, &written, strange);
        invariants = building.invariants(schema);
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
    let refused = |fault: &str| vec![SetupError::in_file(&settings.folder, fault)];
    let (set, tried) = observe::parted(set).map_err(refused)?;
    let index = Index::of(&set).ok_or_else(|| refused(index::NOT_TAKEN_APART))?;
    Ok(Assembled {
        because: Because::of(&set),
        judge: Judge {
            authorizer: cedar::Authorizer::new(),
            policies: set,
            index,
            tried,
            org_admins,
            schema,
            names,
            elsewhere: Elsewhere::of(bindings.iter().filter_map(|b| b.hours.as_ref())),
            zone,
            directory,
            vocabulary,
        },
        sources,
        bindings,
        roles,
        invariants,
        cases,
        folder: folder.clone(),
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
            let files: Vec<&File> = self.folder.part(part).collect();
            let read = spread(&files, |file| written::read(file, power));
            for (file, read) in files.into_iter().zip(read) {
                match read {
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
                column,
                accepted: one.accepted.clone(),
                text: Some(one.first_byte..one.end),
                guardrail: one.power == Power::Guardrail,
                observed: observe::is_observed(&one.policy),
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
    fn bindings(&mut self, zone: &str) -> (Roles, Vec<Binding>) {
        let roles = match self.folder.file("roles.yaml") {
            Some(file) => Roles::read(file, self.vocabulary),
            None => Ok(Roles::default()),
        };
        let roles = match roles {
            Ok(roles) => roles,
            Err(faults) => {
                self.faults.extend(faults);
                return Default::default(); // every binding would seem to have an unknown role
            }
        };
        let Some(file) = self.folder.file("bindings.yaml") else {
            return (roles, Vec::new());
        };
        let bindings = match bindings::read(file, &roles, self.directory, zone) {
            Ok(bindings) => bindings,
            Err(faults) => {
                self.faults.extend(faults);
                return (roles, Vec::new());
            }
        };
        for binding in &bindings {
            if let Err((code, why)) = self.link(file, binding) {
                let fault = SetupError::in_file(&file.path, why).coded(code);
                self.faults.push(fault.at(binding.line, binding.column));
            }
        }
        (roles, bindings)
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

/// More would take longer to load and to validate than an operator should wait for a reload.
const MOST_POLICIES: usize = 15_000;
