//! Hands a policy set over to be proved about: static policies, and what requests can be.
//!
//! In: a loaded set. Out: a [`Provable`]: its policies without templates, the schema they are valid
//! in, and the claims of `invariants.yaml`.
//!
//! `context.org_admin` is a fact about the very request, so here it is tied to the bindings that make
//! it true. What the judge refuses before it asks policies (a stranger's job, an unlisted project)
//! is forbidden here as well, by [`possible`].
//!
//! Never: a decision. Whoever finds a request that breaks a claim asks the judge about it,
//! [`Policies::broken`].

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy as cedar;
use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, Effect, Expr, Literal, PolicyID, PrincipalConstraint,
    ResourceConstraint, StaticPolicy, Template, Var,
};

use super::checks::{applies, body};
use super::decision::Verdict;
use super::invariants::Invariant;
use super::policies::Policies;
use super::posed::{Answer, Posed};
use super::possible::{self, InProject, Spelled, Vouching};
use super::region::Region;
use crate::resolve::Class;

/// A set as a prover takes it.
#[derive(Debug)]
pub(crate) struct Provable {
    /// Rules, guardrails, bindings and what cannot be.
    set: cedar::PolicySet,
    power: cedar::Policy,
    everyday: cedar::Policy,
    always: Option<cedar::Policy>,
    never: Option<cedar::Policy>,
}

impl Provable {
    /// What decides about requests for an action of this class: the policies, and what cannot be.
    pub(crate) fn policies(&self, class: Class, within: InProject) -> Option<cedar::PolicySet> {
        let mut set = self.set.clone();
        let org_admin = match class {
            Class::Power => &self.power,
            Class::Read | Class::Write | Class::Delete | Class::Look => &self.everyday,
        };
        set.add(org_admin.clone()).ok()?;
        let placed = match within {
            InProject::Always => &self.always,
            InProject::Never => &self.never,
            InProject::Sometimes => &None,
        };
        if let Some(placed) = placed {
            set.add(placed.clone()).ok()?;
        }
        Some(set)
    }
}

impl Policies {
    /// The claims of `invariants.yaml`, in its order.
    pub fn invariants(&self) -> &[Invariant] {
        self.set().invariants.as_slice()
    }

    /// The schema that the policies are valid in.
    pub(crate) fn cedar_schema(&self) -> &cedar::Schema {
        &self.judge().schema
    }

    /// The set as a prover takes it; `beside` are other sets that the same requests are asked of.
    pub(crate) fn provable(
        &self,
        vouching: &Vouching,
        beside: &[cedar::PolicySet],
    ) -> Option<Provable> {
        let judge = self.judge();
        let mut set = self.filled()?;
        let mut spelled = Spelled::new();
        for policy in beside
            .iter()
            .chain([&set])
            .flat_map(cedar::PolicySet::policies)
        {
            spelled.extend(policy.entity_literals().iter().map(name_of));
        }
        for (index, text) in possible::forbidden(&judge.directory, vouching, &spelled)
            .iter()
            .enumerate()
        {
            set.add(impossible(&index.to_string(), text)?).ok()?;
        }
        let placed = |within| {
            let text = possible::placed(&judge.directory, within)?;
            impossible("project", &text)
        };
        Some(Provable {
            power: org_admin(judge.org_admins.policies())?,
            everyday: org_admin(std::iter::empty())?,
            always: placed(InProject::Always),
            never: placed(InProject::Never),
            set,
        })
    }

    /// Rules, guardrails and bindings, without templates.
    pub(crate) fn filled(&self) -> Option<cedar::PolicySet> {
        let mut set = cedar::PolicySet::new();
        for policy in self.judge().policies.policies() {
            set.add(filled(policy)?).ok()?;
        }
        Some(set)
    }

    /// Whether the same can be asked of both sets: whoever asks is the same in both, and so is what
    /// they ask for. Only then do two sets of policies say the same thing about one request.
    pub(crate) fn is_about_the_same_as(&self, other: &Policies) -> bool {
        let names = |policies: &Policies| {
            let mut world = policies.world();
            world.literals.clear(); // what the policies are about may differ, and does
            world
        };
        let admins = |policies: &Policies| -> Option<BTreeSet<String>> {
            let bindings = policies.judge().org_admins.policies();
            bindings.map(|one| Some(filled(one)?.to_string())).collect()
        };
        names(self) == names(other)
            && admins(self).is_some()
            && admins(self) == admins(other)
            && self.judge().directory.all_owners() == other.judge().directory.all_owners()
    }

    /// Whether a set that was handed over calls a question impossible.
    #[cfg(test)]
    pub(crate) fn is_impossible(&self, handed: &cedar::PolicySet, posed: &Posed<'_>) -> bool {
        let judge = self.judge();
        let question = self.question(posed).unwrap();
        let asked = judge.rule(&question).asked.unwrap();
        let answer = judge
            .authorizer
            .is_authorized(&asked.request, handed, &asked.entities);
        let mut reasons = answer.diagnostics().reason();
        reasons.any(|id| id.to_string().starts_with("what cannot be"))
    }

    /// The answer to a question of this region, where that is an allow.
    pub(crate) fn broken(&self, region: &Region, posed: &Posed<'_>) -> Option<Answer> {
        let judge = self.judge();
        let ruling = judge.rule(&self.question(posed)?);
        if ruling.verdict != Verdict::Allow || !region.actions.contains(posed.action) {
            return None;
        }
        let asked = ruling.asked.as_ref()?;
        let within = judge
            .authorizer
            .is_authorized(&asked.request, &region.set, &asked.entities);
        (within.decision() == cedar::Decision::Allow).then_some(Answer {
            verdict: ruling.verdict,
            policies: ruling.policies,
        })
    }
}

fn name_of(uid: &cedar::EntityUid) -> (String, String) {
    let kind = uid.type_name().basename().to_owned();
    (kind, uid.id().unescaped().to_owned())
}

/// The policy with its slots filled: a prover takes no templates.
fn filled(policy: &cedar::Policy) -> Option<cedar::Policy> {
    if policy.is_static() {
        return Some(policy.clone());
    }
    let id = policy.id().clone();
    let body = StaticPolicy::try_from(body(policy)?).ok()?;
    Some(cedar::Policy::from_pst(body.into()).ok()?.new_id(id))
}

fn impossible(name: &str, text: &str) -> Option<cedar::Policy> {
    let id = cedar::PolicyId::new(format!("what cannot be: {name}"));
    cedar::Policy::parse(Some(id), text).ok()
}

/// Forbids every request whose `context.org_admin` is not what these bindings make it.
fn org_admin<'a>(bindings: impl Iterator<Item = &'a cedar::Policy>) -> Option<cedar::Policy> {
    let says = Arc::new(Expr::GetAttr {
        expr: Arc::new(Expr::Var(Var::Context)),
        attr: "org_admin".into(),
    });
    let nobody = Arc::new(Expr::Literal(Literal::Bool(false)));
    let mut allowed: Option<Arc<Expr>> = None;
    for binding in bindings {
        let one = applies(binding)?;
        allowed = Some(match allowed {
            Some(left) => Arc::new(Expr::BinaryOp {
                op: BinaryOp::Or,
                left,
                right: one,
            }),
            None => one,
        });
    }
    let same = Arc::new(Expr::BinaryOp {
        op: BinaryOp::Eq,
        left: says,
        right: allowed.unwrap_or(nobody),
    });
    let template = Template::new(
        PolicyID("what cannot be: org_admin".into()),
        Effect::Forbid,
        PrincipalConstraint::Any,
        ActionConstraint::Any,
        ResourceConstraint::Any,
    );
    let template = template.try_with_clauses([Clause::Unless(same)]).ok()?;
    let policy = StaticPolicy::try_from(template).ok()?;
    cedar::Policy::from_pst(policy.into()).ok()
}
