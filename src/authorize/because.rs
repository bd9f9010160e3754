//! Explains a no: which guardrail stood in the way, or which rule came nearest and where it failed.
//!
//! In: a question and its ruling. Out: an [`Explanation`] of checks, the caller's own values, a fix.
//!
//! Cedar gives no reason for a default deny. So every rule is split into single checks at load; on
//! a deny they are asked, and the rule is told of whose principal checks hold, then its action's,
//! then the most of all. A rule may keep quiet with `@audience("operators")`, and a rule that names
//! a team the caller is not in is never told of.
//!
//! An author's own words win: `@check("...")` says all conditions of a policy at once, `@fix` what
//! to do.
//!
//! Never: a fact about anybody but the caller. Asked only on a deny, and only once per question:
//! decisions are kept for their minute.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;

use super::checks::{Checked, Checks, Part};
use super::decision::Verdict;
use super::directory::Directory;
use super::entities::{Asked, Question};
use super::judge::{Ruling, Stranger};
use super::lineage::place;
use super::words::Tongue;
use super::yaml::lower_first;
use crate::identify::Who;
use crate::refusal::{Check, Explanation};

/// All policies, split, by id.
#[derive(Debug, Default)]
pub(super) struct Because {
    rules: BTreeMap<String, Split>,
    guardrails: BTreeMap<String, Split>,
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

#[derive(Debug)]
struct Split {
    checks: Checks,
    /// Whether callers may be told of it.
    quiet: bool,
    /// The teams that the policy names.
    teams: BTreeSet<String>,
    /// What the author says instead of the conditions.
    said: Option<String>,
    deny: Option<String>,
    fix: Option<String>,
}

/// Why not, in the two forms that it is told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) explanation: Explanation,
    /// One sentence, lower case and without a full stop.
    pub(super) sentence: String,
}

impl Because {
    /// Splits every policy of a set.
    pub(super) fn of(set: &cedar::PolicySet) -> Because {
        let mut because = Because::default();
        for policy in set.policies() {
            let audience = policy.annotation("audience").unwrap_or("callers");
            let forbids = policy.effect() == cedar::Effect::Forbid;
            let checks = match forbids {
                true => Checks::of_guardrail(policy),
                false => Checks::of_rule(policy),
            };
            let Some(checks) = checks else {
                continue;
            };
            let literals = policy.entity_literals();
            let teams = literals.iter().filter(|uid| is_team(uid));
            let text = |name| policy.annotation(name).map(spoken);
            let split = Split {
                checks,
                quiet: audience != "callers",
                teams: teams.map(|uid| uid.id().unescaped().to_owned()).collect(),
                said: text("check"),
                deny: text("deny"),
                fix: text("fix"),
            };
            let all = match forbids {
                true => &mut because.guardrails,
                false => &mut because.rules,
            };
            all.insert(policy.id().to_string(), split);
        }
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
                match guardrail.and_then(|id| Some((id, self.guardrails.get(id)?))) {
                    Some((id, split)) => {
                        let checks = split.checks.ask(listening.authorizer, asked);
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
        let rules = self.rules.iter().filter(|(_, split)| may_tell(split));
        let asked =
            rules.map(|(id, split)| (id, split, split.checks.ask(listening.authorizer, asked)));
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
        to.nearest_rule = Some(id.clone());
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

fn nearness(checks: &[Checked<'_>]) -> (bool, bool, usize, usize) {
    let holds = |part| {
        let mut of_part = checks.iter().filter(|checked| checked.part == part);
        of_part.all(|checked| checked.ok)
    };
    let held = checks.iter().filter(|checked| checked.ok).count();
    // A rule without checks would have permitted; counting in thousandths keeps this whole.
    let share = (held * 1000).checked_div(checks.len()).unwrap_or(0);
    (holds(Part::Principal), holds(Part::Action), share, held)
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

fn is_team(uid: &cedar::EntityUid) -> bool {
    uid.type_name().basename() == "Team"
}

/// A sentence as ours begin and end: lower case, no full stop.
fn spoken(text: &str) -> String {
    lower_first(text.trim().trim_end_matches('.'))
}

const ADD_IT: &str = "check the spelling, or ask for it to be added to directory.yaml";
const ADD_ID: &str = "ask for the id of your project or of its own group to be listed in \
    directory.yaml; a path alone may have been given to somebody else";
