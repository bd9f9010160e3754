//! A question that was answered once, as its record remembers it.
//!
//! In: what the record of a decision holds. Out: a [`PastQuestion`], which any policy set can be
//! asked again.
//!
//! What belongs to the set is not in it: teams, listed owners, ids and the class of an action are those of
//! the set that is asked.

use crate::identify::Facts;
use crate::resolve::{Resource, Seen};

/// Who asked, what for, and when; everything that a decision depends on besides the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastQuestion {
    /// Who asked.
    pub facts: Facts,
    /// The action's name.
    pub action: String,
    /// The resource's type in policies.
    pub kind: String,
    /// What it was done to.
    pub resource: Resource,
    /// The day and minute that the policies read: `2026-12-31 09:05`.
    pub at: String,
    /// What was seen of the object, where it was looked up.
    pub seen: Option<Seen>,
}
