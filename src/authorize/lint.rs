//! Finds what loads and is still dangerous.
//!
//! In: a loaded set, the folder it came from, the day. Out: [`Finding`]s: each with a lint's code, its
//! place, what is dangerous, what mends it, and the why where somebody accepted it in writing.
//!
//! What a rule or guardrail reaches is worked out from its conditions (see `reach`), not tried with
//! examples. Where that is not certain the danger is told: it can be accepted.
//!
//! Never: part of a load. A lint refuses nothing by itself.

use std::collections::BTreeSet;

use super::acceptance::Accepted;
use super::assemble::{Assembled, Source};
use super::moment::Moment;
use super::testing;
use crate::setup_error::{Code, SetupError};

mod assumed;
mod names;
mod reach;
mod rules;

/// A danger in a set that loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What and where, with the lint's code.
    pub told: SetupError,
    /// Why it is meant, where that is written beside it.
    pub accepted: Option<String>,
}

impl Finding {
    /// A danger, accepted where its code is among the accepted ones.
    pub fn new(code: Code, told: SetupError, accepted: Option<&String>) -> Finding {
        Finding {
            told: told.coded(code),
            accepted: accepted.cloned(),
        }
    }

    /// A fault, which nobody can accept.
    pub fn fault(told: SetupError) -> Finding {
        Finding {
            told,
            accepted: None,
        }
    }
}

/// Everything dangerous in a set, in the order of files and lines.
pub(super) fn findings(set: &Assembled, today: Moment, soon: Moment) -> Vec<Finding> {
    let mut found = Found::default();
    rules::look(set, &mut found);
    names::groups(set, &mut found);
    names::roles(set, &mut found);
    names::stars(set, &mut found);
    names::ends(set, today, soon, &mut found);
    let outcomes = testing::outcomes(set);
    let decided: BTreeSet<&String> = outcomes.iter().flat_map(|case| &case.by).collect();
    names::untried(set, &decided, &mut found);
    let mut all = found.0;
    for one in &mut all {
        set.folder.show(std::slice::from_mut(&mut one.told));
    }
    all.sort_by_key(|one| (one.told.file.clone(), one.told.line, one.told.code));
    all
}

#[derive(Debug, Default)]
struct Found(Vec<Finding>);

impl Found {
    /// A danger of a rule, guardrail or binding, at its first line.
    fn policy(&mut self, code: Code, source: &Source, what: String, hint: &str) {
        let told = SetupError::in_file(&source.file, what).at(source.line, source.column);
        self.0.push(Finding::new(
            code,
            told.hint(hint),
            source.accepted.get(&code),
        ));
    }

    /// A danger somewhere else.
    fn other(&mut self, code: Code, told: SetupError, accepted: &Accepted) {
        self.0.push(Finding::new(code, told, accepted.get(&code)));
    }
}
