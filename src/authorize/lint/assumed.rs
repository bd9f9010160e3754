//! Says what is certain about a condition when something is taken for given.
//!
//! In: a kind of principal, an action, and facts: expressions known to hold or not. Out: for another
//! expression whether it then holds, does not, or cannot be told.
//!
//! Three answers and Kleene's tables: what is not known stays unknown through `&&`, `||` and `!`.
//! Nothing is guessed, so a "holds" or "does not" may be relied on; an unknown may be either.
//!
//! Never: used to decide a request.

use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, EntityUID, Expr, Literal, UnaryOp, Var};

use crate::authorize::lineage::above;
use crate::authorize::schema::Vocabulary;

/// What is taken for given about a request.
#[derive(Clone, Debug)]
pub(super) struct Assumed<'a> {
    /// `Job`, `Person` or `Agent`.
    pub(super) kind: &'static str,
    pub(super) action: &'a str,
    pub(super) vocabulary: &'a Vocabulary,
    /// Expressions and whether they hold.
    pub(super) facts: Vec<(Arc<Expr>, bool)>,
}

impl Assumed<'_> {
    /// Takes an expression for given, with all that follows from its form.
    pub(super) fn take(&mut self, expr: &Arc<Expr>, holds: bool) {
        match expr.as_ref() {
            Expr::UnaryOp {
                op: UnaryOp::Not,
                expr,
            } => self.take(expr, !holds),
            Expr::BinaryOp { op, left, right }
                if (*op == BinaryOp::And && holds) || (*op == BinaryOp::Or && !holds) =>
            {
                self.take(left, holds);
                self.take(right, holds);
            }
            _ => self.facts.push((expr.clone(), holds)),
        }
    }

    /// Whether an expression holds, where that is certain.
    pub(super) fn truth(&self, expr: &Expr) -> Option<bool> {
        let known = |(fact, _): &&(Arc<Expr>, bool)| fact.as_ref() == expr;
        if let Some((_, holds)) = self.facts.iter().find(known) {
            return Some(*holds);
        }
        match expr {
            Expr::Literal(Literal::Bool(holds)) => Some(*holds),
            Expr::UnaryOp {
                op: UnaryOp::Not,
                expr,
            } => self.truth(expr).map(|holds| !holds),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right),
            Expr::Is {
                expr,
                entity_type,
                in_expr,
            } => {
                let is = self.is(expr, &entity_type.to_string());
                let inside = in_expr.as_ref().map(|to| self.inside(expr, to));
                both(is, inside.unwrap_or(Some(true)))
            }
            _ => None,
        }
    }

    fn binary(&self, op: BinaryOp, left: &Arc<Expr>, right: &Arc<Expr>) -> Option<bool> {
        match op {
            BinaryOp::And => both(self.truth(left), self.truth(right)),
            BinaryOp::Or => {
                let no = |side: &Expr| self.truth(side).map(|holds| !holds);
                both(no(left), no(right)).map(|neither| !neither)
            }
            BinaryOp::Eq => self.equal(left, right),
            BinaryOp::NotEq => self.equal(left, right).map(|equal| !equal),
            BinaryOp::In => self.inside(left, right),
            BinaryOp::Contains => {
                let Expr::Set(all) = left.as_ref() else {
                    return None;
                };
                let value = self.value_of(right)?;
                Some(all.iter().any(|one| one.as_ref() == value))
            }
            BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq => {
                self.ordered(op, left, right)
            }
            _ => None,
        }
    }

    fn is(&self, expr: &Expr, kind: &str) -> Option<bool> {
        match expr {
            Expr::Var(Var::Principal) => Some(self.kind == kind),
            Expr::Var(Var::Resource) => {
                let only = self.vocabulary.only_kind(self.action);
                let possible = self.vocabulary.applies_to(self.action, kind);
                if !possible {
                    Some(false)
                } else {
                    (only == Some(kind)).then_some(true)
                }
            }
            _ => None,
        }
    }

    fn equal(&self, left: &Expr, right: &Expr) -> Option<bool> {
        if let (Expr::Var(Var::Action), Expr::Literal(Literal::EntityUID(uid))) = (left, right) {
            return Some(uid.eid == self.action);
        }
        let (value, wanted) = (self.value_of(left)?, literal(right)?);
        Some(value == wanted)
    }

    /// The one value that an expression has by the facts.
    fn value_of(&self, expr: &Expr) -> Option<&Expr> {
        self.facts.iter().find_map(|(fact, holds)| match &**fact {
            Expr::BinaryOp {
                op: BinaryOp::Eq,
                left,
                right,
            } if *holds && **left == *expr => literal(right),
            _ => None,
        })
    }

    fn inside(&self, left: &Expr, right: &Expr) -> Option<bool> {
        match (left, right) {
            (Expr::Var(Var::Action), Expr::Literal(Literal::EntityUID(uid))) => {
                Some(self.vocabulary.stands_for(&uid.eid, self.action))
            }
            (_, Expr::Set(all)) => {
                let mut answers = all.iter().map(|one| self.inside(left, one));
                let all: Vec<Option<bool>> = answers.by_ref().collect();
                match all.contains(&Some(true)) {
                    true => Some(true),
                    false => all.iter().all(|one| *one == Some(false)).then_some(false),
                }
            }
            (Expr::Var(var), Expr::Literal(Literal::EntityUID(uid))) => self.placed(var, uid),
            _ => None,
        }
    }

    /// Where principal or resource lies, by other facts about the same.
    fn placed(&self, var: &Var, uid: &EntityUID) -> Option<bool> {
        let kind = uid.ty.to_string();
        let fits = match (var, kind.as_str()) {
            (Var::Principal, "Team") => self.kind != "Job",
            (Var::Principal, "Group" | "Repository") => self.kind == "Job",
            _ => true,
        };
        if !fits {
            return Some(false);
        }
        self.facts.iter().find_map(|(fact, holds)| {
            let Expr::BinaryOp {
                op: BinaryOp::In | BinaryOp::Eq,
                left,
                right,
            } = &**fact
            else {
                return None;
            };
            let Expr::Literal(Literal::EntityUID(known)) = &**right else {
                return None;
            };
            if !*holds || **left != Expr::Var(var.clone()) {
                return None;
            }
            match (known.ty.to_string().as_str(), kind.as_str()) {
                ("Project", "Project") => Some(known.eid == uid.eid),
                ("Group" | "Repository", "Group") => {
                    let mut groups = above(&known.eid);
                    groups.any(|group| group == uid.eid).then_some(true)
                }
                _ => None,
            }
        })
    }

    fn ordered(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<bool> {
        let limit = number(right)?;
        let (low, high) = self.bounds(left);
        let (below, not_below) = match op {
            BinaryOp::Less => (high < limit, low >= limit),
            BinaryOp::LessEq => (high <= limit, low > limit),
            BinaryOp::Greater => (low > limit, high <= limit),
            _ => (low >= limit, high < limit),
        };
        match (below, not_below) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// The smallest and the largest value that the facts leave.
    fn bounds(&self, of: &Expr) -> (i64, i64) {
        let mut bounds = (i64::MIN, i64::MAX);
        for (fact, holds) in &self.facts {
            let Expr::BinaryOp { op, left, right } = &**fact else {
                continue;
            };
            let Some(limit) = number(right).filter(|_| **left == *of) else {
                continue;
            };
            let (low, high) = match (op, holds) {
                (BinaryOp::Less, true) | (BinaryOp::GreaterEq, false) => {
                    (i64::MIN, limit.saturating_sub(1))
                }
                (BinaryOp::LessEq, true) | (BinaryOp::Greater, false) => (i64::MIN, limit),
                (BinaryOp::Greater, true) | (BinaryOp::LessEq, false) => {
                    (limit.saturating_add(1), i64::MAX)
                }
                (BinaryOp::GreaterEq, true) | (BinaryOp::Less, false) => (limit, i64::MAX),
                (BinaryOp::Eq, true) => (limit, limit),
                _ => continue,
            };
            bounds = (bounds.0.max(low), bounds.1.min(high));
        }
        bounds
    }
}

/// `&&` of what is known.
pub(super) fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&Expr> {
    matches!(expr, Expr::Literal(_)).then_some(expr)
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(Literal::Long(number)) => Some(*number),
        _ => None,
    }
}
