//! Writes down who is ended, whenever that changes.
//!
//! In: the endings that this instance obeys. Out: an event in its journal for each change: how many
//! there are, and which are new or gone.
//!
//! Each instance writes what it obeys, whoever said it: the rows in the database name no instance, and
//! an operator's command runs in none. What was in force at the start is told as a change, too.
//!
//! Never: a name of a person. An ending is told by the SHA-256 of its kind, its issuer and its value, so
//! that who knows whom they look for finds it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::identify::{Ending, Endings};
use crate::pipeline::{Pipeline, digest_of};
use crate::record::Note;

/// Watches until the process ends.
pub(super) async fn watch(pipeline: Pipeline) {
    let standings = pipeline.ruling().issuers.standings().clone();
    let mut changes = standings.changes();
    let mut told = Arc::new(Endings::default());
    loop {
        let now = Arc::clone(standings.now().endings());
        if now.list() != told.list() {
            tell(&told, &now, &pipeline).await;
            told = now;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn tell(before: &Endings, now: &Endings, pipeline: &Pipeline) {
    let set = |endings: &Endings| endings.list().iter().cloned().collect::<BTreeSet<Ending>>();
    let (old, new) = (set(before), set(now));
    let added: Vec<&Ending> = new.difference(&old).collect();
    let gone: Vec<&Ending> = old.difference(&new).collect();
    let count = now.list().len();
    tracing::info!(
        count,
        added = added.len(),
        gone = gone.len(),
        "others are ended than before"
    );
    let detail = [
        ("added", Value::from(added.len())),
        ("count", Value::from(count)),
        ("ended", told(&added)),
        ("gone", Value::from(gone.len())),
        ("lifted", told(&gone)),
    ];
    let noted = pipeline.journal().note(Note::EndingsChanged, &detail).await;
    if let Err(refusal) = noted {
        let reason = refusal.reason().word();
        tracing::error!(reason, "who is ended is in force, but not in the journal");
    }
}

/// The first of them, one after the other.
fn told(list: &[&Ending]) -> Value {
    let one = |ending: &&Ending| {
        let kind = match ending.until {
            Some(until) => format!("until {}", until.as_ms()),
            None => "blocked".to_owned(),
        };
        let digest = digest_of(ending.what, &ending.issuer_url, &ending.value);
        format!(
            "{} {digest} {kind} by {}: {}",
            ending.what.word(),
            ending.by.escape_debug(),
            ending.why.escape_debug()
        )
    };
    let all: Vec<String> = list.iter().take(MOST_TOLD).map(one).collect();
    Value::from(all.join("; "))
}

const MOST_TOLD: usize = 20;
