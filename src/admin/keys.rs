//! Lists the keys that tokens are verified with and those that upstreams are shown, as `/keys` and
//! `stile keys` show them.
//!
//! In: how the key sets and the upstreams stand. Out: [`KeysPage`], as JSON and back.
//!
//! A key set is what an issuer publishes to the world. Of an upstream's key there is nothing here but
//! whose it is, how old it is and when it was last used.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::forward::UpstreamState;
use crate::identify::{KeyFacts, KeySetState};

/// The keys of every issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeysPage {
    /// One per trusted issuer, by name.
    pub issuers: Vec<IssuerKeys>,
    /// One per key of each upstream; none where the issuers themselves were asked.
    #[serde(default)]
    pub upstreams: Vec<UpstreamKey>,
}

/// One key of one upstream, without the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the names are the JSON keys; UpstreamKeyState says what they mean"
)]
pub struct UpstreamKey {
    pub upstream: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub whose: String,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
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
            upstreams: Vec::new(),
        }
    }

    /// With the keys of these upstreams.
    #[must_use]
    pub fn and_upstreams(mut self, states: &[UpstreamState], now: Time) -> KeysPage {
        let each = |state| UpstreamKey::of_each(state, now);
        self.upstreams = states.iter().flat_map(each).collect();
        self
    }

    /// The page.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl UpstreamKey {
    fn of_each(of: &UpstreamState, now: Time) -> impl Iterator<Item = UpstreamKey> {
        of.keys.iter().map(move |key| {
            let age_ms = key.written.map(|written| now.ms_since(written));
            let is_due = age_ms.is_some_and(|age| age > of.rotate_after_ms);
            let state = match (&of.key_fault, is_due) {
                (Some(_), _) => "fault",
                (None, true) => "due",
                (None, false) => "used",
            };
            UpstreamKey {
                upstream: of.name.clone(),
                whose: key.whose.clone(),
                state: state.to_owned(),
                age_s: age_ms.map(|age| age / 1_000),
                used_s: key.used.map(|used| now.ms_since(used) / 1_000),
                due_s: age_ms.map(|age| of.rotate_after_ms.saturating_sub(age) / 1_000),
                fault: of.key_fault.clone(),
            }
        })
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
