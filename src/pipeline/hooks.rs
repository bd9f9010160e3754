//! Takes webhooks in.
//!
//! In: `POST /.stile/hooks/gitlab`. Out: an answer, after what it told is in the journal and synced.
//!
//! The journal is the queue: what is answered with 200 is there, survives a power cut, and is sent on
//! by whoever follows the journal. What is not kept, because nothing here needs it or because it was
//! taken before, is answered with 200 all the same: GitLab stops sending to who answers otherwise.
//!
//! Never: more than a few bodies in memory at once; a byte of the body read for somebody who did not
//! even try to prove who it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::carried::Carried;
use super::manner::Manner;
use super::{InForce, Pipeline, Refused, stamp};
use crate::forward::ResponseBody;
use crate::hook::{self, Deliveries, Kind};
use crate::listen::Arrival;
use crate::record::frame::{hex, sha256};
use crate::refusal::{Reason, Refusal};

/// What taking webhooks in needs.
#[derive(Debug)]
pub(super) struct Intake {
    deliveries: Deliveries,
    turns: Semaphore,
}

impl Default for Intake {
    fn default() -> Intake {
        Intake {
            deliveries: Deliveries::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Intake {
    /// The whole body. Small ones wait for nobody: strangers who send large ones slowly, with a
    /// signature that they made up, would hold up those that GitLab sends.
    async fn whole(&self, body: &mut Carried, fields: &HeaderMap) -> Result<Bytes, Refusal> {
        let length = fields.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > LARGEST_BYTES) {
            return Err(Refusal::new(Reason::BodyTooLarge));
        }
        let is_small = length.is_some_and(|length| length <= SMALL_BYTES);
        let read = async {
            let busy = |_| Refusal::new(Reason::Overloaded);
            let turn = tokio::time::timeout(TURN, self.turns.acquire());
            let _turn = match is_small {
                true => None,
                false => Some(turn.await.map_err(busy)?),
            };
            body.gather(LARGEST_BYTES).await
        };
        let read = tokio::time::timeout(LONGEST, read).await;
        read.unwrap_or_else(|_| Err(Refusal::new(Reason::ClientTimeout)))
    }
}

/// Whether an arrival is a webhook, where webhooks are taken.
pub(super) fn is_one(in_force: &InForce, arrival: &Arrival) -> bool {
    arrival.path() == "/.stile/hooks/gitlab"
        && arrival.method() == Method::POST
        && !in_force.ruling.hooks.is_empty()
}

/// What became of a webhook.
enum Taken {
    Kept(Kind, u64),
    Known,
    NotNeeded,
}

impl Pipeline {
    /// Takes one webhook.
    pub(super) async fn take_hook(
        &self,
        in_force: Arc<InForce>,
        arrival: Arrival,
        body: Carried,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let taken = match self.0.journal.believes(arrival.time()) {
            true => self.hear(&in_force, &arrival, body).await,
            false => Err(Refusal::new(Reason::ClockUntrusted)),
        };
        let (seq, word) = match taken {
            Ok(Taken::Kept(kind, seq)) => (Ok(seq), json!(kind.note().word())),
            Ok(Taken::Known) => (
                self.0.journal.publish(arrival.sighting()).await,
                json!("before"),
            ),
            Ok(Taken::NotNeeded) => (
                self.0.journal.publish(arrival.sighting()).await,
                Value::Null,
            ),
            Err(refusal) => {
                let refused = Refused::unheard(refusal);
                return self.turn_back(arrival.sighting(), manner, refused).await;
            }
        };
        match seq {
            Ok(seq) => {
                let body = Bytes::from(json!({ "taken": word }).to_string());
                let mut response = Response::new(ResponseBody::Full(body));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                stamp(&mut response, manner);
                self.receipt(&mut response, seq);
                response
            }
            Err(unstored) => self.answer(&unstored, manner, None),
        }
    }

    async fn hear(
        &self,
        in_force: &InForce,
        arrival: &Arrival,
        mut body: Carried,
    ) -> Result<Taken, Refusal> {
        let (hooks, fields) = (&in_force.ruling.hooks, arrival.headers());
        let time = arrival.time();
        if !fields.contains_key("webhook-signature") {
            // Its secret does not depend on the body.
            hook::prove(hooks, fields, b"", time)?;
        }
        if fields.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::new(Reason::UnsupportedMedia)
                .telling("GitLab sends webhooks as they are, and this one is encoded"));
        }
        let body = self.0.hooks.whole(&mut body, fields).await?;
        let proven = hook::prove(hooks, fields, &body, time)?;
        let issuer = proven.from.issuer.as_str();
        let deliveries = &self.0.hooks.deliveries;
        if let Some(id) = &proven.delivery
            && deliveries.has(issuer, id)
        {
            return Ok(Taken::Known);
        }
        let Some(told) = hook::read(&body, proven.from)? else {
            return Ok(Taken::NotNeeded);
        };
        let mut detail = told.facts;
        detail.push(("id", json!(arrival.id().to_string())));
        detail.push(("body", json!(hex(&sha256(&[&body])))));
        detail.push(("signed", json!(proven.signed)));
        if let Some(id) = &proven.delivery {
            detail.push(("delivery", json!(id)));
        }
        let seq = self.0.journal.take_note(told.kind.note(), &detail).await?;
        if let Some(id) = &proven.delivery {
            deliveries.take(issuer, id);
        }
        Ok(Taken::Kept(told.kind, seq))
    }
}

/// GitLab's largest are pushes that name many files.
const LARGEST_BYTES: usize = 2 * 1024 * 1024;
const AT_ONCE: usize = 16;
const TURN: Duration = Duration::from_secs(5);
/// GitLab sends a body at once, and gives up after ten seconds itself.
const LONGEST: Duration = Duration::from_secs(10);
/// Most webhooks are smaller.
const SMALL_BYTES: usize = 64 * 1024;
