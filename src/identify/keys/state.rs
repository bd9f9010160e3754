//! Says how an issuer's key set stands, for readiness, metrics, `stile keys` and `stile doctor`.
//!
//! In: the keys and the time. Out: a [`KeySetState`].
//!
//! Never: anything that is not public already; a JWK set is.

use std::collections::BTreeMap;

use super::fetching::Failed;
use super::{Keys, Source};
use crate::clock::Time;
use crate::identify::discovery;
use crate::identify::key_set::KeyFacts;

/// How an issuer's key set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As young as the issuer wants it.
    Fresh,
    /// Older than that and still used.
    Stale,
    /// There is none, or it is too old to be used.
    None,
    /// From a file, which does not age.
    File,
}

impl Freshness {
    /// Each of them.
    pub const ALL: &[Freshness] = &[
        Freshness::Fresh,
        Freshness::Stale,
        Freshness::None,
        Freshness::File,
    ];

    /// The word in readiness and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::None => "none",
            Freshness::File => "file",
        }
    }
}

/// How the key set of one issuer stands.
#[derive(Clone, Debug)]
pub struct KeySetState {
    /// The issuer's name in `stile.yaml`.
    pub issuer: String,
    /// Where its keys come from: the URL of its discovery document, or a file.
    pub source: String,
    /// Where its discovery document sent us for the set at hand.
    pub keys_url: Option<String>,
    /// How its key set stands.
    pub freshness: Freshness,
    /// How many keys are used.
    pub keys: usize,
    /// Every key, also those that are not used.
    pub listed: Vec<KeyFacts>,
    /// When the set was fetched, or read.
    pub fetched: Option<Time>,
    /// How old it is, in seconds.
    pub age_s: Option<u64>,
    /// For how many seconds more it may be used without a fetch; none for a file.
    pub usable_s: Option<u64>,
    /// How far the issuer's clock was ahead of ours at the last good fetch, in seconds.
    pub clock_ahead_s: Option<i64>,
    /// What went wrong with the last fetch, in one word; none when it went well.
    pub last_fault: Option<&'static str>,
    /// What would mend that.
    pub advice: Option<&'static str>,
    /// Which URL it went wrong with.
    pub fault_url: Option<String>,
    /// How many fetches ended so, by the word for it; `ok` for those that went well.
    pub fetches: BTreeMap<&'static str, u64>,
}

impl Keys {
    /// How it stands.
    pub(in crate::identify) fn state(&self, issuer: &str) -> KeySetState {
        let now_ms = self.now_ms();
        let kept = self.kept.load_full();
        let freshness = match (&self.source, &kept) {
            (Source::File(_), Some(_)) => Freshness::File,
            (_, Some(kept)) if now_ms < kept.fresh_until_ms => Freshness::Fresh,
            (_, Some(kept)) if kept.usable_at(now_ms) => Freshness::Stale,
            _ => Freshness::None,
        };
        let (failed, fetches) = {
            let fetching = self.fetching();
            (fetching.last_failed.clone(), fetching.ended.clone())
        };
        let kept = kept.as_deref();
        let of_issuer = matches!(self.source, Source::Issuer(_));
        KeySetState {
            issuer: issuer.to_owned(),
            source: self.source_name(),
            keys_url: kept.and_then(|kept| kept.keys_url.clone()),
            freshness,
            keys: kept.map_or(0, |kept| kept.set.usable()),
            listed: kept.map_or(Vec::new(), |kept| kept.set.facts()),
            fetched: kept.map(|kept| kept.fetched),
            age_s: kept.map(|kept| now_ms.saturating_sub(kept.fetched_ms) / 1000),
            usable_s: kept.filter(|_| of_issuer).map(|kept| kept.left_s(now_ms)),
            clock_ahead_s: kept.and_then(|kept| kept.clock_ahead_s),
            last_fault: failed.as_ref().map(|failed| failed.fault.word()),
            advice: failed.as_ref().map(|failed| failed.fault.advice()),
            fault_url: failed.as_ref().and_then(Failed::shown_url),
            fetches,
        }
    }

    fn source_name(&self) -> String {
        match &self.source {
            Source::File(file) => file.display().to_string(),
            Source::Issuer(_) => discovery::document_url(&self.issuer_url)
                .map_or_else(|| self.issuer_url.clone(), |url| url.to_string()),
        }
    }
}
