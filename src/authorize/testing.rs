//! Runs the cases of a policy folder by the judge that serves.
//!
//! In: a loaded policy set. Out: a [`Report`]: each case, the policies that no case would miss, the
//! actions that no case allows or denies.
//!
//! A guardrail that can be deleted without a case noticing is one that will be. So each policy is
//! left out once, and the cases that it decides are asked again; the others would answer the same.
//!
//! Never: a case that passes by accident. The answer must be the expected one and, where the case
//! names a policy, that policy must have determined it.

use std::path::PathBuf;

use cedar_policy as cedar;

use super::assemble::Assembled;
use super::cases::Case;
use super::decision::Verdict;
use crate::setup_error::{Code, SetupError};

/// How the cases went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every case, in the order of files and lines.
    pub cases: Vec<CaseOutcome>,
    /// Guardrails whose removal no case notices.
    pub unnoticed_guardrails: Vec<PolicyPlace>,
    /// Rules and bindings whose removal no case notices.
    pub unnoticed_rules: Vec<PolicyPlace>,
    /// Actions that no case allows or no case denies.
    pub untried_actions: Vec<Untried>,
}

/// An action that the cases leave half untried, or wholly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untried {
    /// Its name.
    pub action: String,
    /// Whether no case allows it.
    pub never_allowed: bool,
    /// Whether no case denies it.
    pub never_denied: bool,
}

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The file.
    pub file: PathBuf,
    /// Its line there.
    pub line: usize,
    /// The case as written, on one line.
    pub text: String,
    /// Whether the answer was the expected one.
    pub passed: bool,
    /// The answer that was expected.
    pub expected: Verdict,
    /// The policy that was expected to determine it.
    pub expected_by: Option<String>,
    /// The answer.
    pub got: Verdict,
    /// The policies that determined it.
    pub by: Vec<String>,
}

/// A policy and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPlace {
    /// Its id: a rule, a guardrail or a binding's name.
    pub id: String,
    /// The file.
    pub file: PathBuf,
    /// Its line there.
    pub line: usize,
}

impl Report {
    /// Whether every case passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.passed)
    }

    /// The cases that did not pass, as faults of the folder.
    pub fn faults(&self) -> Vec<SetupError> {
        let failed = self.cases.iter().filter(|case| !case.passed);
        failed.map(CaseOutcome::fault).collect()
    }
}

impl CaseOutcome {
    fn fault(&self) -> SetupError {
        let word = |verdict| match verdict {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Error => "error",
        };
        let by = |names: &[String]| match names {
            [] => String::new(),
            names => format!(" by `{}`", names.join("`, `")),
        };
        let fault = format!(
            "case `{}` expected {}{}, got {}{}",
            self.text,
            word(self.expected),
            by(self.expected_by.as_slice()),
            word(self.got),
            by(&self.by),
        );
        SetupError::in_file(&self.file, fault)
            .coded(Code::FailedCase)
            .at(self.line, 1)
            .hint("mend the policy; or the case, if its new answer is what you want")
    }
}

/// Runs every case once.
pub(super) fn outcomes(set: &Assembled) -> Vec<CaseOutcome> {
    let policies = &set.judge.policies;
    set.cases
        .iter()
        .map(|case| outcome(set, policies, case))
        .collect()
}

/// Runs every case, and those that a policy decides again without it.
pub(super) fn report(set: &Assembled) -> Report {
    let mut report = Report {
        cases: outcomes(set),
        ..Report::default()
    };
    // What is only tried decides nothing, so no case can miss it.
    for (id, source) in set.sources.iter().filter(|(_, source)| !source.observed) {
        let pairs = set.cases.iter().zip(&report.cases);
        let decided = pairs.filter(|(_, outcome)| outcome.by.contains(id));
        let decided: Vec<&Case> = decided.map(|(case, _)| case).collect();
        if is_noticed(set, id, &decided) {
            continue;
        }
        let place = PolicyPlace {
            id: id.clone(),
            file: source.file.clone(),
            line: source.line,
        };
        match source.guardrail {
            true => report.unnoticed_guardrails.push(place),
            false => report.unnoticed_rules.push(place),
        }
    }
    for action in set.judge.vocabulary.actions() {
        let never = |verdict| {
            let mut cases = set.cases.iter();
            !cases.any(|case| case.action == action && case.expected == verdict)
        };
        let (never_allowed, never_denied) = (never(Verdict::Allow), never(Verdict::Deny));
        if never_allowed || never_denied {
            report.untried_actions.push(Untried {
                action: action.to_owned(),
                never_allowed,
                never_denied,
            });
        }
    }
    report
}

fn is_noticed(set: &Assembled, policy: &str, decided: &[&Case]) -> bool {
    if decided.is_empty() {
        return false;
    }
    let mut without = set.judge.policies.clone();
    let id = cedar::PolicyId::new(policy);
    if without.remove_static(id.clone()).is_err() && without.unlink(id).is_err() {
        return false;
    }
    let mut cases = decided.iter();
    cases.any(|case| !outcome(set, &without, case).passed)
}

fn outcome(set: &Assembled, policies: &cedar::PolicySet, case: &Case) -> CaseOutcome {
    let question = case.question(&set.judge.directory);
    let mut ruling = set.judge.rule_by(policies, &question);
    if ruling.verdict == Verdict::Allow
        && let Some(after) = case.afterwards(&set.judge.directory)
    {
        let would = set.judge.rule_by(policies, &after);
        if would.verdict != Verdict::Allow {
            ruling = would;
        }
    }
    let by_the_expected = match &case.by {
        Some(id) => ruling.policies.contains(id),
        None => true,
    };
    CaseOutcome {
        file: case.file.clone(),
        line: case.line,
        text: case.text.clone(),
        passed: ruling.verdict == case.expected && by_the_expected,
        expected: case.expected,
        expected_by: case.by.clone(),
        got: ruling.verdict,
        by: ruling.policies,
    }
}
