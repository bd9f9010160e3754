//! Says what one policy speaks of: every name and value that it compares something with.
//!
//! In: a policy of the set, its slots filled. Out: its [`Literals`].
//!
//! Two callers that agree on every literal of every policy get the same answer, so a set has only
//! finitely many classes of callers. A comparison that is not understood gives its literals to every
//! attribute in it: too many classes are harmless, too few are not.
//!
//! Never: used to decide.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, Expr, Literal, PatternElem,
    PrincipalConstraint, ResourceConstraint, Var,
};

use super::checks::body;
use super::moment::WEEKDAYS;

/// What one policy compares with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Literals {
    /// The policy's id.
    pub policy: String,
    /// What it says, in Cedar, its slots filled.
    pub text: String,
    /// Whether it is a binding of the role that may hand out rights.
    pub org_admin: bool,
    /// Whether it is a guardrail.
    pub forbids: bool,
    /// The one kind of caller that it can apply to (`Job`, `Person`, `Agent`), where it says so.
    pub caller: Option<String>,
    /// The actions and action groups that it can apply to, where its scope says so.
    pub scope: Option<BTreeSet<String>>,
    /// Entities by type, wherever they stand: groups, repositories, teams, projects, people.
    pub entities: BTreeMap<String, BTreeSet<String>>,
    /// Teams that a resource's owner is compared with.
    pub owners: BTreeSet<String>,
    /// Whether the owner is compared with something else than a team's name, so that every team
    /// counts as named.
    pub any_owner: bool,
    /// Each list of actions and action groups that the action is compared with.
    pub actions: Vec<BTreeSet<String>>,
    /// Texts by the attribute that is compared with them. A pattern stands with its stars.
    pub texts: BTreeMap<String, BTreeSet<String>>,
    /// First values of the spans that numbers by attribute are told apart in.
    pub bounds: BTreeMap<String, BTreeSet<i64>>,
    /// Each list of days of the week.
    pub weekdays: Vec<BTreeSet<String>>,
    /// Every attribute that is read or asked for.
    pub reads: BTreeSet<String>,
    /// Types of resources and callers that are asked for.
    pub types: BTreeSet<String>,
}

impl Literals {
    /// It reads hours of another zone, which may begin or end on any day at these minutes of ours.
    pub(super) fn turn_at(&mut self, minutes: &[i64]) {
        self.reads
            .extend(["weekday", "minute_of_day"].map(str::to_owned));
        let bounds = self.bounds.entry("minute_of_day".to_owned()).or_default();
        bounds.extend(minutes);
        let days = WEEKDAYS
            .iter()
            .map(|day| BTreeSet::from([(*day).to_owned()]));
        self.weekdays.extend(days);
    }

    /// What the policy compares with; nothing of it is left out.
    pub(super) fn of(policy: &cedar::Policy) -> Literals {
        let mut found = Literals {
            policy: policy.id().to_string(),
            forbids: policy.effect() == cedar::Effect::Forbid,
            ..Literals::default()
        };
        let Some(body) = body(policy) else {
            return found;
        };
        found.text = body.to_string();
        use {PrincipalConstraint as P, ResourceConstraint as R};
        match &body.principal {
            P::Any => {}
            P::Eq(to) | P::In(to) => found.scoped(to),
            P::Is(kind) => found.caller = Some(kind.to_string()),
            P::IsIn(kind, to) => {
                found.caller = Some(kind.to_string());
                found.scoped(to);
            }
        }
        match &body.action {
            ActionConstraint::Any => {}
            ActionConstraint::Eq(uid) => {
                found.actions.push(BTreeSet::from([uid.eid.to_string()]));
            }
            ActionConstraint::In(uids) => {
                let names = uids.iter().map(|uid| uid.eid.to_string());
                found.actions.push(names.collect());
            }
        }
        match &body.resource {
            R::Any => {}
            R::Eq(to) | R::In(to) => found.scoped(to),
            R::Is(kind) => drop(found.types.insert(kind.to_string())),
            R::IsIn(kind, to) => {
                found.types.insert(kind.to_string());
                found.scoped(to);
            }
        }
        found.scope = found.actions.first().cloned();
        for clause in body.clauses() {
            match clause {
                Clause::When(expr) => {
                    found.demanded(expr);
                    found.walk(expr);
                }
                Clause::Unless(expr) => found.walk(expr),
            }
        }
        found
    }

    fn scoped(&mut self, to: &EntityOrSlot) {
        if let EntityOrSlot::Entity(uid) = to {
            self.entity(&uid.ty.to_string(), uid.eid.as_str());
        }
    }

    fn entity(&mut self, kind: &str, id: &str) {
        let of_kind = self.entities.entry(kind.to_owned()).or_default();
        of_kind.insert(id.to_owned());
    }

    /// The kind of caller that a condition demands before anything else.
    fn demanded(&mut self, expr: &Expr) {
        match expr {
            Expr::BinaryOp {
                op: BinaryOp::And,
                left,
                right,
            } => {
                self.demanded(left);
                self.demanded(right);
            }
            Expr::Is {
                expr, entity_type, ..
            } if **expr == Expr::Var(Var::Principal) => {
                self.caller.get_or_insert(entity_type.to_string());
            }
            _ => {}
        }
    }

    fn walk(&mut self, expr: &Expr) {
        match expr {
            Expr::BinaryOp {
                op: BinaryOp::And | BinaryOp::Or,
                left,
                right,
            } => {
                self.walk(left);
                self.walk(right);
            }
            Expr::UnaryOp { expr, .. } => self.walk(expr),
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => {
                self.walk(cond);
                self.walk(then_expr);
                self.walk(else_expr);
            }
            Expr::Is {
                expr,
                entity_type,
                in_expr,
            } => {
                self.types.insert(entity_type.to_string());
                let mut seen = Seen::of(expr);
                if let Some(within) = in_expr {
                    seen.add(within);
                }
                self.take(&seen, None);
            }
            Expr::BinaryOp { op, left, right } => {
                let mut seen = Seen::of(left);
                seen.add(right);
                let flipped = !matches!(**left, Expr::GetAttr { .. });
                self.take(&seen, Some((*op, flipped)));
            }
            other => self.take(&Seen::of(other), None),
        }
    }

    fn take(&mut self, seen: &Seen, how: Option<(BinaryOp, bool)>) {
        self.reads.extend(seen.attributes.iter().cloned());
        let owner = seen.attributes.contains("owner");
        let names_team = seen.entities.iter().any(|(kind, _)| kind == "Team");
        self.any_owner |= owner && how.is_some() && !names_team;
        let mut actions = BTreeSet::new();
        for (kind, id) in &seen.entities {
            match kind.as_str() {
                "Action" => drop(actions.insert(id.clone())),
                "Team" if owner => drop(self.owners.insert(id.clone())),
                _ => self.entity(kind, id),
            }
        }
        if !actions.is_empty() {
            self.actions.push(actions);
        }
        for attribute in &seen.attributes {
            if attribute == "weekday" {
                self.weekdays.push(seen.texts.clone());
            } else if !seen.texts.is_empty() {
                let texts = self.texts.entry(attribute.clone()).or_default();
                texts.extend(seen.texts.iter().cloned());
            }
            if !seen.numbers.is_empty() {
                let bounds = self.bounds.entry(attribute.clone()).or_default();
                for number in &seen.numbers {
                    bounds.extend(bounds_of(*number, how));
                }
            }
        }
    }
}

/// Where a comparison's answer can change: at the number, after it, or both.
fn bounds_of(number: i64, how: Option<(BinaryOp, bool)>) -> Vec<i64> {
    let after = number.saturating_add(1);
    match how {
        Some((BinaryOp::Less | BinaryOp::GreaterEq, false)) => vec![number],
        Some((BinaryOp::LessEq | BinaryOp::Greater, false)) => vec![after],
        _ => vec![number, after],
    }
}

/// What stands in one comparison.
#[derive(Debug, Default)]
struct Seen {
    attributes: BTreeSet<String>,
    entities: BTreeSet<(String, String)>,
    texts: BTreeSet<String>,
    numbers: BTreeSet<i64>,
}

impl Seen {
    fn of(expr: &Expr) -> Seen {
        let mut seen = Seen::default();
        seen.add(expr);
        seen
    }

    fn add(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(Literal::Long(number)) => drop(self.numbers.insert(*number)),
            Expr::Literal(Literal::String(text)) => drop(self.texts.insert(text.to_string())),
            Expr::Literal(Literal::EntityUID(uid)) => {
                self.entities
                    .insert((uid.ty.to_string(), uid.eid.to_string()));
            }
            Expr::UnaryOp { expr, .. } => self.add(expr),
            Expr::BinaryOp { left, right, .. } => {
                self.add(left);
                self.add(right);
            }
            Expr::GetAttr { expr, attr } => {
                self.attributes.insert(attr.to_string());
                self.add(expr);
            }
            Expr::HasAttr { expr, attrs } => {
                self.attributes
                    .extend(attrs.iter().map(ToString::to_string));
                self.add(expr);
            }
            Expr::Like { expr, pattern } => {
                let letters = pattern.iter().map(|element| match element {
                    PatternElem::Char(letter) => *letter,
                    PatternElem::Wildcard => '*',
                });
                self.texts.insert(letters.collect());
                self.add(expr);
            }
            Expr::Is { expr, in_expr, .. } => {
                self.add(expr);
                if let Some(within) = in_expr {
                    self.add(within);
                }
            }
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => {
                self.add(cond);
                self.add(then_expr);
                self.add(else_expr);
            }
            Expr::Set(all) => all.iter().for_each(|one| self.add(one)),
            Expr::Record(members) => members.values().for_each(|one| self.add(one)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(text: &str) -> Literals {
        Literals::of(&cedar::Policy::parse(None, text).unwrap())
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn every_name_and_value_of_a_policy_is_found() {
        let found = literals(
            "forbid (principal is Person in Team::\"a\", action in Action::\"read\", resource)
             when { principal has email && principal.email like \"*@b\" }
             unless { [\"mon\", \"tue\"].contains(context.weekday) && context.minute_of_day >= 540
               && context.date <= 20261231 && resource.owner == Team::\"c\" };",
        );
        assert_eq!(found.caller.as_deref(), Some("Person"));
        assert_eq!(found.entities["Team"], set(&["a"]));
        assert_eq!(found.owners, set(&["c"]));
        assert_eq!(found.actions, [set(&["read"])]);
        assert_eq!(found.texts["email"], set(&["*@b"]));
        assert_eq!(found.weekdays, [set(&["mon", "tue"])]);
        assert_eq!(found.bounds["minute_of_day"], BTreeSet::from([540]));
        assert_eq!(found.bounds["date"], BTreeSet::from([20_261_232]));
        assert!(found.forbids && found.reads.contains("email"));
    }

    #[test]
    fn a_kind_that_is_only_one_way_to_apply_is_no_demand() {
        let either = "permit (principal, action, resource)
            when { principal is Job || context.minute_of_day == 5 };";
        let found = literals(either);
        assert_eq!(found.caller, None);
        assert_eq!(found.bounds["minute_of_day"], BTreeSet::from([5, 6]));
        assert_eq!(
            literals("permit (principal, action, resource) when { principal is Job && true };")
                .caller
                .as_deref(),
            Some("Job")
        );
    }
}
