//! Says whether who was let in still stands, while the answer runs.
//!
//! In: a principal, and what is known of people whenever it changes. Out: for a request in flight, the
//! moment at which its principal is ended.
//!
//! All generations share one [`Standings`], so a reload between two steps loses nobody. Who waits is
//! woken when other people were ended than before and not by every change.
//!
//! Never: anything for a proxy that keeps nothing of people; it has no [`Standings`] to ask.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::people_now::PeopleNow;
use super::principal::Principal;
use crate::refusal::Refusal;

/// Who stands, as it is known now. Clones share it.
#[derive(Clone, Default)]
pub struct Standings(Arc<Known>);

struct Known {
    now: ArcSwap<PeopleNow>,
    /// How often the endings were replaced by others.
    changes: watch::Sender<u64>,
    fingerprint: OnceLock<Fingerprint>,
}

/// How records name the token of a principal.
type Fingerprint = Box<dyn Fn(&Principal) -> String + Send + Sync>;

impl Default for Known {
    fn default() -> Known {
        Known {
            now: ArcSwap::default(),
            changes: watch::Sender::new(0),
            fingerprint: OnceLock::new(),
        }
    }
}

/// One principal whose request is in flight.
#[derive(Debug)]
pub struct Standing {
    standings: Standings,
    principal: Arc<Principal>,
    /// The change at which it was looked at last.
    seen: AtomicU64,
}

impl Standings {
    /// Lets tokens be ended by their fingerprints in records; only the first call counts.
    pub fn fingerprinted(&self, fingerprint: Box<dyn Fn(&Principal) -> String + Send + Sync>) {
        // The second call of a process fails and changes nothing.
        let _ = self.0.fingerprint.set(fingerprint);
    }

    /// Holds every principal against this from now on.
    pub fn obey(&self, next: Arc<PeopleNow>) {
        let before = self.0.now.swap(Arc::clone(&next));
        let same_directory = Arc::ptr_eq(before.directory(), next.directory());
        if !same_directory || before.endings().list() != next.endings().list() {
            self.0.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// What is known now.
    pub fn now(&self) -> Arc<PeopleNow> {
        self.0.now.load_full()
    }

    /// Resolves whenever others are ended than before.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The principal as it is known now.
    ///
    /// # Errors
    ///
    /// `people_unavailable`, `ended`.
    pub(super) fn apply(&self, principal: Arc<Principal>) -> Result<Arc<Principal>, Refusal> {
        let fingerprint = |principal: &Principal| {
            let fingerprint = self.0.fingerprint.get()?;
            Some(fingerprint(principal))
        };
        self.0.now.load().apply(principal, fingerprint)
    }

    /// This principal from now on. It was looked at before, maybe when less was known: so the first
    /// question looks again.
    pub fn of(&self, principal: &Arc<Principal>) -> Standing {
        Standing {
            standings: self.clone(),
            principal: Arc::clone(principal),
            seen: AtomicU64::new(NEVER),
        }
    }
}

impl Standing {
    /// Whether it was ended; costs next to nothing while nobody is.
    pub fn is_ended(&self) -> bool {
        let changes = *self.standings.0.changes.borrow();
        if self.seen.load(Ordering::Acquire) == changes {
            return false;
        }
        let is_ended = self.standings.apply(Arc::clone(&self.principal)).is_err();
        if !is_ended {
            self.seen.store(changes, Ordering::Release);
        }
        is_ended
    }

    /// Resolves when it is ended.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let standing = self.standings.of(&self.principal);
        async move {
            let mut changes = standing.standings.changes();
            while !standing.is_ended() {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Standings")
            .field(&self.0.now.load())
            .finish()
    }
}

const NEVER: u64 = u64::MAX;
