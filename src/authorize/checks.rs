//! Splits a policy into single checks that can be asked one by one.
//!
//! In: a validated policy. Out: its [`Checks`]: for a rule, each part of its scope and each `&&` of
//! its conditions; for a guardrail, each thing that would have kept it from forbidding.
//!
//! Cedar says which policies decided and nothing about why the others did not. So each part becomes
//! a policy of its own at load, and on a deny all parts of one policy are asked at once. A part
//! that errors did not hold.
//!
//! Never: used to decide. These policies are not validated and permit on purpose.

use std::sync::Arc;

use cedar_policy as cedar;
use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, Effect, EntityOrSlot, EntityType, EntityUID, Expr, Literal,
    PolicyID, PrincipalConstraint, ResourceConstraint, StaticPolicy, Template, UnaryOp, Var,
};

use super::entities::Asked;

/// What a check is about; the order is the order of telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Principal,
    Action,
    Resource,
    Condition,
}

/// A policy in single checks.
#[derive(Debug)]
pub(super) struct Checks {
    checks: Vec<(Part, Arc<Expr>)>,
    set: cedar::PolicySet,
}

/// One check and whether it held.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    pub(super) part: Part,
    pub(super) expr: &'a Expr,
    pub(super) ok: bool,
}

impl Checks {
    /// The checks of a rule or a binding: all hold when it permits.
    pub(super) fn of_rule(policy: &cedar::Policy) -> Option<Checks> {
        let body = body(policy)?;
        let mut checks = scope(&body);
        for clause in body.clauses() {
            match clause {
                Clause::When(expr) => conjuncts(expr, &mut checks),
                Clause::Unless(expr) => disjuncts_denied(expr, &mut checks),
            }
        }
        Checks::new(checks)
    }

    /// The checks of a guardrail: one that fails is why it forbade.
    pub(super) fn of_guardrail(policy: &cedar::Policy) -> Option<Checks> {
        let body = body(policy)?;
        let mut checks = Vec::new();
        for clause in body.clauses() {
            if let Clause::Unless(expr) = clause {
                conjuncts(expr, &mut checks);
            }
        }
        if checks.is_empty() {
            for clause in body.clauses() {
                if let Clause::When(expr) = clause {
                    disjuncts_denied(expr, &mut checks);
                }
            }
        }
        Checks::new(checks)
    }

    fn new(mut checks: Vec<(Part, Arc<Expr>)>) -> Option<Checks> {
        drop_presence(&mut checks);
        let mut set = cedar::PolicySet::new();
        for (index, (_, expr)) in checks.iter().enumerate() {
            let template = Template::new(
                PolicyID(index.to_string().into()),
                Effect::Permit,
                PrincipalConstraint::Any,
                ActionConstraint::Any,
                ResourceConstraint::Any,
            );
            let template = template
                .try_with_clauses([Clause::When(expr.clone())])
                .ok()?;
            let policy = StaticPolicy::try_from(template).ok()?;
            set.add(cedar::Policy::from_pst(policy.into()).ok()?).ok()?;
        }
        Some(Checks { checks, set })
    }

    /// Asks every check.
    pub(super) fn ask(&self, authorizer: &cedar::Authorizer, asked: &Asked) -> Vec<Checked<'_>> {
        let answer = authorizer.is_authorized(&asked.request, &self.set, &asked.entities);
        let held: Vec<String> = answer
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect();
        let checks = self.checks.iter().enumerate();
        checks
            .map(|(index, (part, expr))| Checked {
                part: *part,
                expr,
                ok: held.contains(&index.to_string()),
            })
            .collect()
    }
}

/// When a policy applies, as one expression: its scope and every condition.
pub(super) fn applies(policy: &cedar::Policy) -> Option<Arc<Expr>> {
    let body = body(policy)?;
    let mut all: Vec<Arc<Expr>> = scope(&body).into_iter().map(|(_, expr)| expr).collect();
    for clause in body.clauses() {
        all.push(match clause {
            Clause::When(expr) => expr.clone(),
            Clause::Unless(expr) => denied(expr),
        });
    }
    let truth = Arc::new(Expr::Literal(Literal::Bool(true)));
    let both = |left, right| {
        Arc::new(Expr::BinaryOp {
            op: BinaryOp::And,
            left,
            right,
        })
    };
    Some(all.into_iter().reduce(both).unwrap_or(truth))
}

/// The policy with its slots filled.
pub(super) fn body(policy: &cedar::Policy) -> Option<Template> {
    match policy.to_pst().ok()? {
        cedar::pst::Policy::Static(policy) => Some(policy.body().clone()),
        cedar::pst::Policy::Linked(link) => Some(link.into_static_policy().ok()?.body().clone()),
    }
}

/// The scope as checks: principal, action, resource.
pub(super) fn scope(body: &Template) -> Vec<(Part, Arc<Expr>)> {
    use {PrincipalConstraint as P, ResourceConstraint as R};
    let (kind, to) = match &body.principal {
        P::Any => (None, None),
        P::Eq(to) => (None, Some((BinaryOp::Eq, to))),
        P::In(to) => (None, Some((BinaryOp::In, to))),
        P::Is(kind) => (Some(kind), None),
        P::IsIn(kind, to) => (Some(kind), Some((BinaryOp::In, to))),
    };
    let mut checks = placed(Part::Principal, Var::Principal, kind, to);
    let actions = match &body.action {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(uid) => Some(entity(uid)),
        ActionConstraint::In(uids) => Some(Arc::new(Expr::Set(uids.iter().map(entity).collect()))),
    };
    checks.extend(actions.map(|to| (Part::Action, binary(BinaryOp::In, Var::Action, to))));
    let (kind, to) = match &body.resource {
        R::Any => (None, None),
        R::Eq(to) => (None, Some((BinaryOp::Eq, to))),
        R::In(to) => (None, Some((BinaryOp::In, to))),
        R::Is(kind) => (Some(kind), None),
        R::IsIn(kind, to) => (Some(kind), Some((BinaryOp::In, to))),
    };
    checks.extend(placed(Part::Resource, Var::Resource, kind, to));
    checks
}

fn placed(
    part: Part,
    var: Var,
    kind: Option<&EntityType>,
    to: Option<(BinaryOp, &EntityOrSlot)>,
) -> Vec<(Part, Arc<Expr>)> {
    let kind = kind.map(|kind| is_kind(var.clone(), kind));
    let to = to.and_then(|(op, to)| match to {
        EntityOrSlot::Entity(uid) => Some(binary(op, var, entity(uid))),
        EntityOrSlot::Slot(_) => None, // filled before
    });
    kind.into_iter()
        .chain(to)
        .map(|expr| (part, expr))
        .collect()
}

fn conjuncts(expr: &Arc<Expr>, into: &mut Vec<(Part, Arc<Expr>)>) {
    match expr.as_ref() {
        Expr::BinaryOp {
            op: BinaryOp::And,
            left,
            right,
        } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        // Neither this nor that is two checks.
        Expr::UnaryOp {
            op: UnaryOp::Not,
            expr: either,
        } if is_or(either) => disjuncts_denied(either, into),
        Expr::Is {
            expr: what,
            entity_type,
            in_expr: Some(within),
        } => {
            let kind = Expr::Is {
                expr: what.clone(),
                entity_type: entity_type.clone(),
                in_expr: None,
            };
            into.push((Part::Condition, Arc::new(kind)));
            let placed = Expr::BinaryOp {
                op: BinaryOp::In,
                left: what.clone(),
                right: within.clone(),
            };
            into.push((Part::Condition, Arc::new(placed)));
        }
        Expr::Literal(Literal::Bool(true)) => {}
        _ => into.push((Part::Condition, expr.clone())),
    }
}

fn disjuncts_denied(expr: &Arc<Expr>, into: &mut Vec<(Part, Arc<Expr>)>) {
    match expr.as_ref() {
        Expr::BinaryOp {
            op: BinaryOp::Or,
            left,
            right,
        } => {
            disjuncts_denied(left, into);
            disjuncts_denied(right, into);
        }
        Expr::Literal(Literal::Bool(false)) => {}
        _ => into.push((Part::Condition, denied(expr))),
    }
}

fn is_or(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOp::Or,
            ..
        }
    )
}

/// The opposite, without piling one `!` on another.
fn denied(expr: &Arc<Expr>) -> Arc<Expr> {
    match expr.as_ref() {
        Expr::UnaryOp {
            op: UnaryOp::Not,
            expr,
        } => expr.clone(),
        _ => Arc::new(Expr::UnaryOp {
            op: UnaryOp::Not,
            expr: expr.clone(),
        }),
    }
}

/// Drops `x has a` where another check reads `x.a`: it says nothing more.
fn drop_presence(checks: &mut Vec<(Part, Arc<Expr>)>) {
    let all: Vec<Arc<Expr>> = checks.iter().map(|(_, expr)| expr.clone()).collect();
    checks.retain(|(_, expr)| match expr.as_ref() {
        Expr::HasAttr { expr, attrs } => {
            let read = attrs.iter().fold(expr.clone(), |expr, attr| {
                Arc::new(Expr::GetAttr {
                    expr,
                    attr: attr.clone(),
                })
            });
            !all.iter().any(|other| reads(other, &read))
        }
        _ => true,
    });
}

fn reads(expr: &Expr, wanted: &Expr) -> bool {
    if expr == wanted {
        return true;
    }
    match expr {
        Expr::UnaryOp { expr, .. } | Expr::GetAttr { expr, .. } | Expr::Like { expr, .. } => {
            reads(expr, wanted)
        }
        Expr::BinaryOp { left, right, .. } => reads(left, wanted) || reads(right, wanted),
        _ => false,
    }
}

fn is_kind(var: Var, kind: &EntityType) -> Arc<Expr> {
    Arc::new(Expr::Is {
        expr: Arc::new(Expr::Var(var)),
        entity_type: kind.clone(),
        in_expr: None,
    })
}

fn binary(op: BinaryOp, var: Var, right: Arc<Expr>) -> Arc<Expr> {
    Arc::new(Expr::BinaryOp {
        op,
        left: Arc::new(Expr::Var(var)),
        right,
    })
}

fn entity(uid: &EntityUID) -> Arc<Expr> {
    Arc::new(Expr::Literal(Literal::EntityUID(uid.clone())))
}
