//! Dangers of single rules and bindings: what they let through, and what is left of them.
//!
//! In: a loaded set. Out: P101, P102, P103, P104 and P108 to P110.

use std::sync::Arc;

use cedar_policy as cedar;
use cedar_policy::pst::{BinaryOp, Expr, PatternElem, Var};

use super::Found;
use super::assumed::Assumed;
use super::reach::Taken;
use crate::authorize::assemble::Assembled;
use crate::resolve::Class;
use crate::setup_error::Code;

/// Looks at every rule and binding beside all guardrails.
pub(super) fn look(set: &Assembled, found: &mut Found) {
    let all = || set.judge.policies.policies();
    let forbids = |policy: &&cedar::Policy| policy.effect() == cedar::Effect::Forbid;
    let guardrails: Vec<Taken> = all().filter(forbids).filter_map(Taken::of).collect();
    for policy in all().filter(|policy| !forbids(policy)) {
        if let Some(rule) = Taken::of(policy) {
            Look {
                set,
                guardrails: &guardrails,
                rule: &rule,
            }
            .look(found);
        }
    }
    for policy in &guardrails {
        patterns(set, policy, found);
    }
}

struct Look<'a> {
    set: &'a Assembled,
    guardrails: &'a [Taken],
    rule: &'a Taken,
}

impl Look<'_> {
    fn look(&self, found: &mut Found) {
        patterns(self.set, self.rule, found);
        let reached = self.reached(&[]);
        if reached.is_empty() {
            let what = format!("`{}` can never match", self.rule.id);
            return self.tell(found, Code::NeverMatches, what, NEVER);
        }
        let left: Vec<&Assumed<'_>> = reached.iter().filter(|one| self.passes(one)).collect();
        if left.is_empty() {
            let one = reached.first();
            let by = one.and_then(|one| self.guardrails.iter().find(|g| g.holds_for(one)));
            let by = by.map_or("", |guardrail| guardrail.id.as_str());
            let what = format!(
                "`{}` is shadowed: guardrail `{by}` forbids it",
                self.rule.id
            );
            return self.tell(found, Code::Shadowed, what, SHADOWED);
        }
        if let Some(one) = left.iter().find(|one| self.writes(one) && !self.says_who()) {
            let what = format!(
                "`{}` lets every {} do `{}`",
                self.rule.id,
                one.kind.to_lowercase(),
                one.action
            );
            self.tell(found, Code::AnyPrincipal, what, ANYBODY);
        }
        let open = |attribute, value| {
            let reached = self.reached(&[(attribute_of_principal(attribute), value)]);
            let mut jobs = reached.into_iter().filter(|one| one.kind == "Job");
            let wanted = |one: &Assumed<'_>| attribute == "from_fork" || self.writes(one);
            let one = jobs.find(|one| wanted(one) && self.passes(one));
            one.map(|one| one.action.to_owned())
        };
        if let Some(action) = open("ref_protected", false) {
            let what = format!(
                "`{}` lets jobs of refs that are not protected do `{action}`",
                self.rule.id
            );
            self.tell(found, Code::UnprotectedRef, what, UNPROTECTED);
        }
        if let Some(action) = open("from_fork", true) {
            let what = format!("`{}` lets jobs of forks do `{action}`", self.rule.id);
            self.tell(found, Code::ForksAdmitted, what, FORKS);
        }
    }

    fn reached(&self, more: &[(Arc<Expr>, bool)]) -> Vec<Assumed<'_>> {
        self.rule.reached(&self.set.judge.vocabulary, more)
    }

    /// Whether no guardrail certainly forbids all of it.
    fn passes(&self, one: &Assumed<'_>) -> bool {
        !self
            .guardrails
            .iter()
            .any(|guardrail| guardrail.holds_for(one))
    }

    fn writes(&self, one: &Assumed<'_>) -> bool {
        self.set.judge.vocabulary.class(one.action) != Some(Class::Read)
    }

    /// Whether a condition asks who it is: where the principal lies, or a name of its own.
    fn says_who(&self) -> bool {
        let mut conditions = self.rule.conditions();
        conditions.any(|(expr, wanted)| wanted && any(expr, &asks_who))
    }

    fn tell(&self, found: &mut Found, code: Code, what: String, hint: &str) {
        if let Some(of) = self.set.sources.get(&self.rule.id) {
            found.policy(code, of, what, hint);
        }
    }
}

/// Names by pattern, and names whose id nobody asks.
fn patterns(set: &Assembled, policy: &Taken, found: &mut Found) {
    let Some(of) = set.sources.get(&policy.id) else {
        return;
    };
    let conditions = || policy.conditions().map(|(expr, _)| expr);
    if conditions().any(|expr| any(expr, &is_wide)) {
        let what = format!("a star in `{}` does not stop at a group's end", policy.id);
        found.policy(Code::WideStar, of, what, WIDE);
    }
    let asks = |wanted: fn(&Expr) -> bool| conditions().any(|expr| any(expr, &wanted));
    if !of.guardrail && asks(names_a_repository) && !asks(asks_an_id) {
        let what = format!("`{}` knows a repository by its path alone", policy.id);
        found.policy(Code::NoRepositoryId, of, what, BY_PATH);
    }
}

/// Whether an expression or a part of it is one that is looked for.
fn any(expr: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    let inner = |expr: &Expr| any(expr, wanted);
    wanted(expr)
        || match expr {
            Expr::UnaryOp { expr, .. } | Expr::GetAttr { expr, .. } => inner(expr),
            Expr::Like { expr, .. } | Expr::HasAttr { expr, .. } => inner(expr),
            Expr::Is { expr, in_expr, .. } => {
                inner(expr) || in_expr.as_ref().is_some_and(|to| inner(to))
            }
            Expr::BinaryOp { left, right, .. } => inner(left) || inner(right),
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => inner(cond) || inner(then_expr) || inner(else_expr),
            Expr::Set(all) => all.iter().any(|one| inner(one)),
            _ => false,
        }
}

fn asks_who(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp {
            op: BinaryOp::In | BinaryOp::Eq,
            left,
            ..
        } if **left == Expr::Var(Var::Principal) => true,
        Expr::Is {
            expr,
            in_expr: Some(_),
            ..
        } => **expr == Expr::Var(Var::Principal),
        Expr::GetAttr { expr, attr } => match expr.as_ref() {
            Expr::Var(Var::Principal) => NAMING.contains(&attr.as_str()),
            Expr::Var(Var::Context) => attr == "org_admin",
            _ => false,
        },
        _ => false,
    }
}

/// A star after anything but a slash, in what names a place.
fn is_wide(expr: &Expr) -> bool {
    let Expr::Like { expr, pattern } = expr else {
        return false;
    };
    let placed =
        matches!(expr.as_ref(), Expr::GetAttr { attr, .. } if PLACES.contains(&attr.as_str()));
    let star = pattern.iter().position(|one| *one == PatternElem::Wildcard);
    let before = star.and_then(|star| star.checked_sub(1));
    let ends = before.and_then(|before| pattern.get(before));
    placed && star.is_some() && ends != Some(&PatternElem::Char('/'))
}

fn names_a_repository(expr: &Expr) -> bool {
    let named = match expr {
        Expr::Like { expr, .. } => expr,
        Expr::BinaryOp {
            op: BinaryOp::Eq,
            left,
            ..
        } => left,
        _ => return false,
    };
    matches!(named.as_ref(), Expr::GetAttr { attr, .. }
        if attr == "repository" || attr == "job_repository")
}

fn asks_an_id(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { attr, .. } if attr.ends_with("repository_id") || attr == "namespace_id")
}

fn attribute_of_principal(name: &str) -> Arc<Expr> {
    Arc::new(Expr::GetAttr {
        expr: Arc::new(Expr::Var(Var::Principal)),
        attr: name.into(),
    })
}

/// Attributes that tell one principal from another.
const NAMING: &[&str] = &[
    "repository",
    "repository_id",
    "namespace_id",
    "job_repository",
    "workflow",
    "name",
    "email",
    "domain",
    "roles",
    "scopes",
    "client",
    "actor",
    "acts_for",
];

/// Attributes that are paths.
const PLACES: &[&str] = &["repository", "job_repository", "workflow"];

const NEVER: &str = "its conditions contradict its scope or one another; remove it or mend them";
const SHADOWED: &str = "remove it, or make the exception in the guardrail";
const ANYBODY: &str = "say who: a team, a group, a repository; or bind a role instead";
const UNPROTECTED: &str = "add `principal.ref_protected` to its conditions";
const FORKS: &str = "add `!principal.from_fork`, or a guardrail that forbids jobs of forks";
const WIDE: &str = "write `principal in Group::\"...\"`, or a slash before the star";
const BY_PATH: &str = "ask `principal.repository_id`, too: a path can be given to somebody else";
