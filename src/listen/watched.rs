//! Stands between the socket and h2 on an HTTP/2 connection.
//!
//! In: a byte stream. Out: the same stream, one request head at a time.
//!
//! While a head is in [`Doubt`] h2 reads nothing more and writes nothing, so that no answer of its
//! own is out before the record. Bytes are neither changed nor judged here: that is h2's.
//!
//! h2 lets a caller have so many streams, but a stream that was reset is none any more, while its
//! request still goes on to its record. So h2 reads on only while no more than twice as many
//! exchanges run: half of them at least need nothing more from the caller, and end by themselves.
//!
//! Never: a second look at what h2 has read; a byte out of order.
//!
//! RFC 9113 4.1, 5.4.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::doubt::Doubt;
use super::exchanges::Exchanges;
use super::field_blocks::FieldBlocks;
use super::frames::Frames;
use super::objection::{self, Objection};

/// A byte stream that is watched.
#[derive(Debug)]
pub(super) struct Watched<T> {
    stream: T,
    doubt: Doubt,
    exchanges: Arc<Exchanges>,
    /// The most exchanges that run while h2 reads on.
    most: usize,
    coming: FieldBlocks,
    going: Frames,
    /// Read, but not handed over.
    kept: BytesMut,
}

impl<T> Watched<T> {
    /// `streams` is how many h2 lets a caller have at once.
    pub(super) fn new(
        stream: T,
        doubt: Doubt,
        exchanges: Arc<Exchanges>,
        streams: u32,
    ) -> Watched<T> {
        Watched {
            stream,
            doubt,
            exchanges,
            most: (streams as usize).saturating_mul(2).max(1),
            coming: FieldBlocks::new(),
            going: Frames::default(),
            kept: BytesMut::new(),
        }
    }

    /// Hands over the next portion of what was kept.
    fn hand_over(&mut self, out: &mut ReadBuf<'_>) {
        let size = self.kept.len().min(out.remaining());
        let bytes = self.kept.get(..size).unwrap_or_default();
        let (size, is_head) = self.coming.portion(bytes);
        out.put_slice(bytes.get(..size).unwrap_or_default());
        self.kept.advance(size);
        self.handed_over(is_head);
    }

    /// Leaves in `out`, behind its first `before` bytes, the next portion of what was read.
    fn look_at(&mut self, out: &mut ReadBuf<'_>, before: usize) {
        let fresh = out.filled().get(before..).unwrap_or_default();
        let (size, is_head) = self.coming.portion(fresh);
        self.kept
            .extend_from_slice(fresh.get(size..).unwrap_or_default());
        out.set_filled(before + size);
        self.handed_over(is_head);
    }

    fn handed_over(&self, is_head: bool) {
        self.doubt.read_on(self.coming.are_open());
        if is_head {
            self.doubt.begin(None);
        }
    }

    /// No more will come: what has begun is all there is of a head.
    fn ended(&mut self) {
        if self.coming.are_open() {
            self.coming.break_off();
            self.doubt.begin(Some(Objection::GaveUp));
        }
    }

    /// Whether these bytes must wait until the head in doubt is recorded.
    fn must_wait<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> bool {
        let is_open = self.coming.are_open();
        if !is_open && !self.doubt.holds() {
            return false;
        }
        let objection = objection::find(self.going, pieces, self.coming.stream());
        if is_open && objection == Some(Objection::GaveUp) {
            // h2 does not wait for the end of every head, and reads nothing after its farewell.
            self.coming.break_off();
            self.doubt.begin(objection);
        }
        self.doubt.wants_to_write(objection);
        self.doubt.holds()
    }

    fn wrote<'a>(&mut self, mut size: usize, pieces: impl Iterator<Item = &'a [u8]>) {
        for piece in pieces {
            let mut rest = piece.get(..size.min(piece.len())).unwrap_or_default();
            size -= rest.len();
            while !rest.is_empty() {
                let (taken, _) = self.going.step(rest);
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.doubt.holds() {
            return Poll::Pending;
        }
        ready!(me.exchanges.poll_room(me.most, cx));
        if !me.kept.is_empty() {
            me.hand_over(out);
            return Poll::Ready(Ok(()));
        }
        me.doubt.read_on(me.coming.are_open());
        let before = out.filled().len();
        let read = ready!(Pin::new(&mut me.stream).poll_read(cx, out));
        if read.is_err() || out.filled().len() == before {
            me.ended();
        } else {
            me.look_at(out, before);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if me.must_wait([bytes].into_iter()) {
            return Poll::Pending;
        }
        let size = ready!(Pin::new(&mut me.stream).poll_write(cx, bytes))?;
        me.wrote(size, [bytes].into_iter());
        Poll::Ready(Ok(size))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if me.must_wait(slices.iter().map(|slice| &**slice)) {
            return Poll::Pending;
        }
        let size = ready!(Pin::new(&mut me.stream).poll_write_vectored(cx, slices))?;
        me.wrote(size, slices.iter().map(|slice| &**slice));
        Poll::Ready(Ok(size))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.doubt.holds() {
            return Poll::Pending;
        }
        Pin::new(&mut me.stream).poll_shutdown(cx)
    }
}
