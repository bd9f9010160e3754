//! Leaves out of lists what the caller may not read.
//!
//! In: a [`Committed`] whose operation declares a list. Out: the upstream's answer, without the items
//! that the caller may not read one by one.
//!
//! Where every item is alike to the policies and may be read, the answer goes by unread.
//!
//! Never: more than a few lists in memory at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use tokio::sync::Semaphore;

use super::carried::Carried;
use super::ruling::Ruling;
use crate::clock::Time;
use crate::forward::{Kept, ResponseBody, Unanswered, Upstreams};
use crate::identify::Principal;
use crate::record::Committed;
use crate::refusal::{Reason, Refusal};
use crate::resolve::{Entry, ListShape};

/// Room for lists.
#[derive(Debug)]
pub(super) struct Lists(Semaphore);

impl Default for Lists {
    fn default() -> Lists {
        Lists(Semaphore::new(AT_ONCE))
    }
}

/// How a list is filtered for one caller.
pub(super) struct Filter {
    shape: Arc<ListShape>,
    read: Arc<Entry>,
    principal: Arc<Principal>,
    project: Option<String>,
    time: Time,
    /// What holds for all of them.
    all: Option<bool>,
}

/// How this request's answer is filtered, if it is.
pub(super) fn filter_of(ruling: &Ruling, committed: &Committed) -> Option<Filter> {
    let operation = committed.permit().operation();
    let shape = operation.entry.list.clone()?;
    let read = ruling.catalogue.entries().iter().find(|entry| {
        entry.action == shape.read
            && entry.upstream == operation.entry.upstream
            && entry.method == Method::GET
    })?;
    let principal = Arc::clone(committed.permit().principal());
    let project = operation.resource.project.clone();
    let time = committed.arrival().time();
    let facts = principal.facts();
    let policies = &ruling.policies;
    let all = policies.reads_all_alike(facts, read, project.as_deref(), time);
    if all == Some(true) {
        return None;
    }
    Some(Filter {
        shape,
        read: Arc::clone(read),
        principal,
        project,
        time,
        all,
    })
}

impl Lists {
    /// Sends the request and filters the answer.
    pub(super) async fn forward(
        &self,
        ruling: &Ruling,
        filter: Filter,
        committed: Committed,
        body: Carried,
    ) -> Result<Response<ResponseBody>, Box<Unanswered>> {
        let turn = tokio::time::timeout(TURN, self.0.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            let refusal = Refusal::new(Reason::Overloaded);
            return Err(Upstreams::keep_back(committed, refusal));
        };
        let keep = |answer: &[u8]| filter.kept(ruling, answer);
        ruling
            .upstreams
            .forward_gathered(committed, body, keep)
            .await
    }
}

impl Filter {
    fn kept(&self, ruling: &Ruling, answer: &[u8]) -> Option<Kept> {
        let list = self.shape.list_in(answer)?;
        let keep = match self.all {
            Some(all) => vec![all; list.items.len()],
            None => ruling.policies.reads_each(
                self.principal.facts(),
                &self.read,
                self.project.as_deref(),
                &list.items,
                self.time,
            ),
        };
        let kept = keep.iter().filter(|keep| **keep).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Some(Kept {
            body: Bytes::from(list.keeping(answer, &keep)),
            kept: count(kept),
            left_out: count(keep.len().saturating_sub(kept)),
        })
    }
}

/// Each may take the largest answer twice.
const AT_ONCE: usize = 8;
const TURN: Duration = Duration::from_secs(5);
