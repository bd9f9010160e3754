//! Counts the exchanges of one connection and of all.
//!
//! In: an exchange begins, its answer is out. Out: numbers.
//!
//! An exchange runs from the moment hyper hands its head over until the body of its answer has
//! been sent or dropped and nothing is left to do for it; [`Running`] is that span as a value. On HTTP/1 the gate counts the heads
//! that it cleared, so hyper can never show one that the gate has not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
        self.exchanges.running.fetch_sub(1, Ordering::AcqRel);
    }
}
