//! Holds a key set with its times.
//!
//! In: a set as it came, and what its issuer says of it. Out: until when it is fresh, and until when
//! it may be used.
//!
//! How fresh is the issuer's to say, within five minutes and a day; how long it may be used is ours.
//!
//! RFC 9111 5.2.2.1 (`max-age`).

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Uri;

use crate::clock::{Clock, Time};
use crate::identify::fetch::Document;
use crate::identify::key_set::KeySet;

/// A key set and its times.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) set: Arc<KeySet>,
    /// Where it was fetched from.
    pub(super) keys_url: Option<String>,
    pub(super) fetched: Time,
    pub(super) fetched_ms: u64,
    pub(super) fresh_until_ms: u64,
    usable_until_ms: u64,
    pub(super) clock_ahead_s: Option<i64>,
}

impl Kept {
    /// One that was fetched just now, with the document it came in.
    pub(super) fn fetched(set: KeySet, url: &Uri, document: &Document, clock: &Clock) -> Kept {
        let fresh_s = document.max_age_s.unwrap_or(UNSTATED_MAX_AGE_S);
        let fresh_ms = fresh_s.clamp(SHORTEST_MAX_AGE_S, LONGEST_MAX_AGE_S) * 1000;
        let (now, now_ms) = (clock.now(), clock.mono_ns() / 1_000_000);
        Kept {
            set: Arc::new(set),
            keys_url: Some(url.to_string().escape_debug().to_string()),
            fetched: now,
            fetched_ms: now_ms,
            fresh_until_ms: now_ms.saturating_add(fresh_ms),
            usable_until_ms: now_ms.saturating_add(USABLE_MS),
            clock_ahead_s: document.date.map(|date| ahead_s(date, now)),
        }
    }

    /// One that was read from a file just now, and does not age.
    pub(super) fn read(set: KeySet, clock: &Clock) -> Kept {
        Kept {
            set: Arc::new(set),
            keys_url: None,
            fetched: clock.now(),
            fetched_ms: clock.mono_ns() / 1_000_000,
            fresh_until_ms: u64::MAX,
            usable_until_ms: u64::MAX,
            clock_ahead_s: None,
        }
    }

    /// The same with these key ids blocked and no others.
    pub(super) fn blocking(&self, ids: &Arc<BTreeSet<String>>) -> Kept {
        Kept {
            set: Arc::new(self.set.blocking(ids)),
            ..self.clone()
        }
    }

    /// Whether it may be used.
    pub(super) fn usable_at(&self, now_ms: u64) -> bool {
        now_ms <= self.usable_until_ms
    }

    /// For how many seconds more.
    pub(super) fn left_s(&self, now_ms: u64) -> u64 {
        self.usable_until_ms.saturating_sub(now_ms) / 1000
    }

    /// Whether the issuer published the same bytes.
    pub(super) fn is_like(&self, other: &Kept) -> bool {
        self.set.published_digest() == other.set.published_digest()
    }
}

/// How far another clock is ahead of ours, in whole seconds.
fn ahead_s(other: Time, ours: Time) -> i64 {
    let seconds = |time: Time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds(other).saturating_sub(seconds(ours))
}

const USABLE_MS: u64 = 24 * 3_600_000;
const SHORTEST_MAX_AGE_S: u64 = 5 * 60;
const LONGEST_MAX_AGE_S: u64 = 24 * 3600;
const UNSTATED_MAX_AGE_S: u64 = 3600;
