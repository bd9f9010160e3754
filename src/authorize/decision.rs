//! Allow or deny, with the policies that determined it.
//!
//! In: facts, an operation, a time. Out: a [`Decision`], the same for serve, explain and test.

use std::sync::Arc;

use crate::refusal::Explanation;

/// What the policies say.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Allow, deny, or could not be evaluated.
    pub verdict: Verdict,
    /// The policies that determined it: a binding's name, a rule or a guardrail.
    pub policies: Vec<String>,
    /// What went wrong while evaluating; never empty for [`Verdict::Error`].
    pub errors: Vec<String>,
    /// Why not, for anything but an allow.
    pub explanation: Option<Explanation>,
    /// The day and minute that the policies read, in their zone: `2026-12-31 09:05`.
    pub at: Arc<str>,
    /// What it would be were nothing under observe, where that is something else.
    pub observed: Option<Arc<Observed>>,
}

/// The decision that would be taken were nothing under observe: neither the whole set
/// (`mode: observe`) nor single rules, guardrails and bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Allow, deny, or could not be evaluated.
    pub verdict: Verdict,
    /// The policies that would determine it; none where nothing would allow it.
    pub policies: Vec<String>,
}

/// The three ways to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A rule allows it and no guardrail forbids it.
    Allow,
    /// Nothing allows it, or a guardrail forbids it.
    Deny,
    /// A policy failed to evaluate; counts as deny.
    Error,
}

impl Verdict {
    /// The word in records and cases.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Error => "error",
        }
    }
}
