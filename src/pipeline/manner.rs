//! How a caller wants to be answered.
//!
//! In: an [`Arrival`]. Out: a [`Manner`], kept while the arrival itself goes on to the upstream.

use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use uuid::Uuid;

use crate::listen::Arrival;
use crate::refusal::Asked;

/// What an answer needs to know of the request.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The decision's id.
    pub(super) decision: Uuid,
    content_type: Option<HeaderValue>,
    accept: Option<HeaderValue>,
    speech_is_otlp: bool,
}

impl Manner {
    /// As an arrival shows it.
    pub(super) fn of(arrival: &Arrival, speech_is_otlp: bool) -> Manner {
        Manner {
            decision: arrival.id(),
            content_type: arrival.headers().get(CONTENT_TYPE).cloned(),
            accept: arrival.headers().get(ACCEPT).cloned(),
            speech_is_otlp,
        }
    }

    /// Of a request that could not be read.
    pub(super) fn unknown(decision: Uuid) -> Manner {
        Manner {
            decision,
            content_type: None,
            accept: None,
            speech_is_otlp: false,
        }
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
