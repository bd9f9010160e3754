//! Ends a wait that takes too long.
//!
//! In: a span of time and what it is for. Out: ready when that span has passed.
//!
//! The timer is made at the first wait and reused for all later ones, so that a request that never
//! waits costs nothing and one that waits costs no allocation.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// One timer, armed for at most one kind of wait at a time.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    kind: u8,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Waits; the span counts from the first call with this kind. Kind 0 is no kind.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, kind: u8, span: Duration) -> Poll<()> {
        let is_armed = self.kind == kind;
        self.kind = kind;
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !is_armed {
                    sleep.as_mut().reset(Instant::now() + span);
                }
                sleep
            }
            None => self.sleep.insert(Box::pin(tokio::time::sleep(span))),
        };
        sleep.as_mut().poll(cx)
    }

    /// The wait is over; the next one counts anew.
    pub(super) fn disarm(&mut self) {
        self.kind = 0;
    }
}
