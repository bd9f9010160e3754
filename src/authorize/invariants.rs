//! Reads what must never be allowed, whatever rules and bindings come to say.
//!
//! In: `invariants.yaml`, the vocabulary, the directory and the schema. Out: [`Invariant`]s, each a
//! region of requests in Cedar's terms, or every fault at its place.
//!
//! An invariant decides nothing. It is a claim about what the policies decide, which `stile prove`
//! proves or refutes; that it is well written is checked with everything else of the folder.
//!
//! Never: an invariant that holds because it is about nothing. Unknown names, and conditions that no
//! request can meet, are faults.

use std::collections::BTreeSet;
use std::path::Path;

use cedar_policy as cedar;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::directory::{Directory, OneOrMore, is_plain};
use super::folder::File;
use super::region::{Region, Scope};
use super::schema::Vocabulary;
use super::yaml;
use crate::setup_error::{Code, SetupError};

/// `invariants.yaml` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct InvariantsFile {
    invariants: Vec<InvariantLines>,
}

/// One invariant: what is never allowed, or beyond what nothing is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InvariantLines {
    /// What reports call it.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// The claim as a sentence.
    #[schemars(with = "String")]
    says: Spanned<String>,
    /// What is never allowed: a class (`delete`), an action, all of one kind (`dashboards.*`, here
    /// with what hands out rights), or `anything`. One or a list.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMore>")]
    never: Option<Spanned<OneOrMore>>,
    /// For whom: `job`, `person`, `agent`; all three when left out.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMore>")]
    who: Option<Spanned<OneOrMore>>,
    /// In which projects; everywhere when left out.
    #[serde(default)]
    #[schemars(with = "Option<OneOrMore>")]
    on: Option<Spanned<OneOrMore>>,
    /// Only where this holds, in Cedar: `!principal.ref_protected`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) when: Option<Spanned<String>>,
    /// Not where this holds, in Cedar: `principal in Team::"sre-admins"`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) unless: Option<Spanned<String>>,
    /// Instead of `never`: nothing is allowed that this policy folder, or the folder at this
    /// revision of git, does not allow.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    nothing_beyond: Option<Spanned<String>>,
}

/// One claim about what the policies decide.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// What reports call it.
    pub name: String,
    /// The claim as a sentence.
    pub says: String,
    /// Its line in `invariants.yaml`, from 1; 0 where it is not from there.
    pub line: usize,
    pub(crate) claim: Claim,
}

impl Invariant {
    /// The claim that a folder or a revision allows everything that is allowed.
    pub fn nothing_beyond(other: &str) -> Invariant {
        Invariant {
            name: "nothing-new".to_owned(),
            says: format!("nothing is allowed that {other} does not allow"),
            line: 0,
            claim: Claim::NothingBeyond(other.to_owned()),
        }
    }

    /// The folder or revision that the claim compares with.
    pub fn beyond(&self) -> Option<&str> {
        match &self.claim {
            Claim::NothingBeyond(other) => Some(other),
            Claim::Never(_) => None,
        }
    }
}

/// What is claimed.
#[derive(Clone, Debug)]
pub(crate) enum Claim {
    /// No request of this region is allowed.
    Never(Box<Region>),
    /// No request is allowed that this folder or revision does not allow.
    NothingBeyond(String),
}

/// What is wrong with a name, and the name that may be meant.
#[derive(Debug)]
pub(super) struct Misspelt {
    pub(super) code: Code,
    pub(super) fault: String,
    pub(super) near: Option<String>,
}

impl Misspelt {
    /// The fault, before it has its place.
    pub(super) fn told(self, file: &Path) -> SetupError {
        let fault = SetupError::in_file(file, self.fault).coded(self.code);
        match self.near {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        }
    }
}

/// What invariants are read against.
pub(super) struct Reading<'a> {
    pub(super) file: &'a File,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) directory: &'a Directory,
    pub(super) schema: &'a cedar::Schema,
    /// What is wrong with a name that a policy spells out, and the name that may be meant.
    pub(super) unknown: &'a dyn Fn(&cedar::EntityUid) -> Option<Misspelt>,
}

impl Reading<'_> {
    /// Reads and checks the file.
    pub(super) fn invariants(&self) -> Result<Vec<Invariant>, Vec<SetupError>> {
        let written: InvariantsFile = yaml::read(self.file).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        let mut invariants = Vec::new();
        for lines in &written.invariants {
            let before = faults.len();
            let name = &lines.name.value;
            if !is_plain(name) || name.contains(' ') {
                let fault = format!("`{name}` is no plain name for an invariant");
                faults.push(self.fault(&lines.name, fault).coded(Code::NotPlain));
            } else if !names.insert(name.clone()) {
                let fault = format!("two invariants are called `{name}`");
                faults.push(self.fault(&lines.name, fault).coded(Code::TwoAlike));
            }
            if lines.says.value.trim().is_empty() {
                let fault = format!("invariant `{name}` says nothing");
                let hint = "write the claim as a sentence: reports show it";
                let fault = self.fault(&lines.says, fault).hint(hint);
                faults.push(fault.coded(Code::NamesNothing));
            }
            let claim = self.claim(lines, &mut faults);
            if let (Some(claim), true) = (claim, faults.len() == before) {
                invariants.push(Invariant {
                    name: name.clone(),
                    says: lines.says.value.trim().to_owned(),
                    line: usize::try_from(lines.name.referenced.line()).unwrap_or(0),
                    claim,
                });
            }
        }
        match faults.is_empty() {
            true => Ok(invariants),
            false => Err(faults),
        }
    }

    fn claim(&self, lines: &InvariantLines, faults: &mut Vec<SetupError>) -> Option<Claim> {
        match (&lines.never, &lines.nothing_beyond) {
            (Some(never), None) => {
                let scope = self.scope(lines, never, faults)?;
                let region = self.region(scope, lines, faults)?;
                Some(Claim::Never(Box::new(region)))
            }
            (None, Some(beyond)) => {
                let narrows = [lines.who.is_some(), lines.on.is_some()];
                let conditions = [lines.when.is_some(), lines.unless.is_some()];
                if narrows.contains(&true) || conditions.contains(&true) {
                    let fault = "`nothing_beyond` is about every request: \
                                 it stands without `who`, `on`, `when` and `unless`";
                    faults.push(self.fault(beyond, fault).coded(Code::WrongForm));
                }
                Some(Claim::NothingBeyond(beyond.value.clone()))
            }
            _ => {
                let fault = "an invariant has exactly one of `never` and `nothing_beyond`";
                faults.push(self.fault(&lines.name, fault).coded(Code::WrongForm));
                None
            }
        }
    }

    fn scope(
        &self,
        lines: &InvariantLines,
        never: &Spanned<OneOrMore>,
        faults: &mut Vec<SetupError>,
    ) -> Option<Scope> {
        let before = faults.len();
        let scope = Scope {
            who: self.who(lines.who.as_ref(), faults),
            actions: self.actions(never, faults),
            place: self.place(lines.on.as_ref(), faults),
        };
        (faults.len() == before).then_some(scope)
    }

    fn who(
        &self,
        written: Option<&Spanned<OneOrMore>>,
        faults: &mut Vec<SetupError>,
    ) -> Vec<&'static str> {
        let Some(written) = written else {
            return KINDS.iter().map(|(_, kind)| *kind).collect();
        };
        let mut who = Vec::new();
        for word in written.value.all() {
            match KINDS.iter().find(|(known, _)| known == word) {
                Some((_, kind)) if who.contains(kind) => {}
                Some((_, kind)) => who.push(*kind),
                None => {
                    let fault = format!("`{word}` is nobody who asks");
                    let known = KINDS.iter().map(|(known, _)| *known);
                    let hint = "write `job`, `person` or `agent`";
                    let fault = self.fault(written, fault).coded(Code::WrongForm);
                    faults.push(fault.hint(hint).did_you_mean(word, known));
                }
            }
        }
        if written.value.all().is_empty() {
            faults.push(
                self.fault(written, "`who` names nobody")
                    .coded(Code::NamesNothing),
            );
        }
        who
    }

    fn actions(
        &self,
        written: &Spanned<OneOrMore>,
        faults: &mut Vec<SetupError>,
    ) -> BTreeSet<String> {
        let mut actions = BTreeSet::new();
        for word in written.value.all() {
            let meant = self.vocabulary.meant_by(word);
            if meant.is_empty() {
                let known = self.vocabulary.actions();
                let known = known.chain(Vocabulary::groups().iter().copied());
                let fault = self.fault(written, format!("unknown action `{word}`"));
                let fault = fault.coded(Code::UnknownAction);
                faults.push(fault.did_you_mean(word, known.chain([ANYTHING])));
            }
            actions.extend(meant.into_iter().map(str::to_owned));
        }
        if written.value.all().is_empty() {
            faults.push(
                self.fault(written, "`never` names no action")
                    .coded(Code::NamesNothing),
            );
        }
        actions
    }

    fn place(
        &self,
        written: Option<&Spanned<OneOrMore>>,
        faults: &mut Vec<SetupError>,
    ) -> Option<String> {
        let written = written?;
        for name in written.value.all() {
            if !self.directory.has_project(name) {
                let fault = format!("project `{name}` is not in directory.yaml");
                let fault = self.fault(written, fault).coded(Code::UnknownProject);
                faults.push(fault.did_you_mean(name, self.directory.projects()));
            }
        }
        if written.value.all().is_empty() {
            faults.push(
                self.fault(written, "`on` names no project")
                    .coded(Code::NamesNothing),
            );
        }
        let all = written.value.all().iter();
        let all: Vec<String> = all.map(|name| format!("Project::\"{name}\"")).collect();
        Some(format!("resource in [{}]", all.join(", ")))
    }

    fn fault<T>(&self, place: &Spanned<T>, fault: impl Into<String>) -> SetupError {
        yaml::at(
            SetupError::in_file(&self.file.path, fault),
            place.referenced,
        )
    }
}

/// The word for every action.
const ANYTHING: &str = "anything";

/// Who asks, in the words of the file and of the schema.
const KINDS: &[(&str, &str)] = &[("job", "Job"), ("person", "Person"), ("agent", "Agent")];
