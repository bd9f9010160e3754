//! What every receiver is to the thread that serves it.
//!
//! In: some items in their order. Out: that it has them, or why not and what to do about that.

use std::time::Duration;

use super::source::Item;
use crate::clock::Time;

/// Somebody who takes records.
pub(super) trait Receiver: Send {
    /// Hands over some items and waits until the receiver has said that it has them.
    fn send(&mut self, items: &[Item], now: Time) -> Result<Taken, Missed>;

    /// How much it takes at once, at most.
    fn at_once(&self) -> AtOnce;
}

/// A bound for what is handed over at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtOnce {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// The receiver has what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// All of it.
    All,
    /// All but some, and it does not say which; it does not want them again.
    But { refused: u64, why: String },
}

/// The receiver does not have what was sent, or has not said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// For a cause that passes or that an operator mends: tried again for ever.
    Now { why: String, wait: Option<Duration> },
    /// For what is in it: sent in smaller parts, until it is clear which item it is.
    Content { why: String },
}

impl Missed {
    pub(super) fn now(why: impl Into<String>) -> Missed {
        Missed::Now {
            why: why.into(),
            wait: None,
        }
    }
}
