//! Sets an address aside that fails, for longer each time, and lets one request find it again.
//!
//! In: how requests to it fared, and when. Out: whether the next one may go there.

use std::time::{Duration, Instant};

/// How one address fares.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Failures in a row.
    failures: u32,
    until: Option<Instant>,
}

impl Aside {
    /// It answered: nothing is held against it.
    pub(super) fn answered(&mut self) {
        *self = Aside::default();
    }

    /// It did not.
    pub(super) fn failed(&mut self, now: Instant) {
        // Who was under way when it was set aside tells nothing new.
        if self.until(now).is_none() {
            self.failures = self.failures.saturating_add(1);
        }
        self.until = Some(now + self.pause());
    }

    /// Whether it failed last.
    pub(super) fn is_set(&self) -> bool {
        self.failures > 0
    }

    /// Until when it is set aside; earlier is better, and never best.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    /// Whether the asker is the one who tries it again; the next one may after another pause.
    pub(super) fn tries_now(&mut self, now: Instant) -> bool {
        let is_time = self.is_set() && self.until(now).is_none();
        if is_time {
            self.until = Some(now + self.pause());
        }
        is_time
    }

    fn pause(&self) -> Duration {
        let doubled = self.failures.saturating_sub(1).min(MOST_DOUBLED);
        FIRST_PAUSE * 2_u32.pow(doubled)
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause is 32 s.
const MOST_DOUBLED: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_pause_to_half_a_minute() {
        let mut aside = Aside::default();
        let mut now = Instant::now();
        for expected_s in [1, 2, 4, 8, 16, 32, 32, 32] {
            aside.failed(now);
            let until = now + Duration::from_secs(expected_s);
            assert_eq!(aside.until(now), Some(until));
            now = until;
        }
        aside.answered();
        assert!(!aside.is_set());
        aside.failed(now);
        assert_eq!(aside.until(now), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn those_that_were_under_way_count_once() {
        let mut aside = Aside::default();
        let now = Instant::now();
        for _ in 0..100 {
            aside.failed(now);
        }
        assert_eq!(aside.until(now), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn when_the_pause_is_over_one_tries_and_no_other() {
        let mut aside = Aside::default();
        let now = Instant::now();
        assert!(!aside.tries_now(now), "it did not fail");
        aside.failed(now);
        assert!(!aside.tries_now(now));
        let later = now + FIRST_PAUSE;
        assert!(aside.tries_now(later));
        assert!(!aside.tries_now(later));
        assert!(aside.until(later).is_some(), "the others go elsewhere");
    }
}
