//! Says what a policy reaches: for which kinds of principals and actions it can hold at all, and
//! what guardrails leave of that.
//!
//! In: a policy of the set. Out: `Reached`: one `Assumed` for each kind of principal and action
//! that its scope names, with its conditions taken for given.
//!
//! Never: an answer by example. What is not certain counts as possible for a rule, and as passing
//! for a guardrail, so a danger is rather told once too often.

use std::sync::Arc;

use cedar_policy as cedar;
use cedar_policy::pst::{ActionConstraint, Clause, Expr, Template};

use super::assumed::{Assumed, both};
use crate::authorize::checks::{Part, body, scope};
use crate::authorize::schema::Vocabulary;

/// A policy, taken apart.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: String,
    body: Template,
    /// The scope as conditions, but for the action.
    scope: Vec<Arc<Expr>>,
}

impl Taken {
    pub(super) fn of(policy: &cedar::Policy) -> Option<Taken> {
        let body = body(policy)?;
        let scope = scope(&body).into_iter();
        let scope = scope.filter(|(part, _)| *part != Part::Action);
        Some(Taken {
            id: policy.id().to_string(),
            scope: scope.map(|(_, expr)| expr).collect(),
            body,
        })
    }

    /// Every condition with what it must be: scope, `when` and `unless`.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (&Arc<Expr>, bool)> {
        let scope = self.scope.iter().map(|expr| (expr, true));
        scope.chain(self.body.clauses().iter().map(|clause| match clause {
            Clause::When(expr) => (expr, true),
            Clause::Unless(expr) => (expr, false),
        }))
    }

    /// Whether its scope names an action.
    fn names(&self, action: &str, vocabulary: &Vocabulary) -> bool {
        let within = |named: &str| vocabulary.stands_for(named, action);
        match &self.body.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => within(&uid.eid),
            ActionConstraint::In(uids) => uids.iter().any(|uid| within(&uid.eid)),
        }
    }

    /// Everything that the policy can hold for, with `more` taken for given, too.
    pub(super) fn reached<'a>(
        &'a self,
        vocabulary: &'a Vocabulary,
        more: &[(Arc<Expr>, bool)],
    ) -> Vec<Assumed<'a>> {
        let mut reached = Vec::new();
        let actions = vocabulary.actions();
        for action in actions.filter(|action| self.names(action, vocabulary)) {
            for kind in KINDS {
                let mut assumed = Assumed {
                    kind,
                    action,
                    vocabulary,
                    facts: more.to_vec(),
                };
                let holds = self.conditions().all(|(expr, wanted)| {
                    let excluded = assumed.truth(expr) == Some(!wanted);
                    !excluded && take_each(&mut assumed, expr, wanted)
                });
                if holds {
                    reached.push(assumed);
                }
            }
        }
        reached
    }

    /// Whether the policy certainly holds for all of this.
    pub(super) fn holds_for(&self, assumed: &Assumed<'_>) -> bool {
        let within = self.names(assumed.action, assumed.vocabulary);
        let conditions = self.conditions().map(|(expr, wanted)| {
            let truth = assumed.truth(expr);
            truth.map(|holds| holds == wanted)
        });
        within && conditions.fold(Some(true), both) == Some(true)
    }
}

/// Takes a condition part by part; no when one part contradicts those before.
fn take_each(assumed: &mut Assumed<'_>, expr: &Arc<Expr>, wanted: bool) -> bool {
    let mut parts = Assumed {
        facts: Vec::new(),
        ..assumed.clone()
    };
    parts.take(expr, wanted);
    for (part, holds) in parts.facts {
        if assumed.truth(&part) == Some(!holds) {
            return false;
        }
        assumed.facts.push((part, holds));
    }
    true
}

const KINDS: [&str; 3] = ["Job", "Person", "Agent"];
