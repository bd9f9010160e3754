//! Lets whoever may look at the pages of the console.
//!
//! In: an operation of class `look`. Out: before the decision, whose records it is about, as what is
//! asked for; after it, the page, which is made elsewhere ([`Pages`]).
//!
//! What the policies were asked about is what the page is given: it cannot show a wider scope than the
//! one that was allowed, since it is told no other.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Response;

use super::manner::Manner;
use super::ruling::Ruling;
use super::{InForce, Pipeline, stamp};
use crate::authorize::Policies;
use crate::clock::Time;
use crate::forward::{ResponseBody, Upstreams};
use crate::identify::Principal;
use crate::listen::Arrival;
use crate::own::Pairs;
use crate::record::Committed;
use crate::refusal::{Reason, Refusal};
use crate::resolve::{Class, Operation, Scope};

/// Who makes the pages of the console.
pub trait Pages: fmt::Debug + Send + Sync {
    /// Makes one.
    fn page(&self, pipeline: Pipeline, look: Looking) -> Making;

    /// The style sheet or the script of that path, for everybody.
    fn part(&self, path: &str) -> Option<Response<ResponseBody>>;
}

/// A page that is being made.
pub type Making = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Refusal>> + Send>>;

/// Who looks at which page.
#[derive(Clone, Debug)]
pub struct Looking {
    /// The path, letter by letter.
    pub path: String,
    /// The query, decoded.
    pub pairs: Pairs,
    /// What the policies allowed to be looked at: the id of a [`Scope`]. Pages about the caller alone
    /// have none.
    pub scope: Option<String>,
    /// Who looks.
    pub principal: Arc<Principal>,
    /// When.
    pub time: Time,
    /// The place of the look's record in this instance's journal.
    pub seq: u64,
    /// The generation that allowed it.
    pub ruling: Arc<Ruling>,
}

/// Whether this is an operation that this file answers.
pub(super) fn is_one(operation: &Operation) -> bool {
    operation.entry.class == Class::Look
}

/// The path of the page for everybody who is known, and of its twin.
pub(super) fn is_start(path: &str) -> bool {
    matches!(path, "/.stile/console" | "/.stile/console.json")
}

/// Reads whose records it is about, so that policies can ask for it and the record names it.
///
/// # Errors
///
/// `malformed_request`, with what is wrong about the scope.
pub(super) fn scoped(
    policies: &Policies,
    arrival: &Arrival,
    mut operation: Operation,
) -> Result<Operation, (Box<Operation>, Refusal)> {
    let read = Pairs::read(arrival.query()).and_then(|pairs| match pairs.scope()? {
        Scope::Team(team) if !policies.has_team(team) => {
            let told = "the directory of the policies has no such team";
            Err(Refusal::new(Reason::MalformedRequest).telling(told))
        }
        scope => Ok(scope.id()),
    });
    match read {
        Ok(id) => {
            operation.resource.id = id;
            Ok(operation)
        }
        Err(refusal) => Err((Box::new(operation), refusal)),
    }
}

impl Pipeline {
    /// Shows the page of a look that was allowed and recorded.
    pub(super) async fn look(
        &self,
        in_force: &InForce,
        committed: Committed,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let seq = committed.seq();
        let arrival = committed.arrival();
        let made = match (&self.0.pages, Pairs::read(arrival.query())) {
            (Some(pages), Ok(pairs)) => {
                let permit = committed.permit();
                let looking = Looking {
                    path: arrival.path().to_owned(),
                    pairs,
                    scope: permit.operation().resource.id.clone(),
                    principal: Arc::clone(permit.principal()),
                    time: arrival.time(),
                    seq,
                    ruling: Arc::clone(&in_force.ruling),
                };
                pages.page(self.clone(), looking).await
            }
            (None, _) => Err(Refusal::new(Reason::NoOperation)),
            (_, Err(refusal)) => Err(refusal),
        };
        match made {
            Ok(mut response) => {
                Upstreams::leave_be(committed);
                stamp(&mut response, manner);
                response
            }
            Err(refusal) => {
                let unanswered = Upstreams::keep_back(committed, refusal);
                self.answer(&unanswered.refusal, manner, None)
            }
        }
    }
}
