//! Knows the addresses behind an upstream's name, and picks one for each request.
//!
//! In: the name, as the name service answers now; how each request to an address fared. Out: the
//! address to send the next one to, with connections of its own.
//!
//! The name is looked up again every [`LOOKUP_AGE`], and at once after an address failed; what it
//! leads to no longer is let go with its connections, once what runs on them has ended. Each request
//! goes to the address with the fewest in flight. One that fails is set aside for a while that doubles
//! with each failure; then one request tries it. Where all are set aside, the one whose time ends
//! first is tried: whether the upstream as a whole is left alone, `Resting` says.
//!
//! Connections are made anew after [`CONNECTION_AGE`], so that what a balancer in front of the
//! upstream added is found as well.
//!
//! Never: an address that [`Reach`](crate::reach::Reach) does not let through; one whose last good
//! lookup is longer ago than [`STALE_AGE`].

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::{InFlight, Place};
use super::dial::{Dialer, Pools};
use crate::reach::Resolver;

mod aside;

use self::aside::Aside;

/// The addresses behind one upstream's name.
#[derive(Debug)]
pub(super) struct Replicas {
    dialer: Dialer,
    host: String,
    resolver: Resolver,
    known: Mutex<Known>,
    /// Who looks the name up; the others go on with what is known.
    looking: tokio::sync::Mutex<()>,
    /// Where the next search begins, so that equals take turns.
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    replicas: Vec<Arc<Replica>>,
    /// When the name was last looked up well.
    looked: Option<Instant>,
    /// When it is looked up again.
    next: Option<Instant>,
}

/// One address.
#[derive(Debug)]
pub(super) struct Replica {
    address: IpAddr,
    pools: Pools,
    made: Instant,
    fares: Arc<Fares>,
}

/// How an address fares, whatever connections it has.
#[derive(Debug, Default)]
struct Fares {
    in_flight: InFlight,
    aside: Mutex<Aside>,
}

impl Replica {
    /// Its connections.
    pub(super) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// A place among its requests in flight, for as long as it is held.
    pub(super) fn place(&self) -> Option<Place> {
        self.fares.in_flight.take(usize::MAX)
    }

    /// It answered.
    pub(super) fn answered(&self) {
        self.fares.aside().answered();
    }
}

impl Fares {
    fn aside(&self) -> MutexGuard<'_, Aside> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replicas {
    /// Nothing is looked up yet.
    pub(super) fn new(dialer: Dialer, host: &str, resolver: Resolver) -> Replicas {
        Replicas {
            dialer,
            host: host.trim_matches(['[', ']']).to_owned(),
            resolver,
            known: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            turn: AtomicUsize::new(0),
        }
    }

    /// The address for the next request.
    ///
    /// # Errors
    ///
    /// In words, why there is none: the name is unknown, or leads where nothing may be dialled.
    pub(super) async fn pick(&self, now: Instant) -> Result<Arc<Replica>, String> {
        if let Some(first) = self.is_due(now) {
            self.look(first, now).await?;
        }
        let replicas = self.known().replicas.clone();
        let begin = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut best: Option<&Arc<Replica>> = None;
        let first = begin.checked_rem(replicas.len()).unwrap_or(0);
        for one in replicas
            .iter()
            .skip(first)
            .chain(replicas.iter().take(first))
        {
            if one.fares.aside().tries_now(now) {
                return Ok(Arc::clone(one));
            }
            let rank =
                |one: &Arc<Replica>| (one.fares.aside().until(now), one.fares.in_flight.count());
            if best.is_none_or(|best| rank(one) < rank(best)) {
                best = Some(one);
            }
        }
        best.cloned()
            .ok_or_else(|| "the name has no address".to_owned())
    }

    /// It did not answer: it is set aside, and the name is looked up again.
    pub(super) fn failed(&self, replica: &Replica, now: Instant) {
        replica.fares.aside().failed(now);
        self.known().next = Some(now);
    }

    /// Whether none of them is in use as it should be.
    pub(super) fn all_aside(&self) -> bool {
        let known = self.known();
        known.replicas.iter().all(|one| one.fares.aside().is_set())
    }

    /// The addresses as they are now, and whether each is set aside.
    pub(super) fn states(&self) -> Vec<(IpAddr, bool)> {
        let known = self.known();
        let replicas = known.replicas.iter();
        replicas
            .map(|one| (one.address, one.fares.aside().is_set()))
            .collect()
    }

    /// Whether the name is to be looked up now: `true` where nothing can be done before.
    fn is_due(&self, now: Instant) -> Option<bool> {
        let known = self.known();
        let is_good = |at: Instant| now.saturating_duration_since(at) < STALE_AGE;
        match known.looked.is_some_and(is_good) {
            false => Some(true),
            true => known.next.is_none_or(|next| next <= now).then_some(false),
        }
    }

    async fn look(&self, first: bool, now: Instant) -> Result<(), String> {
        let _looking = match first {
            true => self.looking.lock().await,
            false => match self.looking.try_lock() {
                Ok(looking) => looking,
                Err(_) => return Ok(()),
            },
        };
        // Somebody else may have done it meanwhile.
        if self.is_due(now).is_none() {
            return Ok(());
        }
        let asked = self.resolver.admitted(&self.host);
        let found = tokio::time::timeout(LOOKUP_TIME, asked).await;
        match found {
            Ok(Ok(addresses)) => {
                self.take(addresses, now);
                Ok(())
            }
            // The name service itself gave no answer: what it said before holds for a while.
            Ok(Err(fault)) if first || !fault.is_of_service() => {
                *self.known() = Known::default();
                Err(fault.to_string())
            }
            Err(_) if first => Err("the name service did not answer in time".to_owned()),
            Ok(Err(_)) | Err(_) => {
                self.known().next = Some(now + LOOKUP_AGE);
                Ok(())
            }
        }
    }

    /// What the name leads to now; addresses that stay keep how they fare.
    fn take(&self, addresses: Vec<IpAddr>, now: Instant) {
        let mut known = self.known();
        let mut replicas: Vec<Arc<Replica>> = Vec::new();
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            if replicas.iter().any(|one| one.address == address) {
                continue;
            }
            let there = known.replicas.iter().find(|one| one.address == address);
            replicas.push(match there {
                Some(there) if now.saturating_duration_since(there.made) < CONNECTION_AGE => {
                    Arc::clone(there)
                }
                there => Arc::new(Replica {
                    address,
                    pools: self.dialer.pools(address),
                    made: now,
                    fares: there
                        .map(|there| Arc::clone(&there.fares))
                        .unwrap_or_default(),
                }),
            });
        }
        *known = Known {
            replicas,
            looked: Some(now),
            next: Some(now + LOOKUP_AGE),
        };
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an answer of the name service is good for.
const LOOKUP_AGE: Duration = Duration::from_secs(10);

/// How long it is used while the name service does not answer.
const STALE_AGE: Duration = Duration::from_secs(300);

/// How long a request waits for the name service.
const LOOKUP_TIME: Duration = Duration::from_secs(3);

/// How long connections are used.
const CONNECTION_AGE: Duration = Duration::from_secs(600);

/// More behind one name are not used.
const MOST_ADDRESSES: usize = 64;

#[cfg(test)]
mod tests;
