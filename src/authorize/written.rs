//! Reads rules and guardrails: one Cedar statement each, under the id that its author gave it.
//!
//! In: a `.cedar` file. Out: [`Written`] policies, or every fault of the file at line and column.
//!
//! A rule may only permit and a guardrail may only forbid, so the folder tells what a policy can
//! do. Each carries `@id`, which becomes the policy's real id: Cedar itself would number them. A
//! guardrail also carries `@deny`, what the caller is told, and `@fix`, what the caller can do.
//!
//! `@observe("true")` on either means that it is tried and not in force.
//!
//! Never: a text that has not been measured handed to the parser.

use std::ops::Range;

use cedar_policy as cedar;
use cedar_policy::ffi::DetailedError;

use super::acceptance::{self, Accepted};
use super::directory::is_plain;
use super::folder::File;
use super::observe::MARK;
use super::statements::{place, statements};
use super::yaml::lower_first;
use crate::setup_error::{Code, SetupError};

/// What a policy may do, by the folder it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// `rules/`: may permit.
    Rule,
    /// `guardrails/`: may forbid.
    Guardrail,
}

/// One policy as written.
#[derive(Debug)]
pub(super) struct Written {
    /// The policy under its own id.
    pub(super) policy: cedar::Policy,
    /// Its id.
    pub(super) id: String,
    /// What it may do.
    pub(super) power: Power,
    /// What about it is accepted.
    pub(super) accepted: Accepted,
    /// Where its text begins in its file, in bytes; Cedar's offsets count from here.
    pub(super) start: usize,
    /// Where the statement itself begins, after blank lines and comments.
    pub(super) first_byte: usize,
    /// Where the statement ends.
    pub(super) end: usize,
}

/// All policies of one file.
pub(super) fn read(file: &File, power: Power) -> Result<Vec<Written>, Vec<SetupError>> {
    let ranges = statements(&file.text).map_err(|too_much| {
        let (line, column) = place(&file.text, too_much.offset);
        let fault = SetupError::in_file(&file.path, too_much.fault).at(line, column);
        vec![
            fault
                .coded(Code::TooDeep)
                .hint("write it as several policies"),
        ]
    })?;
    let mut faults = Vec::new();
    let mut policies = Vec::new();
    for range in ranges {
        let text = file.text.get(range.clone()).unwrap_or("");
        match cedar::Policy::parse(None, text) {
            Ok(policy) => {
                let first_byte = range.start + opening(text);
                let (line, column) = place(&file.text, first_byte);
                let refused = |(code, fault, hint): (Code, String, &str)| {
                    let fault = SetupError::in_file(&file.path, fault).coded(code);
                    fault.at(line, column).hint(hint)
                };
                let wrong = wrong(&policy, power);
                faults.extend(wrong.into_iter().map(refused));
                let accepted = accepted(&policy).unwrap_or_else(|wrong| {
                    let wrong = wrong.into_iter();
                    let wrong = wrong.map(|fault| (Code::BadAcceptance, fault, acceptance::HINT));
                    faults.extend(wrong.map(refused));
                    Accepted::new()
                });
                let id = policy.annotation("id").unwrap_or("").to_owned();
                policies.push(Written {
                    policy: policy.new_id(cedar::PolicyId::new(&id)),
                    id,
                    power,
                    accepted,
                    start: range.start,
                    first_byte,
                    end: range.end,
                });
            }
            Err(why) => {
                if let Ok(template) = cedar::Template::parse(None, text) {
                    faults.push(open_slot(&template, file, &range));
                    continue;
                }
                for fault in why.iter() {
                    let fault = DetailedError::from(fault);
                    faults.push(explain(&fault, file, range.start).coded(Code::NotCedar));
                }
            }
        }
    }
    match faults.is_empty() {
        true => Ok(policies),
        false => Err(faults),
    }
}

/// What `@accept_P102("why")` and the like say.
fn accepted(policy: &cedar::Policy) -> Result<Accepted, Vec<String>> {
    let annotations = policy.annotations();
    acceptance::read(annotations.filter_map(|(name, why)| {
        let code = acceptance::of_annotation(name)?;
        Some((code, why))
    }))
}

/// A fault of Cedar's as one of ours; `start` is where its text begins in the file.
pub(super) fn explain(fault: &DetailedError, file: &File, start: usize) -> SetupError {
    let said = lower_first(fault.message.trim_end_matches('.'));
    let error = SetupError::in_file(&file.path, said);
    let span = fault.source_locations.first().map(|label| &label.loc);
    let from = start + span.map_or(0, |span| span.start);
    let meant = span.and_then(|span| file.text.get(from..start + span.end));
    let meant = meant.and_then(|meant| meant.lines().next()).unwrap_or("");
    let (line, column) = place(&file.text, from);
    let error = error.at(line, column).wide(meant.chars().count());
    match fault.help.as_deref() {
        Some(help) => error.hint(lower_first(help.trim_end_matches('.'))),
        None => error,
    }
}

/// A template among the rules: no binding could fill its slot, so it would decide nothing.
fn open_slot(template: &cedar::Template, file: &File, range: &Range<usize>) -> SetupError {
    let slots = template.slots().map(ToString::to_string);
    let slot = slots.into_iter().next().unwrap_or_default();
    let text = file.text.get(range.clone()).unwrap_or("");
    let offset = text.find(&slot).unwrap_or(0);
    let (line, column) = place(&file.text, range.start + offset);
    SetupError::in_file(
        &file.path,
        format!("a template whose slot `{slot}` nothing fills"),
    )
    .coded(Code::OpenSlot)
    .at(line, column)
    .wide(slot.chars().count())
    .hint("name who or what is meant; bindings.yaml makes templates of its own")
}

/// Where the statement begins after blank lines and comments.
fn opening(text: &str) -> usize {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let spoken = line.trim_start();
        if !spoken.is_empty() && !spoken.starts_with("//") {
            return offset + (line.len() - spoken.len());
        }
        offset += line.len();
    }
    0
}

fn wrong(policy: &cedar::Policy, power: Power) -> Vec<(Code, String, &'static str)> {
    let mut faults = Vec::new();
    let id = policy.annotation("id").unwrap_or("");
    if id.is_empty() {
        let fault = "a policy without `@id(\"...\")`".to_owned();
        let hint = "write `@id(\"a-name\")` above it; records and answers call it that";
        faults.push((Code::NoId, fault, hint));
    } else if !is_plain(id) || id.contains(' ') {
        let fault = format!("`{id}` is no plain id for a policy");
        faults.push((Code::NotPlain, fault, PLAIN_ID));
    }
    match (power, policy.effect()) {
        (Power::Rule, cedar::Effect::Permit) | (Power::Guardrail, cedar::Effect::Forbid) => {}
        (Power::Rule, cedar::Effect::Forbid) => {
            let fault = format!("rule `{id}` forbids: it belongs into guardrails/");
            faults.push((Code::WrongFolder, fault, MOVE_IT));
        }
        (Power::Guardrail, cedar::Effect::Permit) => {
            let fault = format!("guardrail `{id}` permits: it belongs into rules/");
            faults.push((Code::WrongFolder, fault, MOVE_IT));
        }
    }
    if policy.annotation(MARK).is_some_and(|word| word != "true") {
        let fault = format!("`@{MARK}` of `{id}` takes the word \"true\"");
        faults.push((Code::WrongForm, fault, LEAVE_IT_OUT));
    }
    if power == Power::Guardrail {
        for annotation in ["deny", "fix"] {
            if policy.annotation(annotation).is_none_or(str::is_empty) {
                let fault =
                    format!("guardrail `{id}` without `@{annotation}(\"...\")` for the caller");
                faults.push((Code::Wordless, fault, SAY_IT));
            }
        }
    }
    faults
}

const PLAIN_ID: &str = "letters, digits, `.`, `_` and `-`, beginning with a letter or digit";
const MOVE_IT: &str = "move it, so that the folder tells what a policy can do";
const LEAVE_IT_OUT: &str = "leave it out to put the policy in force";
const SAY_IT: &str = "`@deny` says what is forbidden, `@fix` what the caller can do instead";
