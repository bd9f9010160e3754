//! Writes down what happens to the issuers' keys.
//!
//! In: how the key sets stand, looked at every second. Out: an event in the journal for each fetch
//! that failed and for each change of a key set, refused keys with their reason.
//!
//! Looks from outside, so that verifying a token waits for no disk. What happens twice within a
//! second is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::identify::{KeyFacts, KeySetState};
use crate::pipeline::Pipeline;
use crate::record::{Journal, Note};

/// What was told of one issuer.
#[derive(Debug, Default)]
struct Told {
    failures: u64,
    keys: Vec<KeyFacts>,
}

/// Watches until the journal is closed.
pub(super) async fn watch(pipeline: Pipeline) {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    while !pipeline.journal().state().closed {
        let states = pipeline.ruling().issuers.states();
        told.retain(|issuer, _| states.iter().any(|state| state.issuer == *issuer));
        for state in states {
            let told = told.entry(state.issuer.clone()).or_default();
            tell(&state, told, pipeline.journal()).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn tell(state: &KeySetState, told: &mut Told, journal: &Journal) {
    let issuer = || ("issuer", Value::from(state.issuer.as_str()));
    let ends = state.fetches.iter().filter(|(word, _)| **word != "ok");
    let failures = ends.map(|(_, count)| count).sum();
    if failures > told.failures
        && let Some(fault) = state.last_fault
    {
        let url = state.fault_url.clone().unwrap_or_default();
        let detail = [issuer(), ("fault", fault.into()), ("url", url.into())];
        note(journal, Note::KeysFailed, &detail).await;
    }
    told.failures = failures;
    if state.listed != told.keys {
        let used = state.keys;
        let refused = refused(&state.listed);
        let detail = [issuer(), ("refused", refused.into()), ("used", used.into())];
        note(journal, Note::KeysChanged, &detail).await;
        told.keys.clone_from(&state.listed);
    }
}

/// Every key that is not used, and why; the first of them where there are many.
fn refused(keys: &[KeyFacts]) -> String {
    let unused = keys.iter().filter_map(|key| {
        let why = key.why?;
        let id: String = key.id.escape_debug().take(LONGEST_ID).collect();
        Some(format!("`{id}`: {why}"))
    });
    unused.take(MOST_TOLD).collect::<Vec<_>>().join("; ")
}

/// A journal that takes no events takes no requests either, and says so louder.
async fn note(journal: &Journal, note: Note, detail: &[(&str, Value)]) {
    if let Err(refusal) = journal.note(note, detail).await {
        let reason = refusal.reason().word();
        tracing::debug!(reason, "an event about keys is not in the journal");
    }
}

const LOOK: Duration = Duration::from_secs(1);
const MOST_TOLD: usize = 20;
const LONGEST_ID: usize = 100;
