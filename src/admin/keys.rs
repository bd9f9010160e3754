//! Lists the keys that tokens are verified with, as `/keys` and `stile keys` show them.
//!
//! In: how the key sets stand. Out: [`KeysPage`], as JSON and back.
//!
//! All of it is public already: a key set is what an issuer publishes to the world.

use serde::{Deserialize, Serialize};

use crate::identify::{KeyFacts, KeySetState};

/// The keys of every issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeysPage {
    /// One per trusted issuer, by name.
    pub issuers: Vec<IssuerKeys>,
}

/// The key set of one issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; KeySetState says what they mean"
)]
pub struct IssuerKeys {
    pub issuer: String,
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_url: Option<String>,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usable_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_s: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    pub keys: Vec<ListedKey>,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; KeyFacts says what they mean"
)]
pub struct ListedKey {
    pub kid: String,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl KeysPage {
    /// What there is to show of these.
    pub fn of(states: Vec<KeySetState>) -> KeysPage {
        KeysPage {
            issuers: states.into_iter().map(IssuerKeys::of).collect(),
        }
    }

    /// The page.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl IssuerKeys {
    fn of(state: KeySetState) -> IssuerKeys {
        IssuerKeys {
            issuer: state.issuer,
            source: state.source,
            keys_url: state.keys_url,
            state: state.freshness.word().to_owned(),
            age_s: state.age_s,
            usable_s: state.usable_s,
            fetched_ms: state.fetched.map(|time| time.as_ms()),
            clock_ahead_s: state.clock_ahead_s,
            fault: state.last_fault.map(str::to_owned),
            fault_url: state.fault_url,
            advice: state.advice.map(str::to_owned),
            keys: state.listed.into_iter().map(ListedKey::of).collect(),
        }
    }
}

impl ListedKey {
    fn of(facts: KeyFacts) -> ListedKey {
        let owned = |word: Option<&'static str>| word.map(str::to_owned);
        ListedKey {
            kid: facts.id,
            state: facts.state.to_owned(),
            kind: owned(facts.kind),
            bits: facts.bits,
            algorithm: owned(facts.algorithm),
            why: owned(facts.why),
        }
    }
}
