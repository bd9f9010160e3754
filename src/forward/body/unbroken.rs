//! An answer's body that ends only where the upstream said that it ends.
//!
//! In: hyper's body. Out: the same frames, or an error in the place of an end that was none: hyper
//! takes RST_STREAM with `NO_ERROR` for one, and a part of an answer would pass for the whole.
//!
//! RFC 9113 8.1: that reset comes after a complete answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BoxError;
use crate::listen::came_whole;

/// The body of an upstream's answer.
#[derive(Debug)]
pub(super) struct Unbroken {
    from: Incoming,
    version: Version,
}

impl Unbroken {
    pub(super) fn new(from: Incoming, version: Version) -> Unbroken {
        Unbroken { from, version }
    }
}

impl Body for Unbroken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = ready!(Pin::new(&mut self.from).poll_frame(cx));
        Poll::Ready(match next {
            None if came_whole(&self.from, self.version) => None,
            None => Some(Err("the upstream reset its answer before the end".into())),
            Some(frame) => Some(frame.map_err(Into::into)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.from.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.from.size_hint()
    }
}
