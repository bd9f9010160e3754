//! The real program in a world of its own, and checks that every answer of every test must pass.

use std::path::{Path, PathBuf};

use serde_json::Value;
use stile_kit::upstream::{API_KEY, INGEST_KEY};
use stile_kit::{Answer, Call, Folder, Ground, World};

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stile"))
}

/// The shipped policies.
pub(crate) fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// A world, before stile runs in it.
pub(crate) async fn ground() -> Ground {
    Ground::lay(&policies()).await.unwrap()
}

/// A world with stile in it.
pub(crate) async fn world() -> World {
    ground().await.serve(program()).await.unwrap()
}

/// One record of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) json: Value,
}

impl Recorded {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.json["kind"] == kind
    }

    pub(crate) fn word(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or("")
    }
}

/// Every record that is in the journal now, read as an auditor would: from the files.
pub(crate) fn records(journal: &Path) -> Vec<Recorded> {
    stile::record::read(journal)
        .unwrap()
        .map(|frame| frame.unwrap())
        .map(|frame| Recorded {
            json: serde_json::from_slice(&frame.whole()).expect("a record is JSON"),
        })
        .collect()
}

/// The records of one decision: the decision itself, then its outcome where there is one.
pub(crate) fn records_of(world: &World, decision: &str) -> Vec<Recorded> {
    let about = |r: &Recorded| r.word("id") == decision || r.word("ref") == decision;
    records(&world.stile.journal())
        .into_iter()
        .filter(about)
        .collect()
}

/// Sends a call and checks what holds for every answer: it names its decision, that decision is in
/// the journal already, its fields are of the known ones, and no key is in it.
pub(crate) async fn ask(world: &World, call: Call) -> Answer {
    let answer = call.send().await.unwrap();
    let decision = answer.field("stile-decision").to_owned();
    assert!(
        !decision.is_empty(),
        "an answer without a decision: {answer:?}"
    );
    let own = records_of(world, &decision);
    assert!(
        own.iter().any(|r| r.is("decision")),
        "no record of {decision}: {answer:?}"
    );
    let shown = format!("{answer:?}{}", answer.text());
    for secret in [API_KEY, INGEST_KEY] {
        assert!(!shown.contains(secret), "our key is in an answer: {shown}");
    }
    if !answer.status.is_success() && answer.headers.contains_key("cache-control") {
        for name in answer.headers.keys() {
            assert!(
                OWN_FIELDS.contains(&name.as_str()),
                "an unknown field `{name}`: {answer:?}"
            );
        }
    }
    answer
}

/// Stops stile and checks what must hold for every run: it ends well, the journal verifies, and no
/// secret is in anything it wrote or said.
pub(crate) async fn close(world: World, secrets: &[String]) {
    let World {
        stile,
        upstream: _upstream,
        ..
    } = world;
    let (status, folder, said) = stile.stop().await.unwrap();
    assert!(status.success(), "stile ended with {status}:\n{said}");
    whole(&folder);
    let journal = raw(&folder.path().join("journal"));
    for secret in secrets
        .iter()
        .map(String::as_str)
        .chain([API_KEY, INGEST_KEY])
    {
        assert!(!said.contains(secret), "a secret was said");
        assert!(
            !contains(&journal, secret.as_bytes()),
            "a secret is in the journal"
        );
    }
}

/// The journal of a folder verifies, and each allow has its outcome.
pub(crate) fn whole(folder: &Folder) {
    let verification = stile::record::verify(&folder.path().join("journal"), |_| {}).unwrap();
    assert_eq!(
        verification.verdict,
        stile::record::Verdict::Verified,
        "{verification:?}"
    );
}

fn raw(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "seg") {
            let segment = std::fs::read(path).unwrap();
            // A segment is made with room: zeros, which no search needs to read.
            let end = segment.iter().rposition(|byte| *byte != 0);
            bytes.extend_from_slice(&segment[..end.map_or(0, |last| last + 1)]);
        } else if path.to_string_lossy().ends_with(".seg.zst") {
            let packed = std::fs::File::open(path).unwrap();
            bytes.extend(zstd::decode_all(packed).unwrap());
        }
    }
    bytes
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

/// The fields that an answer of stile itself may carry.
const OWN_FIELDS: &[&str] = &[
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "grpc-message",
    "grpc-status",
    "retry-after",
    "stile-decision",
    "stile-record",
    "transfer-encoding",
    "www-authenticate",
    "x-content-type-options",
];
