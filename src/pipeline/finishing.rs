//! Sees a request through, whether its caller stays or not.
//!
//! In: the future of one request. Out: its answer, as long as somebody waits for it.
//!
//! hyper drops the future of a caller who hangs up, and a dropped future would take the record
//! along (P2). So what is unfinished when it is dropped goes on as a task of its own, to its record
//! and outcome; its answer then goes to nobody. While the caller stays, no task is made and the
//! future, which is large, is not moved again.
//!
//! Those tasks are counted: an instance that drains waits for them as it does for callers, then cuts
//! them, so that each has its outcome.
//!
//! A panic ends its own request and nothing else: it becomes `None`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// A request on its way.
pub(super) struct Finishing<A>
where
    A: Send + 'static,
{
    request: Option<Unfinished<A>>,
    unattended: Arc<Unattended>,
}

type Unfinished<A> = Pin<Box<dyn Future<Output = A> + Send>>;

impl<A: Send + 'static> Finishing<A> {
    /// Sees this through.
    pub(super) fn new(
        request: impl Future<Output = A> + Send + 'static,
        unattended: &Arc<Unattended>,
    ) -> Finishing<A> {
        Finishing {
            request: Some(Box::pin(request)),
            unattended: Arc::clone(unattended),
        }
    }
}

impl<A: Send + 'static> Future for Finishing<A> {
    type Output = Option<A>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A>> {
        let Some(request) = &mut self.request else {
            return Poll::Ready(None);
        };
        // A future that panicked is never polled again: it is dropped here, guards and all.
        let polled = catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Some(answer),
            Err(_) => None,
        };
        self.request = None;
        Poll::Ready(answer)
    }
}

impl<A: Send + 'static> Drop for Finishing<A> {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.unattended.see_through(request);
        }
    }
}

/// The requests whose callers left before they were through.
#[derive(Debug)]
pub(super) struct Unattended {
    places: Arc<Semaphore>,
    cut: watch::Sender<bool>,
}

impl Default for Unattended {
    fn default() -> Unattended {
        Unattended {
            places: Arc::new(Semaphore::new(PLACES as usize)),
            cut: watch::Sender::new(false),
        }
    }
}

impl Unattended {
    fn see_through<A: Send + 'static>(&self, request: Unfinished<A>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        let mut cut = self.cut.subscribe();
        runtime.spawn(async move {
            tokio::select! {
                biased;
                answer = request => drop(answer),
                _ = cut.wait_for(|is_cut| *is_cut) => {}
            }
            drop(place);
        });
    }

    /// Waits until all are through, cuts those that are not in time, and lets them tell their outcomes.
    pub(super) async fn end(&self, longest: Duration) {
        let through = || self.places.acquire_many(PLACES);
        if timeout(longest, through()).await.is_err() {
            self.cut.send_replace(true);
            let _ = timeout(TELLING, through()).await;
        }
    }
}

/// More than there can be connections.
const PLACES: u32 = 1 << 24;
const TELLING: Duration = Duration::from_secs(1);
