//! Keeps requests back for as long as the upstream asked, once it said that there were too many.
//!
//! In: answers with status 429 and the key that they speak of. Out: whether the next request with that
//! key may go, else how long it is still to wait.
//!
//! A vendor that counts what it refuses makes every further request prolong the pause, and each costs
//! a way there and back that is known to be in vain. What the vendor says is believed up to a bound
//! that the operator sets; where it says nothing that is understood, nothing is held.
//!
//! RFC 9110, 10.2.3 (`retry-after`); the reset fields are the vendors' own, in seconds from now or
//! since 1970.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{HeaderMap, RETRY_AFTER};
use jiff::fmt::rfc2822;

use crate::clock::Time;

/// Which keys of one upstream are held, and until when. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Held(Arc<Holding>);

#[derive(Debug)]
struct Holding {
    most_ms: Option<u64>,
    /// By the key's place, as the settings name it.
    until: Mutex<BTreeMap<String, Instant>>,
}

impl Held {
    /// For at most so long; never where it is none.
    pub(super) fn new(most_ms: Option<u64>) -> Held {
        let until = Mutex::default();
        Held(Arc::new(Holding { most_ms, until }))
    }

    /// Whether it goes by this setting.
    pub(super) fn is_by(&self, most_ms: Option<u64>) -> bool {
        self.0.most_ms == most_ms
    }

    /// Whether a request with this key may go; else how long it is still to wait.
    pub(super) fn ask(&self, key: &str, now: Instant) -> Result<(), Duration> {
        if self.0.most_ms.is_none() {
            return Ok(());
        }
        let mut held = self.held();
        match held.get(key) {
            Some(until) if now < *until => Err(*until - now),
            Some(_) => {
                held.remove(key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The upstream said 429 with these fields.
    pub(super) fn refused(&self, key: &str, fields: &HeaderMap, now: Instant, time: Time) {
        let Some(most_ms) = self.0.most_ms else {
            return;
        };
        let Some(asked_ms) = asked_ms(fields, time) else {
            return;
        };
        let until = now + Duration::from_millis(asked_ms.min(most_ms));
        let mut held = self.held();
        // Answers that were under way come in any order; the longest pause counts.
        let latest = held.get(key).is_none_or(|there| *there < until);
        if latest {
            held.insert(key.to_owned(), until);
        }
    }

    /// How long the key that waits longest still waits.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        let latest = self.held().values().max().copied()?;
        latest
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the upstream asks to be left alone.
fn asked_ms(fields: &HeaderMap, now: Time) -> Option<u64> {
    let text = |name: &str| Some(fields.get(name)?.to_str().ok()?.trim());
    let ms = match text(RETRY_AFTER.as_str()) {
        Some(said) => seconds(said, now).or_else(|| date(said, now)),
        None => RESETS.iter().find_map(|name| seconds(text(name)?, now)),
    };
    ms.filter(|ms| *ms > 0)
}

/// A number of seconds from now; a large one is a moment since 1970.
fn seconds(said: &str, now: Time) -> Option<u64> {
    if said.is_empty() || !said.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: u64 = said.parse().ok()?;
    Some(match seconds {
        SINCE_1970.. => Time::from_secs(seconds).ms_since(now),
        _ => seconds.saturating_mul(1_000),
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(said: &str, now: Time) -> Option<u64> {
    let moment = rfc2822::DateTimeParser::new().parse_timestamp(said).ok()?;
    let moment = Time::from_ms(u64::try_from(moment.as_millisecond()).ok()?);
    Some(moment.ms_since(now))
}

/// Where vendors say when their count begins anew, in the order in which they are looked at.
const RESETS: [&str; 3] = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"];

/// No vendor's pause lasts 30 years.
const SINCE_1970: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_795_434_000);

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn what_the_upstream_asks_for_is_read_in_each_of_its_forms() {
        for (pairs, expected_ms) in [
            (vec![("retry-after", "7")], Some(7_000)),
            (vec![("retry-after", " 7 ")], Some(7_000)),
            (
                vec![("retry-after", "Mon, 23 Nov 2026 11:40:30 GMT")],
                Some(30_000),
            ),
            (vec![("x-ratelimit-reset", "5")], Some(5_000)),
            (vec![("x-rate-limit-reset", "1795434009")], Some(9_000)),
            (
                vec![("ratelimit-reset", "3"), ("x-ratelimit-reset", "5")],
                Some(3_000),
            ),
            (
                vec![("retry-after", "7"), ("ratelimit-reset", "60")],
                Some(7_000),
            ),
        ] {
            assert_eq!(asked_ms(&fields(&pairs), NOW), expected_ms, "{pairs:?}");
        }
    }

    #[test]
    fn what_says_nothing_holds_nothing() {
        for said in [
            "",
            "0",
            "-1",
            "+7",
            "7.5",
            "7s",
            "soon",
            "1e3",
            "99999999999999999999999",
            "Mon, 23 Nov 2026 11:39:30 GMT",
            "1795433999",
        ] {
            assert_eq!(
                asked_ms(&fields(&[("retry-after", said)]), NOW),
                None,
                "{said}"
            );
        }
        assert_eq!(asked_ms(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn a_key_is_held_as_long_as_was_asked_and_no_longer_than_may_be() {
        let now = Instant::now();
        let later = |s: u64| now + Duration::from_secs(s);
        for (asked, lasts_s) in [("7", 7), ("3600", 60), ("1995434000", 60)] {
            let held = Held::new(Some(60_000));
            held.refused("", &fields(&[("retry-after", asked)]), now, NOW);
            assert_eq!(held.ask("", now), Err(Duration::from_secs(lasts_s)));
            assert_eq!(held.longest(now), Some(Duration::from_secs(lasts_s)));
            assert!(held.ask("", later(lasts_s - 1)).is_err());
            assert_eq!(held.ask("acme/shop", now), Ok(()), "another key");
            assert_eq!(held.longest(later(lasts_s)), None);
            assert_eq!(held.ask("", later(lasts_s)), Ok(()));
        }
    }

    #[test]
    fn a_shorter_pause_that_comes_later_shortens_nothing() {
        let (held, now) = (Held::new(Some(60_000)), Instant::now());
        held.refused("", &fields(&[("retry-after", "30")]), now, NOW);
        held.refused("", &fields(&[("retry-after", "1")]), now, NOW);
        assert_eq!(held.ask("", now), Err(Duration::from_secs(30)));
    }

    #[test]
    fn where_it_is_not_set_nothing_is_held() {
        let (held, now) = (Held::new(None), Instant::now());
        held.refused("", &fields(&[("retry-after", "30")]), now, NOW);
        assert_eq!(held.ask("", now), Ok(()));
    }
}
