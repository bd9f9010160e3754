//! Two readings of the journal's format that must agree: stile's own, and one in Python that was
//! written from `docs/journal-format.md` alone.

use std::path::Path;

use serde_json::{Value, json};
use stile::clock::Clock;
use stile::record::disk::RealDisk;
use stile::record::frame::MAGIC;
use stile::record::sealed::pack_all;
use stile::record::segment;
use stile::record::{Identity, Journal, JournalSettings, Pruning, Verdict, verify};
use stile_kit::{Folder, World};

use super::command;
use crate::support;

/// A closed journal of the real program over several segments, as its trimmed files.
async fn written() -> (World, Vec<(String, Vec<u8>)>) {
    let ground = support::ground().await;
    let small = "  folder: journal\n  segment_bytes: 131072\n  compress: false\n";
    let world = ground
        .with("  folder: journal\n", small)
        .serve(support::program())
        .await
        .expect("stile starts");
    let (allowed, denied) = (world.job_token(json!({})), world.feature_token());
    for _ in 0..60 {
        for token in [&allowed, &denied] {
            let body = json!({"data": {"type": "stream", "attributes": {"query": "q"}}});
            let call = world.api("POST", "X/streams").token(token);
            support::ask(&world, call.body("application/json", body.to_string())).await;
        }
    }
    world.stile.signal("HUP").expect("it runs");
    let taken = world.stile.waits_for("new settings are in force").await;
    taken.expect("a reload");
    let files = trimmed(&world.stile.journal());
    assert!(files.len() > 1, "one segment only");
    (world, files)
}

/// The segments by name, each without the zeros at its end.
fn trimmed(journal: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = whole_files(journal);
    for (_, bytes) in &mut files {
        let last = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(last.map_or(0, |at| at + 1));
    }
    files
}

/// The segments by name, as they are.
fn whole_files(journal: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(journal)
        .expect("a journal")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
        .map(|path| {
            let bytes = std::fs::read(&path).expect("readable");
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

/// What both say of these files; `None` where Python's packages are not installed.
fn both(files: &[(String, Vec<u8>)]) -> Option<(Verdict, Value)> {
    let folder = Folder::new().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("writable");
    }
    let ours = verify(folder.path(), |_| {}).expect("readable");
    let mut command = command("venv/bin/python", "verify_journal.py")?;
    let said = command.arg(folder.path()).output().expect("python starts");
    let complaint = String::from_utf8_lossy(&said.stderr);
    let theirs: Value = serde_json::from_slice(&said.stdout).expect(&complaint);
    let words = [
        (Verdict::Verified, "verified", 0),
        (Verdict::Incomplete, "incomplete", 3),
        (Verdict::Invalid, "invalid", 1),
    ];
    let (_, word, code) = words
        .into_iter()
        .find(|(verdict, ..)| *verdict == ours.verdict)
        .expect("a verdict");
    assert_eq!(theirs["verdict"], word, "{theirs}\n{ours:?}");
    assert_eq!(said.status.code(), Some(code), "{theirs}");
    if ours.verdict == Verdict::Verified {
        assert_eq!(theirs["records"], ours.records);
        assert_eq!(theirs["chain"], ours.head.as_str());
    }
    Some((ours.verdict, theirs))
}

#[tokio::test]
async fn a_verifier_written_from_the_documentation_agrees_with_ours() {
    let (world, running) = written().await;
    let Some((verdict, _)) = both(&running) else {
        return;
    };
    assert_eq!(verdict, Verdict::Incomplete, "a copy of a journal in use");
    let (status, folder, said) = world.stile.stop().await.expect("it ends");
    assert!(status.success(), "{said}");
    let whole = trimmed(&folder.path().join("journal"));
    let (verdict, theirs) = both(&whole).expect("installed");
    assert_eq!(verdict, Verdict::Verified, "{theirs}");
    assert!(
        theirs["records"].as_u64().expect("a number") > 180,
        "{theirs}"
    );

    // Erased by the program, and then one more by hand.
    let words = [
        "--config",
        "stile.yaml",
        "audit",
        "erase",
        "ip:*",
        "--reason",
        "r",
    ];
    let erased = std::process::Command::new(support::program())
        .args([&words[..], &["--authority", "a", "--yes"]].concat())
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert!(erased.status.success(), "{erased:?}");
    // Not trimmed: what is erased ends in zeros itself.
    let announced: Vec<_> = whole_files(&folder.path().join("journal"));
    let (verdict, theirs) = both(&announced).expect("installed");
    assert_eq!(verdict, Verdict::Verified, "{theirs}");
    assert_ne!(announced[0].1, whole[0].1, "nothing was erased");
    let mut silently = whole.clone();
    let (_, first) = &mut silently[0];
    first.clone_from(&announced[0].1);
    let (verdict, theirs) = both(&silently).expect("installed");
    assert_eq!(verdict, Verdict::Invalid, "{theirs}");
    let fault = theirs["fault"].as_str().expect("a fault");
    assert!(fault.contains("erased without a record"), "{fault}");

    let later = both(whole.get(1..).expect("several")).expect("installed");
    assert_eq!(later.0, Verdict::Incomplete, "older segments are missing");
    let mut gap = whole.clone();
    gap.swap(0, 1);
    gap[0].0.clone_from(&whole[0].0);
    gap[1].0.clone_from(&whole[1].0);
    assert_eq!(both(&gap).expect("installed").0, Verdict::Invalid);
}

#[tokio::test]
async fn both_verifiers_find_each_flipped_byte_and_each_cut() {
    let (world, _) = written().await;
    let (_, folder, _) = world.stile.stop().await.expect("it ends");
    let whole = trimmed(&folder.path().join("journal"));
    let last = whole.len() - 1;
    let last_frame = whole[last].1.windows(4).rposition(|bytes| bytes == MAGIC);
    let last_frame = last_frame.expect("the last segment has a frame");
    for (index, (_, bytes)) in whole.iter().enumerate() {
        // The heads byte by byte would take minutes; primes reach each field over the files.
        let places = (0..700)
            .step_by(41)
            .chain((700..bytes.len()).step_by(9_973));
        for at in places.filter(|at| *at < bytes.len()) {
            let mut flipped = whole.clone();
            flipped[index].1[at] ^= 0x04;
            let Some((verdict, _)) = both(&flipped) else {
                return;
            };
            // What damages the very last frame cannot be told from a write that was torn.
            let expected = match index == last && at >= last_frame {
                true => Verdict::Incomplete,
                false => Verdict::Invalid,
            };
            assert_eq!(verdict, expected, "segment {index} byte {at}");
        }
    }
    for short in [1, 60, 400, 3000] {
        let mut cut = whole.clone();
        let length = cut[last].1.len();
        cut[last].1.truncate(length.saturating_sub(short).max(512));
        let (verdict, theirs) = both(&cut).expect("installed");
        assert_eq!(verdict, Verdict::Incomplete, "{theirs}");
    }
}

#[tokio::test]
async fn both_verifiers_read_packed_segments_and_find_each_flipped_byte_in_one() {
    let (world, _) = written().await;
    let (_, folder, _) = world.stile.stop().await.expect("it ends");
    let journal = folder.path().join("journal");
    pack_all(&RealDisk, &journal).expect("packed");
    let listed = segment::list(&journal).expect("readable");
    let whole: Vec<(String, Vec<u8>)> = listed
        .iter()
        .map(|(_, path)| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(path).expect("readable"))
        })
        .collect();
    assert!(whole[0].0.ends_with(".seg.zst"), "{}", whole[0].0);
    let Some((verdict, theirs)) = both(&whole) else {
        return;
    };
    assert_eq!(verdict, Verdict::Verified, "{theirs}");
    let places = (0..48).chain((48..whole[0].1.len()).step_by(1_499));
    for at in places {
        let mut flipped = whole.clone();
        flipped[0].1[at] ^= 0x04;
        assert_eq!(
            both(&flipped).expect("installed").0,
            Verdict::Invalid,
            "{at}"
        );
    }
}

/// A copy of the whole folder, changed, and what both say of it.
fn both_after(journal: &Path, change: impl FnOnce(&Path)) -> Option<(Verdict, Value)> {
    let folder = Folder::new().expect("a folder");
    let copy = folder.copy(journal, "journal").expect("a copy");
    change(&copy);
    let ours = verify(&copy, |_| {}).expect("readable");
    let mut command = command("venv/bin/python", "verify_journal.py")?;
    let said = command.arg(&copy).output().expect("python starts");
    let complaint = String::from_utf8_lossy(&said.stderr);
    let theirs: Value = serde_json::from_slice(&said.stdout).expect(&complaint);
    let word = serde_json::to_value(ours.verdict).expect("a word");
    assert_eq!(theirs["verdict"], word, "{theirs}\n{ours:?}");
    Some((ours.verdict, theirs))
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("readable");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).expect("writable");
}

#[tokio::test]
async fn both_verifiers_hold_the_records_against_what_was_signed_pruned_or_not() {
    let (world, _) = written().await;
    let (_, folder, _) = world.stile.stop().await.expect("it ends");
    let journal = folder.path().join("journal");
    let Some((verdict, theirs)) = both_after(&journal, |_| {}) else {
        return;
    };
    assert_eq!(
        (verdict, &theirs["tiles"]),
        (Verdict::Verified, &Value::Null)
    );
    let later = |journal: &Path| {
        let text = std::fs::read_to_string(journal.join("checkpoint")).expect("readable");
        let size = text.lines().nth(1).expect("a size").to_owned();
        edit(&journal.join("checkpoint"), &format!("\n{size}\n"), "\n7\n");
    };
    let (verdict, theirs) = both_after(&journal, later).expect("installed");
    assert_eq!(verdict, Verdict::Invalid, "{theirs}");
    let unsigned = |journal: &Path| edit(&journal.join("checkpoint"), "\u{2014} ", "\u{2014}  ");
    let (verdict, theirs) = both_after(&journal, unsigned).expect("installed");
    assert_eq!(verdict, Verdict::Invalid, "{theirs}");

    let words = [
        "--config",
        "stile.yaml",
        "audit",
        "prune",
        "--older-than",
        "1",
        "--reason",
        "r",
    ];
    let not_yet = std::process::Command::new(support::program())
        .args([&words[..], &["--authority", "a", "--yes"]].concat())
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert!(not_yet.status.success(), "{not_yet:?}");
    let said = String::from_utf8_lossy(&not_yet.stdout).into_owned();
    assert!(said.contains("younger records"), "{said}");
    let settings = JournalSettings {
        folder: journal.clone(),
        origin: "stile.example.com/world".to_owned(),
        levels: Default::default(),
        segment_bytes: 131_072,
        queue: 1_024,
        flood_threshold: 2_000,
        compress: false,
        commit_ms: 10_000,
        retention: Default::default(),
        tree: Default::default(),
    };
    prune_all(settings).await;
    let (verdict, theirs) = both_after(&journal, |_| {}).expect("installed");
    assert_eq!(verdict, Verdict::Verified, "{theirs}");
    let further = |journal: &Path| {
        let listed = segment::list(journal).expect("readable");
        std::fs::remove_file(&listed[0].1).expect("removed");
    };
    let first = segment::list(&journal).expect("readable")[0].0;
    assert!(first > 0, "nothing was pruned");
    let changes: [fn(&Path); 2] = [
        |journal| std::fs::remove_dir_all(journal.join("tiles")).expect("removed"),
        |journal| std::fs::remove_file(journal.join("checkpoint")).expect("removed"),
    ];
    for change in changes {
        let (verdict, theirs) = both_after(&journal, change).expect("installed");
        assert_eq!(verdict, Verdict::Incomplete, "{theirs}");
    }
    if segment::list(&journal).expect("readable").len() > 1 {
        let (verdict, theirs) = both_after(&journal, further).expect("installed");
        assert_eq!(verdict, Verdict::Incomplete, "{theirs}");
    }
}

/// Prunes everything but the newest segment, as somebody does whose records are old.
async fn prune_all(settings: JournalSettings) {
    let identity = Identity {
        version: "1".to_owned(),
        config_digest: "sha256:00".to_owned(),
    };
    let clock = Clock::machine();
    let journal = Journal::open(settings, clock, identity);
    let journal = journal.expect("it opens").journal;
    let eraser = journal.eraser();
    let pruning = Pruning {
        younger_from_ms: u64::MAX,
        wanted: None,
        reason: "rule 7".to_owned(),
        authority: "policy 4".to_owned(),
        by: "uid 1000".to_owned(),
    };
    let pruned = tokio::task::spawn_blocking(move || eraser.prune(&pruning));
    pruned.await.expect("no panic").expect("pruned");
    journal.close().await.expect("closed");
}
