//! The promises of the record step: what is stored, what a crash leaves, what a liar cannot hide.

mod anchors;
mod crash;
mod disclosed;
mod erasure;
mod faults;
mod flood;
mod golden;
mod mandate;
mod proofs;
mod packed;
mod past;
mod prune;
mod round_trip;
mod sums;
mod tamper;
mod tree;
mod verify;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use stile::clock::{Clock, Time};
use stile::listen::{Protocol, Sighting};
use stile::record::audit_record::{Constants, DecisionRecord, Inputs};
use stile::record::disk::{Disk, RealDisk};
use stile::record::frame::Kind;
use stile::record::{
    Identity, Journal, JournalError, JournalSettings, Level, Levels, Opened, Pending, Record,
    Rendered, TreeSettings, Verification,
};
use stile::refusal::Reason;
use uuid::Uuid;

const ORIGIN: &str = "stile.example.com/main";
/// So that a record has the same bytes each time.
const SALT: [u8; 16] = [0x5a; 16];

fn settings(folder: &Path) -> JournalSettings {
    JournalSettings {
        folder: folder.to_owned(),
        origin: ORIGIN.to_owned(),
        levels: Levels::default(),
        segment_bytes: 128 * 1024,
        queue: 1024,
        flood_threshold: 2_000,
        compress: false,
        commit_ms: 10_000,
        retention: Default::default(),
        tree: TreeSettings::default(),
    }
}

fn identity() -> Identity {
    Identity {
        version: "1.2.3+test".to_owned(),
        config_digest: "sha256:00".to_owned(),
    }
}

fn open(folder: &Path) -> Journal {
    try_open(folder, Arc::new(RealDisk)).unwrap().journal
}

fn try_open(folder: &Path, disk: Arc<dyn Disk>) -> Result<Opened, JournalError> {
    Journal::open_on(settings(folder), Clock::machine(), identity(), disk)
}

/// A request as plain as can be.
fn sighting(id: Uuid) -> Sighting<'static> {
    Sighting {
        id,
        time: Time::from_ms(1_795_434_000_123),
        mono_ns: 88_123_000_000,
        peer: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 51_123)),
        protocol: Protocol::Http2,
        tls: None,
        method: Some("GET"),
        path: Some("/public/v0.2/acme/projects/demo"),
        query: None,
        host: Some("api.example.com"),
        user_agent: Some(b"curl/8.5"),
        trace: None,
    }
}

fn constants() -> Constants {
    Constants::new(ORIGIN, "boot/process", "1.2.3+test", "sha256:00")
}

fn rendered(sighting: Sighting<'_>, decision: &'static str, level: Level) -> Rendered {
    let mut payload = Rendered::default();
    DecisionRecord {
        sighting,
        level,
        decision,
        reason: match decision {
            "allow" => None,
            "refuse" => Some(Reason::NoCredential),
            _ => Some(Reason::PolicyDenied),
        },
        forbidden_by: None,
        asker: None,
        operation: None,
        policies: &[],
        policy_errors: &[],
        policy_set: None,
        observed: None,
        inputs: None,
    }
    .render(&constants(), &SALT, &mut payload);
    payload
}

async fn allow(journal: &Journal, level: Level) -> Result<(u64, Pending), Reason> {
    let id = Uuid::now_v7();
    let payload = rendered(sighting(id), "allow", level);
    let stored = journal.submit_allow(id, payload, level).await;
    stored.map_err(|refusal| refusal.reason())
}

async fn deny(journal: &Journal, level: Level) -> Result<u64, Reason> {
    let payload = rendered(sighting(Uuid::now_v7()), "deny", level);
    let stored = journal.submit(Kind::Decision, payload, level).await;
    stored.map_err(|refusal| refusal.reason())
}

fn records(folder: &Path) -> Vec<Record> {
    let read = stile::record::read(folder).unwrap();
    read.collect::<Result<_, _>>().unwrap()
}

fn json(record: &Record) -> serde_json::Value {
    serde_json::from_slice(&record.whole()).unwrap()
}

fn verified(folder: &Path) -> Verification {
    stile::record::verify(folder, |_| {}).unwrap()
}

/// The names of the segments, in order.
fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let listed = stile::record::segment::list(folder).unwrap();
    listed.into_iter().map(|(_, path)| path).collect()
}

/// Where each frame of a segment begins and how long it is.
fn frames(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    use stile::record::frame::Frame;
    let mut at = stile::record::segment::SEGMENT_HEAD_BYTES;
    let mut found = Vec::new();
    while let Ok(frame) = Frame::read(&segment[at..]) {
        found.push(at..at + frame.size_bytes());
        at += frame.size_bytes();
    }
    found
}

/// Cuts the preallocated zeros off, so that a test can walk over every byte there is.
fn without_zeros(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let end = frames(&bytes).last().map_or(0, |last| last.end);
    Ok(bytes[..end].to_vec())
}
