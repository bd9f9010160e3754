//! Lets providers keep their users and groups here.
//!
//! In: a request below `/.stile/scim/v2`. Out: its answer, after its record.
//!
//! What changes is in the journal, synced, before it changes; what is only read, and what was asked
//! wrongly, is a record as well. Who has no token of a provider is a stranger, and its body is not read.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::carried::Carried;
use super::manner::Manner;
use super::{InForce, Pipeline, Refused, stamp};
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::people::{Scim, ScimAnswer};
use crate::refusal::{Reason, Refusal};

/// Who waits to be heard.
#[derive(Debug)]
pub(super) struct Hearing(Semaphore);

impl Default for Hearing {
    fn default() -> Hearing {
        Hearing(Semaphore::new(AT_ONCE))
    }
}

/// The server of SCIM, where it is asked and there is one.
pub(super) fn asked_for(in_force: &InForce, arrival: &Arrival) -> Option<Scim> {
    let is_asked = Scim::is_asked(arrival.path());
    in_force.ruling.scim.clone().filter(|_| is_asked)
}

impl Pipeline {
    /// Answers a provider.
    pub(super) async fn keep_directory(
        &self,
        scim: Scim,
        arrival: Arrival,
        body: Carried,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let answered = match self.0.journal.believes(arrival.time()) {
            true => self.hear_provider(&scim, &arrival, body).await,
            false => Err(Refusal::new(Reason::ClockUntrusted)),
        };
        let answer = match answered {
            Ok(answer) => answer,
            Err(refusal) => {
                let refused = Refused::unheard(refusal);
                return self.turn_back(arrival.sighting(), manner, refused).await;
            }
        };
        let seq = match answer.seq {
            Some(seq) => Ok(seq),
            None => self.0.journal.publish(arrival.sighting()).await,
        };
        match seq {
            Ok(seq) => {
                let mut response = response(answer);
                stamp(&mut response, manner);
                self.receipt(&mut response, seq);
                response
            }
            Err(unstored) => self.answer(&unstored, manner, None),
        }
    }

    async fn hear_provider(
        &self,
        scim: &Scim,
        arrival: &Arrival,
        mut body: Carried,
    ) -> Result<ScimAnswer, Refusal> {
        let told = scim.prove(arrival.headers())?;
        let turn = tokio::time::timeout(TURN, self.0.hearing.0.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Refusal::new(Reason::Overloaded));
        };
        let body = match *arrival.method() {
            Method::GET | Method::DELETE => Bytes::new(),
            _ => {
                let read = tokio::time::timeout(LONGEST, body.gather(LARGEST_BYTES)).await;
                read.unwrap_or_else(|_| Err(Refusal::new(Reason::ClientTimeout)))?
            }
        };
        let (journal, handle) = (self.0.journal.clone(), Handle::current());
        let id = arrival.id().to_string();
        let tell = Box::new(move |note, detail: &[(&'static str, serde_json::Value)]| {
            let mut detail = detail.to_vec();
            detail.push(("id", serde_json::json!(id)));
            handle.block_on(journal.take_note(note, &detail))
        });
        scim.answer(told, arrival, &body, tell).await
    }
}

fn response(answer: ScimAnswer) -> Response<ResponseBody> {
    let body = answer
        .body
        .map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let has_body = !body.is_empty();
    let mut response = Response::new(ResponseBody::Full(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if has_body {
        let scim = HeaderValue::from_static("application/scim+json");
        headers.insert(header::CONTENT_TYPE, scim);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::ETAG, answer.tag),
        (header::LOCATION, answer.location),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// 10,000 members with names and addresses of their own are about 2 MB.
const LARGEST_BYTES: usize = 4 * 1024 * 1024;
const AT_ONCE: usize = 8;
const TURN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(20);
