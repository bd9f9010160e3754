//! The body of a request on its way: as it arrives, or whole where a decision looked at it.
//!
//! In: the caller's body. Out: the same bytes; those that were judged are those that are sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};

use crate::listen::{BodyError, RequestBody};
use crate::refusal::{Reason, Refusal};

/// A request's body.
#[derive(Debug)]
pub(super) enum Carried {
    /// As it arrives.
    Arriving(RequestBody),
    /// Whole.
    Whole(Full<Bytes>),
}

impl Carried {
    /// Takes the whole body in, and keeps it to be sent.
    ///
    /// # Errors
    ///
    /// `body_too_large` beyond so many bytes; `client_timeout`, `malformed_request` where it breaks
    /// off.
    pub(super) async fn gather(&mut self, most_bytes: usize) -> Result<Bytes, Refusal> {
        let arriving = std::mem::replace(self, Carried::Whole(Full::default()));
        let whole = Limited::new(arriving, most_bytes).collect().await;
        let bytes = whole.map_err(|error| refusal(&*error))?.to_bytes();
        *self = Carried::Whole(Full::new(bytes.clone()));
        Ok(bytes)
    }
}

fn refusal(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Refusal {
    if error.is::<LengthLimitError>() {
        return Refusal::new(Reason::BodyTooLarge)
            .telling("the body is larger than what can be judged before it is sent on");
    }
    Refusal::new(match error.downcast_ref() {
        Some(BodyError::TimedOut) => Reason::ClientTimeout,
        _ => Reason::MalformedRequest,
    })
}

impl From<RequestBody> for Carried {
    fn from(body: RequestBody) -> Carried {
        Carried::Arriving(body)
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Carried::Arriving(body) => Pin::new(body).poll_frame(cx),
            Carried::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Carried::Arriving(body) => body.is_end_stream(),
            Carried::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Carried::Arriving(body) => body.size_hint(),
            Carried::Whole(body) => body.size_hint(),
        }
    }
}
