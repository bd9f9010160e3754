//! What someone with the files but without patience could try. Nothing of it goes unnoticed.

use std::fs;
use std::path::PathBuf;

use stile::record::frame::{Frame, chain_after, leaf_hash};
use stile::record::{Verdict, Verification};
use tempfile::TempDir;

use super::*;

/// A small journal, closed in order, with its zeros cut off.
async fn small() -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..2 {
        drop(allow(&journal, Level::Write).await.unwrap());
        deny(&journal, Level::Write).await.unwrap();
    }
    journal.close().await.unwrap();
    let path = segments(folder.path())[0].clone();
    let bytes = without_zeros(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    (folder, path, bytes)
}

/// The same journal with other bytes.
async fn changed(change: impl Fn(&[u8], &[std::ops::Range<usize>]) -> Vec<u8>) -> Verification {
    let (folder, path, bytes) = small().await;
    let changed = change(&bytes, &frames(&bytes));
    assert_ne!(changed, bytes, "the test changes something");
    fs::write(&path, changed).unwrap();
    verified(folder.path())
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found() {
    let (folder, path, bytes) = small().await;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x01;
        fs::write(&path, &flipped).unwrap();
        let found = verified(folder.path());
        assert_ne!(found.verdict, Verdict::Verified, "byte {at}");
        let last = frames(&bytes).last().unwrap().start;
        let expected = if at < last {
            Verdict::Invalid
        } else {
            Verdict::Incomplete
        };
        assert_eq!(found.verdict, expected, "byte {at}: {found:?}");
    }
}

#[tokio::test]
async fn a_byte_in_the_zeros_behind_is_found() {
    let (folder, path, mut bytes) = small().await;
    bytes.resize(bytes.len() + 100_000, 0);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    *bytes.last_mut().unwrap() = 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Incomplete);
}

#[tokio::test]
async fn a_removed_record_is_found() {
    for index in 0..frames(&small().await.2).len() - 1 {
        let found = changed(|bytes, frames| {
            let frame = frames[index].clone();
            [&bytes[..frame.start], &bytes[frame.end..]].concat()
        })
        .await;
        assert_eq!(found.verdict, Verdict::Invalid, "{index}");
    }
}

#[tokio::test]
async fn the_last_record_removed_leaves_it_incomplete() {
    let found = changed(|bytes, frames| bytes[..frames.last().unwrap().start].to_vec()).await;
    assert_eq!(found.verdict, Verdict::Incomplete);
}

#[tokio::test]
async fn swapped_records_are_found() {
    let found = changed(|bytes, frames| {
        let (a, b) = (frames[1].clone(), frames[2].clone());
        [
            &bytes[..a.start],
            &bytes[b.clone()],
            &bytes[a],
            &bytes[b.end..],
        ]
        .concat()
    })
    .await;
    assert_eq!(found.verdict, Verdict::Invalid);
}

#[tokio::test]
async fn a_doubled_record_is_found() {
    let found = changed(|bytes, frames| {
        let frame = frames[1].clone();
        [&bytes[..frame.end], &bytes[frame.start..]].concat()
    })
    .await;
    assert_eq!(found.verdict, Verdict::Invalid);
}

#[tokio::test]
async fn a_journal_appended_to_itself_is_found() {
    let whole = changed(|bytes, _| [bytes, bytes].concat()).await;
    assert_eq!(whole.verdict, Verdict::Invalid);
    let frames_only = changed(|bytes, frames| [bytes, &bytes[frames[0].start..]].concat()).await;
    assert_eq!(frames_only.verdict, Verdict::Invalid);
}

#[tokio::test]
async fn a_tail_cut_anywhere_is_found() {
    let (folder, path, bytes) = small().await;
    for at in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..at]).unwrap();
        assert_ne!(verified(folder.path()).verdict, Verdict::Verified, "{at}");
    }
}

#[tokio::test]
async fn a_changed_record_with_a_mended_checksum_is_found_where_it_is() {
    let found = changed(|bytes, frames| {
        rewrite(bytes, &frames[2], |payload| {
            let text = String::from_utf8(payload).unwrap();
            text.replace("acme/projects", "acmf/projects")
                .replace("unknown", "unknowm")
                .into_bytes()
        })
    })
    .await;
    assert_eq!(found.verdict, Verdict::Invalid);
    assert_eq!(found.break_count, 1);
    let first = &found.breaks[0];
    assert_eq!(first.seq, 2);
    assert!(first.stored.is_some() && first.stored != first.computed);
    assert_eq!(found.good, [(0, 1), (3, found.next_seq - 1)]);
}

#[tokio::test]
async fn a_chain_mended_for_one_record_breaks_at_the_next() {
    let found = changed(|bytes, frames| {
        let before = Frame::read(&bytes[frames[1].clone()]).unwrap();
        let frame = Frame::read(&bytes[frames[2].clone()]).unwrap();
        let payload = String::from_utf8(frame.payload.to_vec()).unwrap();
        let payload = payload
            .replace("2026", "2027")
            .replace("time\":1", "time\":2");
        let mended = Frame {
            chain: chain_after(&before.chain, &leaf_hash(payload.as_bytes())),
            payload: payload.as_bytes(),
            ..frame
        };
        let mut out = bytes[..frames[2].start].to_vec();
        mended.append_to(&mut out);
        out.extend_from_slice(&bytes[frames[2].end..]);
        out
    })
    .await;
    assert_eq!(found.verdict, Verdict::Invalid);
    assert_eq!(found.breaks[0].seq, 3);
}

#[tokio::test]
async fn a_missing_or_foreign_or_renamed_segment_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    while segments(folder.path()).len() < 4 {
        drop(allow(&journal, Level::Write).await.unwrap());
    }
    journal.close().await.unwrap();
    let paths = segments(folder.path());
    let aside = folder.path().join("aside");
    for (index, path) in paths.iter().enumerate() {
        fs::rename(path, &aside).unwrap();
        let found = verified(folder.path());
        let expected = match index {
            0 => Verdict::Incomplete,
            last if last + 1 == paths.len() => Verdict::Incomplete,
            _ => Verdict::Invalid,
        };
        assert_eq!(found.verdict, expected, "{index}: {found:?}");
        fs::rename(&aside, path).unwrap();
    }
    let renamed = folder.path().join("00000000000000000001.seg");
    fs::rename(&paths[0], &renamed).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Invalid);
    fs::rename(&renamed, &paths[0]).unwrap();
    fs::rename(&paths[1], &aside).unwrap();
    fs::copy(&paths[2], &paths[1]).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Invalid);
}

#[tokio::test]
async fn damage_inside_refuses_the_start() {
    let (folder, path, bytes) = small().await;
    for (index, frame) in frames(&bytes).iter().enumerate().skip(1).rev().skip(1) {
        let mut flipped = bytes.clone();
        flipped[frame.end - 2] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
        assert_eq!(refused.exit_code(), 78, "{index}: {refused}");
        assert_eq!(fs::read(&path).unwrap(), flipped, "nothing was touched");
    }
}

/// Replaces the payload of one frame and mends its checksum, not its chain.
fn rewrite(
    bytes: &[u8],
    at: &std::ops::Range<usize>,
    change: impl Fn(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let frame = Frame::read(&bytes[at.clone()]).unwrap();
    let payload = change(frame.payload.to_vec());
    let mut out = bytes[..at.start].to_vec();
    Frame {
        payload: &payload,
        ..frame
    }
    .append_to(&mut out);
    out.extend_from_slice(&bytes[at.end..]);
    out
}
