//! Remembers tokens that verified, so that the next use of each costs no signature.
//!
//! In: the digest of a token, what its verification came to, the time. Out: the same again.
//!
//! Bounded by number and by bytes, each entry counted with what it is reckoned to hold. When there
//! is no more room, those that end first go first. An entry leaves at its token's end; what else it
//! rests on is checked by who asks, at every use.
//!
//! Split into parts by digest, so that callers seldom wait for one another. Time is an argument
//! here, and an entry has no account of its own but its end: a cache that keeps both needs a fifth
//! more memory.
//!
//! Never: keeps a token that was refused, or one longer than it counts.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::principal::Principal;
use crate::clock::Time;

/// The tokens verified lately, by SHA-256 of all their bytes.
#[derive(Debug)]
pub(super) struct Verifications(Box<[Mutex<Part>]>);

/// A token that verified, and what that rested on.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) principal: Arc<Principal>,
    /// The later of `nbf` and `iat`.
    pub(super) starts: Time,
    /// The beginning of the digest of the key set: enough to tell two sets of one issuer apart.
    pub(super) key_set: [u8; 8],
}

#[derive(Debug, Default)]
struct Part {
    known: HashMap<u64, Remembered>,
    /// The same tokens by their ends.
    ends: BTreeSet<(Time, u64)>,
    bytes: usize,
}

impl Verifications {
    /// An empty one.
    pub(super) fn none_yet() -> Verifications {
        Verifications((0..PARTS).map(|_| Mutex::default()).collect())
    }

    /// What is known of this token.
    pub(super) fn get(&self, digest: &[u8; 32]) -> Option<Remembered> {
        let (part, place) = self.part(digest)?;
        // A place is a part of the digest; only all of it is the token's.
        let known = part.known.get(&place)?;
        (known.principal.digest() == digest).then(|| known.clone())
    }

    /// Remembers it until its end.
    pub(super) fn add(&self, digest: &[u8; 32], remembered: Remembered, now: Time) {
        let bytes = reckoned_bytes(&remembered.principal);
        if let Some((mut part, place)) = self.part(digest) {
            part.make_room(bytes, now);
            part.add(place, remembered, bytes);
        }
    }

    fn part(&self, digest: &[u8; 32]) -> Option<(MutexGuard<'_, Part>, u64)> {
        let (place, rest) = digest.split_first_chunk()?;
        let part = self.0.get(usize::from(*rest.first()?) % PARTS)?;
        let part = part.lock().unwrap_or_else(PoisonError::into_inner);
        Some((part, u64::from_le_bytes(*place)))
    }
}

impl Part {
    /// Lets go of what has ended, then of what ends first.
    fn make_room(&mut self, bytes: usize, now: Time) {
        while let Some((end, place)) = self.ends.first().copied()
            && (end <= now
                || self.bytes.saturating_add(bytes) > MOST_BYTES / PARTS
                || self.known.len() >= MOST_TOKENS / PARTS)
        {
            self.ends.pop_first();
            self.forget(place);
        }
    }

    fn add(&mut self, place: u64, remembered: Remembered, bytes: usize) {
        // Two requests may have verified one token at once.
        if let Some(end) = self.forget(place) {
            self.ends.remove(&(end, place));
        }
        self.ends
            .insert((remembered.principal.token().end(), place));
        self.known.insert(place, remembered);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Gives the end of what was there.
    fn forget(&mut self, place: u64) -> Option<Time> {
        let gone = self.known.remove(&place)?;
        let bytes = reckoned_bytes(&gone.principal);
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(gone.principal.token().end())
    }
}

/// What an entry is reckoned to hold. Facts are reckoned by what they are as JSON, where the names
/// of a job's attributes weigh about as much as the places of its texts.
fn reckoned_bytes(principal: &Principal) -> usize {
    // Plain data always serializes; were it not so, the reckoning would be the most there is.
    let facts = serde_json::to_vec(principal.facts()).map_or(MOST_BYTES, |json| {
        let texts = json.iter().filter(|byte| **byte == b',').count();
        let members = json.windows(2).filter(|pair| pair == b"\":").count();
        let listed = texts.saturating_sub(members);
        json.len()
            .saturating_add(members.saturating_mul(A_MEMBER))
            .saturating_add(listed.saturating_mul(A_LISTED_TEXT))
    });
    let kept = principal.token().kept_claims.bytes();
    let facts = facts.max(size_of::<Principal>());
    AN_ENTRY.saturating_add(facts).saturating_add(kept)
}

const PARTS: usize = 16;
/// Of all entries together, so that the process grows by less than 200 MB.
const MOST_BYTES: usize = 195_000_000;
const MOST_TOKENS: usize = 250_000;
/// Places in map and order, and the texts that every token has.
const AN_ENTRY: usize = 192;
/// What the allocator rounds up to.
const A_MEMBER: usize = 16;
/// The same, and a text's place in its list.
const A_LISTED_TEXT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::claims::Claims;
    use crate::identify::{Agent, Facts, KeptClaims, TokenFacts, Who};

    const NOW: Time = Time::from_ms(1_000_000);

    fn remembered(digest: [u8; 32], lives_ms: u64, groups: usize) -> Remembered {
        let agent = Agent {
            name: "a".to_owned(),
            groups: vec!["g".repeat(64); groups],
            ..Agent::default()
        };
        let token = TokenFacts {
            key_id: None,
            algorithm: "RS256",
            typ: None,
            jti: None,
            session_id: None,
            user_id: None,
            issued: NOW,
            expires: NOW.plus_ms(lives_ms),
            bound: None,
            kept_claims: KeptClaims::of(&[], &Claims::signed(serde_json::Map::new())),
        };
        let principal = Principal {
            facts: Facts {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                who: Who::Agent(agent),
            },
            issuer_url: "https://i".to_owned(),
            token,
            digest,
        };
        Remembered {
            principal: Arc::new(principal),
            starts: NOW,
            key_set: [0; 8],
        }
    }

    /// Digests that all lie in one part.
    fn digest(number: u64) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest[31] = 1;
        digest
    }

    #[test]
    fn an_entry_is_known_by_its_whole_digest_until_room_is_made_after_its_end() {
        let all = Verifications::none_yet();
        let (own, other) = (digest(1), digest(2));
        all.add(&own, remembered(own, 1_000, 1), NOW);
        assert!(all.get(&own).is_some());
        let mut alike = own;
        alike[31] = 2;
        assert!(all.get(&alike).is_none());
        let after = NOW.plus_ms(1_000 + 30_000);
        all.add(&other, remembered(other, 60_000, 1), after);
        assert!(all.get(&own).is_none());
        let part = all.0[0].lock().unwrap();
        assert_eq!((part.known.len(), part.ends.len()), (1, 1));
    }

    #[test]
    fn one_part_holds_so_many_bytes_and_what_ends_first_goes_first() {
        let all = Verifications::none_yet();
        let mut added = 0;
        let bytes = reckoned_bytes(&remembered(digest(0), 1, 1_000).principal);
        let fit = u64::try_from(MOST_BYTES / PARTS / bytes).unwrap();
        for number in 0..fit + 20 {
            let own = digest(number);
            all.add(&own, remembered(own, 1_000 + number, 1_000), NOW);
            added += 1;
        }
        let part = all.0[0].lock().unwrap();
        assert!(part.bytes <= MOST_BYTES / PARTS);
        assert_eq!(part.known.len(), usize::try_from(fit).unwrap());
        assert_eq!(part.ends.len(), part.known.len());
        assert_eq!(
            part.ends.first().map(|(_, place)| *place),
            Some(added - fit)
        );
    }

    #[test]
    fn one_token_added_twice_is_counted_once() {
        let all = Verifications::none_yet();
        let own = digest(7);
        for lives_ms in [1_000, 5_000, 2_000] {
            all.add(&own, remembered(own, lives_ms, 3), NOW);
        }
        let part = all.0[0].lock().unwrap();
        assert_eq!((part.known.len(), part.ends.len()), (1, 1));
        let bytes = reckoned_bytes(&remembered(own, 2_000, 3).principal);
        assert_eq!(part.bytes, bytes);
    }
}
