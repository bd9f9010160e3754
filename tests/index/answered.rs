//! The index gives the answer of the scan, over SQLite and over PostgreSQL, whatever happens to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use stile::database::DatabaseSettings;
use stile::index::{Index, IndexError, Order, Query, Row, Upkeep, fill, scan};
use stile::record::Level;
use stile::record::frame::Kind;

use super::database::Server;
use super::random::{self, Dice};
use super::{open, query, write};

const ONE: &str = "stile.example.com/one";
const TWO: &str = "stile.example.com/two";

fn sqlite(folder: &tempfile::TempDir) -> DatabaseSettings {
    DatabaseSettings::File(folder.path().join("index.sqlite"))
}

/// Brings the index up with a journal.
fn fill_up(settings: &DatabaseSettings, journal: &Path, origin: &str) -> u64 {
    let mut filling = fill(settings, journal, origin, false).unwrap();
    while filling.some().unwrap() > 0 {}
    filling.next_seq()
}

/// Clients of PostgreSQL wait by themselves, so only the journal is inside of a runtime.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn written(folder: &Path, origin: &str, records: Vec<(Kind, String)>) {
    runtime().block_on(write(folder, origin, records));
}

fn scanned(journal: &Path, query: &Query) -> Vec<Row> {
    scan(journal, query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn indexed(settings: &DatabaseSettings, query: &Query, order: Order) -> Vec<Row> {
    let mut index = Index::open(settings).unwrap();
    let found = index.find(query).unwrap();
    let count = found.count();
    let rows: Vec<Row> = found.rows(order).collect::<Result<_, _>>().unwrap();
    assert_eq!(count, rows.len() as u64, "{query}");
    rows
}

/// Asks many random queries of the index and of the scan.
fn agree(settings: &DatabaseSettings, journal: &Path, seeds: std::ops::Range<u64>) {
    let mut met = 0;
    for seed in seeds {
        let query = random::query(&mut Dice::new(seed));
        let expected = scanned(journal, &query);
        assert_eq!(
            indexed(settings, &query, Order::Oldest),
            expected,
            "{query}"
        );
        let mut newest = indexed(settings, &query, Order::Newest);
        newest.reverse();
        assert_eq!(newest, expected, "{query}");
        met += usize::from(!expected.is_empty());
    }
    assert!(met > 10, "the queries meet something: {met}");
}

fn the_answers_are_those_of_a_scan(settings: &DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    written(
        folder.path(),
        ONE,
        random::records(&mut Dice::new(1), ONE, 600),
    );
    assert_eq!(fill_up(settings, folder.path(), ONE), 602);
    agree(settings, folder.path(), 0..60);
}

/// Passes may end anywhere: requests whose outcomes come in another pass, chunks half full.
fn an_index_filled_in_steps_is_the_same(settings: &DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(2);
    let records = random::records(&mut dice, ONE, 700);
    let runtime = runtime();
    let journal = open(folder.path(), ONE);
    let mut count = 0;
    for (kind, line) in records {
        let stored = journal.submit(kind, line.into_bytes(), Level::Write);
        runtime.block_on(stored).unwrap();
        count += 1;
        if dice.below(40) == 0 {
            fill_up(settings, folder.path(), ONE);
        }
    }
    assert!(count > 600);
    runtime.block_on(journal.close()).unwrap();
    assert_eq!(fill_up(settings, folder.path(), ONE), 702);
    assert_eq!(
        fill_up(settings, folder.path(), ONE),
        702,
        "filled twice is filled once"
    );
    agree(settings, folder.path(), 200..240);
}

fn several_journals_are_merged_by_time(settings: &DatabaseSettings) {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let line = |origin: &str, time: u64| {
        format!(
            r#"{{"decision":"deny","id":"{time}","kind":"decision","log":"{origin}","time":{time}}}"#
        )
    };
    let lines = |origin: &'static str, times: &[u64]| {
        times
            .iter()
            .map(|t| (Kind::Decision, line(origin, *t)))
            .collect()
    };
    written(one.path(), ONE, lines(ONE, &[10, 30, 50]));
    written(two.path(), TWO, lines(TWO, &[20, 30, 40]));
    fill_up(settings, one.path(), ONE);
    fill_up(settings, two.path(), TWO);
    let times = |rows: Vec<Row>| {
        rows.iter()
            .map(|r| (r.time.as_ms(), r.origin.to_string()))
            .collect::<Vec<_>>()
    };
    let expected = [
        (10, ONE),
        (20, TWO),
        (30, ONE),
        (30, TWO),
        (40, TWO),
        (50, ONE),
    ];
    let expected: Vec<(u64, String)> = expected.map(|(t, o)| (t, o.to_owned())).into();
    assert_eq!(
        times(indexed(settings, &query("decision:deny"), Order::Oldest)),
        expected
    );
    let newest = times(indexed(settings, &query("decision:deny"), Order::Newest));
    assert_eq!(
        newest.iter().map(|(t, _)| *t).collect::<Vec<_>>(),
        [50, 40, 30, 30, 20, 10]
    );
    let of_two = query(&format!("origin:{TWO} decision:deny"));
    assert_eq!(indexed(settings, &of_two, Order::Oldest).len(), 3);
}

/// The journal is the truth: one that was restored from a backup is not mixed with what was there.
fn an_index_of_another_past_begins_anew(settings: &DatabaseSettings) {
    for (count, seed) in [(50, 5), (300, 5), (300, 6)] {
        let folder = tempfile::tempdir().unwrap();
        written(
            folder.path(),
            ONE,
            random::records(&mut Dice::new(seed), ONE, count),
        );
        fill_up(settings, folder.path(), ONE);
        let everything = Query::default();
        let expected = scanned(folder.path(), &everything);
        assert_eq!(indexed(settings, &everything, Order::Oldest), expected);
    }
}

fn what_retention_took_away_is_forgotten(settings: &DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    written(
        folder.path(),
        ONE,
        random::records(&mut Dice::new(8), ONE, 900),
    );
    fill_up(settings, folder.path(), ONE);
    let segments = stile::record::segment::list(folder.path()).unwrap();
    assert!(segments.len() > 2, "{segments:?}");
    let (kept_from, _) = segments[segments.len() - 1];
    for (_, path) in &segments[..segments.len() - 1] {
        fs::remove_file(path).unwrap();
    }
    fill_up(settings, folder.path(), ONE);
    let left = indexed(settings, &Query::default(), Order::Oldest);
    assert!(left.iter().all(|row| row.seq >= kept_from) && !left.is_empty());
    let scanned = scanned(folder.path(), &Query::default());
    assert_eq!(
        left.iter().map(|r| r.seq).collect::<Vec<_>>(),
        scanned.iter().map(|r| r.seq).collect::<Vec<_>>()
    );
}

/// Two that fill at once: each record is there once.
fn two_fillers_do_not_get_into_each_others_way(settings: &DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    written(
        folder.path(),
        ONE,
        random::records(&mut Dice::new(9), ONE, 400),
    );
    let mut first = fill(settings, folder.path(), ONE, true).unwrap();
    let mut second = fill(settings, folder.path(), ONE, false).unwrap();
    assert!(first.some().unwrap() > 0);
    assert!(matches!(second.some(), Err(IndexError::Moved)));
    agree(settings, folder.path(), 300..330);
}

/// While requests come in, the index follows, and says how far it is.
fn upkeep_follows_a_journal_in_use(settings: &DatabaseSettings) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let journal = open(folder.path(), TWO);
    let upkeep = Upkeep::start(settings.clone(), folder.path().to_owned(), TWO.to_owned()).unwrap();
    for (kind, line) in random::records(&mut Dice::new(10), TWO, 300) {
        let stored = journal.submit(kind, line.into_bytes(), Level::Write);
        runtime.block_on(stored).unwrap();
    }
    let mut looks = 0;
    while upkeep.state().next_seq < 301 {
        looks += 1;
        assert!(looks < 1000, "{:?}", upkeep.state());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(upkeep.state().fault, None);
    runtime.block_on(journal.close()).unwrap();
    upkeep.stop();
    while !upkeep.is_stopped() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(upkeep.state().next_seq, 302, "what came last is taken over");
    let mine = query(&format!("origin:{TWO}"));
    assert_eq!(
        indexed(settings, &mine, Order::Oldest),
        scanned(folder.path(), &mine)
    );
}

/// Every claim, each over an index of its own.
fn suite(mut settings: impl FnMut() -> DatabaseSettings) {
    the_answers_are_those_of_a_scan(&settings());
    an_index_filled_in_steps_is_the_same(&settings());
    several_journals_are_merged_by_time(&settings());
    an_index_of_another_past_begins_anew(&settings());
    what_retention_took_away_is_forgotten(&settings());
    two_fillers_do_not_get_into_each_others_way(&settings());
    upkeep_follows_a_journal_in_use(&settings());
}

#[test]
fn the_suite_holds_over_sqlite() {
    let mut folders = Vec::new();
    let settings = || {
        folders.push(tempfile::tempdir().unwrap());
        sqlite(folders.last().unwrap())
    };
    suite(settings);
}

#[test]
fn the_suite_holds_over_postgresql() {
    if let Some(mut server) = Server::start() {
        suite(|| server.settings());
    }
}

#[test]
fn a_missing_index_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Index::open(&sqlite(&folder)).unwrap_err();
    assert!(matches!(error, IndexError::Missing { .. }), "{error}");
    let told = stile::setup_error::SetupError::from(error).to_string();
    assert!(
        told.contains("stile audit index") && told.contains("--scan"),
        "{told}"
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "asking makes nothing"
    );
}

#[test]
fn a_damaged_index_is_found_set_aside_and_made_anew_while_serving() {
    let folder = tempfile::tempdir().unwrap();
    written(
        folder.path(),
        ONE,
        random::records(&mut Dice::new(11), ONE, 100),
    );
    let settings = sqlite(&folder);
    fs::write(folder.path().join("index.sqlite"), "x".repeat(20_000)).unwrap();
    let error = Index::open(&settings).unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    let upkeep = Upkeep::start(settings.clone(), folder.path().to_owned(), ONE.to_owned()).unwrap();
    let mut looks = 0;
    while upkeep.state().next_seq < 102 {
        looks += 1;
        assert!(looks < 1000, "{:?}", upkeep.state());
        std::thread::sleep(Duration::from_millis(20));
    }
    upkeep.stop();
    assert!(folder.path().join("index.sqlite.damaged").exists());
    agree(&settings, folder.path(), 400..440);
}

#[test]
fn an_index_without_its_last_chunk_says_so() {
    let folder = tempfile::tempdir().unwrap();
    written(
        folder.path(),
        ONE,
        random::records(&mut Dice::new(12), ONE, 100),
    );
    let settings = sqlite(&folder);
    fill_up(&settings, folder.path(), ONE);
    let database = rusqlite::Connection::open(folder.path().join("index.sqlite")).unwrap();
    database.execute("DELETE FROM stile_texts", []).unwrap();
    drop(database);
    let mut index = Index::open(&settings).unwrap();
    let everything = Query::default();
    let error = index
        .find(&everything)
        .unwrap()
        .rows(Order::Newest)
        .next()
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    let told = stile::setup_error::SetupError::from(error).to_string();
    assert!(told.contains("--rebuild"), "{told}");
}

/// Bitmaps are of 65,536 records: what lies on both sides of a border is found, linked and counted.
#[test]
fn requests_whose_outcome_is_in_another_block_are_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let line = |id: u64, at: u64| {
        format!(
            r#"{{"decision":"allow","id":"{id}","kind":"decision","log":"{ONE}","op":"x","time":{at}}}"#
        )
    };
    let outcome = |id: u64| {
        format!(
            r#"{{"end":"complete","kind":"outcome","log":"{ONE}","ref":"{id}","status":{},"time":9}}"#,
            200 + id % 2
        )
    };
    // 65,534 decisions, then their outcomes in the other order.
    let decisions = (0..65_534).map(|id| (Kind::Decision, line(id, id)));
    let outcomes = (0..65_534).rev().map(|id| (Kind::Outcome, outcome(id)));
    written(folder.path(), ONE, decisions.chain(outcomes).collect());
    let settings = sqlite(&folder);
    let mut filling = fill(&settings, folder.path(), ONE, false).unwrap();
    while filling.some().unwrap() > 0 {}
    let mut index = Index::open(&settings).unwrap();
    let mut count = |text: &str| index.find(&query(text)).unwrap().count();
    assert_eq!(count("status:200"), 32_767);
    assert_eq!(count("status:201 not status:200"), 32_767);
    assert_eq!(count("end:complete action:x"), 65_534);
    assert_eq!(count("not end:complete"), 2, "the start and the stop");
    assert_eq!(count("seq:0..65535"), 65_535);
    assert_eq!(count("since:1970-01-01T00:01:00Z record:request"), 5_534);
    let found = index.find(&query("id:7")).unwrap();
    let row = found.rows(Order::Newest).next().unwrap().unwrap();
    let (seq, text) = row.outcome.unwrap();
    assert_eq!((row.seq, seq), (8, 65_535 + 65_534 - 8));
    assert!(text.contains(r#""ref":"7""#), "{text}");
}

#[test]
fn refusals_that_share_a_record_count_each() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let line = |n: u64, reason: &str, count: Option<u64>| {
        let mut line = serde_json::json!({
            "decision": "refuse", "id": format!("0192f0c0-0000-7000-8000-{n:012x}"),
            "kind": "decision", "log": ONE, "reason": reason, "time": 1_795_000_000_000 + n,
        });
        if let Some(count) = count {
            line["count"] = count.into();
        }
        (Kind::Decision, line.to_string())
    };
    let records = vec![
        line(1, "no_credential", None),
        line(2, "no_credential", Some(40)),
        line(3, "malformed_token", Some(7)),
        line(4, "no_credential", Some(40)),
    ];
    written(&journal, ONE, records);
    let settings = sqlite(&folder);
    fill_up(&settings, &journal, ONE);
    for (text, rows, answers) in [
        ("decision:refuse", 4, 88),
        ("reason:no_credential", 3, 81),
        ("reason:malformed_token", 1, 7),
        ("count:40", 2, 80),
        ("count:<=7", 1, 7),
        ("decision:refuse not count:*", 1, 1),
        ("decision:allow", 0, 0),
    ] {
        let query = query(text);
        let mut index = Index::open(&settings).unwrap();
        let found = index.find(&query).unwrap();
        assert_eq!((found.count(), found.answers()), (rows, answers), "{text}");
        let scanned = scanned(&journal, &query);
        let of_scan: u64 = scanned.iter().map(Row::answers).sum();
        assert_eq!((scanned.len() as u64, of_scan), (rows, answers), "{text}");
    }
}
