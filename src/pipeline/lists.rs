//! Leaves out of lists what the caller may not read.
//!
//! In: a [`Committed`] whose operation declares a list. Out: the upstream's answer, without the items
//! that the caller may not read one by one.
//!
//! Where every item is alike to the policies and may be read, the answer goes by unread.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};

use super::carried::Carried;
use super::ruling::Ruling;
use crate::authorize::Reading;
use crate::clock::Time;
use crate::forward::{Kept, ResponseBody, Unanswered};
use crate::identify::Principal;
use crate::record::Committed;
use crate::resolve::{Entry, ListShape};

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
    let mut filter = Filter {
        shape,
        read: Arc::clone(read),
        principal: Arc::clone(committed.permit().principal()),
        project: operation.resource.project.clone(),
        time: committed.arrival().time(),
        all: None,
    };
    filter.all = ruling.policies.reads_all_alike(&filter.reading());
    (filter.all != Some(true)).then_some(filter)
}

/// Sends the request and filters the answer.
pub(super) async fn forward(
    ruling: &Ruling,
    filter: Filter,
    committed: Committed,
    body: Carried,
) -> Result<Response<ResponseBody>, Box<Unanswered>> {
    let keep = |answer: &[u8]| filter.kept(ruling, answer);
    let upstreams = &ruling.upstreams;
    upstreams.forward_gathered(committed, body, keep).await
}

impl Filter {
    fn reading(&self) -> Reading<'_> {
        Reading {
            facts: self.principal.facts(),
            read: &self.read,
            project: self.project.as_deref(),
            is_of_projects: self.shape.is_of_projects,
            now: self.time,
        }
    }

    fn kept(&self, ruling: &Ruling, answer: &[u8]) -> Option<Kept> {
        let list = self.shape.list_in(answer)?;
        let keep = match self.all {
            Some(all) => vec![all; list.items.len()],
            None => ruling.policies.reads_each(&self.reading(), &list.items),
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
