//! Answers what is asked of stile itself: public documents, and what it tells callers about
//! themselves.
//!
//! In: an arrival for one of them. Out: the answer, after its record is in the journal.
//!
//! Nothing is forwarded, so there is no operation, no permit and no outcome.

use std::sync::Arc;

use http::{HeaderValue, Response, header};

use super::manner::Manner;
use super::metadata;
use super::{InForce, Pipeline, Refused, stamp};
use crate::authorize::Policies;
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::own::{self, Look, Page, Shown};
use crate::refusal::{Reason, Refusal};

/// What an arrival asks of stile itself.
#[derive(Debug)]
pub(super) enum Told {
    /// The document that says what this proxy protects.
    Metadata(metadata::Document),
    /// Where decisions are told.
    Pointer,
    /// A page about the caller, or what is wrong with the question.
    Own(Result<Page, Refusal>),
}

/// What it asks of stile itself, if it does.
pub(super) fn asked_for(arrival: &Arrival) -> Option<Told> {
    if !arrival.path().starts_with("/.") {
        return None;
    }
    if own::pointed_at(arrival) {
        return Some(Told::Pointer);
    }
    let document = metadata::asked_for(arrival).map(Told::Metadata);
    document.or_else(|| own::asked_for(arrival).map(Told::Own))
}

impl Pipeline {
    /// Records the question and answers it.
    pub(super) async fn tell(
        &self,
        in_force: Arc<InForce>,
        arrival: Arrival,
        manner: &Manner,
        asked: Told,
    ) -> Response<ResponseBody> {
        let response = match asked {
            Told::Metadata(document) => document.answer(&in_force.ruling, &self.0.site),
            Told::Pointer => page(own::pointer()),
            Told::Own(asked) => return self.tell_own(in_force, arrival, manner, asked).await,
        };
        match self.0.journal.publish(arrival.sighting()).await {
            Ok(seq) => self.sent(response, manner, seq),
            Err(unstored) => self.answer(&unstored, manner, None),
        }
    }

    async fn tell_own(
        &self,
        in_force: Arc<InForce>,
        arrival: Arrival,
        manner: &Manner,
        asked: Result<Page, Refusal>,
    ) -> Response<ResponseBody> {
        if !self.0.journal.believes(arrival.time()) {
            let refused = Refused::unheard(Refusal::new(Reason::ClockUntrusted));
            return self.turn_back(arrival.sighting(), manner, refused).await;
        }
        let principal = match in_force.ruling.identify(&arrival).await {
            Ok(principal) => principal,
            Err(refusal) => {
                let refused = Refused::unheard(refusal);
                return self.turn_back(arrival.sighting(), manner, refused).await;
            }
        };
        let page_asked = match asked {
            Ok(page_asked) => page_asked,
            Err(refusal) => {
                let refused = Refused {
                    principal: Some(principal),
                    ..Refused::unheard(refusal)
                };
                return self.turn_back(arrival.sighting(), manner, refused).await;
            }
        };
        let seq = match self.0.journal.tell(arrival.sighting(), &principal).await {
            Ok(seq) => seq,
            Err(unstored) => return self.answer(&unstored, manner, None),
        };
        let time = arrival.time();
        let look = Look {
            principal,
            time,
            seq,
        };
        match self.0.own.show(page_asked, look, Judge(in_force)).await {
            Ok(shown) => self.sent(page(shown), manner, seq),
            Err(refusal) => self.answer(&refusal, manner, Some(seq)),
        }
    }

    fn sent(
        &self,
        mut response: Response<ResponseBody>,
        manner: &Manner,
        seq: u64,
    ) -> Response<ResponseBody> {
        stamp(&mut response, manner);
        self.receipt(&mut response, seq);
        response
    }
}

/// The generation that the request sees, lent to whoever asks its policies.
struct Judge(Arc<InForce>);

impl AsRef<Policies> for Judge {
    fn as_ref(&self) -> &Policies {
        &self.0.ruling.policies
    }
}

/// A page of ours as an answer that nobody keeps.
pub(super) fn page(shown: Shown) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Full(shown.body));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, shown.media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
