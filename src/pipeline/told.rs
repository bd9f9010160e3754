//! Answers what is asked of stile itself: public documents, and what it tells callers about
//! themselves.
//!
//! In: an arrival for one of them. Out: the answer, after its record is in the journal.
//!
//! Nothing is forwarded, so there is no operation, no permit and no outcome.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, header};

use super::console::{self, Looking};
use super::manner::Manner;
use super::metadata;
use super::{InForce, Pipeline, Refused, stamp};
use crate::authorize::Policies;
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::own::{self, Look, Page, Pairs, Shown};
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
    /// The first page of the console, which is about the caller, too.
    Start,
    /// The style sheet or the script of the console.
    Part(Box<Response<ResponseBody>>),
}

impl Pipeline {
    /// What it asks of stile itself, if it does.
    pub(super) fn told(&self, arrival: &Arrival) -> Option<Told> {
        if !arrival.path().starts_with("/.") {
            return None;
        }
        if own::pointed_at(arrival) {
            return Some(Told::Pointer);
        }
        if let Some(pages) = self
            .0
            .pages
            .as_ref()
            .filter(|_| arrival.method() == Method::GET)
        {
            if console::is_start(arrival.path()) {
                return Some(Told::Start);
            }
            if let Some(part) = pages.part(arrival.path()) {
                return Some(Told::Part(Box::new(part)));
            }
        }
        let document = metadata::asked_for(arrival).map(Told::Metadata);
        document.or_else(|| own::asked_for(arrival).map(Told::Own))
    }

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
            Told::Part(part) => *part,
            Told::Own(asked) => {
                let asked = asked.map(Asked::Page);
                return self.tell_own(in_force, arrival, manner, asked).await;
            }
            Told::Start => {
                let asked = Pairs::read(arrival.query()).map(Asked::Start);
                return self.tell_own(in_force, arrival, manner, asked).await;
            }
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
        asked: Result<Asked, Refusal>,
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
        let asked = match asked {
            Ok(asked) => asked,
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
        let made = match (asked, &self.0.pages) {
            (Asked::Page(asked), _) => {
                let look = Look {
                    principal,
                    time,
                    seq,
                };
                let shown = self.0.own.show(asked, look, Judge(in_force)).await;
                shown.map(page)
            }
            (Asked::Start(pairs), Some(pages)) => {
                let looking = Looking {
                    path: arrival.path().to_owned(),
                    pairs,
                    scope: None,
                    principal,
                    time,
                    seq,
                    ruling: Arc::clone(&in_force.ruling),
                };
                pages.page(self.clone(), looking).await
            }
            (Asked::Start(_), None) => Err(Refusal::new(Reason::NoOperation)),
        };
        match made {
            Ok(response) => self.sent(response, manner, seq),
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

/// A page about the caller.
#[derive(Debug)]
enum Asked {
    Page(Page),
    Start(Pairs),
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
