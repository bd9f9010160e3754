//! A bundle proves its rows to who has nothing else.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use stile::export::Source;
use stile::export::bundle::write;
use stile::index::{Query, scan};
use stile::record::Evidence;
use stile::record::verify::Held;

use super::{Stand, checked};

/// The files of a tar, by name.
pub(super) fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(std::fs::File::open(path).unwrap());
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    });
    entries.collect()
}

/// What the program in the bundle, which knows nothing of stile, says of one.
pub(super) fn by_python(path: &Path, key: Option<&str>) -> Option<(bool, String)> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/bundle/verify_bundle.py");
    let mut command = std::process::Command::new("python3");
    command.arg(program).arg(path).args(key);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    match command.output() {
        Ok(said) => {
            let text = [said.stdout, said.stderr].concat();
            Some((said.status.success(), String::from_utf8(text).unwrap()))
        }
        Err(_) => {
            let required = std::env::var_os("STILE_TEST_TOOLS").is_some_and(|v| v == "required");
            assert!(!required, "python3 is needed");
            None
        }
    }
}

#[tokio::test]
async fn every_row_is_proved_to_who_knows_the_key() {
    let stand = Stand::of(3, 700).await;
    for (text, name) in [
        ("", "all.tar"),
        ("decision:deny since:20d", "denied.tar"),
        ("record:event", "events.tar"),
        ("action:streams.delete or status:>=500", "some.tar"),
    ] {
        let (path, written) = stand.bundle(text, name).unwrap();
        let asked = super::Asked::at(super::NOW);
        let query = Query::parse(text, &asked).unwrap();
        let rows = scan(&stand.journal(), &query).unwrap().count() as u64;
        assert!(rows > 5, "{text}: {rows}");
        let found = checked(&path, &[stand.key()]);
        assert_eq!(found.faults, Vec::<String>::new(), "{text}");
        assert!(found.is_vouched);
        assert_eq!((found.rows, written.rows), (rows, rows), "{text}");
        let said = found.proved.join("\n");
        assert!(
            said.contains("is in the tree of its first 702 records"),
            "{said}"
        );
        let unproved = found.unproved.join("\n");
        let is_whole = said.contains("every record of the tree is here");
        assert_eq!(is_whole, text.is_empty(), "{said}");
        assert_ne!(is_whole, unproved.contains("that no row"), "{unproved}");
        assert!(
            unproved.contains("that is what the exporter said"),
            "{unproved}"
        );
        if let Some((yes, said)) = by_python(&path, Some(&stand.key().to_string())) {
            assert!(yes && said.contains(&format!("{rows} rows")), "{said}");
        }
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert_eq!(bytes, written.bytes);
    }
}

#[tokio::test]
async fn without_a_key_nobody_vouches_and_another_key_is_no_key() {
    let stand = Stand::of(4, 100).await;
    let (path, _) = stand.bundle("kind:job", "jobs.tar").unwrap();
    let found = checked(&path, &[]);
    assert_eq!((found.fault_count, found.is_vouched), (0, false));
    assert!(
        found
            .unproved
            .iter()
            .any(|what| what.contains("who signed the tree"))
    );
    let stranger = Stand::of(4, 100).await;
    let found = checked(&path, &[stranger.key()]);
    assert_eq!(
        found.faults,
        ["keys/1.checkpoint: no key that was given with --vkey signed it"]
    );
    if let Some((yes, said)) = by_python(&path, Some(&stranger.key().to_string())) {
        assert!(
            !yes && said.contains("not signed by the key you gave"),
            "{said}"
        );
    }
    // The same records in a journal of somebody else's are whole, and not ours.
    let (forged, _) = stranger.bundle("kind:job", "jobs.tar").unwrap();
    assert_eq!(checked(&forged, &[]).fault_count, 0);
    assert_eq!(checked(&forged, &[stand.key()]).fault_count, 1);
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_speaks_for_the_tree_or_against_it() {
    let stand = Stand::of(5, 60).await;
    let (path, _) = stand.bundle("", "all.tar").unwrap();
    let kept = std::fs::read_to_string(stand.journal().join("checkpoint")).unwrap();
    let found = |text: &str| {
        let held = Held::read("kept.checkpoint", text).unwrap();
        let evidence = Evidence {
            held: vec![held],
            ..Evidence::default()
        };
        stile::export::bundle::check(&path, &evidence, |_, _, _| {}).unwrap()
    };
    assert!(
        found(&kept)
            .proved
            .iter()
            .any(|what| what.contains("is the same tree"))
    );
    let other = Stand::of(6, 60).await;
    let theirs = std::fs::read_to_string(other.journal().join("checkpoint")).unwrap();
    assert_eq!(
        found(&theirs).faults,
        ["keys/1.checkpoint: `kept.checkpoint` is of another tree"]
    );
    let older = Stand::of(5, 50).await;
    let theirs = std::fs::read_to_string(older.journal().join("checkpoint")).unwrap();
    assert!(
        found(&theirs)
            .unproved
            .iter()
            .any(|what| what.contains("other sizes"))
    );
}

#[tokio::test]
async fn the_same_rows_at_the_same_moment_are_the_same_bytes() {
    let stand = Stand::of(7, 80).await;
    let (one, _) = stand.bundle("kind:job", "one.tar").unwrap();
    let (two, _) = stand.bundle("kind:job", "two.tar").unwrap();
    assert!(std::fs::read(one).unwrap() == std::fs::read(two).unwrap());
}

#[tokio::test]
async fn a_bundle_without_rows_says_that_it_proves_nothing() {
    let stand = Stand::of(8, 40).await;
    let (path, written) = stand.bundle("person:nobody", "none.tar").unwrap();
    let found = checked(&path, &[stand.key()]);
    assert_eq!((written.rows, found.rows, found.fault_count), (0, 0, 0));
    assert!(!found.is_vouched);
    assert!(
        found
            .unproved
            .iter()
            .any(|what| what.contains("proves nothing"))
    );
}

#[tokio::test]
async fn the_record_that_names_the_key_of_an_epoch_is_there_to_vouch_for_it() {
    use stile::clock::{Clock, Time};
    use stile::record::frame::Kind;
    use stile::record::{Identity, Journal, JournalSettings, Level, Levels, TreeSettings};
    let stand = Stand::of(12, 4).await;
    let folder = stand.path("epochs");
    let settings = JournalSettings {
        folder: folder.clone(),
        origin: super::ORIGIN.to_owned(),
        levels: Levels::default(),
        segment_bytes: 128 * 1024,
        queue: 64,
        commit_ms: 10_000,
        compress: true,
        flood_threshold: 2_000,
        retention: Default::default(),
        tree: TreeSettings::default(),
    };
    let identity = Identity {
        version: "1.2.3+test".to_owned(),
        config_digest: "sha256:00".to_owned(),
    };
    let clock = Clock::fixed(super::NOW);
    let journal = Journal::open(settings, clock.clone(), identity)
        .unwrap()
        .journal;
    let (origin, time) = (super::ORIGIN, super::NOW.as_ms());
    for id in ["1", "2", "3"] {
        let line = serde_json::json!({"decision": "deny", "id": id, "kind": "decision", "log": origin, "time": time});
        let line = line.to_string().into_bytes();
        journal
            .submit(Kind::Decision, line, Level::Write)
            .await
            .unwrap();
        if id == "2" {
            clock.set(Time::from_ms(time + 24 * 3_600_000));
            for _ in 0..200 {
                if folder.join("epochs/1.checkpoint").exists()
                    && !folder.join("keys/epoch-1.key").exists()
                {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
    journal.close().await.unwrap();
    let mut plan = stand.plan("decision:deny");
    plan.journals[0].tiles = folder.join("tiles");
    plan.journals[0].folder = folder.clone();
    let path = stand.path("epochs.tar");
    write(&path, &plan, &mut Source::Journal(folder.clone()), |_| {}).unwrap();
    let log = stile::record::epoch::Vkeys::read(&folder).unwrap();
    assert_eq!(log.epochs.len(), 2, "the key turned");
    let log = log.log.unwrap();
    let found = checked(&path, std::slice::from_ref(&log));
    assert_eq!((found.faults, found.rows), (Vec::new(), 3));
    assert!(
        !found.unproved.iter().any(|what| what.contains("epoch")),
        "{:?}",
        found.unproved
    );
    let leaves = String::from_utf8(files(&path)["leaves/1.txt"].clone()).unwrap();
    assert_eq!(
        (leaves.lines().count(), leaves.matches("key.rotate").count()),
        (4, 1)
    );
    if let Some((yes, said)) = by_python(&path, Some(&log.to_string())) {
        assert!(yes, "{said}");
    }
}

#[tokio::test]
async fn rows_of_a_journal_that_is_not_at_hand_are_refused_by_its_name() {
    let stand = Stand::of(9, 40).await;
    let other = Stand::of(9, 40).await;
    let mut plan = stand.plan("kind:job");
    plan.journals.clear();
    let path = stand.path("q.tar");
    let mut source = Source::Journal(other.journal());
    let refused = write(&path, &plan, &mut source, |_| {}).unwrap_err();
    let fault: stile::setup_error::SetupError = refused.into();
    assert!(fault.fault.contains("stile.example.com/main"), "{fault:?}");
    assert!(!path.exists() && stand.path("q.tar.partial").exists());
}

#[tokio::test]
async fn a_row_that_the_journal_says_otherwise_is_not_handed_out() {
    let stand = Stand::of(13, 60).await;
    let other = Stand::of(14, 60).await;
    let path = stand.path("q.tar");
    let mut source = Source::Journal(other.journal());
    let refused = write(&path, &stand.plan("kind:job"), &mut source, |_| {}).unwrap_err();
    let fault: stile::setup_error::SetupError = refused.into();
    assert!(
        fault
            .fault
            .contains("is not in the journal as the index has it"),
        "{fault:?}"
    );
    assert!(!path.exists());
}

#[tokio::test]
async fn rows_of_several_journals_are_proved_by_the_tree_of_each() {
    use crate::index::random::{self, Dice};
    use stile::database::DatabaseSettings;
    use stile::export::bundle::Journal;
    use stile::index::{Index, fill};
    let stand = Stand::of(15, 4).await;
    let settings = DatabaseSettings::File(stand.path("index.sqlite"));
    let mut plan = stand.plan("record:request");
    plan.journals.clear();
    let mut keys = Vec::new();
    for (seed, name) in [(1, "one"), (2, "two")] {
        let (folder, origin) = (stand.path(name), format!("stile.example.com/{name}"));
        let records = random::records(&mut Dice::new(seed), &origin, 150);
        crate::index::write(&folder, &origin, records).await;
        let mut filling = fill(&settings, &folder, &origin, false).unwrap();
        while filling.some().unwrap() > 0 {}
        keys.extend(stile::record::epoch::Vkeys::read(&folder).unwrap().log);
        let tiles = folder.join("tiles");
        plan.journals.push(Journal { folder, tiles });
    }
    let mut source = Source::Index(Box::new(Index::open(&settings).unwrap()));
    let path = stand.path("both.tar");
    let written = write(&path, &plan, &mut source, |_| {}).unwrap();
    let found = checked(&path, &keys);
    assert_eq!((found.faults, found.rows), (Vec::new(), written.rows));
    assert!(found.is_vouched);
    let known = std::slice::from_ref(&keys[0]);
    assert_eq!(
        checked(&path, known).faults,
        ["keys/2.checkpoint: no key that was given with --vkey signed it"]
    );
    let files = files(&path);
    let manifest: Value = serde_json::from_slice(&files["MANIFEST.json"]).unwrap();
    let of = |at: usize| manifest["journals"][at]["rows"].as_u64().unwrap();
    assert_eq!(of(0) + of(1), written.rows);
    assert!(of(0) > 20 && of(1) > 20);
    assert_eq!(manifest["searched"][1]["next"], 152);
    if let Some((yes, said)) = by_python(&path, None) {
        assert!(yes && said.contains("not proved: who signed it"), "{said}");
    }
}

#[tokio::test]
async fn the_report_says_the_counts_and_shows_no_text_as_markup() {
    let stand = Stand::of(10, 5).await;
    let hostile = "<script>alert(1)</script>'\"&\u{202e}\n=cmd";
    let record = serde_json::json!({
        "kind": "decision", "log": super::ORIGIN, "decision": "deny", "id": "d1", "time": 1_795_000_000_000_u64,
        "subject_kind": "person", "subject_name": hostile, "subject": hostile, "op": hostile,
        "reason": hostile, "activity": hostile, "path": hostile, "method": "GET",
        "resource": [hostile, hostile, hostile], "config": hostile, "policy_set": hostile,
    });
    let kind = stile::record::frame::Kind::Decision;
    let journal = stand.path("hostile");
    crate::index::write(&journal, super::ORIGIN, vec![(kind, record.to_string())]).await;
    let mut plan = stand.plan("");
    plan.by = hostile.to_owned();
    plan.journals[0].tiles = journal.join("tiles");
    plan.journals[0].folder = journal.clone();
    let path = stand.path("hostile.tar");
    write(&path, &plan, &mut Source::Journal(journal), |_| {}).unwrap();
    assert_eq!(checked(&path, &[]).faults, Vec::<String>::new());
    let files = files(&path);
    let page = String::from_utf8(files["report.html"].clone()).unwrap();
    assert!(
        !page.contains("<script") && !page.contains('\u{202e}'),
        "{page}"
    );
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&amp;\\u{202e}\\u{a}=cmd")
    );
    assert!(page.contains("default-src 'none'") && !page.contains("http://"));
    for (tag, end) in [
        ("<svg", "</svg>"),
        ("<table>", "</table>"),
        ("<section", "</section>"),
    ] {
        assert_eq!(
            page.matches(tag).count(),
            page.matches(end).count(),
            "{tag}"
        );
        assert!(page.matches(tag).count() > 2, "{tag}");
    }
    let csv = String::from_utf8(files["data.csv"].clone()).unwrap();
    let cells = csv.split(['\n', '\r', ',']);
    for cell in cells.map(|cell| cell.trim_matches('"')) {
        let is_command = cell.starts_with(['+', '-', '@']) || cell.starts_with("=1");
        assert!(!is_command, "{csv}");
    }
}

#[tokio::test]
async fn the_manifest_counts_what_the_files_have() {
    let stand = Stand::of(11, 300).await;
    let (path, _) = stand.bundle("not event:config.reload", "most.tar").unwrap();
    let files = files(&path);
    let manifest: Value = serde_json::from_slice(&files["MANIFEST.json"]).unwrap();
    let lines = |name: &str| files[name].iter().filter(|byte| **byte == b'\n').count() as u64;
    let rows = manifest["rows"].as_u64().unwrap();
    assert_eq!(
        (lines("data.jsonl"), lines("data.ocsf.jsonl")),
        (rows, rows)
    );
    assert_eq!(
        lines("leaves/1.txt"),
        manifest["journals"][0]["leaves"].as_u64().unwrap()
    );
    let decisions = manifest["decisions"].as_object().unwrap().values();
    assert_eq!(decisions.filter_map(Value::as_u64).sum::<u64>(), rows);
    assert_eq!(manifest["query"]["means"], "not event:config.reload");
    assert_eq!(manifest["exported_by"], "Anna <anna@acme.example>");
    let expected = [
        "HOW-TO-VERIFY.txt",
        "MANIFEST.json",
        "SHA256SUMS",
        "data.csv",
        "data.jsonl",
        "data.ocsf.jsonl",
        "keys/1.checkpoint",
        "keys/1.vkeys",
        "leaves/1.txt",
        "proofs/1.txt",
        "report.html",
        "verify_bundle.py",
    ];
    assert!(files.keys().eq(expected), "{:?}", files.keys());
}
