//! What somebody asks for in the journal is found: the whole of it and nothing else.

mod answered;
pub(crate) mod database;
mod documented;
mod erased;
mod erased_served;
mod language;
mod pruned_served;
pub(crate) mod random;
mod scanned;
mod served;

use std::path::Path;

use stile::clock::{Clock, Time};
use stile::index::{Asked, Query};
use stile::record::frame::Kind;
use stile::record::{Identity, Journal, JournalSettings, Level, Levels, TreeSettings};

const NOW: Time = Time::from_ms(1_795_434_000_000);

fn asked() -> Asked {
    Asked::at(NOW)
}

fn query(text: &str) -> Query {
    Query::parse(text, &asked()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn open(folder: &Path, origin: &str) -> Journal {
    let settings = JournalSettings {
        folder: folder.to_owned(),
        origin: origin.to_owned(),
        levels: Levels::default(),
        segment_bytes: 128 * 1024,
        queue: 4096,
        flood_threshold: 2_000,
        compress: true,
        commit_ms: 10_000,
        retention: Default::default(),
        tree: TreeSettings::default(),
    };
    let identity = Identity {
        version: "1.2.3+test".to_owned(),
        config_digest: "sha256:00".to_owned(),
    };
    Journal::open(settings, Clock::machine(), identity)
        .unwrap()
        .journal
}

/// A journal with these records between its start and its stop.
pub(crate) async fn write(folder: &Path, origin: &str, records: Vec<(Kind, String)>) {
    let journal = open(folder, origin);
    for (kind, payload) in records {
        let payload = payload.into_bytes();
        journal.submit(kind, payload, Level::Write).await.unwrap();
    }
    journal.close().await.unwrap();
}
