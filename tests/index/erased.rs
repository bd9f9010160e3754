//! What the journal has erased, the index does not know either, over SQLite and over PostgreSQL.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use stile::clock::Time;
use stile::database::DatabaseSettings;
use stile::identify::{Person, Who};
use stile::index::{Index, Order, Row, fill, scan};
use stile::listen::{Protocol, Sighting};
use stile::record::audit_record::{Asker, Constants, DecisionRecord};
use stile::record::frame::Kind;
use stile::record::{Erasure, Journal, Level, Rendered, disclosed_among};
use stile::refusal::Reason;
use uuid::Uuid;

use super::database::Server;
use super::{open, query};

const ORIGIN: &str = "stile.example.com/main";
const THEIRS: &str = r#"person:"Mira Lang""#;
const QUERIES: &[&str] = &[
    "",
    THEIRS,
    r#"person:"Otto Kern""#,
    "group:platform",
    "ip:192.0.2.*",
    "subject:mira*",
    "decision:deny",
    "not person:*",
    "event:*",
];

fn record(n: u32) -> Rendered {
    let name = if n.is_multiple_of(3) {
        "Mira Lang"
    } else {
        "Otto Kern"
    };
    let who = Who::Person(Person {
        name: name.to_owned(),
        groups: vec!["platform".to_owned()],
        ..Person::default()
    });
    let mut rendered = Rendered::default();
    DecisionRecord {
        sighting: Sighting {
            id: Uuid::now_v7(),
            time: Time::from_ms(1_795_434_000_000 + u64::from(n)),
            mono_ns: 1,
            peer: SocketAddr::from((Ipv4Addr::new(192, 0, 2, u8::try_from(n % 7).unwrap()), 443)),
            protocol: Protocol::Http2,
            tls: None,
            method: Some("GET"),
            path: Some("/x"),
            query: None,
            host: None,
            user_agent: None,
            trace: None,
        },
        level: Level::Write,
        decision: "deny",
        reason: Some(Reason::PolicyDenied),
        forbidden_by: None,
        asker: Some(Asker {
            issuer: "https://login.example.com",
            subject: &name.to_lowercase(),
            who: &who,
            key_id: None,
            algorithm: "RS256",
            typ: None,
            issued: Time::from_secs(1),
            expires: Time::from_secs(2),
            bound: None,
            fingerprint: [0; 32],
            claims: Vec::new(),
            personal_claims: Vec::new(),
        }),
        operation: None,
        policies: &[],
        policy_errors: &[],
        policy_set: None,
        observed: None,
        inputs: None,
    }
    .render(
        &Constants::new(ORIGIN, "boot/process", "1.2.3+test", "sha256:00"),
        &rand_salt(n),
        &mut rendered,
    );
    rendered
}

fn rand_salt(n: u32) -> [u8; 16] {
    let mut salt = [0xa5; 16];
    salt[..4].copy_from_slice(&n.to_be_bytes());
    salt
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn with_journal(folder: &Path, what: impl AsyncFnOnce(&Journal)) {
    runtime().block_on(async {
        let journal = open(folder, ORIGIN);
        what(&journal).await;
        journal.close().await.unwrap();
    });
}

fn write(folder: &Path, numbers: std::ops::Range<u32>) {
    with_journal(folder, async |journal| {
        for n in numbers {
            let record = record(n);
            journal
                .submit(Kind::Decision, record, Level::Write)
                .await
                .unwrap();
        }
    });
}

/// Erases what a query means; how many records.
fn erase(folder: &Path, theirs: &str) -> u64 {
    let theirs = query(theirs);
    let rows = scan(folder, &theirs).unwrap();
    let seqs: BTreeSet<u64> = rows.map(|row| row.unwrap().seq).collect();
    let (seqs, records) = disclosed_among(folder, &seqs).unwrap();
    with_journal(folder, async |journal| {
        let eraser = journal.eraser();
        let erasure = Erasure {
            seqs,
            records,
            reason: "request".to_owned(),
            authority: "office".to_owned(),
            by: "test".to_owned(),
        };
        let erasing = tokio::task::spawn_blocking(move || eraser.erase(&erasure));
        assert_eq!(erasing.await.unwrap().unwrap().records, records);
    });
    records
}

fn fill_up(settings: &DatabaseSettings, folder: &Path) {
    let mut filling = fill(settings, folder, ORIGIN, false).unwrap();
    while filling.some().unwrap() > 0 {}
}

fn indexed(settings: &DatabaseSettings, text: &str) -> Vec<Row> {
    let mut index = Index::open(settings).unwrap();
    let found = index.find(&query(text)).unwrap();
    found.rows(Order::Oldest).collect::<Result<_, _>>().unwrap()
}

fn assert_agree(settings: &DatabaseSettings, folder: &Path) {
    for text in QUERIES {
        let scanned: Vec<Row> = scan(folder, &query(text))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(indexed(settings, text) == scanned, "{text}");
    }
}

/// An index that was ahead of the erasure, one that learns of it later, and one made anew agree.
fn suite(mut settings: impl FnMut() -> DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path();
    let (ahead, behind, anew) = (settings(), settings(), settings());
    write(journal, 0..500);
    fill_up(&ahead, journal);
    write(journal, 500..900);
    fill_up(&behind, journal);
    fill_up(&ahead, journal);
    write(journal, 900..1000);
    assert_eq!(indexed(&ahead, THEIRS).len(), 300);
    assert_eq!(erase(journal, THEIRS), 334);
    write(journal, 1000..1002);
    for index in [&ahead, &behind, &anew] {
        fill_up(index, journal);
        assert_eq!(indexed(index, THEIRS), []);
        assert_eq!(indexed(index, "subject:mira*"), []);
        assert_agree(index, journal);
        assert!(indexed(index, r#"person:"Otto Kern""#).len() > 660);
    }
    // Once more, of the others, and of what is left.
    assert!(erase(journal, "since:1h or person:*") > 600);
    for index in [&ahead, &behind, &anew] {
        fill_up(index, journal);
        assert_eq!(indexed(index, "person:* or group:* or ip:*"), []);
        assert_agree(index, journal);
    }
}

#[test]
fn what_was_erased_is_not_found_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    suite(|| {
        count += 1;
        DatabaseSettings::File(folder.path().join(format!("{count}.sqlite")))
    });
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for name in ["Mira Lang", "mira lang", "Otto Kern"] {
            let mut windows = bytes.windows(name.len());
            let is_there = windows.any(|window| window == name.as_bytes());
            assert!(!is_there, "{name} in {}", path.display());
        }
    }
}

#[test]
fn what_was_erased_is_not_found_in_postgresql() {
    if let Some(mut server) = Server::start() {
        suite(|| server.settings());
    }
}

#[test]
fn an_erased_chunk_does_not_hold_the_name_compressed_either() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let settings = DatabaseSettings::File(folder.path().join("index.sqlite"));
    write(&journal, 0..300);
    fill_up(&settings, &journal);
    erase(&journal, THEIRS);
    fill_up(&settings, &journal);
    let whole: Vec<Row> = indexed(&settings, "");
    assert!(!whole.iter().any(|row| row.record.contains("Mira")));
    assert!(whole.iter().any(|row| row.record.contains("Otto")));
}
