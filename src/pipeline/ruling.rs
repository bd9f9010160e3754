//! One generation of everything that decides: issuers, catalogue, policies, upstreams.
//!
//! In: checked settings. Out: a [`Ruling`], built and tested whole, swapped whole.
//!
//! `Ruling::judge` is the one judge: what `serve` obeys is what `explain` prints and `test`
//! asserts. It decides without doing.
//!
//! The catalogue is asked before the token is read, but its answer is kept back until the caller
//! is known: who has no token learns nothing about paths.

use std::sync::Arc;

use super::carried::Carried;
use super::console;
use super::deployment;
use super::manner::Manner;
use super::objects::Objects;
use crate::authorize::{Decision, Denied, Permit, Policies};
use crate::forward::Upstreams;
use crate::hook::Hooks;
use crate::identify::{Issuers, Principal};
use crate::listen::Arrival;
use crate::people::{People, Scim, SignIn};
use crate::record::{Level, Levels};
use crate::refusal::Refusal;
use crate::resolve::{Catalogue, Operation, Speech};
use crate::stamp::Stamps;

/// What decides, as one value.
#[derive(Debug)]
pub struct Ruling {
    /// Who may vouch for callers. A new generation inherits the keys of the old one.
    pub issuers: Issuers,
    /// What can be asked.
    pub catalogue: Catalogue,
    /// Who may do what.
    pub policies: Policies,
    /// Where it goes.
    pub upstreams: Upstreams,
    /// Whose telemetry is stamped on the way there.
    pub stamps: Stamps,
    /// Which GitLab may tell us what happened.
    pub hooks: Hooks,
    /// When a decision counts as committed.
    pub levels: Levels,
    /// The digest of the settings it was built from.
    pub config: String,
    /// Objects that decisions looked at.
    pub objects: Objects,
    /// What is kept of people, where something is.
    pub people: Option<People>,
    /// Whom sessions are of, where people sign in.
    pub sign_in: Option<SignIn>,
    /// Where providers keep their users and groups, where some do.
    pub scim: Option<Scim>,
}

/// A request that ends here, with all that was learnt about it: a refusal's record names the
/// verified caller too.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Who asked, where that was verified.
    pub principal: Option<Arc<Principal>>,
    /// What was asked, where the catalogue knows it.
    pub operation: Option<Operation>,
    /// What the policies said, where they were asked.
    pub decision: Option<Box<Decision>>,
}

impl Ruling {
    /// Decides without doing.
    ///
    /// # Errors
    /// The refusal, and what was learnt before it.
    pub(super) async fn judge(
        &self,
        arrival: &Arrival,
        body: &mut Carried,
    ) -> Result<Permit, Refused> {
        let resolved = self.catalogue.resolve(arrival);
        let principal = match self.identify(arrival).await {
            Ok(principal) => principal,
            Err(refusal) => {
                return Err(Refused {
                    refusal,
                    principal: None,
                    operation: resolved.ok(),
                    decision: None,
                });
            }
        };
        let operation = match resolved {
            Ok(operation) => operation,
            Err(refusal) => {
                let principal = Some(principal);
                return Err(Refused {
                    refusal,
                    principal,
                    operation: None,
                    decision: None,
                });
            }
        };
        let known = if deployment::is_one(&operation) {
            deployment::announced(arrival, body, operation).await
        } else if console::is_one(&operation) {
            console::scoped(&self.policies, arrival, operation)
        } else {
            self.looked_up(arrival, body, &principal, operation).await
        };
        let operation = match known {
            Ok(operation) => operation,
            Err((operation, refusal)) => {
                return Err(Refused {
                    refusal,
                    principal: Some(principal),
                    operation: Some(*operation),
                    decision: None,
                });
            }
        };
        self.policies
            .authorize(principal, operation, arrival.time())
            .map_err(|denied| Refused::from(*denied))
    }

    /// Who asks: by a session on pages of ours, by a token or a certificate everywhere.
    pub(super) async fn identify(&self, arrival: &Arrival) -> Result<Arc<Principal>, Refusal> {
        match &self.sign_in {
            Some(sign_in) if sign_in.speaks_for(arrival) => {
                sign_in.identify(arrival, &self.issuers).await
            }
            _ => self.issuers.identify(arrival).await,
        }
    }

    /// How this caller wants to be answered.
    pub(super) fn manner(&self, arrival: &Arrival) -> Manner {
        let speech = self.catalogue.speech_of(arrival.path());
        Manner::of(arrival, speech == Speech::Otlp, self.sign_in.is_some())
    }

    /// How durable the decision must be before this operation is done.
    pub(super) fn level_of(&self, operation: &Operation) -> Level {
        self.levels.of(&operation.entry)
    }
}

impl Refused {
    /// Of a request that nobody judged.
    pub(super) fn unheard(refusal: Refusal) -> Refused {
        Refused {
            refusal,
            principal: None,
            operation: None,
            decision: None,
        }
    }

    /// Of a request that the policies allow.
    pub(super) fn after(permit: &Permit, refusal: Refusal) -> Refused {
        Refused {
            refusal,
            principal: Some(Arc::clone(permit.principal())),
            operation: Some(permit.operation().clone()),
            decision: None,
        }
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Refused {
        Refused {
            refusal: denied.refusal,
            principal: Some(denied.principal),
            operation: Some(denied.operation),
            decision: Some(Box::new(denied.decision)),
        }
    }
}
