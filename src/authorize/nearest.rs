//! Says which rules came nearest to allowing a question.
//!
//! In: the rules of a set, a question's names. Out: the few that are worth asking check by check, and
//! how near each came.
//!
//! A rule is split into checks when it is first told of: a set of thousands tells of few. Which heads
//! hold is known without Cedar, and heads come first in nearness, so the rest need not be asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use cedar_policy as cedar;

use super::checks::{Checked, Checks, Part};
use super::head::{Head, Numbers, Scope};
use super::yaml::lower_first;

/// A policy with all that is told of it.
#[derive(Debug)]
pub(super) struct Split {
    policy: cedar::Policy,
    pub(super) head: Head,
    /// Split when it is first told of: a set of thousands tells of few.
    checks: OnceLock<Option<Checks>>,
    /// Whether callers are not told of it.
    pub(super) quiet: bool,
    /// The teams that the policy names.
    pub(super) teams: BTreeSet<String>,
    /// What the author says instead of the conditions.
    pub(super) said: Option<String>,
    pub(super) deny: Option<String>,
    pub(super) fix: Option<String>,
}

impl Split {
    /// A policy, ready to be split.
    pub(super) fn of(policy: &cedar::Policy, numbers: &mut Numbers) -> Split {
        let literals = policy.entity_literals();
        let teams = literals.iter().filter(|uid| is_team(uid));
        let text = |name| policy.annotation(name).map(spoken);
        Split {
            policy: policy.clone(),
            head: numbers.head(policy),
            checks: OnceLock::new(),
            quiet: policy.effect() == cedar::Effect::Permit
                && policy
                    .annotation("audience")
                    .is_some_and(|audience| audience != "callers"),
            teams: teams.map(|uid| uid.id().unescaped().to_owned()).collect(),
            said: text("check"),
            deny: text("deny"),
            fix: text("fix"),
        }
    }

    /// Its single checks.
    pub(super) fn checks(&self) -> Option<&Checks> {
        let split = || match self.policy.effect() {
            cedar::Effect::Forbid => Checks::of_guardrail(&self.policy),
            cedar::Effect::Permit => Checks::of_rule(&self.policy),
        };
        self.checks.get_or_init(split).as_ref()
    }
}

/// All rules, and where those are that a question may be near to.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// In the order of ids.
    all: Vec<(String, Split)>,
    /// Places in `all` by the principal that the head names, under `None` those that name none.
    by_principal: HashMap<Option<u32>, Vec<usize>>,
    /// The same by the resource.
    by_resource: HashMap<Option<u32>, Vec<usize>>,
}

impl Rules {
    pub(super) fn of(rules: BTreeMap<String, Split>) -> Rules {
        let mut filed = Rules {
            all: rules.into_iter().collect(),
            ..Rules::default()
        };
        for (place, (_, split)) in filed.all.iter().enumerate() {
            let (principal, resource) = (split.head.principal.entity, split.head.resource.entity);
            filed.by_principal.entry(principal).or_default().push(place);
            filed.by_resource.entry(resource).or_default().push(place);
        }
        filed
    }

    /// The rules that can be nearest, of those that may be told of, in the order of ids.
    ///
    /// Heads come first in [`nearness`], and they are told without Cedar. Of rules that are for
    /// others, those about the resource and the action are near enough; the rest is looked at where
    /// there are none.
    pub(super) fn finalists(
        &self,
        scope: &Scope,
        may_tell: impl Fn(&Split) -> bool,
    ) -> Vec<(&str, &Split)> {
        let told = |place: &usize| {
            let (id, split) = self.all.get(*place)?;
            may_tell(split).then_some((id.as_str(), split))
        };
        let theirs = filed(&self.by_principal, &scope.principal.within);
        let theirs = theirs.iter().filter_map(told);
        let mut near = best(theirs.filter(|(_, s)| s.head.principal_holds(scope)), scope);
        if near.is_empty() {
            let on_it = filed(&self.by_resource, &scope.resource.within);
            let on_it = on_it.iter().filter_map(told);
            let about =
                |split: &Split| split.head.resource_holds(scope) && split.head.action_holds(scope);
            near = best(on_it.filter(|(_, split)| about(split)), scope);
        }
        if near.is_empty() {
            near = best((0..self.all.len()).filter_map(|place| told(&place)), scope);
        }
        near
    }
}

/// The places under these names and under none, in order.
fn filed(places: &HashMap<Option<u32>, Vec<usize>>, within: &[u32]) -> Vec<usize> {
    let named = within.iter().map(|number| Some(*number));
    let found = named.chain([None]).filter_map(|key| places.get(&key));
    let mut found: Vec<usize> = found.flatten().copied().collect();
    found.sort_unstable();
    found
}

/// Those with the best heads. Of more than are worth asking one by one, those come first that are
/// about the resource.
fn best<'a>(
    rules: impl Iterator<Item = (&'a str, &'a Split)>,
    scope: &Scope,
) -> Vec<(&'a str, &'a Split)> {
    let mut best = (false, false);
    let mut finalists = Vec::new();
    for (id, split) in rules {
        let head = &split.head;
        let near = (head.principal_holds(scope), head.action_holds(scope));
        if near > best {
            best = near;
            finalists.clear();
        }
        if near == best {
            finalists.push((id, split));
        }
    }
    if finalists.len() > MOST_ASKED {
        finalists.sort_by_key(|(_, split)| !split.head.resource_holds(scope)); // and still by id
        finalists.truncate(MOST_ASKED);
    }
    finalists
}

/// How near a rule came: by its principal, its action, then by how much of it held.
pub(super) fn nearness(checks: &[Checked<'_>]) -> (bool, bool, usize, usize) {
    let holds = |part| {
        let mut of_part = checks.iter().filter(|checked| checked.part == part);
        of_part.all(|checked| checked.ok)
    };
    let held = checks.iter().filter(|checked| checked.ok).count();
    // A rule without checks would have permitted; counting in thousandths keeps this whole.
    let share = (held * 1000).checked_div(checks.len()).unwrap_or(0);
    (holds(Part::Principal), holds(Part::Action), share, held)
}

fn is_team(uid: &cedar::EntityUid) -> bool {
    uid.type_name().basename() == "Team"
}

/// A sentence as ours begin and end: lower case, no full stop.
fn spoken(text: &str) -> String {
    lower_first(text.trim().trim_end_matches('.'))
}

const MOST_ASKED: usize = 16;
