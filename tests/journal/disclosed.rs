//! What lies beside a leaf: nothing of it changes unnoticed, and zeros take nothing else away.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use stile::record::frame::Frame;
use stile::record::{Note, Verdict};
use tempfile::TempDir;

use super::*;

/// A journal whose decisions say of whom they are, closed in order, with its zeros cut off.
async fn written() -> (TempDir, PathBuf, Vec<u8>) {
    announcing("").await
}

/// The same, which then announces an erasure.
async fn announcing(seqs: &str) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for agent in ["curl/8.5", "curl/8.6", "curl/8.7"] {
        let mut seen = sighting(Uuid::now_v7());
        seen.user_agent = Some(agent.as_bytes());
        let record = rendered(seen, "deny", Level::Write);
        journal
            .submit(Kind::Decision, record, Level::Write)
            .await
            .unwrap();
    }
    if !seqs.is_empty() {
        let detail = [("seqs", seqs.into())];
        journal.note(Note::Redaction, &detail).await.unwrap();
    }
    journal.close().await.unwrap();
    let path = segments(folder.path())[0].clone();
    let bytes = without_zeros(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!((found.disclosed, found.erased), (3, 0));
    (folder, path, bytes)
}

fn frame(bytes: &[u8], at: &Range<usize>) -> Frame<'static> {
    let bytes: &'static [u8] = bytes[at.clone()].to_vec().leak();
    Frame::read(bytes).unwrap()
}

/// The journal with one frame made anew.
fn with(bytes: &[u8], at: &Range<usize>, frame: Frame<'_>) -> Vec<u8> {
    let mut out = bytes[..at.start].to_vec();
    frame.append_to(&mut out);
    out.extend_from_slice(&bytes[at.end..]);
    out
}

/// The journal with these records erased as stile erases.
fn erased(bytes: &[u8], seqs: &[u64]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in frames(bytes) {
        let frame = frame(bytes, &at);
        if let Some(disclosure) = frame.disclosure.filter(|_| seqs.contains(&frame.seq)) {
            let zeros = disclosure.erased();
            out[at.end - zeros.len()..at.end].copy_from_slice(&zeros);
        }
    }
    out
}

fn assert_named(folder: &Path, seq: u64, what: &str) {
    let found = verified(folder);
    assert_eq!(found.verdict, Verdict::Invalid, "{what}: {found:?}");
    assert_eq!(found.breaks[0].seq, seq, "{what}: {found:?}");
    assert_eq!(found.break_count, 1, "{what}: {found:?}");
}

#[tokio::test]
async fn a_flipped_byte_beside_a_leaf_is_found_and_named_and_hides_no_leaf() {
    let (folder, path, bytes) = written().await;
    for seq in 1..=3 {
        let at = frames(&bytes)[usize::try_from(seq).unwrap()].clone();
        let beside = frame(&bytes, &at).disclosure.unwrap().bytes().len();
        for place in at.end - beside..at.end {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x20;
            fs::write(&path, &flipped).unwrap();
            let found = verified(folder.path());
            assert_eq!(found.verdict, Verdict::Invalid, "byte {place}");
            assert_eq!(found.breaks[0].seq, seq, "byte {place}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_disclosure_of_another_record_is_found_and_named() {
    let (folder, path, bytes) = written().await;
    let places = frames(&bytes);
    for (to, from) in [(1, 2), (2, 3), (3, 1)] {
        let other = frame(&bytes, &places[from]).disclosure;
        let swapped = Frame {
            disclosure: other,
            ..frame(&bytes, &places[to])
        };
        fs::write(&path, with(&bytes, &places[to], swapped)).unwrap();
        assert_named(folder.path(), to as u64, "another's");
    }
}

#[tokio::test]
async fn a_disclosure_that_was_taken_away_or_added_is_found_and_named() {
    let (folder, path, bytes) = written().await;
    let places = frames(&bytes);
    let one = frame(&bytes, &places[1]).disclosure;
    for (seq, place) in places.iter().enumerate() {
        let whole = frame(&bytes, place);
        let disclosure = if whole.disclosure.is_some() {
            None
        } else {
            one
        };
        let changed = Frame {
            disclosure,
            ..whole
        };
        fs::write(&path, with(&bytes, place, changed)).unwrap();
        assert_named(folder.path(), seq as u64, "taken away or added");
    }
}

#[tokio::test]
async fn what_was_announced_and_erased_is_no_fault() {
    let (folder, path, bytes) = announcing("1-2").await;
    fs::write(&path, erased(&bytes, &[1, 2])).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!((found.disclosed, found.erased), (1, 2));
    let records = records(folder.path());
    assert_eq!(*records[1].whole(), records[1].payload);
    assert!(json(&records[1])["personal"].is_string());
    assert_eq!(json(&records[3])["ua"], "curl/8.7");
}

#[tokio::test]
async fn what_was_erased_without_a_record_is_found_and_named() {
    for (announced, gone) in [("", 1_u64), ("1-2", 3), ("2 3", 1)] {
        let (folder, path, bytes) = announcing(announced).await;
        fs::write(&path, erased(&bytes, &[gone])).unwrap();
        assert_named(folder.path(), gone, announced);
        let fault = &verified(folder.path()).breaks[0].fault;
        assert!(fault.contains("without a record"), "{fault}");
    }
}

#[tokio::test]
async fn an_announcement_is_of_records_before_it_only() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let detail = [("seqs", "0-9".into())];
    journal.note(Note::Redaction, &detail).await.unwrap();
    deny(&journal, Level::Write).await.unwrap();
    journal.close().await.unwrap();
    let path = segments(folder.path())[0].clone();
    let bytes = without_zeros(&path).unwrap();
    fs::write(&path, erased(&bytes, &[2])).unwrap();
    assert_named(folder.path(), 2, "announced too early");
}

#[tokio::test]
async fn an_announcement_that_cannot_be_read_is_a_fault() {
    for seqs in ["all", "3-1", "2 1"] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        journal
            .note(Note::Redaction, &[("seqs", seqs.into())])
            .await
            .unwrap();
        journal.close().await.unwrap();
        assert_named(folder.path(), 1, seqs);
    }
}

#[tokio::test]
async fn a_disclosure_torn_by_a_crash_is_a_torn_tail_and_one_inside_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..2 {
        deny(&journal, Level::Write).await.unwrap();
    }
    let original = without_zeros(&segments(folder.path())[0]).unwrap();
    let places = frames(&original);
    let last = places.last().unwrap();
    let beside = frame(&original, last).disclosure.unwrap().bytes().len();
    for cut in last.end - beside..last.end {
        let copy = tempfile::tempdir().unwrap();
        let path = copy
            .path()
            .join(segments(folder.path())[0].file_name().unwrap());
        fs::write(&path, &original[..cut]).unwrap();
        let report = try_open(copy.path(), Arc::new(RealDisk)).unwrap().recovered;
        assert!(report.torn.is_some(), "{cut}");
    }
    let copy = tempfile::tempdir().unwrap();
    let path = copy
        .path()
        .join(segments(folder.path())[0].file_name().unwrap());
    let mut damaged = original.clone();
    damaged[places[1].end - 1] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let refused = try_open(copy.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
}
