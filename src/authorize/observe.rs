//! Tries policies out: what is under observe is asked and changes nothing.
//!
//! In: a policy set, some of it marked `@observe("true")`. Out: the set in force, and where anything
//! is marked the [`Tried`] set, all of it in force.
//!
//! A binding is marked with `observe: true`, which puts the same word into its policy. The set in
//! force does not contain what is marked, so it cannot decide, whatever it says and however it fails.
//! What the tried set answers otherwise is noted beside the decision.
//!
//! Never: a mark that is neither set nor left out; see `written`.

use cedar_policy as cedar;

use super::entities::Asked;
use super::index::Index;

/// All of a set, with what is under observe as if in force.
#[derive(Debug)]
pub(super) struct Tried {
    policies: cedar::PolicySet,
    index: Index,
}

/// A set in two: what is in force, and all of it where that is more.
pub(super) fn parted(
    all: cedar::PolicySet,
) -> Result<(cedar::PolicySet, Option<Tried>), &'static str> {
    let marked: Vec<cedar::PolicyId> = all
        .policies()
        .filter(|policy| is_observed(policy))
        .map(|policy| policy.id().clone())
        .collect();
    if marked.is_empty() {
        return Ok((all, None));
    }
    let mut in_force = all.clone();
    for id in marked {
        let taken = match in_force.policy(&id).is_some_and(cedar::Policy::is_static) {
            true => in_force.remove_static(id),
            false => in_force.unlink(id),
        };
        taken.map_err(|_| "a policy under observe cannot be kept out of force")?;
    }
    let index = Index::of(&all).ok_or(super::index::NOT_TAKEN_APART)?;
    let tried = Tried {
        policies: all,
        index,
    };
    Ok((in_force, Some(tried)))
}

/// Whether a policy is only tried.
pub(super) fn is_observed(policy: &cedar::Policy) -> bool {
    policy.annotation(MARK).is_some()
}

impl Tried {
    /// Whether the answer can depend on whose the resource is.
    pub(super) fn asks_for_owner(&self, asked: &Asked) -> bool {
        self.index.asks_for_owner(asked)
    }

    /// Cedar's answer by all of the set.
    pub(super) fn answer(&self, authorizer: &cedar::Authorizer, asked: &Asked) -> cedar::Response {
        self.index.answer(&self.policies, authorizer, asked)
    }
}

/// The annotation that puts a policy under observe.
pub(super) const MARK: &str = "observe";
