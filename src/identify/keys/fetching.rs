//! Decides when an issuer is asked, and remembers how that went.
//!
//! In: why a fetch is wanted, and the time of a clock that never steps. Out: yes or no.
//!
//! Never: more than one fetch at a time, or more than one in thirty seconds for key ids that nobody
//! has seen, whatever callers send.

use std::collections::BTreeMap;

use http::Uri;
use tokio::sync::watch;

use super::unknown::Unknown;
use crate::identify::fetch::FetchFault;

/// What is known of the fetches from one issuer.
#[derive(Debug, Default)]
pub(super) struct Fetching {
    pub(super) running: Option<Landing>,
    pub(super) last_ms: Option<u64>,
    pub(super) last_for_unknown_ms: Option<u64>,
    pub(super) last_failed: Option<Failed>,
    pub(super) unknown: Unknown,
    /// How many fetches ended so, by the word for it.
    pub(super) ended: BTreeMap<&'static str, u64>,
}

/// Ends when the fetch it belongs to has ended, well or not.
pub(super) type Landing = watch::Receiver<()>;

/// A fetch that gave no keys.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) fault: FetchFault,
    /// What was asked for.
    pub(super) url: Option<Uri>,
}

impl Failed {
    /// The URL as it may be shown.
    pub(super) fn shown_url(&self) -> Option<String> {
        Some(self.url.as_ref()?.to_string().escape_debug().to_string())
    }
}

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want<'i> {
    /// There is no set that may be used.
    Anything,
    /// The set is due by its issuer's own word.
    Newer,
    /// A token names this key id, which the set does not have.
    UnknownKey(&'i str),
    /// The operator asks.
    Now,
}

impl Fetching {
    /// The fetch that runs.
    pub(super) fn running(&self) -> Option<Landing> {
        // A fetch that died without landing leaves a closed channel behind.
        let running = self.running.clone();
        running.filter(|landing| landing.has_changed().is_ok())
    }

    /// Whether a fetch may begin now.
    pub(super) fn may(&self, want: Want<'_>, now_ms: u64) -> bool {
        let passed = |last: Option<u64>, span_ms: u64| {
            last.is_none_or(|last| now_ms.saturating_sub(last) >= span_ms)
        };
        match want {
            Want::Now => true,
            Want::Anything => passed(self.last_ms, AFTER_FAULT_WITHOUT_KEYS_MS),
            Want::Newer => passed(self.last_ms, AFTER_FAULT_MS),
            Want::UnknownKey(id) => {
                passed(self.last_for_unknown_ms, AFTER_UNKNOWN_KEY_MS)
                    && self.unknown.may_ask(id, now_ms)
            }
        }
    }

    /// A fetch begins.
    pub(super) fn begin(&mut self, want: Want<'_>, now_ms: u64, landing: Landing) {
        self.last_ms = Some(now_ms);
        if matches!(want, Want::UnknownKey(_)) {
            self.last_for_unknown_ms = Some(now_ms);
        }
        self.running = Some(landing);
    }

    /// The fetch ended.
    pub(super) fn end(&mut self, failed: Option<Failed>) {
        self.running = None;
        let word = failed.as_ref().map_or(ENDED_WELL, |f| f.fault.word());
        *self.ended.entry(word).or_default() += 1;
        self.last_failed = failed;
    }

    /// Takes over what another generation knows, so that a reload resets no cool-down.
    pub(super) fn inherit(&mut self, other: &Fetching) {
        self.last_ms = other.last_ms;
        self.last_for_unknown_ms = other.last_for_unknown_ms;
        self.last_failed = other.last_failed.clone();
        self.unknown = other.unknown.clone();
        self.ended = other.ended.clone();
    }
}

/// The word in metrics for a fetch that gave keys.
const ENDED_WELL: &str = "ok";
const AFTER_UNKNOWN_KEY_MS: u64 = 30_000;
/// After a fetch that failed, while there are keys that may be used.
pub(super) const AFTER_FAULT_MS: u64 = 30_000;
/// The same without any.
pub(super) const AFTER_FAULT_WITHOUT_KEYS_MS: u64 = 5_000;
