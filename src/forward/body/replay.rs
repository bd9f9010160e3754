//! Keeps what was sent of a body, so that it can be sent once more.
//!
//! In: the caller's body. Out: the same, and a [`Sent`] that gives it again if it was sent to its end
//! and is small, or held in memory anyway.
//!
//! Pieces are shared and not copied. A body that grows beyond the bound is let go at once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

/// A body whose pieces are kept.
#[derive(Debug)]
pub(crate) struct Replayed<B> {
    body: B,
    sent: Sent,
}

/// What was sent of a body.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Arc<Mutex<Pieces>>);

#[derive(Debug)]
struct Pieces {
    /// None once there were too many.
    kept: Option<Vec<Bytes>>,
    left_bytes: usize,
    ended: bool,
}

impl<B: Body<Data = Bytes>> Replayed<B> {
    /// Keeps at most so many bytes.
    pub(crate) fn new(body: B, most_bytes: usize) -> Replayed<B> {
        let pieces = Pieces {
            kept: Some(Vec::new()),
            left_bytes: most_bytes,
            ended: body.is_end_stream(),
        };
        let sent = Sent(Arc::new(Mutex::new(pieces)));
        Replayed { body, sent }
    }

    /// What is sent of it from now on.
    pub(crate) fn sent(&self) -> Sent {
        self.sent.clone()
    }
}

impl Sent {
    /// The whole body, if all of it was kept; once.
    pub(crate) fn again(&self) -> Option<Bytes> {
        let mut pieces = self.lock();
        let kept = pieces.kept.take().filter(|_| pieces.ended)?;
        match kept.as_slice() {
            [one] => Some(one.clone()),
            many => {
                let mut whole = BytesMut::new();
                many.iter().for_each(|piece| whole.extend_from_slice(piece));
                Some(whole.freeze())
            }
        }
    }

    /// Lets go what was kept.
    pub(crate) fn forget(&self) {
        self.lock().kept = None;
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, bytes: &Bytes) {
        let mut pieces = self.lock();
        match pieces.left_bytes.checked_sub(bytes.len()) {
            Some(left) => {
                pieces.left_bytes = left;
                if let Some(kept) = &mut pieces.kept {
                    kept.push(bytes.clone());
                }
            }
            None => pieces.kept = None,
        }
    }
}

impl<B> Body for Replayed<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let next = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &next {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    this.sent.note(bytes);
                }
                if this.body.is_end_stream() {
                    this.sent.lock().ended = true;
                }
            }
            Some(Err(_)) => this.sent.forget(),
            None => this.sent.lock().ended = true,
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
