//! Stands between the socket and hyper on an HTTP/1 connection.
//!
//! In: a byte stream. Out: the same stream, of which hyper reads cleared bytes only.
//!
//! Bytes are read straight into hyper's buffer and looked at there; only a head that arrives in
//! pieces is kept aside until it is whole. When a head is refused hyper sees the stream end at the
//! last message boundary, and sees it only after every earlier answer is flushed, so those answers
//! are complete. The connection task then takes the stream back and answers the refused head.
//!
//! Never: a byte of a head that was not checked to its end; a shutdown of the stream by hyper.
//!
//! A head that has begun must be whole within `head_ms`; an idle connection stays as long. A peer
//! that takes no byte of an answer for `body_idle_ms` is cut off.
//!
//! RFC 9112 9.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::Deadline;
use super::exchanges::Exchanges;
use super::gate::{Gate, Place};
use super::head::{HeadLimits, Violation};
use super::settings::Limits;
use crate::refusal::Reason;

/// A byte stream behind its gate.
#[derive(Debug)]
pub(super) struct Guarded<T> {
    stream: T,
    gate: Gate,
    exchanges: Arc<Exchanges>,
    /// Begins with the first byte not yet handed over; the first `cleared` of them may be.
    held: BytesMut,
    cleared: usize,
    end: End,
    is_flushed: bool,
    is_reader_waiting: bool,
    head_time: Duration,
    write_time: Duration,
    reading: Deadline,
    writing: Deadline,
}

/// What hyper was told about the end of the stream, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    PeerClosed,
    WentIdle,
    Refused,
}

/// The stream taken back, and what is left to do with it.
pub(super) struct TakenBack<T> {
    pub(super) stream: T,
    /// Whether the peer has ended its side.
    pub(super) peer_closed: bool,
    /// The refused head that still wants its answer.
    pub(super) violation: Option<Violation>,
}

impl<T> Guarded<T> {
    pub(super) fn new(stream: T, limits: &Limits, exchanges: Arc<Exchanges>) -> Guarded<T> {
        Guarded {
            stream,
            gate: Gate::new(HeadLimits {
                head_bytes: limits.head_bytes,
                target_bytes: limits.target_bytes,
            }),
            exchanges,
            held: BytesMut::new(),
            cleared: 0,
            end: End::NotYet,
            is_flushed: true,
            is_reader_waiting: false,
            head_time: Duration::from_millis(limits.head_ms),
            write_time: Duration::from_millis(limits.body_idle_ms),
            reading: Deadline::default(),
            writing: Deadline::default(),
        }
    }

    /// Takes the stream back when hyper is done with it.
    ///
    /// A violation that hyper was not shown the end for stays without answer: hyper closed the
    /// connection for an earlier reason, and nothing after that is a request (RFC 9112 9.6).
    pub(super) fn take_back(self) -> TakenBack<T> {
        TakenBack {
            stream: self.stream,
            peer_closed: self.end == End::PeerClosed,
            violation: match self.end {
                End::Refused | End::PeerClosed => self.gate.into_violation(),
                End::NotYet | End::WentIdle => None,
            },
        }
    }

    /// Hands cleared bytes over; says whether there were any.
    fn hand_over(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let size = self.cleared.min(out.remaining());
        let Some(bytes) = self.held.get(..size).filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        out.put_slice(bytes);
        self.held.advance(size);
        self.cleared -= size;
        true
    }

    /// Looks at what was read behind the first `before` bytes of `out`; leaves in `out` what is
    /// cleared and holds the rest.
    fn look_at(&mut self, out: &mut ReadBuf<'_>, before: usize) {
        let fresh = out.filled().get(before..).unwrap_or_default();
        let heads;
        if self.held.is_empty() {
            let (cleared, ended) = self.gate.clear(fresh);
            heads = ended;
            if let Place::Head(_) = self.gate.place() {
                self.held
                    .extend_from_slice(fresh.get(cleared..).unwrap_or_default());
            }
            out.set_filled(before + cleared);
        } else {
            self.held.extend_from_slice(fresh);
            out.set_filled(before);
            (self.cleared, heads) = self.gate.clear(&self.held);
            if matches!(self.gate.place(), Place::Refused(_) | Place::Broken) {
                self.held.truncate(self.cleared);
            }
        }
        if heads > 0 {
            self.exchanges.cleared_heads(heads);
            self.reading.disarm();
        }
    }

    /// Shows hyper the end, as soon as no answer is under way.
    fn show_end(&mut self, end: End) -> Poll<io::Result<()>> {
        if self.exchanges.are_running() || !self.is_flushed {
            self.is_reader_waiting = true;
            return Poll::Pending;
        }
        if self.end == End::NotYet {
            self.end = end;
        }
        Poll::Ready(Ok(()))
    }

    fn peer_ended(&mut self) -> Poll<io::Result<()>> {
        self.end = End::PeerClosed;
        if !self.held.is_empty() {
            let told = "the connection ended inside the request head";
            self.gate
                .give_up(&self.held, Reason::MalformedRequest, told);
        }
        Poll::Ready(Ok(()))
    }

    /// Out: ready when the head or the idle time is over.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_idle = self.held.is_empty();
        let is_busy = self.exchanges.are_running() || !self.is_flushed;
        if !matches!(self.gate.place(), Place::Head(_)) {
            return Poll::Pending;
        }
        if is_idle && is_busy {
            self.is_reader_waiting = true;
            return Poll::Pending;
        }
        let kind = if is_idle { IDLE } else { BEGUN };
        ready!(self.reading.poll(cx, kind, self.head_time));
        if !is_idle {
            let told = Reason::ClientTimeout.sentence();
            self.gate.give_up(&self.held, Reason::ClientTimeout, told);
            self.held.clear();
        }
        Poll::Ready(())
    }

    fn wrote<R>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match wrote {
            Poll::Ready(wrote) => {
                self.writing.disarm();
                Poll::Ready(wrote)
            }
            Poll::Pending => {
                ready!(self.writing.poll(cx, BEGUN, self.write_time));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        loop {
            if me.hand_over(out) {
                return Poll::Ready(Ok(()));
            }
            match me.gate.place() {
                Place::Head(_) | Place::Body(_) => {}
                Place::Refused(_) => return me.show_end(End::Refused),
                Place::Broken => return Poll::Ready(Err(broken())),
            }
            if me.end != End::NotYet {
                return Poll::Ready(Ok(()));
            }
            let before = out.filled().len();
            match Pin::new(&mut me.stream).poll_read(cx, out) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    ready!(me.poll_late(cx));
                    if let Place::Head(_) = me.gate.place() {
                        return me.show_end(End::WentIdle);
                    }
                    continue;
                }
            }
            if out.filled().len() == before {
                return me.peer_ended();
            }
            me.look_at(out, before);
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.is_flushed = false;
        let wrote = Pin::new(&mut me.stream).poll_write(cx, bytes);
        me.wrote(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.is_flushed = false;
        let wrote = Pin::new(&mut me.stream).poll_write_vectored(cx, slices);
        me.wrote(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let flushed = Pin::new(&mut me.stream).poll_flush(cx);
        ready!(me.wrote(cx, flushed))?;
        me.is_flushed = true;
        // hyper takes no second look at a blocked reader after a flush. What that reader could not
        // be told while an answer was under way is therefore told from here.
        if me.is_reader_waiting && !me.exchanges.are_running() {
            me.is_reader_waiting = false;
            if matches!(me.gate.place(), Place::Refused(_)) || me.poll_late(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Only flushes: the connection task ends the stream, after it has answered a refused head.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the body does not follow its framing",
    )
}

const IDLE: u8 = 1;
const BEGUN: u8 = 2;
