//! Finds the few policies that can concern a question, so that ten thousand cost what ten do.
//!
//! In: a policy set; then a question. Out: Cedar's answer, the same as by the whole set.
//!
//! Each policy is filed under the rarest name of its head: an entity that the principal or the
//! resource must be or be in, or an action. A question looks up its own names, keeps the policies
//! whose whole head holds, and asks Cedar with these alone. A policy whose head does not hold neither
//! permits, forbids nor fails, so leaving it out changes nothing: decision, deciding policies and
//! errors are those of the whole set (a test compares them over random sets).
//!
//! Links of templates are filled in at load, which means the same. The small sets are kept, since
//! many questions have the same few.
//!
//! Never: a policy that is left out because it could not be filed; it is asked each time instead.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy as cedar;
use moka::sync::Cache;

use super::entities::Asked;
use super::head::{Head, Numbers, Scope};
use super::spread::spread;

/// Policies by the names in their heads.
#[derive(Debug)]
pub(super) struct Index {
    numbers: Numbers,
    policies: Vec<Filed>,
    filed: HashMap<Key, Vec<usize>>,
    /// Small sets by the places of their policies.
    kept: Cache<Arc<[usize]>, Arc<cedar::PolicySet>>,
}

#[derive(Debug)]
struct Filed {
    head: Head,
    policy: cedar::Policy,
    /// Whether it may ask whose the resource is.
    owner: bool,
}

/// What policies are filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Principal(u32),
    Resource(u32),
    Action(u32),
    Anything,
}

impl Index {
    /// Files every policy of a set; `None` should one not be what Cedar can take apart.
    pub(super) fn of(set: &cedar::PolicySet) -> Option<Index> {
        let mut numbers = Numbers::default();
        let all: Vec<&cedar::Policy> = set.policies().collect();
        let mut policies = Vec::with_capacity(all.len());
        for policy in spread(&all, |policy| filled(policy)) {
            let policy = policy?;
            let head = numbers.head(&policy);
            let owner = policy.to_string().contains(OWNER);
            policies.push(Filed {
                head,
                policy,
                owner,
            });
        }
        policies.sort_by(|a, b| a.policy.id().cmp(b.policy.id()));
        let mut how_many: HashMap<Key, usize> = HashMap::new();
        for one in &policies {
            for key in ways(&one.head).into_iter().flatten() {
                *how_many.entry(key).or_default() += 1;
            }
        }
        let mut filed: HashMap<Key, Vec<usize>> = HashMap::new();
        let total =
            |way: &Vec<Key>| -> usize { way.iter().filter_map(|key| how_many.get(key)).sum() };
        for (place, one) in policies.iter().enumerate() {
            let rarest = ways(&one.head).into_iter().min_by_key(total);
            for key in rarest.unwrap_or_else(|| vec![Key::Anything]) {
                filed.entry(key).or_default().push(place);
            }
        }
        Some(Index {
            numbers,
            policies,
            filed,
            kept: Cache::builder()
                .weigher(|key: &Arc<[usize]>, _| u32::try_from(key.len()).unwrap_or(u32::MAX))
                .max_capacity(MOST_KEPT)
                .build(),
        })
    }

    /// Every policy, links filled in.
    pub(super) fn policies(&self) -> impl Iterator<Item = &cedar::Policy> {
        self.policies.iter().map(|one| &one.policy)
    }

    /// Cedar's answer by those policies of the whole set that can concern the question.
    pub(super) fn answer(
        &self,
        whole: &cedar::PolicySet,
        authorizer: &cedar::Authorizer,
        asked: &Asked,
    ) -> cedar::Response {
        let by = |set| authorizer.is_authorized(&asked.request, set, &asked.entities);
        let places = self.concerned(&self.numbers.scope(asked));
        if let Some(set) = self.kept.get(places.as_slice()) {
            return by(&set);
        }
        match self.set_of(&places) {
            Some(set) => {
                let set = Arc::new(set);
                self.kept.insert(places.into(), set.clone());
                by(&set)
            }
            None => by(whole), // slower, and never with a policy less
        }
    }

    /// Whether the answer can depend on whose the resource is.
    pub(super) fn asks_for_owner(&self, asked: &Asked) -> bool {
        let places = self.concerned(&self.numbers.scope(asked));
        let filed = |place: &usize| self.policies.get(*place);
        places.iter().filter_map(filed).any(|one| one.owner)
    }

    /// The places of the policies whose heads hold, in order.
    fn concerned(&self, scope: &Scope) -> Vec<usize> {
        let principal = scope.principal.within.iter().map(|n| Key::Principal(*n));
        let resource = scope.resource.within.iter().map(|n| Key::Resource(*n));
        let actions = scope.actions.iter().map(|n| Key::Action(*n));
        let keys = principal.chain(resource).chain(actions);
        let filed = keys
            .chain([Key::Anything])
            .filter_map(|key| self.filed.get(&key))
            .flatten();
        let holds = |place: &usize| {
            let one = self.policies.get(*place);
            one.is_some_and(|one| one.head.holds(scope))
        };
        let mut places: Vec<usize> = filed.copied().filter(holds).collect();
        places.sort_unstable();
        places.dedup(); // one with two actions may be filed under both
        places
    }

    fn set_of(&self, places: &[usize]) -> Option<cedar::PolicySet> {
        let mut set = cedar::PolicySet::new();
        for place in places {
            set.add(self.policies.get(*place)?.policy.clone()).ok()?;
        }
        Some(set)
    }
}

/// Each way that a policy could be filed: one key, or a key for each of its actions.
fn ways(head: &Head) -> Vec<Vec<Key>> {
    let principal = head.principal.entity.map(|n| vec![Key::Principal(n)]);
    let resource = head.resource.entity.map(|n| vec![Key::Resource(n)]);
    let actions = head.actions.as_ref();
    let actions = actions.map(|all| all.iter().map(|n| Key::Action(*n)).collect());
    principal
        .into_iter()
        .chain(resource)
        .chain(actions)
        .collect()
}

/// A link of a template as a policy of its own.
fn filled(policy: &cedar::Policy) -> Option<cedar::Policy> {
    if policy.is_static() {
        return Some(policy.clone());
    }
    let filled = match policy.to_pst().ok()? {
        cedar::pst::Policy::Static(filled) => filled,
        cedar::pst::Policy::Linked(link) => link.into_static_policy().ok()?,
    };
    let filled = cedar::Policy::from_pst(filled.into()).ok()?;
    let filled = filled.new_id(policy.id().clone());
    filled.is_static().then_some(filled) // a set takes nothing else, and would be left whole
}

/// Why there is no index of a set.
pub(super) const NOT_TAKEN_APART: &str =
    "a policy cannot be taken apart into its head and conditions";

/// The attribute of a resource; a policy that has the word elsewhere is taken to ask for it too.
const OWNER: &str = "owner";

/// Policies in all kept sets together.
const MOST_KEPT: u64 = 50_000;

#[cfg(test)]
mod tests;
