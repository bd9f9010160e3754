//! How a caller wants to be answered.
//!
//! In: an [`Arrival`]. Out: a [`Manner`], kept while the arrival itself goes on to the upstream.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use uuid::Uuid;

use crate::listen::Arrival;
use crate::people::sign_in::Going;
use crate::refusal::{Asked, Reason, wants_page};

/// What an answer needs to know of the request.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The decision's id.
    pub(super) decision: Uuid,
    content_type: Option<HeaderValue>,
    accept: Option<HeaderValue>,
    speech_is_otlp: bool,
    /// The page that a browser wants to show, where it would show another in its place.
    navigates_to: Option<String>,
}

impl Manner {
    /// As an arrival shows it.
    pub(super) fn of(arrival: &Arrival, speech_is_otlp: bool, people_sign_in: bool) -> Manner {
        let navigates = people_sign_in && navigates(arrival);
        Manner {
            decision: arrival.id(),
            navigates_to: navigates.then(|| arrival.path_and_query().to_string()),
            content_type: arrival.headers().get(CONTENT_TYPE).cloned(),
            accept: arrival.headers().get(ACCEPT).cloned(),
            speech_is_otlp,
        }
    }

    /// Of a request that could not be read.
    pub(super) fn unknown(decision: Uuid) -> Manner {
        Manner {
            decision,
            navigates_to: None,
            content_type: None,
            accept: None,
            speech_is_otlp: false,
        }
    }

    /// Where a browser goes to sign in, if that is what its request lacks. A script that fetches is told
    /// so in the answer: it cannot follow.
    pub(super) fn signs_in_for(&self, reason: Reason) -> Option<Going> {
        let page = self.navigates_to.as_ref()?;
        let lacks = matches!(reason, Reason::NoCredential | Reason::SessionInvalid);
        let page: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
        lacks.then(|| Going {
            url: format!("/.stile/login?return_to={page}"),
            cookies: Vec::new(),
        })
    }

    /// The same for the one who words the answer.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            decision: self.decision,
            content_type: self.content_type.as_ref().map(HeaderValue::as_bytes),
            accept: self.accept.as_ref().map(HeaderValue::as_bytes),
            speech_is_otlp: self.speech_is_otlp,
        }
    }
}

/// Whether a browser would show the answer as a page (Fetch Metadata 2.2).
fn navigates(arrival: &Arrival) -> bool {
    let headers = arrival.headers();
    let mode = headers.get("sec-fetch-mode");
    let accept = headers.get(ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    arrival.method() == Method::GET
        && arrival.path().starts_with("/.stile/")
        && mode.is_none_or(|mode| mode == "navigate")
        && wants_page(accept)
}
