//! One region of requests in Cedar's terms: what an invariant says must never be allowed.
//!
//! In: who, which actions, where, and the author's conditions. Out: a [`Region`], a policy for each
//! type of caller that permits exactly its requests, or what is wrong, at the author's own words.
//!
//! The author's conditions stand in a text of ours, so a fault that Cedar tells is carried back to the
//! line and column where the condition is written.
//!
//! Never: used to decide. A region that no request can be in is a fault.

use std::collections::BTreeSet;

use cedar_policy as cedar;
use cedar_policy::ffi::DetailedError;
use serde_saphyr::Spanned;

use super::assemble::code_of;
use super::invariants::{InvariantLines, Reading};
use super::literals::Literals;
use super::statements::statements;
use super::yaml::{self, lower_first};
use crate::setup_error::{Code, SetupError};

/// Requests, described.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// Types of principals, as in the schema.
    pub(crate) who: Vec<&'static str>,
    /// Actions of the catalogue, in order.
    pub(crate) actions: BTreeSet<String>,
    /// Permits exactly the requests of the region; one policy for each type of principal.
    pub(crate) set: cedar::PolicySet,
}

impl Region {
    /// What the region compares with.
    pub(crate) fn literals(&self) -> Vec<Literals> {
        self.set.policies().map(Literals::of).collect()
    }
}

/// Who, which actions, and the projects as a condition.
pub(super) struct Scope {
    pub(super) who: Vec<&'static str>,
    pub(super) actions: BTreeSet<String>,
    pub(super) place: Option<String>,
}

impl Reading<'_> {
    /// The region of an invariant.
    pub(super) fn region(
        &self,
        scope: Scope,
        lines: &InvariantLines,
        faults: &mut Vec<SetupError>,
    ) -> Option<Region> {
        let before = faults.len();
        let mut set = cedar::PolicySet::new();
        let mut texts = Vec::new();
        for kind in &scope.who {
            let text = Text::of(kind, &scope, lines);
            set.add(self.policy(kind, &text, lines, faults)?).ok()?;
            texts.push((*kind, text));
        }
        if faults.len() == before {
            self.validate(&set, &texts, lines, faults); // else an unknown name is told twice
        }
        (faults.len() == before).then_some(Region {
            who: scope.who,
            actions: scope.actions,
            set,
        })
    }

    fn policy(
        &self,
        kind: &str,
        text: &Text,
        lines: &InvariantLines,
        faults: &mut Vec<SetupError>,
    ) -> Option<cedar::Policy> {
        if let Err(too_much) = statements(&text.policy) {
            let fault = SetupError::in_file(&self.file.path, too_much.fault);
            let fault = fault.coded(Code::TooDeep);
            faults.push(self.at(lines, text, too_much.offset, fault));
            return None;
        }
        let id = cedar::PolicyId::new(name(lines, kind));
        match cedar::Policy::parse(Some(id), &text.policy) {
            Ok(policy) => {
                for uid in policy.entity_literals() {
                    if let Some(misspelt) = (self.unknown)(&uid) {
                        let spelled = uid.to_string();
                        let offset = text.policy.rfind(&spelled).unwrap_or(0);
                        let fault = misspelt.told(&self.file.path);
                        faults.push(self.at(lines, text, offset, fault));
                    }
                }
                Some(policy)
            }
            Err(why) => {
                for fault in why.iter().take(1) {
                    let fault = self.cedars(lines, text, &DetailedError::from(fault));
                    faults.push(fault.coded(Code::NotCedar));
                }
                None
            }
        }
    }

    /// Strict validation, where a region that no request is in is a fault like a wrong type.
    fn validate(
        &self,
        set: &cedar::PolicySet,
        texts: &[(&str, Text)],
        lines: &InvariantLines,
        faults: &mut Vec<SetupError>,
    ) {
        let validator = cedar::Validator::new(self.schema.clone());
        let found = validator.validate(set, cedar::ValidationMode::Strict);
        let errors = found.validation_errors().map(|error| {
            let id = error.policy_id().to_string();
            (id, code_of(error), DetailedError::from(error))
        });
        let warnings = found.validation_warnings().map(|warning| {
            let mut empty = DetailedError::from(warning);
            empty.message = NOTHING.to_owned();
            (warning.policy_id().to_string(), Code::NeverApplies, empty)
        });
        let Some((id, code, mut first)) = errors.chain(warnings).next() else {
            return;
        };
        let named = texts.iter().find(|(kind, _)| id == name(lines, kind));
        let Some((kind, text)) = named else {
            let fault = SetupError::in_file(&self.file.path, first.message);
            return faults.push(fault.coded(code));
        };
        if let Some(rest) = first.message.strip_prefix(&format!("for policy `{id}`, ")) {
            first.message = format!("{rest}, for a {}", kind.to_lowercase());
        }
        faults.push(self.cedars(lines, text, &first).coded(code));
    }

    /// A fault of Cedar's as one of ours.
    fn cedars(&self, lines: &InvariantLines, text: &Text, fault: &DetailedError) -> SetupError {
        let offset = fault
            .source_locations
            .first()
            .map_or(0, |label| label.loc.start);
        let said = lower_first(fault.message.trim_end_matches('.'));
        let error = self.at(
            lines,
            text,
            offset,
            SetupError::in_file(&self.file.path, said),
        );
        match fault.help.as_deref() {
            Some(help) => error.hint(lower_first(help.trim_end_matches('.'))),
            None => error,
        }
    }

    /// A fault at a byte of the text that was made of the lines.
    fn at(
        &self,
        lines: &InvariantLines,
        text: &Text,
        offset: usize,
        error: SetupError,
    ) -> SetupError {
        let inside = |written: &Option<Spanned<String>>, start: usize| {
            let written = written.as_ref()?;
            let within = offset.checked_sub(start)?;
            let length = written.value.len();
            // What Cedar misses at the end it misses at our closing bracket.
            let within = match within <= length + 2 {
                true => within.min(length),
                false => within,
            };
            let before = written.value.get(..within)?;
            Some((
                written.referenced,
                before.chars().count(),
                written.value.contains('\n'),
            ))
        };
        let found = inside(&lines.when, text.when).or_else(|| inside(&lines.unless, text.unless));
        let Some((start, along, several)) = found else {
            return yaml::at(error, lines.name.referenced);
        };
        let error = yaml::at(error, start);
        let (Some(line), Some(column), false) = (error.line, error.column, several) else {
            return error;
        };
        let opening = self.file.text.lines().nth(line.saturating_sub(1));
        let first = opening.and_then(|opening| opening.chars().nth(column.saturating_sub(1)));
        match first {
            Some('"' | '\'') => error.at(line, column + 1 + along),
            Some('|' | '>') => error, // a block begins on the next line
            _ => error.at(line, column + along),
        }
    }
}

/// A region as a Cedar policy, with the bytes where the author's own text begins.
struct Text {
    policy: String,
    when: usize,
    unless: usize,
}

impl Text {
    fn of(kind: &str, scope: &Scope, lines: &InvariantLines) -> Text {
        let actions = scope.actions.iter();
        let actions: Vec<String> = actions
            .map(|action| format!("Action::\"{action}\""))
            .collect();
        let mut policy = format!(
            "permit (principal is {kind}, action in [{}], resource)",
            actions.join(", ")
        );
        if let Some(place) = &scope.place {
            policy.push_str(&format!(" when {{ {place} }}"));
        }
        let mut add = |word: &str, written: &Option<Spanned<String>>| match written {
            Some(written) => {
                policy.push_str(&format!(" {word} {{ "));
                let start = policy.len();
                policy.push_str(&written.value);
                policy.push_str("\n}"); // the author's text may end with a comment
                start
            }
            None => usize::MAX,
        };
        let when = add("when", &lines.when);
        let unless = add("unless", &lines.unless);
        policy.push(';');
        Text {
            policy,
            when,
            unless,
        }
    }
}

/// The id of the policy for one type of caller.
fn name(lines: &InvariantLines, kind: &str) -> String {
    format!("{} of {kind}", lines.name.value)
}

const NOTHING: &str = "no request can meet this, so the claim would always hold";
