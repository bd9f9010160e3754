//! Keeps one issuer's key set at hand.
//!
//! In: a key id. Out: the [`KeySet`] to look it up in, or `idp_unavailable`.
//!
//! A key that is known is found without a lock and without the network, even while a fetch hangs.
//! Everything else goes through one fetch at a time, which all who need it wait for: the first one,
//! one when the set is due by the issuer's own `cache-control`, and one for a key id that nobody has
//! seen, at most every 30 seconds, so that made-up key ids cannot make us hammer the issuer.
//!
//! When the issuer is down, the last good set serves for 24 hours; after that, or when there never
//! was one, the answer is `idp_unavailable`. All spans are of a clock that never steps.
//!
//! OpenID Connect Core 10.1.1 (rotation); RFC 9111 5.2.2.1 (`max-age`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::discovery;
use super::fetch::{FetchFault, Fetcher};
use super::key_set::KeySet;
use crate::clock::{Clock, Time};
use crate::refusal::{Reason, Refusal};

/// The key set of one issuer, and how to get a newer one.
#[derive(Debug)]
pub(super) struct Keys {
    issuer_url: String,
    fetcher: Fetcher,
    clock: Clock,
    kept: ArcSwapOption<Kept>,
    /// When the next fetch is due of itself.
    due_ms: AtomicU64,
    /// Taken only around fetches, never for a known key.
    fetching: Mutex<Fetching>,
}

/// A key set and its times.
#[derive(Debug)]
struct Kept {
    set: Arc<KeySet>,
    fetched: Time,
    fetched_ms: u64,
    fresh_until_ms: u64,
}

#[derive(Debug, Default)]
struct Fetching {
    running: Option<Landing>,
    last_ms: Option<u64>,
    last_for_unknown_ms: Option<u64>,
    last_fault: Option<FetchFault>,
}

/// Ends when the fetch it belongs to has ended, well or not.
type Landing = watch::Receiver<()>;

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Anything,
    Newer,
    UnknownKey,
    Now,
}

/// How an issuer's key set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As young as the issuer wants it.
    Fresh,
    /// Older than that and still used.
    Stale,
    /// There is none, or it is too old to be used.
    None,
}

/// What readiness and `stile doctor` say of one issuer.
#[derive(Clone, Debug)]
pub struct KeySetState {
    /// The issuer's name in `stile.yaml`.
    pub issuer: String,
    /// How its key set stands.
    pub freshness: Freshness,
    /// How many keys are used.
    pub keys: usize,
    /// Published keys that are not used, and why.
    pub refused: Vec<String>,
    /// When the set was fetched.
    pub fetched: Option<Time>,
    /// How old it is, in seconds.
    pub age_s: Option<u64>,
    /// What went wrong with the last fetch, in one word; none when it went well.
    pub last_fault: Option<&'static str>,
}

impl Keys {
    /// For an issuer at this URL; asks nobody yet.
    pub(super) fn new(issuer_url: String, fetcher: Fetcher, clock: Clock) -> Keys {
        Keys {
            issuer_url,
            fetcher,
            clock,
            kept: ArcSwapOption::empty(),
            due_ms: AtomicU64::new(0),
            fetching: Mutex::default(),
        }
    }

    /// The set at hand, if it may still be used; never waits.
    pub(super) fn at_hand(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let now_ms = self.now_ms();
        let set = self.usable(now_ms)?;
        if now_ms >= self.due_ms.load(Ordering::Relaxed) {
            self.fetch(Want::Newer, now_ms);
        }
        Some(set)
    }

    /// The set to look this key id up in.
    pub(super) async fn for_key(self: &Arc<Self>, id: &str) -> Result<Arc<KeySet>, Refusal> {
        let want = match self.at_hand() {
            Some(set) if set.knows(id) => return Ok(set),
            Some(_) => Want::UnknownKey,
            None => Want::Anything,
        };
        if let Some(landing) = self.fetch(want, self.now_ms()) {
            landed(landing).await;
        }
        let fault = self.fetching().last_fault;
        match (self.usable(self.now_ms()), fault) {
            (Some(set), _) if set.knows(id) => Ok(set),
            // The issuer may have published it since we last could ask.
            (_, Some(fault)) => Err(unavailable(fault.word())),
            (Some(set), None) => Ok(set),
            (None, None) => Err(unavailable("none yet")),
        }
    }

    /// Fetches now, whatever is at hand, and waits for it.
    pub(super) async fn refresh(self: &Arc<Self>) {
        if let Some(landing) = self.fetch(Want::Now, self.now_ms()) {
            landed(landing).await;
        }
    }

    /// Fetches whenever a set is missing or due, until the last owner is gone.
    pub(super) async fn keep_fresh(keys: Weak<Keys>) {
        while let Some(keys) = keys.upgrade() {
            let now_ms = keys.now_ms();
            if keys.usable(now_ms).is_none() {
                keys.fetch(Want::Anything, now_ms);
            } else if now_ms >= keys.due_ms.load(Ordering::Relaxed) {
                keys.fetch(Want::Newer, now_ms);
            }
            drop(keys);
            tokio::time::sleep(Duration::from_millis(AFTER_FAULT_MS)).await;
        }
    }

    /// Takes over what another has at hand, with its age.
    pub(super) fn inherit(&self, other: &Keys) {
        if let Some(kept) = other.kept.load_full() {
            self.due_ms.store(kept.fresh_until_ms, Ordering::Relaxed);
            self.kept.store(Some(kept));
        }
    }

    /// How it stands.
    pub(super) fn state(&self, issuer: &str) -> KeySetState {
        let now_ms = self.now_ms();
        let kept = self.kept.load_full();
        let freshness = match &kept {
            Some(kept) if now_ms < kept.fresh_until_ms => Freshness::Fresh,
            Some(kept) if kept.usable_at(now_ms) => Freshness::Stale,
            _ => Freshness::None,
        };
        let kept = kept.as_deref();
        KeySetState {
            issuer: issuer.to_owned(),
            freshness,
            keys: kept.map_or(0, |kept| kept.set.usable()),
            refused: kept.map_or(Vec::new(), |kept| kept.set.refused().to_vec()),
            fetched: kept.map(|kept| kept.fetched),
            age_s: kept.map(|kept| now_ms.saturating_sub(kept.fetched_ms) / 1000),
            last_fault: self.fetching().last_fault.map(FetchFault::word),
        }
    }

    fn usable(&self, now_ms: u64) -> Option<Arc<KeySet>> {
        let kept = self.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.usable_at(now_ms))?;
        Some(kept.set.clone())
    }

    /// The fetch that runs, or a new one unless there was one just now.
    fn fetch(self: &Arc<Self>, want: Want, now_ms: u64) -> Option<Landing> {
        let mut fetching = self.fetching();
        // A fetch that died without landing leaves a closed channel behind.
        let running = fetching.running.clone();
        if let Some(landing) = running.filter(|landing| landing.has_changed().is_ok()) {
            return Some(landing);
        }
        if !fetching.may(want, now_ms) {
            return None;
        }
        fetching.last_ms = Some(now_ms);
        if want == Want::UnknownKey {
            fetching.last_for_unknown_ms = Some(now_ms);
        }
        self.due_ms
            .store(now_ms.saturating_add(AFTER_FAULT_MS), Ordering::Relaxed);
        let (done, landing) = watch::channel(());
        fetching.running = Some(landing.clone());
        let keys = self.clone();
        // On its own, so that it ends well even if everyone who waits gives up.
        tokio::spawn(async move {
            keys.land(keys.fetched().await);
            drop(done);
        });
        Some(landing)
    }

    async fn fetched(&self) -> Result<Kept, FetchFault> {
        let both = async {
            let url = discovery::document_url(&self.issuer_url).ok_or(FetchFault::UnsafeUrl)?;
            let document = self.fetcher.fetch(&url).await?;
            let keys_url = discovery::keys_url(&document.bytes, &self.issuer_url)?;
            self.fetcher.fetch(&keys_url).await
        };
        let limit = Duration::from_millis(FETCH_TIMEOUT_MS);
        let document = tokio::time::timeout(limit, both)
            .await
            .unwrap_or(Err(FetchFault::TimedOut))?;
        let set = KeySet::read(&document.bytes).ok_or(FetchFault::NotKeys)?;
        let fresh_s = document.max_age_s.unwrap_or(UNSTATED_MAX_AGE_S);
        let fresh_ms = fresh_s.clamp(SHORTEST_MAX_AGE_S, LONGEST_MAX_AGE_S) * 1000;
        let now_ms = self.now_ms();
        Ok(Kept {
            set: Arc::new(set),
            fetched: self.clock.now(),
            fetched_ms: now_ms,
            fresh_until_ms: now_ms.saturating_add(fresh_ms),
        })
    }

    fn land(&self, fetched: Result<Kept, FetchFault>) {
        let mut fetching = self.fetching();
        fetching.running = None;
        match fetched {
            Ok(kept) => {
                fetching.last_fault = None;
                self.due_ms.store(kept.fresh_until_ms, Ordering::Relaxed);
                self.kept.store(Some(Arc::new(kept)));
            }
            Err(fault) => {
                fetching.last_fault = Some(fault);
                tracing::warn!(
                    issuer = self.issuer_url,
                    fault = fault.word(),
                    "keys not fetched"
                );
            }
        }
    }

    fn fetching(&self) -> MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.clock.mono_ns() / 1_000_000
    }
}

impl Kept {
    fn usable_at(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.fetched_ms) <= USABLE_MS
    }
}

impl Fetching {
    fn may(&self, want: Want, now_ms: u64) -> bool {
        let passed = |last: Option<u64>, span_ms: u64| {
            last.is_none_or(|last| now_ms.saturating_sub(last) >= span_ms)
        };
        match want {
            Want::Now => true,
            Want::Anything => passed(self.last_ms, AFTER_FAULT_WITHOUT_KEYS_MS),
            Want::Newer => passed(self.last_ms, AFTER_FAULT_MS),
            Want::UnknownKey => passed(self.last_for_unknown_ms, AFTER_UNKNOWN_KEY_MS),
        }
    }
}

/// Waits until the other side is gone, which is when the fetch has landed.
async fn landed(mut landing: Landing) {
    while landing.changed().await.is_ok() {}
}

fn unavailable(noted: &'static str) -> Refusal {
    Refusal::new(Reason::IdpUnavailable).noting(noted)
}

const FETCH_TIMEOUT_MS: u64 = 5_000;
const AFTER_UNKNOWN_KEY_MS: u64 = 30_000;
const AFTER_FAULT_MS: u64 = 30_000;
const AFTER_FAULT_WITHOUT_KEYS_MS: u64 = 5_000;
const USABLE_MS: u64 = 24 * 3_600_000;
const SHORTEST_MAX_AGE_S: u64 = 5 * 60;
const LONGEST_MAX_AGE_S: u64 = 24 * 3600;
const UNSTATED_MAX_AGE_S: u64 = 3600;
