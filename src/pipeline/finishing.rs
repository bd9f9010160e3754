//! Sees a request through, whether its caller stays or not.
//!
//! In: the future of one request. Out: its answer, as long as somebody waits for it.
//!
//! hyper drops the future of a caller who hangs up, and a dropped future would take the record
//! along (P2). So what is unfinished when it is dropped goes on as a task of its own, to its record
//! and outcome; its answer then goes to nobody. While the caller stays, no task is made and the
//! future, which is large, is not moved again.
//!
//! A panic ends its own request and nothing else: it becomes `None`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request on its way.
pub(super) struct Finishing<A>(Option<Unfinished<A>>)
where
    A: Send + 'static;

type Unfinished<A> = Pin<Box<dyn Future<Output = A> + Send>>;

impl<A: Send + 'static> Finishing<A> {
    /// Sees this through.
    pub(super) fn new(request: impl Future<Output = A> + Send + 'static) -> Finishing<A> {
        Finishing(Some(Box::pin(request)))
    }
}

impl<A: Send + 'static> Future for Finishing<A> {
    type Output = Option<A>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A>> {
        let Some(request) = &mut self.0 else {
            return Poll::Ready(None);
        };
        // A future that panicked is never polled again: it is dropped here, guards and all.
        let polled = catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Some(answer),
            Err(_) => None,
        };
        self.0 = None;
        Poll::Ready(answer)
    }
}

impl<A: Send + 'static> Drop for Finishing<A> {
    fn drop(&mut self) {
        if let (Some(request), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move { drop(request.await) });
        }
    }
}
