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
//! was one, the answer is `idp_unavailable`. All spans are of a clock that never steps. A set from a
//! file is for sites without a network: nobody is asked, and it does not age.
//!
//! OpenID Connect Core 10.1.1 (rotation); RFC 9111 5.2.2.1 (`max-age`).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::discovery;
use super::fetch::{FetchFault, Fetcher};
use super::key_set::{KeySet, NoKeySet};
use super::settings::IssuerSettings;
use crate::clock::Clock;
use crate::reach::Lookup;
use crate::refusal::{Reason, Refusal};
use crate::setup_error::SetupError;

mod fetching;
mod file;
mod kept;
mod state;
mod unknown;

pub use state::{Freshness, KeySetState};

use fetching::{AFTER_FAULT_MS, AFTER_FAULT_WITHOUT_KEYS_MS, Failed, Fetching, Landing, Want};
use kept::Kept;

/// The key set of one issuer, and how to get a newer one.
#[derive(Debug)]
pub(super) struct Keys {
    issuer_url: String,
    source: Source,
    clock: Clock,
    kept: ArcSwapOption<Kept>,
    /// When the next fetch is due of itself.
    due_ms: AtomicU64,
    /// Taken only around fetches and blocks, never for a known key.
    fetching: Mutex<Fetching>,
    blocked: Mutex<Arc<BTreeSet<String>>>,
}

/// Where the keys come from.
#[derive(Debug)]
enum Source {
    Issuer(Fetcher),
    File(PathBuf),
}

impl Keys {
    /// For this issuer; reads its key file where it has one, and asks nobody yet.
    pub(super) fn new(
        issuer: &IssuerSettings,
        lookup: Lookup,
        clock: Clock,
    ) -> Result<Keys, SetupError> {
        let (source, kept) = match &issuer.keys_file {
            None => (Source::Issuer(Fetcher::new(issuer, lookup)?), None),
            Some(file) => {
                let set = file::read(file)?;
                let kept = Kept::read(set, &clock);
                (Source::File(file.clone()), Some(Arc::new(kept)))
            }
        };
        Ok(Keys {
            issuer_url: issuer.url.clone(),
            source,
            clock,
            kept: ArcSwapOption::from(kept),
            due_ms: AtomicU64::new(0),
            fetching: Mutex::default(),
            blocked: Mutex::default(),
        })
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
            Some(_) => Want::UnknownKey(id),
            None => Want::Anything,
        };
        let waited = match self.fetch(want, self.now_ms()) {
            Some(landing) => landed(landing).await,
            None => false,
        };
        let now_ms = self.now_ms();
        let mut fetching = self.fetching();
        let fault = fetching.last_failed.as_ref().map(|failed| failed.fault);
        match (self.usable(now_ms), fault) {
            (Some(set), _) if set.knows(id) => Ok(set),
            // The issuer may have published it since we last could ask.
            (_, Some(fault)) => Err(unavailable(fault.word())),
            (Some(set), None) => {
                if waited {
                    fetching.unknown.asked_in_vain(id, now_ms);
                }
                Ok(set)
            }
            (None, None) => Err(unavailable("none yet")),
        }
    }

    /// The set to look for the one key in that fits a token without a key id. Such a token makes
    /// nobody ask for newer keys than are at hand.
    pub(super) async fn for_any_key(self: &Arc<Self>) -> Result<Arc<KeySet>, Refusal> {
        if let Some(set) = self.at_hand() {
            return Ok(set);
        }
        if let Some(landing) = self.fetch(Want::Anything, self.now_ms()) {
            landed(landing).await;
        }
        let failed = self
            .fetching()
            .last_failed
            .as_ref()
            .map(|failed| failed.fault);
        self.usable(self.now_ms())
            .ok_or_else(|| unavailable(failed.map_or("none yet", FetchFault::word)))
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
            let pause_ms = if keys.usable(now_ms).is_none() {
                keys.fetch(Want::Anything, now_ms);
                AFTER_FAULT_WITHOUT_KEYS_MS
            } else {
                if now_ms >= keys.due_ms.load(Ordering::Relaxed) {
                    keys.fetch(Want::Newer, now_ms);
                }
                AFTER_FAULT_MS
            };
            drop(keys);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    /// Takes over what another has at hand, with its age and its cool-downs.
    pub(super) fn inherit(&self, other: &Keys) {
        if matches!(self.source, Source::File(_)) || matches!(other.source, Source::File(_)) {
            return;
        }
        let blocked = self.blocked();
        self.fetching().inherit(&other.fetching());
        if let Some(kept) = other.kept.load_full() {
            self.due_ms.store(kept.fresh_until_ms, Ordering::Relaxed);
            self.kept.store(Some(Arc::new(kept.blocking(&blocked))));
        }
    }

    /// Blocks these key ids and no others, from the next look-up on.
    pub(super) fn block(&self, ids: Arc<BTreeSet<String>>) {
        self.reblock(|_| ids);
    }

    /// Blocks these key ids beside those that are blocked already.
    pub(super) fn block_also(&self, ids: &BTreeSet<String>) {
        self.reblock(|before| Arc::new(before.union(ids).cloned().collect()));
    }

    fn reblock(&self, change: impl FnOnce(&BTreeSet<String>) -> Arc<BTreeSet<String>>) {
        let mut blocked = self.blocked();
        *blocked = change(&blocked);
        if let Some(kept) = self.kept.load_full() {
            self.kept.store(Some(Arc::new(kept.blocking(&blocked))));
        }
    }

    fn usable(&self, now_ms: u64) -> Option<Arc<KeySet>> {
        let kept = self.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.usable_at(now_ms))?;
        Some(kept.set.clone())
    }

    /// The fetch that runs, or a new one unless there was one just now.
    fn fetch(self: &Arc<Self>, want: Want<'_>, now_ms: u64) -> Option<Landing> {
        if matches!(self.source, Source::File(_)) {
            return None;
        }
        let mut fetching = self.fetching();
        if let Some(landing) = fetching.running() {
            return Some(landing);
        }
        if !fetching.may(want, now_ms) {
            return None;
        }
        let (done, landing) = watch::channel(());
        fetching.begin(want, now_ms, landing.clone());
        self.due_ms
            .store(now_ms.saturating_add(AFTER_FAULT_MS), Ordering::Relaxed);
        let keys = self.clone();
        // On its own, so that it ends well even if everyone who waits gives up.
        tokio::spawn(async move {
            keys.land(keys.fetched().await);
            drop(done);
        });
        Some(landing)
    }

    async fn fetched(&self) -> Result<Kept, Failed> {
        let mut asked = discovery::document_url(&self.issuer_url);
        let limit = Duration::from_millis(FETCH_TIMEOUT_MS);
        let both = tokio::time::timeout(limit, self.fetch_both(&mut asked)).await;
        let fetched = both.unwrap_or(Err(FetchFault::TimedOut));
        fetched.map_err(|fault| Failed { fault, url: asked })
    }

    /// `asked` is what was asked for last.
    async fn fetch_both(&self, asked: &mut Option<http::Uri>) -> Result<Kept, FetchFault> {
        let Source::Issuer(fetcher) = &self.source else {
            return Err(FetchFault::UnsafeUrl);
        };
        let url = asked.clone().ok_or(FetchFault::UnsafeUrl)?;
        let document = fetcher.fetch(&url).await?;
        let keys_url = discovery::keys_url(&document.bytes, &self.issuer_url)?;
        *asked = Some(keys_url.clone());
        let document = fetcher.fetch(&keys_url).await?;
        let set = KeySet::read(&document.bytes).map_err(|fault| match fault {
            NoKeySet::NotOne => FetchFault::NotKeys,
            NoKeySet::TooManyKeys => FetchFault::TooManyKeys,
        })?;
        Ok(Kept::fetched(set, &keys_url, &document, &self.clock))
    }

    fn land(&self, fetched: Result<Kept, Failed>) {
        let blocked = self.blocked();
        let mut fetching = self.fetching();
        match fetched {
            Ok(kept) => {
                fetching.end(None);
                let before = self.kept.load();
                let same = before.as_ref().is_some_and(|before| kept.is_like(before));
                if !same {
                    fetching.unknown.forget();
                }
                self.due_ms.store(kept.fresh_until_ms, Ordering::Relaxed);
                self.kept.store(Some(Arc::new(kept.blocking(&blocked))));
            }
            Err(failed) => {
                tracing::warn!(
                    issuer = self.issuer_url,
                    fault = failed.fault.word(),
                    url = failed.shown_url(),
                    "keys not fetched: {}",
                    failed.fault.advice()
                );
                fetching.end(Some(failed));
            }
        }
    }

    fn fetching(&self) -> MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before `fetching` where both are needed.
    fn blocked(&self) -> MutexGuard<'_, Arc<BTreeSet<String>>> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.clock.mono_ns() / 1_000_000
    }
}

/// Waits until the other side is gone, which is when the fetch has landed; true, that one waited.
async fn landed(mut landing: Landing) -> bool {
    while landing.changed().await.is_ok() {}
    true
}

fn unavailable(noted: &'static str) -> Refusal {
    Refusal::new(Reason::IdpUnavailable).noting(noted)
}

const FETCH_TIMEOUT_MS: u64 = 5_000;
