//! The request's body on its way to the upstream.
//!
//! In: the caller's body. Out: its bytes, counted and bounded, and a [`Progress`] that the waiting
//! side reads: how much was sent, whose turn it is, and what went wrong.
//!
//! The caller's body is held where both sides reach it. A connection whose upstream reads nothing
//! can keep what it was given for as long as it lives; the caller must not be kept that long, so
//! the end of an exchange takes the body back ([`Progress::release`]).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{BodyFault, BoxError};

/// What went wrong with the caller's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFaultKind {
    /// It grew beyond its operation's limit.
    TooLarge,
    /// The caller went away or sent something malformed.
    CallerGone,
    /// The caller was too slow.
    CallerSlow,
}

/// What the body's side and the waiting side know in common.
pub(crate) struct Progress {
    begun: Instant,
    sent_bytes: AtomicU64,
    /// When the upstream was last given something, in microseconds since `begun`.
    given_us: AtomicU64,
    /// Whether the next byte is for the caller to send.
    callers_turn: AtomicBool,
    fault: AtomicU8,
    interim: AtomicU32,
    stop: Notify,
    /// Locked once for a piece of a body, never for a request without one; nobody waits for it but
    /// at the end.
    held: Mutex<Held>,
}

/// The caller's body, while the exchange lasts.
#[derive(Default)]
struct Held {
    body: Option<Pin<Box<dyn Pieces>>>,
    /// Who asked for the next piece last.
    asking: Option<Waker>,
}

impl Progress {
    /// Begins now.
    pub(crate) fn begin() -> Arc<Progress> {
        Arc::new(Progress {
            begun: Instant::now(),
            sent_bytes: AtomicU64::new(0),
            given_us: AtomicU64::new(0),
            callers_turn: AtomicBool::new(false),
            fault: AtomicU8::new(0),
            interim: AtomicU32::new(0),
            stop: Notify::new(),
            held: Mutex::new(Held::default()),
        })
    }

    /// Microseconds since the beginning.
    pub(crate) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Body bytes handed to the connection.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// What went wrong, if anything did.
    pub(crate) fn fault(&self) -> Option<BodyFaultKind> {
        match self.fault.load(Ordering::Acquire) {
            1 => Some(BodyFaultKind::TooLarge),
            2 => Some(BodyFaultKind::CallerGone),
            3 => Some(BodyFaultKind::CallerSlow),
            _ => None,
        }
    }

    /// Counts an interim answer (1xx); too many stop the exchange.
    pub(crate) fn interim(&self) {
        if self.interim.fetch_add(1, Ordering::Relaxed) >= MOST_INTERIM {
            self.stop.notify_one();
        }
    }

    /// Whether there were too many interim answers.
    pub(crate) fn stormed(&self) -> bool {
        self.interim.load(Ordering::Relaxed) > MOST_INTERIM
    }

    /// Resolves when the exchange must stop: [`Progress::fault`] or [`Progress::stormed`] says why.
    pub(crate) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// The connection is there: the upstream's time begins. Whose turn it is stays: the body may
    /// have been asked for already.
    pub(crate) fn connected(&self) {
        self.given_us.fetch_max(self.elapsed_us(), Ordering::AcqRel);
    }

    /// When the upstream will have been silent for `most`, if nothing happens until then; while it
    /// is the caller's turn the caller's own deadlines rule.
    pub(crate) fn silent_until(&self, most: Duration) -> Instant {
        if self.callers_turn.load(Ordering::Acquire) {
            return Instant::now() + most;
        }
        self.begun + Duration::from_micros(self.given_us.load(Ordering::Acquire)) + most
    }

    /// Ends the exchange: the caller's body goes at once, and who still asks for it learns so.
    pub(crate) fn release(&self) {
        let Held { body, asking } = std::mem::take(&mut *self.held());
        drop(body);
        if let Some(asking) = asking {
            asking.wake();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self) {
        self.given_us.fetch_max(self.elapsed_us(), Ordering::AcqRel);
        self.callers_turn.store(false, Ordering::Release);
    }

    fn wait_for_caller(&self) {
        self.callers_turn.store(true, Ordering::Release);
    }

    fn fail(&self, kind: BodyFaultKind) {
        let code = match kind {
            BodyFaultKind::TooLarge => 1,
            BodyFaultKind::CallerGone => 2,
            BodyFaultKind::CallerSlow => 3,
        };
        self.fault.store(code, Ordering::Release);
        self.stop.notify_one();
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({} bytes sent)", self.sent_bytes())
    }
}

/// The caller's body, bounded.
pub(crate) struct SentBody {
    /// Whether there is nothing to send, or nothing more.
    ended: bool,
    left_bytes: u64,
    length: Option<u64>,
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
        if !ended {
            progress.held().body = Some(Box::pin(from));
        }
        SentBody {
            ended,
            left_bytes: most_bytes,
            length,
            progress,
        }
    }

    fn pass(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, BoxError> {
        let length = bytes.len() as u64;
        let Some(left) = self.left_bytes.checked_sub(length) else {
            return Err(self.fail(BodyFaultKind::TooLarge, "the body is too large".into()));
        };
        self.left_bytes = left;
        self.progress
            .sent_bytes
            .fetch_add(length, Ordering::Relaxed);
        self.progress.give();
        Ok(Frame::data(bytes))
    }

    fn fail(&mut self, kind: BodyFaultKind, error: BoxError) -> BoxError {
        self.progress.fail(kind);
        self.progress.release();
        error
    }

    /// The next piece; an error when the exchange is over, because an end would look clean.
    fn poll_held(&self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let mut held = self.progress.held();
        let Some(body) = held.body.as_mut() else {
            let over = (BodyFaultKind::CallerGone, "the exchange is over".into());
            return Poll::Ready(Some(Err(over)));
        };
        let next = body.as_mut().poll_piece(cx);
        if next.is_pending() {
            held.asking = Some(cx.waker().clone());
        }
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

/// A caller's body with its error sorted, so that one pool of connections serves every body type.
trait Pieces: Send {
    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>>;
}

type Piece = Result<Frame<Bytes>, (BodyFaultKind, BoxError)>;

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
}

/// An upstream may say `103` a few times; a storm is an attack or a fault.
const MOST_INTERIM: u32 = 8;
