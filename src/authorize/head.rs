//! The head of a policy as numbers: for whom, for what and on what it can apply at all.
//!
//! In: a policy; then a question. Out: a [`Head`] that says in nanoseconds whether the head holds,
//! before Cedar is asked for the conditions.
//!
//! A head names entities and types and nothing else, and an entity is in another when that one is
//! among its ancestors. So a head that does not hold here does not hold in Cedar, where it comes
//! before every condition and cannot fail.
//!
//! Never: a guess. A name that no head uses has no number and fits no head that names one.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};

use super::entities::Asked;

/// Every name that heads use, with its number.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    entities: HashMap<EntityUid, u32>,
    kinds: HashMap<EntityTypeName, u32>,
}

/// What a policy's head demands.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) principal: Limit,
    /// The actions or groups of actions; `None` for any.
    pub(super) actions: Option<Vec<u32>>,
    pub(super) resource: Limit,
}

/// What a head demands of the principal or the resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    kind: Option<u32>,
    /// The entity that it is, or is in.
    pub(super) entity: Option<u32>,
    itself: bool,
}

/// What a question has for heads.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) principal: Place,
    /// The action and its groups.
    pub(super) actions: Vec<u32>,
    pub(super) resource: Place,
}

/// Where the principal or the resource stands.
#[derive(Debug)]
pub(super) struct Place {
    kind: Option<u32>,
    itself: Option<u32>,
    /// Itself and all that it is in.
    pub(super) within: Vec<u32>,
}

impl Head {
    /// Whether the head holds as a whole.
    pub(super) fn holds(&self, scope: &Scope) -> bool {
        self.principal_holds(scope) && self.action_holds(scope) && self.resource_holds(scope)
    }

    /// Whether its part about the principal holds.
    pub(super) fn principal_holds(&self, scope: &Scope) -> bool {
        self.principal.holds(&scope.principal)
    }

    /// Whether its part about the action holds.
    pub(super) fn action_holds(&self, scope: &Scope) -> bool {
        let among = |action: &u32| scope.actions.contains(action);
        self.actions
            .as_ref()
            .is_none_or(|all| all.iter().any(among))
    }

    /// Whether its part about the resource holds.
    pub(super) fn resource_holds(&self, scope: &Scope) -> bool {
        self.resource.holds(&scope.resource)
    }
}

impl Limit {
    fn holds(&self, place: &Place) -> bool {
        let kind = self.kind.is_none() || self.kind == place.kind;
        kind && match self.entity {
            None => true,
            Some(entity) if self.itself => place.itself == Some(entity),
            Some(entity) => place.within.contains(&entity),
        }
    }
}

impl Numbers {
    /// The head of a policy; its names get numbers.
    pub(super) fn head(&mut self, policy: &Policy) -> Head {
        use {PrincipalConstraint as P, ResourceConstraint as R};
        let principal = match policy.principal_constraint() {
            P::Any => self.limit(None, None, false),
            P::Is(kind) => self.limit(Some(kind), None, false),
            P::In(entity) => self.limit(None, Some(entity), false),
            P::IsIn(kind, entity) => self.limit(Some(kind), Some(entity), false),
            P::Eq(entity) => self.limit(None, Some(entity), true),
        };
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(action) => Some(vec![self.number(action)]),
            ActionConstraint::In(actions) => {
                Some(actions.into_iter().map(|one| self.number(one)).collect())
            }
        };
        let resource = match policy.resource_constraint() {
            R::Any => self.limit(None, None, false),
            R::Is(kind) => self.limit(Some(kind), None, false),
            R::In(entity) => self.limit(None, Some(entity), false),
            R::IsIn(kind, entity) => self.limit(Some(kind), Some(entity), false),
            R::Eq(entity) => self.limit(None, Some(entity), true),
        };
        Head {
            principal,
            actions,
            resource,
        }
    }

    /// What a question has for the heads that were numbered here.
    pub(super) fn scope(&self, asked: &Asked) -> Scope {
        let request = &asked.request;
        Scope {
            principal: self.place(request.principal(), asked),
            actions: self.within(request.action(), asked),
            resource: self.place(request.resource(), asked),
        }
    }

    fn place(&self, entity: Option<&EntityUid>, asked: &Asked) -> Place {
        Place {
            kind: entity.and_then(|one| self.kinds.get(one.type_name()).copied()),
            itself: entity.and_then(|one| self.entities.get(one).copied()),
            within: self.within(entity, asked),
        }
    }

    fn within(&self, entity: Option<&EntityUid>, asked: &Asked) -> Vec<u32> {
        let above = entity.and_then(|one| asked.entities.ancestors(one));
        let all = entity.into_iter().chain(above.into_iter().flatten());
        all.filter_map(|one| self.entities.get(one).copied())
            .collect()
    }

    fn limit(
        &mut self,
        kind: Option<EntityTypeName>,
        entity: Option<EntityUid>,
        itself: bool,
    ) -> Limit {
        let next = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        Limit {
            kind: kind.map(|kind| *self.kinds.entry(kind).or_insert(next)),
            entity: entity.map(|entity| self.number(entity)),
            itself,
        }
    }

    fn number(&mut self, entity: EntityUid) -> u32 {
        let next = u32::try_from(self.entities.len()).unwrap_or(u32::MAX);
        *self.entities.entry(entity).or_insert(next)
    }
}
