//! Says a single check in words, and what the caller has instead.
//!
//! In: an expression of Cedar's and the question. Out: [`Said`]: `branch is protected`, the caller's
//! own value, and what would help.
//!
//! Never: the name of a team that the caller is not in, a value of anybody else, or the raw text of
//! a condition: what has no words here is "a condition of this policy".

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, EntityUID, Expr, Literal, PatternElem, UnaryOp, Var};

use super::entities::Question;
use super::lineage::place;
use super::moment;
use crate::identify::Who;

mod spelled;
mod yours;

use spelled::{a, dashed, environment, ids, one_of, possessed, possession, spaced, texts, worded};

/// One check in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The condition: `branch is protected`.
    pub(super) check: String,
    /// The caller's own value.
    pub(super) yours: Option<String>,
    /// What the caller can do when it fails.
    pub(super) fix: Option<&'static str>,
}

/// The question and the caller's teams: all that may be spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tongue<'a> {
    pub(super) question: Question<'a>,
    pub(super) teams: &'a BTreeSet<&'a str>,
}

impl Tongue<'_> {
    /// The check in words.
    pub(super) fn say(&self, expr: &Expr) -> Said {
        self.known(expr).unwrap_or_else(|| Said {
            check: "a condition of this policy holds".to_owned(),
            yours: None,
            fix: None,
        })
    }

    /// Who asks: `job acme/shop/api on feat/x`.
    pub(super) fn who(&self) -> String {
        match &self.question.facts.who {
            Who::Job(job) => format!("job {} on {}", self.place(&job.repository), job.git_ref),
            Who::Person(person) => format!("person {}", person.name),
            Who::Agent(agent) => match &agent.acts_for {
                Some(_) => format!("agent {} acting for someone", agent.name),
                None => format!("agent {}", agent.name),
            },
        }
    }

    /// What it is asked on: `dashboard abc in project X`.
    pub(super) fn on(&self) -> String {
        let kind = spaced(self.question.kind);
        let project = self.question.project();
        match (&self.question.resource.id, project) {
            (_, Some(project)) if self.question.kind == "Project" => format!("project {project}"),
            (Some(id), Some(project)) => format!("{kind} {id} in project {project}"),
            (Some(id), None) => format!("{kind} {id}"),
            (None, Some(project)) => format!("project {project}"),
            (None, None) => "the whole organization".to_owned(),
        }
    }

    fn known(&self, expr: &Expr) -> Option<Said> {
        match expr {
            Expr::UnaryOp {
                op: UnaryOp::Not,
                expr,
            } => self.not(expr),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right),
            Expr::GetAttr { expr, attr } => self.truth(expr, attr),
            Expr::HasAttr { expr, attrs } => self.presence(expr, attrs.first()),
            Expr::Is {
                expr,
                entity_type,
                in_expr: None,
            } => self.kind(expr, &entity_type.to_string()),
            Expr::Like { expr, pattern } => self.likeness(expr, pattern),
            _ => None,
        }
    }

    fn not(&self, expr: &Expr) -> Option<Said> {
        if let Expr::GetAttr { attr, .. } = expr
            && attr == "from_fork"
        {
            return Some(Said {
                check: "code is of the project itself, not of a fork".to_owned(),
                yours: self.attribute("from_fork"),
                fix: Some("run the pipeline in the project itself, not from a fork"),
            });
        }
        if let Expr::BinaryOp {
            op: BinaryOp::Eq,
            left,
            right,
        } = expr
        {
            return self.binary(BinaryOp::NotEq, left, right);
        }
        let said = self.known(expr)?;
        Some(Said {
            check: format!("not so: {}", said.check),
            yours: said.yours,
            fix: None,
        })
    }

    fn binary(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<Said> {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let (one, other) = (self.known(left)?, self.known(right)?);
                let word = if op == BinaryOp::And { "and" } else { "or" };
                let yours: Vec<String> = one.yours.into_iter().chain(other.yours).collect();
                Some(Said {
                    check: format!("{} {word} {}", one.check, other.check),
                    yours: (!yours.is_empty()).then(|| yours.join(", ")),
                    fix: one.fix.or(other.fix),
                })
            }
            BinaryOp::In => self.membership(left, right),
            BinaryOp::Contains => self.listed(left, right),
            _ => self.comparison(op, left, right),
        }
    }

    fn likeness(&self, expr: &Expr, pattern: &[PatternElem]) -> Option<Said> {
        let Expr::GetAttr { attr, .. } = expr else {
            return None;
        };
        let letters = pattern.iter().map(|element| match element {
            PatternElem::Char(letter) => *letter,
            PatternElem::Wildcard => '*',
        });
        Some(Said {
            check: format!("{} is like {}", worded(attr), letters.collect::<String>()),
            yours: self.attribute(attr),
            fix: environment(attr),
        })
    }

    fn membership(&self, left: &Expr, right: &Expr) -> Option<Said> {
        match (left, right) {
            (Expr::Var(Var::Action), _) => Some(self.action(&ids(right))),
            (Expr::Var(Var::Principal), Expr::Literal(Literal::EntityUID(to))) => {
                Some(self.principal_in(to))
            }
            (Expr::Var(Var::Principal), Expr::Set(all)) => self.principal_in_one(all),
            (Expr::Var(Var::Resource), _) => {
                let names = ids(right);
                Some(Said {
                    check: format!("resource in project {}", one_of(&names)),
                    yours: self.question.project().map(str::to_owned),
                    fix: None,
                })
            }
            _ => None,
        }
    }

    /// Of several groups, repositories or teams; of teams only those that may be spoken of.
    fn principal_in_one(&self, all: &[Arc<Expr>]) -> Option<Said> {
        let uids = all.iter().map(|one| match one.as_ref() {
            Expr::Literal(Literal::EntityUID(uid)) => Some(uid),
            _ => None,
        });
        let uids: Vec<&EntityUID> = uids.collect::<Option<_>>()?;
        let is_team = |uid: &&EntityUID| uid.ty.to_string() == "Team";
        let spoken = |uid: &&EntityUID| !is_team(uid) || self.teams.contains(uid.eid.as_str());
        let names: Vec<String> = uids
            .iter()
            .copied()
            .filter(spoken)
            .map(|uid| uid.eid.to_string())
            .collect();
        let (first, word) = match uids.iter().copied().find(is_team) {
            Some(uid) => (uid, "member of team"),
            None => (*uids.first()?, "project in"),
        };
        Some(Said {
            check: match names.is_empty() {
                true => "member of a team that this is for".to_owned(),
                false => format!("{word} {}", one_of(&names)),
            },
            ..self.principal_in(first)
        })
    }

    fn principal_in(&self, to: &EntityUID) -> Said {
        let kind = to.ty.to_string();
        let repository = match &self.question.facts.who {
            Who::Job(job) => Some(self.place(&job.repository)),
            _ => Some(self.kind_of_caller()),
        };
        let (check, yours) = match kind.as_str() {
            "Group" => (format!("project in group {}", to.eid), repository),
            "Repository" => (format!("project is {}", to.eid), repository),
            "Team" if self.teams.contains(to.eid.as_str()) => {
                (format!("member of team {}", to.eid), None)
            }
            _ => ("member of the team that this is for".to_owned(), None),
        };
        Said {
            check,
            yours,
            fix: None,
        }
    }

    fn action(&self, names: &[String]) -> Said {
        Said {
            check: format!("action is {}", one_of(names)),
            yours: Some(self.question.action.to_owned()),
            fix: None,
        }
    }

    fn kind(&self, expr: &Expr, kind: &str) -> Option<Said> {
        let (check, yours) = match expr {
            Expr::Var(Var::Principal) => (format!("caller is {}", a(kind)), self.kind_of_caller()),
            Expr::Var(Var::Resource) => (
                format!("resource is {}", a(kind)),
                spaced(self.question.kind),
            ),
            _ => return None,
        };
        Some(Said {
            check,
            yours: Some(yours),
            fix: None,
        })
    }

    fn truth(&self, expr: &Expr, attr: &str) -> Option<Said> {
        let (check, fix) = match (expr, attr) {
            (Expr::Var(Var::Principal), "ref_protected") => (
                "branch is protected",
                "run the job on a protected branch or tag",
            ),
            (Expr::Var(Var::Principal), "environment_protected") => (
                "environment is protected",
                "set `environment` on the job and protect that environment",
            ),
            (Expr::Var(Var::Principal), "mfa") => (
                "signed in with a second factor",
                "sign in again with a second factor",
            ),
            (Expr::Var(Var::Principal), "from_fork") => ("code is of a fork", ""),
            (Expr::Var(Var::Context), "org_admin") => (
                "a binding of the role org-admin allows it",
                "ask for a binding of the role org-admin",
            ),
            _ => return None,
        };
        Some(Said {
            check: check.to_owned(),
            yours: self.attribute(attr),
            fix: Some(fix).filter(|fix| !fix.is_empty()),
        })
    }

    fn presence(&self, expr: &Expr, attr: &str) -> Option<Said> {
        let check = match (expr, attr) {
            (Expr::Var(Var::Context), "break_glass") => "break-glass is open".to_owned(),
            (Expr::Var(Var::Resource), "owner") => "a team owns it".to_owned(),
            (Expr::Var(Var::Principal), attr) => format!("{} is known", worded(attr)),
            _ => return None,
        };
        Some(Said {
            check,
            yours: None,
            fix: None,
        })
    }

    fn listed(&self, left: &Expr, right: &Expr) -> Option<Said> {
        if let (Expr::GetAttr { attr, .. }, Expr::Literal(Literal::String(word))) = (left, right) {
            if attr.as_str() == "open_hours" {
                return Some(Said {
                    check: format!("time is within {word}"),
                    yours: self.attribute(attr),
                    fix: Some("try again within those hours"),
                });
            }
            return Some(Said {
                check: format!("{} {word}", possessed(attr)?),
                yours: self.attribute(attr),
                fix: possession(attr),
            });
        }
        let Expr::GetAttr { attr, .. } = right else {
            return None;
        };
        let check = match attr.as_str() {
            "weekday" => format!("day is {}", one_of(&texts(left))),
            _ => format!("{} is {}", worded(attr), one_of(&texts(left))),
        };
        let fix = (attr == "weekday").then_some("try again within those hours");
        Some(Said {
            check,
            yours: self.attribute(attr),
            fix,
        })
    }

    fn comparison(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<Said> {
        let Expr::GetAttr { expr, attr } = left else {
            return None;
        };
        if let (Expr::Var(Var::Resource), "owner", BinaryOp::Eq) =
            (expr.as_ref(), attr.as_str(), op)
        {
            return Some(Said {
                check: format!("your team owns the {}", spaced(self.question.kind)),
                yours: Some("no".to_owned()),
                fix: Some("ask the team that owns it to make the change"),
            });
        }
        let Expr::Literal(value) = right else {
            return None;
        };
        let (check, fix) = match (attr.as_str(), op, value) {
            ("minute_of_day", _, Literal::Long(minute)) => {
                let word = match op {
                    BinaryOp::Less => "before",
                    BinaryOp::LessEq => "at or before",
                    BinaryOp::Greater => "after",
                    BinaryOp::GreaterEq => "at or after",
                    _ => return None,
                };
                (
                    format!("time is {word} {}", moment::clock(*minute)),
                    Some("try again within those hours"),
                )
            }
            ("date", BinaryOp::LessEq, Literal::Long(day)) => {
                (format!("day is not after {}", dashed(*day)), None)
            }
            ("date", BinaryOp::GreaterEq, Literal::Long(day)) => {
                (format!("day is not before {}", dashed(*day)), None)
            }
            (_, BinaryOp::Eq, Literal::String(text)) => {
                (format!("{} is {text}", worded(attr)), environment(attr))
            }
            (_, BinaryOp::NotEq, Literal::String(text)) => {
                let fix = (attr == "pipeline_source")
                    .then_some("run a branch pipeline, not one of a merge request");
                (format!("{} is not {text}", worded(attr)), fix)
            }
            _ => return None,
        };
        Some(Said {
            check,
            yours: self.attribute(attr),
            fix,
        })
    }

    fn place(&self, path: &str) -> String {
        place(&self.question.facts.issuer, path)
    }

    fn kind_of_caller(&self) -> String {
        let word = match &self.question.facts.who {
            Who::Job(_) => "a job",
            Who::Person(_) => "a person",
            Who::Agent(_) => "an agent",
        };
        word.to_owned()
    }
}

const MOST_NAMES: usize = 7;
