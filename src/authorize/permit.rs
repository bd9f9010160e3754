//! Proof that the decision was allow; made only by this step.
//!
//! In: a verified principal, an operation and an allow. Out: a [`Permit`].
//!
//! Every field is there and rightly typed in this forgery; only privacy stops it:
//!
//! ```compile_fail,E0451
//! # use std::sync::Arc;
//! # use stile::{authorize::Permit, identify::Principal, resolve::Operation};
//! fn forge(
//!     principal: Arc<Principal>, operation: Operation, policies: Arc<[String]>, policy_set: Arc<str>,
//!     at: Arc<str>, observed: Option<Arc<stile::authorize::Observed>>, places: Arc<[String]>,
//! ) -> Permit {
//!     Permit { principal, operation, policies, policy_set, at, observed, places }
//! }
//! ```

use std::sync::Arc;

use super::decision::Observed;
use crate::identify::Principal;
use crate::resolve::Operation;

/// Proof that policies allow this principal this operation.
#[derive(Debug)]
pub struct Permit {
    pub(super) principal: Arc<Principal>,
    pub(super) operation: Operation,
    pub(super) policies: Arc<[String]>,
    pub(super) policy_set: Arc<str>,
    pub(super) at: Arc<str>,
    pub(super) observed: Option<Arc<Observed>>,
    pub(super) places: Arc<[String]>,
}

impl Permit {
    /// Who may.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// What they may do.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The policies that allow it, by id; none where only the mode lets it pass.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// The digest of the policy set that decided.
    pub fn policy_set(&self) -> &str {
        &self.policy_set
    }

    /// The day and minute that the policies read, in their zone: `2026-12-31 09:05`.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Where the directory says that the principal belongs: a job's repository and the groups above
    /// it, nearest first; the teams of others as `team:NAME`. None where the directory knows none.
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// What it would be were nothing under observe, where that is something else.
    pub fn observed(&self) -> Option<&Observed> {
        self.observed.as_deref()
    }
}
