//! Remembers which key ids an issuer was asked about and did not know.
//!
//! In: a key id and the time. Out: whether it is worth asking once more.
//!
//! A job with a dead key that comes back every minute would otherwise take the one fetch in thirty
//! seconds that a really new key needs. Each time an id is asked about in vain, the wait until the
//! next time doubles, up to five minutes. Ids are kept as digests and their number is bounded: when
//! it is full, further ids are simply not remembered, which costs nobody anything but that.
//!
//! Never: says that a key does not exist; only that nobody asks again yet.

use std::collections::HashMap;

/// What was asked in vain.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown(HashMap<[u8; 32], Asked>);

#[derive(Clone, Copy, Debug)]
struct Asked {
    again_ms: u64,
    wait_ms: u64,
}

impl Unknown {
    /// Whether the issuer may be asked about this id now.
    pub(super) fn may_ask(&self, id: &str, now_ms: u64) -> bool {
        let asked = self.0.get(&crate::identify::sha256(id.as_bytes()));
        asked.is_none_or(|asked| now_ms >= asked.again_ms)
    }

    /// The issuer was asked and does not know this id.
    pub(super) fn asked_in_vain(&mut self, id: &str, now_ms: u64) {
        let digest = crate::identify::sha256(id.as_bytes());
        let before = self.0.get(&digest).copied();
        if before.is_some_and(|asked| now_ms < asked.again_ms) {
            return; // another caller that waited for the same fetch
        }
        if before.is_none() && self.0.len() >= MOST {
            self.0
                .retain(|_, asked| now_ms < asked.again_ms.saturating_add(LONGEST_WAIT_MS));
            if self.0.len() >= MOST {
                return;
            }
        }
        let wait_ms = before.map_or(FIRST_WAIT_MS, |asked| {
            asked.wait_ms.saturating_mul(2).min(LONGEST_WAIT_MS)
        });
        let again_ms = now_ms.saturating_add(wait_ms);
        self.0.insert(digest, Asked { again_ms, wait_ms });
    }

    /// The issuer published other keys: everything is worth asking again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// About 100 bytes each.
const MOST: usize = 1_000;
const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes() {
        let mut unknown = Unknown::default();
        let mut now_ms = 0;
        for wait_s in [30, 60, 120, 240, 300, 300] {
            assert!(unknown.may_ask("a", now_ms));
            unknown.asked_in_vain("a", now_ms);
            now_ms += wait_s * 1000;
            assert!(!unknown.may_ask("a", now_ms - 1), "{wait_s}");
            assert!(unknown.may_ask("b", now_ms - 1), "another id");
        }
        unknown.asked_in_vain("a", now_ms);
        unknown.forget();
        assert!(unknown.may_ask("a", now_ms));
    }

    #[test]
    fn the_number_of_ids_is_bounded_and_old_ones_make_room() {
        let mut unknown = Unknown::default();
        for n in 0..3 * MOST {
            unknown.asked_in_vain(&format!("{n}"), 0);
        }
        assert_eq!(unknown.0.len(), MOST);
        assert!(!unknown.may_ask("0", 1) && unknown.may_ask("2999", 1));
        unknown.asked_in_vain("later", 30_000 + LONGEST_WAIT_MS);
        assert_eq!(unknown.0.len(), 1);
    }
}
