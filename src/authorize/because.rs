//! Explains a no: which guardrail stood in the way, or which rule came nearest and where it failed.
//!
//! In: a question and its ruling. Out: an [`Explanation`] of checks, the caller's own values, a fix.
//!
//! Cedar gives no reason for a default deny. So rules are split into single checks; on a deny they
//! are asked, and the rule is told of whose principal checks hold, then its action's, then the most
//! of all. Only rules whose heads come nearest are split and asked. A rule may keep quiet with `@audience("operators")`, and a rule that names
//! a team the caller is not in is never told of.
//!
//! An author's own words win: `@check("...")` says all conditions of a policy at once, `@fix` what
//! to do.
//!
//! Never: a fact about anybody but the caller. Asked only on a deny, and only once per question:
//! decisions are kept for their minute.

use std::collections::BTreeMap;

use cedar_policy as cedar;

use super::checks::{Checked, Part};
use super::decision::Verdict;
use super::directory::Directory;
use super::entities::{Asked, Question};
use super::head::Numbers;
use super::judge::{Ruling, Stranger};
use super::lineage::place;
use super::nearest::{Rules, Split, nearness};
use super::words::Tongue;
use crate::identify::Who;
use crate::refusal::{Check, Explanation};

/// All policies, by id, ready to be split.
#[derive(Debug, Default)]
pub(super) struct Because {
    rules: Rules,
    guardrails: BTreeMap<String, Split>,
    numbers: Numbers,
}

/// Who reads an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The caller, who learns only about itself.
    Callers,
    /// Who may read the policies anyway: every rule may be told of.
    Operators,
}

/// What explaining needs besides the question and its ruling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening<'a> {
    pub(super) directory: &'a Directory,
    pub(super) authorizer: &'a cedar::Authorizer,
    pub(super) policy_set: &'a str,
    pub(super) audience: Audience,
}

/// Why not, in the two forms that it is told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) explanation: Explanation,
    /// One sentence, lower case and without a full stop.
    pub(super) sentence: String,
}

impl Because {
    /// Makes every policy of a set ready to be told of.
    pub(super) fn of(set: &cedar::PolicySet) -> Because {
        let (mut because, mut rules) = (Because::default(), BTreeMap::new());
        for policy in set.policies() {
            let forbids = policy.effect() == cedar::Effect::Forbid;
            let split = Split::of(policy, &mut because.numbers);
            let id = policy.id().to_string();
            if forbids {
                because.guardrails.insert(id, split);
            } else {
                rules.insert(id, split);
            }
        }
        because.rules = Rules::of(rules);
        because
    }

    /// Why the ruling is not an allow.
    pub(super) fn explain(
        &self,
        question: &Question<'_>,
        ruling: &Ruling,
        listening: &Listening<'_>,
    ) -> Told {
        let teams = match listening.audience {
            Audience::Callers => question.teams(listening.directory),
            Audience::Operators => listening.directory.teams().collect(),
        };
        let tongue = Tongue {
            question: *question,
            teams: &teams,
        };
        let mut explanation = Explanation {
            who: tongue.who(),
            action: question.action.to_owned(),
            on: tongue.on(),
            policy_set: listening.policy_set.to_owned(),
            ..Explanation::default()
        };
        let why = match (&ruling.asked, ruling.stranger) {
            _ if ruling.verdict == Verdict::Error => {
                "a policy could not be evaluated, so nothing is allowed".to_owned()
            }
            (_, Some(stranger)) => self.strange(stranger, &tongue, &mut explanation),
            (Some(asked), None) => {
                let guardrail = ruling.policies.first();
                let guardrail = guardrail.and_then(|id| {
                    let split = self.guardrails.get(id)?;
                    Some((id, split, split.checks()?))
                });
                match guardrail {
                    Some((id, split, checks)) => {
                        let checks = checks.ask(listening.authorizer, asked);
                        forbidden(id, split, &checks, &tongue, &mut explanation)
                    }
                    None => self.nearest(asked, listening, &tongue, &mut explanation),
                }
            }
            (None, None) => "no policy allows this".to_owned(),
        };
        let sentence = format!(
            "{} may not {} on {}: {why}",
            explanation.who, explanation.action, explanation.on
        );
        Told {
            explanation,
            sentence,
        }
    }

    fn strange(&self, stranger: Stranger, tongue: &Tongue<'_>, to: &mut Explanation) -> String {
        let (check, yours, fix) = match (stranger, &tongue.question.facts.who) {
            (Stranger::Repository, Who::Job(job)) => (
                "the job's project lies in a group that is known here",
                Some(place(&tongue.question.facts.issuer, &job.repository)),
                ADD_IT,
            ),
            (Stranger::OtherId, Who::Job(job)) => (
                "the job's project or group has the id that is listed here",
                Some(match &job.namespace_id {
                    Some(group) => format!("project {}, group {group}", job.repository_id),
                    None => format!("project {}", job.repository_id),
                }),
                ADD_ID,
            ),
            _ => (
                "the upstream's project is known here",
                tongue.question.project().map(str::to_owned),
                ADD_IT,
            ),
        };
        to.checks.push(Check {
            ok: false,
            check: check.to_owned(),
            yours: yours.clone(),
        });
        to.fix = Some(fix.to_owned());
        failing(check, yours.as_deref())
    }

    fn nearest(
        &self,
        asked: &Asked,
        listening: &Listening<'_>,
        tongue: &Tongue<'_>,
        to: &mut Explanation,
    ) -> String {
        let may_tell = |split: &Split| {
            let mut teams = split.teams.iter();
            let mut own = || teams.all(|team| tongue.teams.contains(team.as_str()));
            listening.audience == Audience::Operators || (!split.quiet && own())
        };
        let scope = self.numbers.scope(asked);
        let near = self.rules.finalists(&scope, may_tell);
        let asked = near.into_iter().filter_map(|(id, split)| {
            Some((id, split, split.checks()?.ask(listening.authorizer, asked)))
        });
        // Of equals the first by id, so that an answer does not change between two requests.
        let nearest = asked.rev().max_by_key(|(_, _, checks)| nearness(checks));
        let ask_for = format!("ask for a binding that allows `{}` on {}", to.action, to.on);
        let Some((id, split, checks)) = nearest else {
            to.checks.push(Check {
                ok: false,
                check: "a rule or binding allows it".to_owned(),
                yours: None,
            });
            to.fix = Some(ask_for);
            return "no rule and no binding is for you".to_owned();
        };
        to.nearest_rule = Some(id.to_owned());
        let fix = tell(&checks, split, tongue, to);
        to.fix = Some(match (&split.fix, fix) {
            (Some(written), _) => written.clone(),
            (None, Some(fix)) => fix.to_owned(),
            (None, None) => ask_for,
        });
        first_failing(to)
    }
}

fn forbidden(
    id: &str,
    split: &Split,
    checks: &[Checked<'_>],
    tongue: &Tongue<'_>,
    to: &mut Explanation,
) -> String {
    let deny = split.deny.clone().unwrap_or_default();
    to.forbidden_by = Some(id.to_owned());
    tell(checks, split, tongue, to);
    if to.checks.iter().all(|check| check.ok) {
        to.checks.push(Check {
            ok: false,
            check: deny.clone(),
            yours: None,
        });
    }
    to.fix.clone_from(&split.fix);
    deny
}

/// Puts checks into words; the answer is what would help with the first that fails.
fn tell(
    checks: &[Checked<'_>],
    split: &Split,
    tongue: &Tongue<'_>,
    to: &mut Explanation,
) -> Option<&'static str> {
    let mut fix = None;
    let mut failed = false;
    for checked in checks {
        if split.said.is_some() && checked.part == Part::Condition {
            continue; // the author's own words come instead
        }
        let said = tongue.say(checked.expr);
        if !checked.ok && !failed {
            fix = said.fix;
            failed = true;
        }
        to.checks.push(Check {
            ok: checked.ok,
            check: said.check,
            yours: said.yours,
        });
    }
    if let Some(said) = &split.said {
        let mut conditions = checks.iter().filter(|c| c.part == Part::Condition);
        to.checks.push(Check {
            ok: conditions.all(|checked| checked.ok),
            check: said.clone(),
            yours: None,
        });
    }
    fix
}

fn first_failing(of: &Explanation) -> String {
    match of.checks.iter().find(|check| !check.ok) {
        Some(check) => failing(&check.check, check.yours.as_deref()),
        None => "no policy allows this".to_owned(),
    }
}

fn failing(check: &str, yours: Option<&str>) -> String {
    match yours {
        Some(yours) => format!("it needs \"{check}\", and yours is {yours}"),
        None => format!("it needs \"{check}\""),
    }
}

const ADD_IT: &str = "check the spelling, or ask for it to be added to directory.yaml";
const ADD_ID: &str = "ask for the id of your project or of its own group to be listed in \
    directory.yaml; a path alone may have been given to somebody else";
