//! Records the request heads that h2 rejects by itself, before h2 says so.
//!
//! In: an HTTP/2 connection and its [`Doubt`]. Out: the same connection, as a future.
//!
//! It is not polled while such a record is being stored: what h2 has to say stays with it until
//! then. The answer that belongs to the record is dropped, because h2 gives its own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::doubt::Doubt;
use crate::refusal::Reason;

/// A connection that ends like `C` and records with `N`.
pub(super) struct Recording<'c, C, N> {
    connection: Pin<&'c mut C>,
    doubt: Doubt,
    note: N,
    noting: Option<Noting>,
    has_ended: bool,
}

/// The storing of one record.
pub(super) type Noting = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<'c, C, N> Recording<'c, C, N> {
    pub(super) fn new(connection: Pin<&'c mut C>, doubt: Doubt, note: N) -> Recording<'c, C, N> {
        Recording {
            connection,
            doubt,
            note,
            noting: None,
            has_ended: false,
        }
    }

    /// The connection itself.
    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C: Future, N: Fn(Reason) -> Noting + Unpin> Future for Recording<'_, C, N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.get_mut();
        loop {
            if let Some(noting) = &mut me.noting {
                ready!(noting.as_mut().poll(cx));
                me.noting = None;
            }
            if me.has_ended {
                return Poll::Ready(());
            }
            me.has_ended = me.connection.as_mut().poll(cx).is_ready();
            if let Some(reason) = me.doubt.rejected() {
                me.noting = Some((me.note)(reason));
            } else if !me.has_ended && !me.doubt.was_held() {
                return Poll::Pending;
            }
        }
    }
}
