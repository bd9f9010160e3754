//! Somebody who owns the disk, and what each of their ways comes up against.
//!
//! A generator: every way to tamper, at every kind of place, by somebody who mends checksums, numbers
//! and chain behind it, with and without the tiles; then by a thief of today's keys.

use std::fs;
use std::path::{Path, PathBuf};

use stile::record::frame::{Frame, chain_after, first_chain, leaf_hash};
use stile::record::segment::{self, SegmentHead};
use stile::record::verify::Held;
use stile::record::{Evidence, Verdict, verify_with};
use tempfile::TempDir;

use super::tree::until;
use super::*;

/// A closed journal over two epochs and several segments, and a checkpoint of it kept elsewhere.
async fn whole() -> (TempDir, Evidence) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let clock = Clock::fixed(Time::from_ms(1_795_434_000_000));
    let opened = Journal::open(settings(path), clock.clone(), identity());
    let journal = opened.unwrap().journal;
    for epoch in 1..=2 {
        for _ in 0..350 {
            deny(&journal, Level::Write).await.unwrap();
        }
        if epoch == 1 {
            clock.set(clock.now().plus_ms(24 * 3_600_000));
            let gone = path.join("keys/epoch-1.key");
            until("the epoch ends", || !gone.exists()).await;
        }
    }
    journal.close().await.unwrap();
    assert!(segments(path).len() > 2);
    let text = fs::read_to_string(path.join("checkpoint")).unwrap();
    let evidence = Evidence {
        held: vec![Held::read("kept", &text).unwrap()],
        ..Evidence::default()
    };
    let found = verify_with(path, &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.sums.outside, Some(found.next_seq));
    let found = verify_with(path, &Evidence::default(), |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Intact);
    (folder, evidence)
}

fn copy(from: &Path) -> TempDir {
    fn all(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let there = to.join(path.file_name().unwrap());
            match path.is_dir() {
                true => {
                    fs::create_dir_all(&there).unwrap();
                    all(&path, &there);
                }
                false => drop(fs::copy(&path, &there).unwrap()),
            }
        }
    }
    let to = tempfile::tempdir().unwrap();
    all(from, to.path());
    to
}

/// Writes other records in the place of all, every number, checksum, chain value and head mended.
fn mend(folder: &Path, change: impl FnOnce(&mut Vec<Record>)) {
    let mut all = records(folder);
    let firsts: Vec<u64> = segment::list(folder)
        .unwrap()
        .into_iter()
        .map(|(first, path)| {
            fs::remove_file(path).unwrap();
            first
        })
        .collect();
    change(&mut all);
    let mut chain = first_chain(ORIGIN);
    let mut out = Vec::new();
    let mut path = PathBuf::new();
    for (seq, record) in (0_u64..).zip(&all) {
        if firsts.contains(&seq) {
            if !out.is_empty() {
                fs::write(&path, &out).unwrap();
            }
            path = segment::path_of(folder, seq);
            let head = SegmentHead {
                origin: ORIGIN.to_owned(),
                boot_id: "b".to_owned(),
                first_seq: seq,
                previous_chain: chain,
                made_ms: 1,
            };
            out = head.bytes().to_vec();
        }
        chain = chain_after(&chain, &leaf_hash(&record.payload));
        let frame = Frame {
            kind: record.kind,
            after_sync: false,
            seq,
            chain,
            payload: &record.payload,
            disclosure: record.disclosure(),
        };
        frame.append_to(&mut out);
    }
    fs::write(&path, &out).unwrap();
}

type Change = fn(&mut Vec<Record>, usize);

/// Each way to tamper with records, at a place; the first record that is another one then.
const WAYS: &[(&str, Change)] = &[
    ("changed", |all, at| {
        let text = String::from_utf8(all[at].payload.clone()).unwrap();
        let other = text.replace("acme/projects", "acmf/projects");
        all[at].payload = other.into_bytes();
    }),
    ("removed", |all, at| drop(all.remove(at))),
    ("swapped", |all, at| all.swap(at, at + 1)),
    ("inserted", |all, at| all.insert(at, all[at - 1].clone())),
];

#[tokio::test]
async fn whatever_is_changed_and_mended_is_found_and_named() {
    let (folder, evidence) = whole().await;
    let last = records(folder.path()).len() - 4;
    for (way, change) in WAYS {
        for at in [5, 100, 410, last] {
            let tampered = copy(folder.path());
            let path = tampered.path();
            mend(path, |all| change(all, at));
            let found = verify_with(path, &Evidence::default(), |_| {}).unwrap();
            assert_eq!(found.verdict, Verdict::Invalid, "{way} {at}: {found:?}");
            let first = u64::try_from(at).unwrap();
            assert_eq!(found.sums.first_changed, Some(first), "{way} {at}");
            assert_eq!(found.breaks[0].seq, first, "{way} {at}: {:?}", found.breaks);
            // Without the tiles it is known that and where about.
            fs::remove_dir_all(path.join("tiles")).unwrap();
            let found = verify_with(path, &evidence, |_| {}).unwrap();
            let first_named = found.breaks.first().map_or(0, |broken| broken.seq);
            assert!(first_named <= first, "{way} {at}: {:?}", found.breaks);
            let expected = match (*way, at) {
                // One record fewer, and the sum of the longer log is not reached.
                ("removed", 400..) => Verdict::Contradicted,
                _ => Verdict::Invalid,
            };
            assert_eq!(found.verdict, expected, "{way} {at}: {found:?}");
            assert!(found.sums.held[0].contradicts, "{way} {at}");
        }
    }
}

#[tokio::test]
async fn a_cut_tail_is_missed_and_contradicts_who_has_seen_it() {
    let (folder, evidence) = whole().await;
    let total = records(folder.path()).len();
    for left in [1, 150, total - 1] {
        let tampered = copy(folder.path());
        mend(tampered.path(), |all| all.truncate(left));
        let found = verify_with(tampered.path(), &Evidence::default(), |_| {}).unwrap();
        assert_eq!(found.verdict, Verdict::Incomplete, "{left}: {found:?}");
        let missing = format!("records {left} to {} were signed", total - 1);
        assert!(
            found
                .sums
                .missing
                .iter()
                .any(|why| why.starts_with(&missing)),
            "{:?}",
            found.sums.missing
        );
        let found = verify_with(tampered.path(), &evidence, |_| {}).unwrap();
        assert_eq!(found.verdict, Verdict::Contradicted, "{left}");
    }
}

#[tokio::test]
async fn a_missing_segment_contradicts_nobody_less() {
    let (folder, evidence) = whole().await;
    for (index, path) in segments(folder.path()).into_iter().enumerate() {
        let tampered = copy(folder.path());
        fs::remove_file(tampered.path().join(path.file_name().unwrap())).unwrap();
        let found = verify_with(tampered.path(), &evidence, |_| {}).unwrap();
        let last = index + 1 == segments(folder.path()).len();
        let expected = match (index, last) {
            // Older segments may be taken away: the tiles stand in for them, and are checked.
            (0, _) => Verdict::Incomplete,
            (_, true) => Verdict::Contradicted,
            _ => Verdict::Invalid,
        };
        assert_eq!(found.verdict, expected, "{index}: {found:?}");
        if index == 0 {
            assert!(!found.sums.held[0].contradicts, "the rest still sums up");
            assert_eq!(found.sums.outside, Some(found.next_seq));
        }
    }
}

#[tokio::test]
async fn a_thief_of_todays_keys_cannot_sign_yesterday_anew() {
    let (folder, evidence) = whole().await;
    for (at, expected) in [(100, Verdict::Invalid), (500, Verdict::Intact)] {
        let tampered = copy(folder.path());
        let path = tampered.path();
        mend(path, |all| WAYS[0].1(all, at));
        // With the keys and without a trace of what was signed, stile itself signs it all.
        fs::remove_file(path.join("checkpoint")).unwrap();
        fs::remove_dir_all(path.join("tiles")).unwrap();
        open(path).close().await.unwrap();
        let found = verify_with(path, &Evidence::default(), |_| {}).unwrap();
        assert_eq!(found.verdict, expected, "{at}: {found:?}");
        let found = verify_with(path, &evidence, |_| {}).unwrap();
        assert!(found.sums.held[0].contradicts, "{at}");
        let contradicted = match expected {
            Verdict::Intact => Verdict::Contradicted,
            other => other,
        };
        assert_eq!(found.verdict, contradicted, "{at}");
        // Without what the epochs ended with, that is missed.
        fs::remove_dir_all(path.join("epochs")).unwrap();
        let found = verify_with(path, &Evidence::default(), |_| {}).unwrap();
        assert_eq!(found.verdict, Verdict::Incomplete, "{at}");
    }
}

#[tokio::test]
async fn keys_and_checkpoints_that_are_not_the_logs_own_are_found() {
    let (folder, _) = whole().await;
    let other = tempfile::tempdir().unwrap();
    open(other.path()).close().await.unwrap();
    let foreign = fs::read_to_string(other.path().join("vkeys")).unwrap();
    let vkeys = fs::read_to_string(folder.path().join("vkeys")).unwrap();
    let lines: Vec<&str> = vkeys.lines().collect();
    let theirs: Vec<&str> = foreign.lines().collect();
    for changed in [
        [theirs[0], lines[1], lines[2]],
        [lines[0], theirs[1], lines[2]],
        [lines[0], lines[1], &theirs[1].replace("epoch 1", "epoch 2")],
        [lines[0], lines[1], "nonsense"],
    ] {
        let tampered = copy(folder.path());
        fs::write(tampered.path().join("vkeys"), changed.join("\n") + "\n").unwrap();
        let found = verify_with(tampered.path(), &Evidence::default(), |_| {}).unwrap();
        assert_eq!(found.verdict, Verdict::Invalid, "{changed:?}");
        assert!(found.breaks.iter().any(|b| b.segment == "signatures"));
    }
    // Each byte of the newest checkpoint's text and of the signatures that are checked.
    let note = fs::read(folder.path().join("checkpoint")).unwrap();
    for at in (0..note.len() - 1).step_by(3) {
        let mut changed = note.clone();
        changed[at] ^= 1;
        let tampered = copy(folder.path());
        fs::write(tampered.path().join("checkpoint"), changed).unwrap();
        let found = verify_with(tampered.path(), &Evidence::default(), |_| {}).unwrap();
        assert_ne!(found.verdict, Verdict::Intact, "byte {at}");
        assert_ne!(found.verdict, Verdict::Verified, "byte {at}");
    }
}
