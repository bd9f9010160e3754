//! The request's body on its way to the upstream.
//!
//! In: the caller's body. Out: its bytes, counted and bounded, told to a [`Progress`].
//!
//! Never: a clean end of a body that broke, grew too large, or whose exchange is over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::progress::{BodyFaultKind, Piece, Pieces, Progress};
use super::{BodyFault, BoxError};

/// The caller's body, bounded.
pub(crate) struct SentBody {
    /// Whether there is nothing to send, or nothing more.
    ended: bool,
    left_bytes: u64,
    length: Option<u64>,
    attempt: u32,
    progress: Arc<Progress>,
}

impl SentBody {
    /// Sends at most `most_bytes` of `from`; `length` is what was declared.
    pub(crate) fn new<B>(
        from: B,
        length: Option<u64>,
        most_bytes: u64,
        progress: Arc<Progress>,
    ) -> SentBody
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: BodyFault + Into<BoxError>,
    {
        let ended = from.is_end_stream();
        let attempt = {
            let mut held = progress.held();
            held.body = (!ended).then(|| Box::pin(from) as _);
            held.taken = false;
            held.attempt += 1;
            held.attempt
        };
        SentBody {
            ended,
            left_bytes: most_bytes,
            length,
            attempt,
            progress,
        }
    }

    /// The same body for another try, if nothing was taken of it; the try before takes no more.
    pub(crate) fn once_more(
        length: Option<u64>,
        most_bytes: u64,
        progress: Arc<Progress>,
    ) -> Option<SentBody> {
        let attempt = progress.begin_again()?;
        let ended = progress.held().body.is_none();
        Some(SentBody {
            ended,
            left_bytes: most_bytes,
            length,
            attempt,
            progress,
        })
    }

    fn pass(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, BoxError> {
        let length = bytes.len() as u64;
        let Some(left) = self.left_bytes.checked_sub(length) else {
            return Err(self.fail(BodyFaultKind::TooLarge, "the body is too large".into()));
        };
        self.left_bytes = left;
        self.progress.sent(length);
        Ok(Frame::data(bytes))
    }

    fn is_superseded(&self) -> bool {
        self.progress.held().attempt != self.attempt
    }

    fn fail(&mut self, kind: BodyFaultKind, error: BoxError) -> BoxError {
        self.progress.fail(kind);
        self.progress.release();
        error
    }

    /// The next piece; an error when the exchange is over, because an end would look clean.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let mut held = self.progress.held();
        let is_mine = held.attempt == self.attempt;
        let Some(body) = held.body.as_mut().filter(|_| is_mine) else {
            let over = (BodyFaultKind::CallerGone, "the exchange is over".into());
            return Poll::Ready(Some(Err(over)));
        };
        let next = body.as_mut().poll_piece(cx);
        if next.is_pending() {
            held.asking = Some(cx.waker().clone());
            return next;
        }
        // Known now, the end goes out with the last piece.
        self.ended = body.ended();
        held.taken = true;
        next
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        while !this.ended {
            // What runs in both directions is cut here where nobody reads the answer.
            if this.progress.is_ended() {
                let error = "whoever sends it was ended".into();
                return Poll::Ready(Some(Err(this.fail(BodyFaultKind::CallerEnded, error))));
            }
            let Poll::Ready(next) = this.poll_held(cx) else {
                this.progress.wait_for_caller();
                return Poll::Pending;
            };
            match next {
                Some(Ok(frame)) => {
                    // Trailers of a request go nowhere: they come after the decision.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(this.pass(bytes)));
                    }
                }
                // Who was superseded says nothing of the exchange.
                Some(Err((_, error))) if this.is_superseded() => {
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Err((kind, error))) => {
                    return Poll::Ready(Some(Err(this.fail(kind, error))));
                }
                None => {
                    this.ended = true;
                    this.progress.give();
                    this.progress.release();
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            _ if self.ended => SizeHint::with_exact(0),
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::default(),
        }
    }
}

impl<B> Pieces for B
where
    B: Body<Data = Bytes> + Send,
    B::Error: BodyFault + Into<BoxError>,
{
    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        Poll::Ready(ready!(self.poll_frame(cx)).map(|piece| {
            piece.map_err(|error| {
                let kind = if error.caller_timed_out() {
                    BodyFaultKind::CallerSlow
                } else {
                    BodyFaultKind::CallerGone
                };
                (kind, error.into())
            })
        }))
    }

    fn ended(&self) -> bool {
        self.is_end_stream()
    }
}
