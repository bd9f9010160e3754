//! What the two ends of an exchange know in common.
//!
//! In: what the body's side and the connection's side see. Out: how much was sent, whose turn it
//! is, and what went wrong, for the side that waits.
//!
//! The caller's body is held here, where both sides reach it. A connection whose upstream reads
//! nothing can keep what it was given for as long as it lives; the caller must not be kept that
//! long, so the end of an exchange takes the body back ([`Progress::release`]).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::BoxError;
use crate::identify::Standing;

/// What went wrong with the caller's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFaultKind {
    /// It grew beyond its operation's limit.
    TooLarge,
    /// The caller went away or sent something malformed.
    CallerGone,
    /// The caller was too slow.
    CallerSlow,
    /// The caller was ended meanwhile.
    CallerEnded,
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
    /// Whose request it is, where that can end.
    standing: Option<Standing>,
    /// Locked once for a piece of a body, never for a request without one; nobody waits for it but
    /// at the end.
    held: Mutex<Held>,
}

/// The caller's body, while the exchange lasts.
#[derive(Default)]
pub(super) struct Held {
    pub(super) body: Option<Pin<Box<dyn Pieces>>>,
    /// Who asked for the next piece last.
    pub(super) asking: Option<Waker>,
    /// Whether anything was taken from it, its end included.
    pub(super) taken: bool,
    /// Which of the tries may take from it.
    pub(super) attempt: u32,
}

impl Progress {
    /// Begins now, in the name of somebody who may be ended meanwhile.
    pub(crate) fn begin(standing: Option<Standing>) -> Arc<Progress> {
        Arc::new(Progress {
            begun: Instant::now(),
            sent_bytes: AtomicU64::new(0),
            given_us: AtomicU64::new(0),
            callers_turn: AtomicBool::new(false),
            fault: AtomicU8::new(0),
            interim: AtomicU32::new(0),
            stop: Notify::new(),
            standing,
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
            4 => Some(BodyFaultKind::CallerEnded),
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

    /// Resolves when whoever asks was ended.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let ended = self.standing.as_ref().map(Standing::ended);
        async move {
            match ended {
                Some(ended) => ended.await,
                None => std::future::pending().await,
            }
        }
    }

    /// The same for who waits without a task of its own; nothing where nobody can be ended.
    pub(super) fn cut(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let ended = self.standing.as_ref()?.ended();
        Some(Box::pin(ended))
    }

    /// Whether whoever asks was ended.
    pub(super) fn is_ended(&self) -> bool {
        self.standing.as_ref().is_some_and(Standing::is_ended)
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
        let (body, asking) = {
            let mut held = self.held();
            (held.body.take(), held.asking.take())
        };
        drop(body);
        if let Some(asking) = asking {
            asking.wake();
        }
    }

    /// Whether the whole body is still to be taken; from now on only by who comes next.
    pub(super) fn begin_again(&self) -> Option<u32> {
        let mut held = self.held();
        if held.taken {
            return None;
        }
        held.attempt += 1;
        Some(held.attempt)
    }

    /// The caller's body.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes were given to the upstream.
    pub(super) fn sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.give();
    }

    /// The upstream was given something: its time begins anew.
    pub(super) fn give(&self) {
        self.given_us.fetch_max(self.elapsed_us(), Ordering::AcqRel);
        self.callers_turn.store(false, Ordering::Release);
    }

    /// The upstream has everything that the caller sent so far.
    pub(super) fn wait_for_caller(&self) {
        self.callers_turn.store(true, Ordering::Release);
    }

    /// The caller's body ends the exchange.
    pub(super) fn fail(&self, kind: BodyFaultKind) {
        let code = match kind {
            BodyFaultKind::TooLarge => 1,
            BodyFaultKind::CallerGone => 2,
            BodyFaultKind::CallerSlow => 3,
            BodyFaultKind::CallerEnded => 4,
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

/// A caller's body with its error sorted, so that one pool of connections serves every body type.
pub(super) trait Pieces: Send {
    /// The next piece.
    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>>;
    /// Whether there is no next piece.
    fn ended(&self) -> bool;
}

pub(super) type Piece = Result<Frame<Bytes>, (BodyFaultKind, BoxError)>;

/// An upstream may say `103` a few times; a storm is an attack or a fault.
const MOST_INTERIM: u32 = 8;
