//! Says whether a caller may have one more request in flight to an upstream.
//!
//! In: who asks, and how many places are free. Out: a [`Share`], which counts for that caller until it is
//! dropped; or nothing.
//!
//! Who holds some places gets another only while as many are free. So one caller has half of them at
//! most, two have two thirds, and whoever comes next finds room, however slowly the others send and
//! read. Without it, a project whose requests hang would keep everybody else out.
//!
//! Never: a name that a caller made up; names come from verified tokens, and each has a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many places each caller has.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(Arc<Mutex<HashMap<String, usize>>>);

/// One of a caller's places; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Shares,
    caller: String,
}

impl Shares {
    /// One more for this caller, where `free` places are left beside it.
    pub(super) fn take(&self, caller: &str, free: usize) -> Option<Share> {
        let mut held = self.held();
        let own = held.entry(caller.to_owned()).or_default();
        if *own > free {
            return None;
        }
        *own += 1;
        Some(Share {
            shares: self.clone(),
            caller: caller.to_owned(),
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(own) = held.get_mut(&self.caller) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                held.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes until there is no more; says how many that were.
    fn all(shares: &Shares, caller: &str, taken: &mut Vec<Share>, most: usize) -> usize {
        let before = taken.len();
        while taken.len() < most {
            let free = most - taken.len() - 1;
            let Some(share) = shares.take(caller, free) else {
                break;
            };
            taken.push(share);
        }
        taken.len() - before
    }

    #[test]
    fn whoever_comes_next_finds_half_of_what_is_left() {
        let (shares, mut taken) = (Shares::default(), Vec::new());
        let had = ["a", "b", "c", "d"].map(|caller| all(&shares, caller, &mut taken, 512));
        assert_eq!(had, [256, 128, 64, 32]);
        assert_eq!(all(&shares, "a", &mut taken, 512), 0);
        taken.clear();
        assert!(shares.held().is_empty(), "nothing is kept of who has gone");
        assert_eq!(all(&shares, "b", &mut taken, 512), 256);
    }

    #[test]
    fn the_only_place_is_for_whoever_comes_first() {
        let (shares, mut taken) = (Shares::default(), Vec::new());
        assert_eq!(all(&shares, "a", &mut taken, 1), 1);
        taken.clear();
        assert_eq!(all(&shares, "b", &mut taken, 1), 1);
    }
}
