//! Remembers what counts once, until it counts for nothing.
//!
//! In: a key, when it ends, and the time. Out: whether this is the first use.
//!
//! Bounded by number. When it is full of keys that still count, the next one is not taken: to
//! forget an early one would make it good again.
//!
//! Never: forgets a key before its end.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Time;

/// The keys used so far that still count.
#[derive(Debug)]
pub(crate) struct Used {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: HashSet<[u8; 32]>,
    /// The same keys by their ends.
    ends: BTreeSet<(Time, [u8; 32])>,
}

/// What a use is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The first one; from now on there was one.
    First,
    /// Not the first one.
    Again,
    /// Nobody can tell later, so it must not count.
    NoRoom,
}

impl Used {
    /// An empty one, for so many keys.
    pub(crate) fn up_to(most: usize) -> Used {
        Used {
            most,
            kept: Mutex::default(),
        }
    }

    /// Uses a key that counts until `end`.
    pub(crate) fn take(&self, key: [u8; 32], end: Time, now: Time) -> Use {
        let mut kept = self.kept();
        kept.forget_ended(now);
        if kept.keys.contains(&key) {
            return Use::Again;
        }
        if kept.keys.len() >= self.most {
            return Use::NoRoom;
        }
        kept.keys.insert(key);
        kept.ends.insert((end, key));
        Use::First
    }

    /// Takes a use back that came to nothing.
    pub(crate) fn give_back(&self, key: [u8; 32], end: Time) {
        let mut kept = self.kept();
        if kept.ends.remove(&(end, key)) {
            kept.keys.remove(&key);
        }
    }

    /// Every key that still counts, with its end.
    pub(crate) fn all(&self, now: Time) -> Vec<(Time, [u8; 32])> {
        let mut kept = self.kept();
        kept.forget_ended(now);
        kept.ends.iter().copied().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_ended(&mut self, now: Time) {
        while let Some((end, key)) = self.ends.first().copied()
            && end <= now
        {
            self.ends.pop_first();
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Time = Time::from_ms;

    #[test]
    fn a_key_counts_once_until_its_end() {
        let used = Used::up_to(10);
        assert_eq!(used.take([1; 32], AT(100), AT(0)), Use::First);
        assert_eq!(used.take([1; 32], AT(100), AT(99)), Use::Again);
        assert_eq!(used.take([2; 32], AT(100), AT(99)), Use::First);
        assert_eq!(used.take([1; 32], AT(200), AT(100)), Use::First);
    }

    #[test]
    fn a_full_one_takes_no_more_and_forgets_none() {
        let used = Used::up_to(2);
        assert_eq!(used.take([1; 32], AT(100), AT(0)), Use::First);
        assert_eq!(used.take([2; 32], AT(200), AT(0)), Use::First);
        assert_eq!(used.take([3; 32], AT(300), AT(0)), Use::NoRoom);
        assert_eq!(used.take([1; 32], AT(100), AT(0)), Use::Again);
        assert_eq!(used.take([3; 32], AT(300), AT(100)), Use::First);
        assert_eq!(used.all(AT(100)).len(), 2);
    }

    #[test]
    fn a_use_given_back_is_none() {
        let used = Used::up_to(2);
        assert_eq!(used.take([1; 32], AT(100), AT(0)), Use::First);
        used.give_back([1; 32], AT(100));
        assert_eq!(used.take([1; 32], AT(100), AT(0)), Use::First);
        assert_eq!(used.all(AT(0)), [(AT(100), [1; 32])]);
    }
}
