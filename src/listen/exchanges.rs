//! Counts the exchanges of one connection and of all.
//!
//! In: an exchange begins, its answer is out. Out: numbers.
//!
//! An exchange runs from the moment hyper hands its head over until the body of its answer has
//! been sent or dropped and nothing is left to do for it; [`Running`] is that span as a value. On
//! HTTP/1 the gate counts the heads that it cleared, so hyper can never show one that the gate has
//! not. On HTTP/2 an exchange outlives the stream that its caller reset, so reading waits for room.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What all listeners carry at the moment.
#[derive(Debug, Default)]
pub struct ListenCounts {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl ListenCounts {
    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests in flight.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts a connection for as long as the value lives.
    pub(super) fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Connected(Arc<ListenCounts>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    running: AtomicUsize,
    begun: AtomicUsize,
    cleared: AtomicUsize,
    finishing: AtomicBool,
    /// Set while somebody waits for room, so that the end of an exchange costs no lock otherwise.
    is_awaited: AtomicBool,
    awaits: Mutex<Option<Waker>>,
}

impl Exchanges {
    /// Whether an answer is under way.
    pub(super) fn are_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    /// How many have begun.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    /// The drain has begun: what runs finishes, and no other is received.
    pub(super) fn only_finish(&self) {
        self.finishing.store(true, Ordering::Release);
    }

    /// Whether the drain has begun.
    pub(super) fn are_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire)
    }

    /// The gate cleared so many more heads.
    pub(super) fn cleared_heads(&self, heads: usize) {
        self.cleared.fetch_add(heads, Ordering::AcqRel);
    }

    /// Whether hyper has handed over no more heads than the gate cleared.
    pub(super) fn are_all_cleared(&self) -> bool {
        self.begun() <= self.cleared.load(Ordering::Acquire)
    }

    /// Ready when fewer than `most` run; otherwise one task waits, and is woken when one has ended.
    pub(super) fn poll_room(&self, most: usize, cx: &Context<'_>) -> Poll<()> {
        let has_room = || self.running.load(Ordering::SeqCst) < most;
        if has_room() {
            return Poll::Ready(());
        }
        *self.awaits.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        self.is_awaited.store(true, Ordering::SeqCst);
        // One that ended in between saw nobody waiting.
        if has_room() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn ended(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
        if self.is_awaited.load(Ordering::SeqCst) && self.is_awaited.swap(false, Ordering::SeqCst) {
            let waker = self
                .awaits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Begins one.
    pub(super) fn begin(self: &Arc<Self>, counts: &Arc<ListenCounts>) -> Running {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.running.fetch_add(1, Ordering::AcqRel);
        let in_flight = counts.requests.fetch_add(1, Ordering::Relaxed) + 1;
        Running {
            exchanges: Arc::clone(self),
            counts: Arc::clone(counts),
            in_flight,
        }
    }
}

/// One exchange, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Running {
    exchanges: Arc<Exchanges>,
    counts: Arc<ListenCounts>,
    /// How many requests were in flight over all connections, this one included.
    pub(super) in_flight: usize,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.counts.requests.fetch_sub(1, Ordering::Relaxed);
        self.exchanges.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_room_is_woken_by_the_end_of_an_exchange_and_by_nothing_else() {
        let (exchanges, counts) = (
            Arc::new(Exchanges::default()),
            Arc::new(ListenCounts::default()),
        );
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let first = exchanges.begin(&counts);
        assert!(exchanges.poll_room(2, &cx).is_ready());
        let second = exchanges.begin(&counts);
        assert!(exchanges.poll_room(2, &cx).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        drop(first);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(exchanges.poll_room(2, &cx).is_ready());
        drop(second);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
