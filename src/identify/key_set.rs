//! An issuer's published verification keys, checked once when they come in.
//!
//! In: the bytes of a JWK set, and the ids of keys that the operator blocks. Out: a [`KeySet`]:
//! usable keys by key id, and what is wrong with the others.
//!
//! A key that cannot be trusted never spoils its neighbours: it is noted and not used. A key id must
//! be there and be one key's own. A blocked id is refused whether it is published or not, so that
//! nobody waits for the issuer to take it away.
//!
//! Equal sets with equal blocks have equal digests and no others do: whoever remembers what a key
//! verified must forget it when the digest changes.
//!
//! RFC 7517 4.5 and 5.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json;
use super::key::{Fault, Key, text};
use super::verify::word;
use crate::refusal::{Reason, Refusal};

/// All keys of one issuer at one time.
#[derive(Clone, Debug)]
pub(super) struct KeySet {
    published: Arc<Published>,
    blocked: Arc<BTreeSet<String>>,
    digest: [u8; 32],
}

#[derive(Debug)]
struct Published {
    keys: BTreeMap<String, Result<Key, Fault>>,
    /// Fit keys without an id, for tokens without one.
    unnamed: Vec<Key>,
    /// What is wrong with entries that have no key id.
    nameless: Vec<&'static str>,
    digest: [u8; 32],
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKeySet {
    NotOne,
    TooManyKeys,
}

/// What is publicly known of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its key id; empty where it has none.
    pub id: String,
    /// Whether it verifies tokens: `used`, `refused` or `blocked`.
    pub state: &'static str,
    /// `RSA`, `P-256`, `P-384` or `Ed25519`, where that could be read.
    pub kind: Option<&'static str>,
    /// How long it is.
    pub bits: Option<usize>,
    /// The one algorithm it is published for, where its issuer says so.
    pub algorithm: Option<&'static str>,
    /// Why it is not used.
    pub why: Option<&'static str>,
}

impl KeySet {
    /// Reads a JWK set of which nothing is blocked.
    pub(super) fn read(bytes: &[u8]) -> Result<KeySet, NoKeySet> {
        let mut document = json::object(bytes).ok_or(NoKeySet::NotOne)?;
        let Some(Value::Array(entries)) = document.remove("keys") else {
            return Err(NoKeySet::NotOne);
        };
        if entries.len() > MOST_KEYS {
            return Err(NoKeySet::TooManyKeys);
        }
        let mut published = Published {
            keys: BTreeMap::new(),
            unnamed: Vec::new(),
            nameless: Vec::new(),
            digest: super::sha256(bytes),
        };
        for jwk in entries {
            published.take(jwk);
        }
        Ok(KeySet {
            digest: published.digest,
            published: Arc::new(published),
            blocked: Arc::default(),
        })
    }

    /// The same keys, with these ids blocked and no others.
    pub(super) fn blocking(&self, ids: &Arc<BTreeSet<String>>) -> KeySet {
        let mut text = self.published.digest.to_vec();
        for id in ids.iter() {
            text.extend_from_slice(&super::sha256(id.as_bytes()));
        }
        let digest = match ids.is_empty() {
            true => self.published.digest,
            false => super::sha256(&text),
        };
        KeySet {
            published: self.published.clone(),
            blocked: ids.clone(),
            digest,
        }
    }

    /// The key of this id, if its issuer publishes a fit one and the operator does not block it.
    pub(super) fn key(&self, id: &str) -> Result<&Key, Refusal> {
        if self.blocked.contains(id) {
            return Err(Refusal::new(Reason::UnknownKey).telling(BLOCKED));
        }
        match self.published.keys.get(id) {
            Some(Ok(key)) => Ok(key),
            Some(Err(Fault::Weak(why))) => Err(Refusal::new(Reason::WeakKey).noting(*why)),
            Some(Err(Fault::Unfit(why))) => Err(Refusal::new(Reason::UnknownKey).noting(*why)),
            None => Err(Refusal::new(Reason::UnknownKey)),
        }
    }

    /// The one key that may verify this algorithm, for tokens that name none.
    pub(super) fn only_for(&self, algorithm: Algorithm) -> Result<&Key, Refusal> {
        let named = self.published.keys.iter();
        let named = named.filter(|(id, _)| !self.blocked.contains(*id));
        let named = named.filter_map(|(_, key)| key.as_ref().ok());
        let mut fitting = named
            .chain(&self.published.unnamed)
            .filter(|key| key.is_for(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Refusal::new(Reason::UnknownKey).telling(SEVERAL_FIT)),
            (None, _) => Err(Refusal::new(Reason::UnknownKey).telling(NONE_FITS)),
        }
    }

    /// Whether there is nothing to ask the issuer about this key id: it is published, fit or not,
    /// or blocked.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.published.keys.contains_key(id) || self.blocked.contains(id)
    }

    /// How many keys are used.
    pub(super) fn usable(&self) -> usize {
        let used = |(id, key): &(&String, &Result<Key, Fault>)| {
            key.is_ok() && !self.blocked.contains(id.as_str())
        };
        self.published.keys.iter().filter(used).count()
    }

    /// Every key, also those that are not used.
    pub(super) fn facts(&self) -> Vec<KeyFacts> {
        let named = self.published.keys.iter().map(|(id, key)| {
            let facts = KeyFacts::of(id, key);
            match self.blocked.contains(id) {
                true => KeyFacts {
                    state: "blocked",
                    why: Some("blocked by the operator"),
                    ..facts
                },
                false => facts,
            }
        });
        let nameless = (self.published.nameless.iter()).map(|why| KeyFacts::unread("", why));
        let absent = self.blocked.iter();
        let absent = absent.filter(|id| !self.published.keys.contains_key(*id));
        let absent = absent.map(|id| KeyFacts {
            state: "blocked",
            ..KeyFacts::unread(id, "blocked by the operator, and not published")
        });
        named.chain(nameless).chain(absent).collect()
    }

    /// SHA-256 of the document.
    pub(super) fn published_digest(&self) -> &[u8; 32] {
        &self.published.digest
    }

    /// SHA-256 of the document and of what is blocked: equal sets are one.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl Published {
    fn take(&mut self, jwk: Value) {
        let Value::Object(jwk) = jwk else {
            return self.nameless.push("an entry is not an object");
        };
        if !jwk.contains_key("kid")
            && let Ok(key) = Key::read(&jwk)
        {
            self.unnamed.push(key);
        }
        let Some(id) = key_id(&jwk) else {
            return self.nameless.push("an entry has no key id, or a long one");
        };
        let mut read = Key::read(&jwk);
        if self.keys.contains_key(id) {
            // Which of the two would count is anybody's guess, so neither does.
            read = Err(Fault::Unfit("another key has the same id"));
        }
        self.keys.insert(id.to_owned(), read);
    }
}

impl KeyFacts {
    fn of(id: &str, key: &Result<Key, Fault>) -> KeyFacts {
        match key {
            Err(fault) => KeyFacts::unread(id, fault.why()),
            Ok(key) => KeyFacts {
                id: id.to_owned(),
                state: "used",
                kind: Some(key.kind()),
                bits: Some(key.bits()),
                algorithm: key.algorithm().map(word),
                why: None,
            },
        }
    }

    fn unread(id: &str, why: &'static str) -> KeyFacts {
        KeyFacts {
            id: id.to_owned(),
            state: "refused",
            kind: None,
            bits: None,
            algorithm: None,
            why: Some(why),
        }
    }
}

fn key_id(jwk: &Map<String, Value>) -> Option<&str> {
    text(jwk, "kid").filter(|id| !id.is_empty() && id.len() <= LONGEST_KEY_ID_BYTES)
}

const BLOCKED: &str = "the key this token is signed with was blocked by the operator";
const SEVERAL_FIT: &str = "the token does not name the key it is signed with (`kid`), and its \
    issuer publishes several that it could be; have the issuer name the key";
const NONE_FITS: &str = "the token does not name the key it is signed with (`kid`), and its \
    issuer publishes none for its algorithm; have the issuer name the key";
/// Issuers publish two or three, the largest a dozen; each costs a check.
const MOST_KEYS: usize = 128;
/// As long as a token may name (T5).
const LONGEST_KEY_ID_BYTES: usize = 1024;
