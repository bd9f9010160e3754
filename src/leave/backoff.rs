//! Says how long to wait after something did not work.
//!
//! In: how often it did not work before, and a random number. Out: a wait.
//!
//! Each wait is up to twice as long as the one before, to a minute; a random half of it is left out,
//! so that many that lost the same receiver do not come back together. A receiver that says how long
//! to wait is waited for at least as long, to an hour.

use std::time::Duration;

/// The waits of one destination.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It did not work: how long to wait.
    pub(super) fn next(&mut self, asked_for: Option<Duration>, random: u16) -> Duration {
        let doubled = SHORTEST.saturating_mul(1_u32 << self.failures.min(MOST_DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        let half = doubled.min(LONGEST) / 2;
        let jitter = half.mul_f64(f64::from(random) / f64::from(u16::MAX));
        let asked_for = asked_for.map_or(Duration::ZERO, |wait| wait.min(LONGEST_ASKED_FOR));
        asked_for.max(half.saturating_add(jitter))
    }
}

const SHORTEST: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 8;
const LONGEST: Duration = Duration::from_secs(60);
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..12)
            .map(|_| backoff.next(None, u16::MAX).as_millis())
            .collect();
        assert_eq!(waits[..4], [500, 1_000, 2_000, 4_000]);
        assert_eq!(waits[7..], [60_000; 5]);
        backoff.reset();
        assert_eq!(backoff.next(None, u16::MAX).as_millis(), 500);
    }

    #[test]
    fn a_random_half_is_left_out() {
        for (random, ms) in [(0, 250), (u16::MAX / 2, 374), (u16::MAX, 500)] {
            assert_eq!(Backoff::default().next(None, random).as_millis(), ms);
        }
    }

    #[test]
    fn what_the_receiver_asks_for_is_waited_for_up_to_an_hour() {
        for (asked_s, waited_s) in [(7, 7), (0, 0), (86_400, 3_600)] {
            let asked = Some(Duration::from_secs(asked_s));
            assert_eq!(Backoff::default().next(asked, 0).as_secs(), waited_s);
        }
    }
}
