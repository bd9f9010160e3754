//! The way of one request, from arrival to answer.
//!
//! In: an [`Arrival`] and its body, or an [`Unreadable`]. Out: an answer whose record is stored.
//!
//! One function, `Ruling::judge`, decides for serve, explain and test alike. A request sees one
//! [`Ruling`] from its first step to its last, so a reload between two steps cannot mix two sets.
//!
//! Never: answers before the record is in the journal, forwards what is not [`Committed`], lets a
//! caller who goes away take a record along.
//!
//! When the journal cannot take a record, the answer is `audit_unavailable` or
//! `audit_backpressure`, and nothing is forwarded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Response};
use prometheus::IntCounter;
use uuid::Uuid;

use crate::authorize::Permit;
use crate::forward::{ResponseBody, Upstreams, refuse_loop};
use crate::listen::{Arrival, Receive, RequestBody, Sighting, Unreadable};
use crate::own::Own;
use crate::record::{Committed, Journal};
use crate::refusal::{Reason, Refusal, Site, answer};

mod carried;
mod console;
mod deployment;
mod deploys;
mod directory;
mod finishing;
mod hooks;
mod lists;
mod manner;
mod metadata;
mod notices;
mod signing_in;
mod stamping;
mod told;
pub mod metrics;
mod objects;
pub mod ruling;

pub use console::{Looking, Making, Pages};
pub use metrics::Metrics;
pub use notices::digest_of;
pub use objects::Objects;
pub use ruling::{Refused, Ruling};

use carried::Carried;
use finishing::{Finishing, Unattended};
use manner::Manner;

/// Everything that a request meets on its way. Clones share it.
#[derive(Clone, Debug)]
pub struct Pipeline(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    in_force: ArcSwap<InForce>,
    journal: Journal,
    metrics: Metrics,
    site: Site,
    own: Own,
    pages: Option<Arc<dyn Pages>>,
    origin: String,
    deployed: deployment::Arrived,
    hooks: hooks::Intake,
    notices: notices::Intake,
    hearing: directory::Hearing,
    unattended: Arc<Unattended>,
}

/// One generation, and the counters that go with it.
#[derive(Debug)]
struct InForce {
    ruling: Arc<Ruling>,
    /// Each at the index of its entry.
    allowed: Vec<IntCounter>,
}

impl InForce {
    fn new(ruling: Ruling, metrics: &Metrics) -> InForce {
        let allowed = metrics.allowed_by(ruling.catalogue.entries());
        InForce {
            ruling: Arc::new(ruling),
            allowed,
        }
    }
}

impl Pipeline {
    /// Puts the steps together.
    pub fn new(
        ruling: Ruling,
        journal: Journal,
        metrics: Metrics,
        site: Site,
        (own, pages): (Own, Option<Arc<dyn Pages>>),
        origin: String,
    ) -> Pipeline {
        let in_force = ArcSwap::from_pointee(InForce::new(ruling, &metrics));
        Pipeline(Arc::new(Parts {
            in_force,
            journal,
            metrics,
            site,
            own,
            pages,
            origin,
            deployed: deployment::Arrived::default(),
            hooks: hooks::Intake::default(),
            notices: notices::Intake::default(),
            hearing: directory::Hearing::default(),
            unattended: Arc::default(),
        }))
    }

    /// The set that decides now.
    pub fn ruling(&self) -> Arc<Ruling> {
        Arc::clone(&self.0.in_force.load().ruling)
    }

    /// Puts a new set in the old one's place, whole. Requests on their way keep the old one.
    pub fn swap(&self, ruling: Ruling) {
        let next = InForce::new(ruling, &self.0.metrics);
        self.0.in_force.store(Arc::new(next));
    }

    /// Sees those requests through whose callers are gone; cuts them after so long. For an instance that
    /// takes no others.
    pub async fn finish(&self, longest: Duration) {
        self.0.unattended.end(longest).await;
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
        let in_force = self.0.in_force.load_full();
        let ruling = &*in_force.ruling;
        let manner = ruling.manner(&arrival);
        if let Some(asked) = self.told(&arrival) {
            let in_force = Arc::clone(&in_force);
            return self.tell(in_force, arrival, &manner, asked).await;
        }
        if let Some(asked) = signing_in::asked_for(&in_force, &arrival) {
            let in_force = Arc::clone(&in_force);
            return self.sign_in(in_force, arrival, &manner, asked).await;
        }
        if let Some(scim) = directory::asked_for(&in_force, &arrival) {
            return self
                .keep_directory(scim, arrival, body.into(), &manner)
                .await;
        }
        if hooks::is_one(&in_force, &arrival) {
            let in_force = Arc::clone(&in_force);
            return self
                .take_hook(in_force, arrival, body.into(), &manner)
                .await;
        }
        if let Some(door) = self.0.notices.door(&arrival) {
            let in_force = Arc::clone(&in_force);
            return self
                .take_notice(in_force, door, arrival, body.into(), &manner)
                .await;
        }
        if !self.0.journal.believes(arrival.time()) {
            let refused = Refused::unheard(Refusal::new(Reason::ClockUntrusted));
            return self.turn_back(arrival.sighting(), &manner, refused).await;
        }
        let began = Instant::now();
        let mut body = Carried::from(body);
        let judged = ruling.judge(&arrival, &mut body).await;
        self.0.metrics.judged(began.elapsed());
        match judged {
            Ok(permit) => self.commit(&in_force, arrival, permit, body, &manner).await,
            Err(refused) => self.turn_back(arrival.sighting(), &manner, refused).await,
        }
    }

    /// Writes the decision down, then does it.
    async fn commit(
        &self,
        in_force: &InForce,
        arrival: Arrival,
        permit: Permit,
        body: Carried,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let ruling = &*in_force.ruling;
        if let Err(refusal) = ruling.upstreams.admit(&permit) {
            let refused = Refused::after(&permit, refusal);
            return self.turn_back(arrival.sighting(), manner, refused).await;
        }
        if let Err(refusal) = self.0.journal.spend(&permit, arrival.time()).await {
            let refused = Refused::after(&permit, refusal);
            return self.turn_back(arrival.sighting(), manner, refused).await;
        }
        let level = ruling.level_of(permit.operation());
        let index = permit.operation().entry.index;
        self.0.metrics.observed(permit.observed());
        let began = Instant::now();
        let committed = self.0.journal.commit(arrival, permit, level).await;
        self.0.metrics.committed(began.elapsed());
        match committed {
            Ok(committed) => {
                if let Some(counter) = in_force.allowed.get(index) {
                    counter.inc();
                }
                let seq = committed.seq();
                let mut answer = match console::is_one(committed.permit().operation()) {
                    true => self.look(in_force, committed, manner).await,
                    false => self.forward(ruling, committed, body, manner).await,
                };
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
        body: Carried,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let changed = ruling.changed_object(committed.permit().operation());
        if let Some(changed) = &changed {
            // Now too: a caller who leaves takes what comes after the answer along.
            ruling.objects.forget(changed).await;
        }
        let forwarded = if deployment::is_one(committed.permit().operation()) {
            self.0.deployed.forward(ruling, committed, body).await
        } else if deploys::is_one(committed.permit().operation()) {
            deploys::answer(&self.0.own, committed).await
        } else if let Err(refusal) = refuse_loop(committed.arrival().headers()) {
            Err(Upstreams::keep_back(committed, refusal))
        } else if let Some(rule) = stamping::rule_of(ruling, &committed) {
            stamping::forward(ruling, rule, committed, body).await
        } else if let Some(filter) = lists::filter_of(ruling, &committed) {
            lists::forward(ruling, filter, committed, body).await
        } else {
            ruling.upstreams.forward(committed, body).await
        };
        if let Some(changed) = changed {
            ruling.objects.forget(&changed).await;
        }
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
        let observed = decision.as_ref().and_then(|d| d.observed.as_deref());
        self.0.metrics.observed(observed);
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
        let mut response = match manner.signs_in_for(refusal.reason()) {
            Some(url) => {
                let mut response = signing_in::gone(url);
                stamp(&mut response, manner);
                response
            }
            None => answer(refusal, &manner.asked(), &self.0.site).map(ResponseBody::from),
        };
        if let Some(seq) = seq {
            self.receipt(&mut response, seq);
        }
        response
    }

    /// A request ended in a panic. Its outcome, where it was committed, says `unknown`.
    fn fault(&self, decision: Uuid) -> Response<ResponseBody> {
        tracing::error!(%decision, "a request ended in a fault of ours");
        let refusal = self.0.journal.answer_to_a_fault();
        self.answer(&refusal, &Manner::unknown(decision), None)
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
        let decision = arrival.id();
        let pipeline = self.clone();
        let passed = async move { pipeline.pass(arrival, body).await };
        match Finishing::new(passed, &self.0.unattended).await {
            Some(response) => response,
            None => self.fault(decision),
        }
    }

    async fn turn_away(&self, unreadable: Unreadable, refusal: Refusal) -> Response<ResponseBody> {
        let decision = unreadable.id;
        let refused = Refused::unheard(refusal);
        let pipeline = self.clone();
        let turned = async move {
            let manner = Manner::unknown(unreadable.id);
            pipeline
                .turn_back(unreadable.sighting(), &manner, refused)
                .await
        };
        match Finishing::new(turned, &self.0.unattended).await {
            Some(response) => response,
            None => self.fault(decision),
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
