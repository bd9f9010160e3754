//! What is kept of a decision for its minute, and what it is kept under.
//!
//! In: everything that a decision depends on inside one generation. Out: a [`Key`], and beside it the
//! [`Kept`] decision with its words for the caller.
//!
//! Never: used for other facts than those it was decided for.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::decision::{Decision, Verdict};
use super::settings::Explain;
use crate::identify::Principal;
use crate::refusal::{Reason, Refusal};
use crate::resolve::Entry;

/// Everything that a decision depends on inside one generation.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) token: [u8; 32],
    pub(super) entry: Arc<Entry>,
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) project: Option<String>,
    pub(super) minute: u64,
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.token == other.token
            && Arc::ptr_eq(&self.entry, &other.entry) // an index means nothing across catalogues
            && self.minute == other.minute
            && self.id == other.id
            && self.project == other.project
            && self.kind == other.kind
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.hash(state);
        self.entry.index.hash(state);
        self.id.hash(state);
        self.project.hash(state);
        self.minute.hash(state);
    }
}

#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) of: Arc<Principal>,
    pub(super) policies: Arc<[String]>,
    pub(super) decision: Arc<Decision>,
    pub(super) sentence: Option<Arc<str>>,
    pub(super) places: Arc<[String]>,
}

impl Kept {
    /// Whether it was decided for these very facts: a token may read otherwise after a reload of
    /// the issuers' settings.
    pub(super) fn is_of(&self, principal: &Arc<Principal>) -> bool {
        Arc::ptr_eq(&self.of, principal) || self.of.facts() == principal.facts()
    }

    /// What its caller is told. Told tersely, the checks stay in the decision, and so in the record,
    /// and with operators.
    pub(super) fn refusal(&self, explain: Explain) -> Refusal {
        let reason = match self.decision.verdict {
            Verdict::Error => Reason::PolicyError,
            Verdict::Allow | Verdict::Deny => Reason::PolicyDenied,
        };
        let mut refusal = Refusal::new(reason);
        if let Some(sentence) = &self.sentence {
            refusal = refusal.telling(sentence.to_string());
        }
        if !self.decision.errors.is_empty() {
            refusal = refusal.noting(self.decision.errors.join("; "));
        }
        match &self.decision.explanation {
            Some(explanation) if explain == Explain::Checks => {
                refusal.explained(explanation.clone())
            }
            _ => refusal,
        }
    }
}
