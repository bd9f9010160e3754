//! Answers who asks for the timeline of deployments.
//!
//! In: a [`Committed`] `deployments.list`. Out: the page; nothing is sent to the upstream.

use http::Response;

use super::told::page;
use crate::forward::{ResponseBody, Unanswered, Upstreams};
use crate::own::{Deploys, Own};
use crate::record::Committed;
use crate::resolve::Operation;

/// Whether this is the operation that this file answers.
pub(super) fn is_one(operation: &Operation) -> bool {
    operation.entry.action == "deployments.list"
}

/// Answers it.
pub(super) async fn answer(
    own: &Own,
    committed: Committed,
) -> Result<Response<ResponseBody>, Box<Unanswered>> {
    let arrival = committed.arrival();
    let asked = Deploys::asked(arrival.query(), arrival.time());
    let shown = match asked {
        Ok(asked) => own.deploys(asked).await,
        Err(refusal) => Err(refusal),
    };
    match shown {
        Ok(shown) => {
            Upstreams::leave_be(committed);
            Ok(page(shown))
        }
        Err(refusal) => Err(Upstreams::keep_back(committed, refusal)),
    }
}
