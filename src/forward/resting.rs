//! Leaves an upstream alone that fails again and again.
//!
//! In: how each request to it ended. Out: whether the next one may be tried.
//!
//! After so many requests in a row that got no answer, requests are refused at once for a pause: who
//! waits for a timeout that will come keeps a place that others could use, and a crowd that tries at
//! the same moment keeps down what is getting up. When the pause is over one request tries; the others
//! wait for what becomes of it, until the next pause is over.
//!
//! An answer is an answer, whatever its status: an upstream that says 500 is there.
//!
//! On the way of a request that is one load of a counter while nothing fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::settings::RestSettings;

/// How an upstream fares. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Resting(Arc<Fares>);

#[derive(Debug)]
struct Fares {
    settings: RestSettings,
    began: Instant,
    /// Requests in a row without an answer.
    failures: AtomicU32,
    /// Until when it rests, in ms since `began`.
    until_ms: AtomicU64,
}

impl Resting {
    /// Of an upstream of which nothing is known.
    pub(super) fn new(settings: RestSettings, now: Instant) -> Resting {
        Resting(Arc::new(Fares {
            settings,
            began: now,
            failures: AtomicU32::new(0),
            until_ms: AtomicU64::new(0),
        }))
    }

    /// Whether it goes by these settings.
    pub(super) fn is_by(&self, settings: RestSettings) -> bool {
        self.0.settings == settings
    }

    /// Whether a request may be tried; else how long the pause still is.
    pub(super) fn ask(&self, now: Instant) -> Result<(), Duration> {
        if !self.is_down() {
            return Ok(());
        }
        let (now, until) = (self.ms(now), self.0.until_ms.load(Ordering::Acquire));
        if now < until {
            return Err(Duration::from_millis(until - now));
        }
        // Who moves the end of the pause is the one who tries.
        let next = now.saturating_add(self.0.settings.pause_ms);
        let pause = &self.0.until_ms;
        match pause.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(moved) => Err(Duration::from_millis(moved.saturating_sub(now))),
        }
    }

    /// It answered.
    pub(super) fn answered(&self) {
        if self.0.failures.load(Ordering::Relaxed) > 0 {
            self.0.failures.store(0, Ordering::Release);
        }
    }

    /// It did not.
    pub(super) fn failed(&self, now: Instant) {
        let before = self.0.failures.fetch_add(1, Ordering::AcqRel);
        let is_last = |most: u32| before.saturating_add(1) == most;
        if self
            .0
            .settings
            .failures
            .is_some_and(|most| is_last(most.get()))
        {
            let until = self.ms(now).saturating_add(self.0.settings.pause_ms);
            self.0.until_ms.store(until, Ordering::Release);
        }
    }

    /// Whether it is left alone now, but for who tries.
    pub(super) fn is_down(&self) -> bool {
        let most = self.0.settings.failures;
        most.is_some_and(|most| self.0.failures.load(Ordering::Acquire) >= most.get())
    }

    fn ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.0.began).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn after(failures: u32) -> (Resting, Instant) {
        let settings = RestSettings {
            failures: NonZeroU32::new(failures),
            pause_ms: 2_000,
        };
        let now = Instant::now();
        (Resting::new(settings, now), now)
    }

    fn later(now: Instant, ms: u64) -> Instant {
        now + Duration::from_millis(ms)
    }

    #[test]
    fn it_is_asked_until_it_has_failed_so_many_times_in_a_row() {
        let (resting, now) = after(3);
        for _ in 0..2 {
            resting.failed(now);
            assert_eq!(resting.ask(now), Ok(()));
        }
        resting.answered();
        resting.failed(now);
        resting.failed(now);
        assert_eq!(resting.ask(now), Ok(()));
        resting.failed(now);
        assert_eq!(resting.ask(now), Err(Duration::from_millis(2_000)));
        assert_eq!(
            resting.ask(later(now, 1_999)),
            Err(Duration::from_millis(1))
        );
    }

    #[test]
    fn after_the_pause_one_tries_and_the_others_wait_for_it() {
        let (resting, now) = after(1);
        resting.failed(now);
        let now = later(now, 2_000);
        assert_eq!(resting.ask(now), Ok(()));
        for _ in 0..10 {
            assert!(resting.ask(now).is_err());
        }
        resting.failed(now);
        assert!(resting.ask(now).is_err());
        let now = later(now, 2_000);
        assert_eq!(resting.ask(now), Ok(()));
        resting.answered();
        for _ in 0..10 {
            assert_eq!(resting.ask(now), Ok(()));
        }
    }

    #[test]
    fn who_tries_and_goes_away_holds_nobody_up_for_ever() {
        let (resting, now) = after(1);
        resting.failed(now);
        let now = later(now, 2_000);
        assert_eq!(resting.ask(now), Ok(()));
        // Nothing is heard of it again.
        assert!(resting.ask(later(now, 1_000)).is_err());
        assert_eq!(resting.ask(later(now, 2_000)), Ok(()));
    }

    #[test]
    fn without_a_number_it_never_rests() {
        let (resting, now) = after(0);
        for _ in 0..1_000 {
            resting.failed(now);
        }
        assert_eq!(resting.ask(now), Ok(()));
        assert!(!resting.is_down());
    }
}
