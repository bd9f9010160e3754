//! The way of one request, from arrival to answer.
//!
//! In: an [`Arrival`] and its body, or an [`Unreadable`]. Out: an answer whose record is stored.
//!
//! One function, [`Ruling::judge`], decides for serve, explain and test alike. A request sees one
//! [`Ruling`] from its first step to its last, so a reload between two steps cannot mix two sets.
//!
//! Never: answers before the record is in the journal, forwards what is not [`Committed`], lets a
//! caller who goes away take a record along: each request runs as a task of its own.
//!
//! When the journal cannot take a record, the answer is `audit_unavailable` or
//! `audit_backpressure`, and nothing is forwarded.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Response};

use crate::authorize::Permit;
use crate::forward::{ResponseBody, Upstreams, refuse_loop};
use crate::listen::{Arrival, Receive, RequestBody, Sighting, Unreadable};
use crate::record::{Committed, Journal};
use crate::refusal::{Reason, Refusal, Site, answer};

mod deployment;
mod manner;
mod metadata;
pub mod metrics;
pub mod ruling;

pub use metrics::Metrics;
pub use ruling::{Refused, Ruling};

use manner::Manner;

/// Everything that a request meets on its way. Clones share it.
#[derive(Clone, Debug)]
pub struct Pipeline(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    ruling: ArcSwap<Ruling>,
    journal: Journal,
    metrics: Metrics,
    site: Site,
    origin: String,
}

impl Pipeline {
    /// Puts the steps together.
    pub fn new(
        ruling: Ruling,
        journal: Journal,
        metrics: Metrics,
        site: Site,
        origin: String,
    ) -> Pipeline {
        let ruling = ArcSwap::from_pointee(ruling);
        Pipeline(Arc::new(Parts {
            ruling,
            journal,
            metrics,
            site,
            origin,
        }))
    }

    /// The set that decides now.
    pub fn ruling(&self) -> Arc<Ruling> {
        self.0.ruling.load_full()
    }

    /// Puts a new set in the old one's place, whole. Requests on their way keep the old one.
    pub fn swap(&self, ruling: Ruling) {
        self.0.ruling.store(Arc::new(ruling));
    }

    /// The journal that every request is recorded in.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Takes one request from arrival to answer.
    async fn pass(&self, arrival: Arrival, body: RequestBody) -> Response<ResponseBody> {
        let ruling = self.ruling();
        let manner = ruling.manner(&arrival);
        if let Some(document) = metadata::asked_for(&arrival) {
            return self.publish(&ruling, &arrival, &manner, document).await;
        }
        if !self.0.journal.believes(arrival.time()) {
            let refused = Refused::unheard(Refusal::new(Reason::ClockUntrusted));
            return self.turn_back(arrival.sighting(), &manner, refused).await;
        }
        let began = Instant::now();
        let judged = ruling.judge(&arrival).await;
        self.0.metrics.judged(began.elapsed());
        match judged {
            Ok(permit) => self.commit(&ruling, arrival, permit, body, &manner).await,
            Err(refused) => self.turn_back(arrival.sighting(), &manner, refused).await,
        }
    }

    /// Writes the decision down, then does it.
    async fn commit(
        &self,
        ruling: &Ruling,
        arrival: Arrival,
        permit: Permit,
        body: RequestBody,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let level = ruling.level_of(permit.operation());
        let index = permit.operation().entry.index;
        let began = Instant::now();
        let committed = self.0.journal.commit(arrival, permit, level).await;
        self.0.metrics.committed(began.elapsed());
        match committed {
            Ok(committed) => {
                self.0.metrics.allowed(ruling, index);
                let seq = committed.seq();
                let mut answer = self.forward(ruling, committed, body, manner).await;
                self.receipt(&mut answer, seq);
                answer
            }
            Err((_, refusal)) => self.answer(&refusal, manner, None),
        }
    }

    /// Passes it on; what the upstream does not answer, we do.
    async fn forward(
        &self,
        ruling: &Ruling,
        committed: Committed,
        body: RequestBody,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let forwarded = if deployment::is_one(&committed) {
            deployment::forward(ruling, committed, body).await
        } else if let Err(refusal) = refuse_loop(committed.arrival().headers()) {
            Err(Upstreams::keep_back(committed, refusal))
        } else {
            ruling.upstreams.forward(committed, body).await
        };
        match forwarded {
            Ok(mut response) => {
                stamp(&mut response, manner);
                response
            }
            Err(unanswered) => self.answer(&unanswered.refusal, manner, None),
        }
    }

    /// Records a refusal, then sends it.
    async fn turn_back(
        &self,
        sighting: Sighting<'_>,
        manner: &Manner,
        refused: Refused,
    ) -> Response<ResponseBody> {
        let Refused {
            refusal,
            principal,
            operation,
            decision,
        } = refused;
        let stored = self
            .0
            .journal
            .refuse(
                sighting,
                &refusal,
                principal.as_deref(),
                operation.as_ref(),
                decision.as_deref(),
            )
            .await;
        match stored {
            Ok(seq) => self.answer(&refusal, manner, Some(seq)),
            Err(unstored) => self.answer(&unstored, manner, None),
        }
    }

    /// Hands out a public document of our own; it has its record like any request.
    async fn publish(
        &self,
        ruling: &Ruling,
        arrival: &Arrival,
        manner: &Manner,
        document: metadata::Document,
    ) -> Response<ResponseBody> {
        match self.0.journal.publish(arrival.sighting()).await {
            Ok(seq) => {
                let mut response = document.answer(ruling, &self.0.site);
                stamp(&mut response, manner);
                self.receipt(&mut response, seq);
                response
            }
            Err(unstored) => self.answer(&unstored, manner, None),
        }
    }

    /// A refusal in the caller's language, counted.
    fn answer(
        &self,
        refusal: &Refusal,
        manner: &Manner,
        seq: Option<u64>,
    ) -> Response<ResponseBody> {
        self.0.metrics.refused(refusal.reason());
        if let Some(noted) = refusal.noted() {
            tracing::warn!(decision = %manner.decision, reason = refusal.reason().word(), "{noted}");
        }
        let mut response = answer(refusal, &manner.asked(), &self.0.site).map(ResponseBody::from);
        if let Some(seq) = seq {
            self.receipt(&mut response, seq);
        }
        response
    }

    /// Where the record of this answer is: what a caller keeps to demand a proof later.
    fn receipt(&self, response: &mut Response<ResponseBody>, seq: u64) {
        if let Ok(value) = HeaderValue::try_from(format!("{}/{seq}", self.0.origin)) {
            response.headers_mut().insert(RECORD, value);
        }
    }
}

impl Receive for Pipeline {
    type Body = ResponseBody;

    async fn receive(&self, arrival: Arrival, body: RequestBody) -> Response<ResponseBody> {
        let manner = self.ruling().manner(&arrival);
        let pipeline = self.clone();
        // A task of its own: hyper drops the future of a caller who hangs up, and a dropped future
        // would take the record along (P2).
        match tokio::spawn(async move { pipeline.pass(arrival, body).await }).await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(decision = %manner.decision, "a request ended in a fault of ours");
                self.answer(&Refusal::new(Reason::AuditUnavailable), &manner, None)
            }
        }
    }

    async fn turn_away(&self, unreadable: Unreadable, refusal: Refusal) -> Response<ResponseBody> {
        let manner = Manner::unknown(unreadable.id);
        let refused = Refused::unheard(refusal);
        let pipeline = self.clone();
        let late = manner.clone();
        let task = async move {
            pipeline
                .turn_back(unreadable.sighting(), &manner, refused)
                .await
        };
        match tokio::spawn(task).await {
            Ok(response) => response,
            Err(_) => self.answer(&Refusal::new(Reason::AuditUnavailable), &late, None),
        }
    }
}

/// Every answer names its decision, whoever wrote it.
fn stamp(response: &mut Response<ResponseBody>, manner: &Manner) {
    if let Ok(value) = HeaderValue::try_from(manner.decision.to_string()) {
        response.headers_mut().insert(DECISION, value);
    }
}

const DECISION: HeaderName = HeaderName::from_static("stile-decision");
const RECORD: HeaderName = HeaderName::from_static("stile-record");
