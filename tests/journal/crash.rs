//! What a process that is killed leaves behind, and what the next one makes of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use stile::record::Verdict;
use stile::record::frame::Frame;
use stile::record::segment::SegmentHead;

use super::*;

const FOLDER: &str = "STILE_TEST_JOURNAL";

/// Not a claim: the process that [`a_process_killed_at_any_time_loses_nothing_it_promised`] kills.
#[tokio::test]
#[ignore = "started by another test with a folder to write to"]
#[allow(
    clippy::disallowed_methods,
    reason = "the folder comes from the test that starts this process"
)]
async fn the_process_to_be_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let journal = open(Path::new(&folder));
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..8 {
        let journal = journal.clone();
        tasks.spawn(async move {
            let level = if index % 2 == 0 {
                Level::Sync
            } else {
                Level::Write
            };
            loop {
                let (seq, pending) = allow(&journal, level).await.unwrap();
                println!("promised {seq}");
                drop(pending);
            }
        });
    }
    tasks.join_next().await;
}

#[tokio::test]
async fn a_process_killed_at_any_time_loses_nothing_it_promised() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
            .arg("journal::crash::the_process_to_be_killed")
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut promised = Vec::new();
        let mut read = |line: io::Result<String>| {
            // The last line may be cut by the kill: a number cut short is no promise.
            let line = line.unwrap_or_default();
            let seq = line.split_once("promised ").map(|(_, seq)| seq.to_owned());
            promised.extend(seq.and_then(|seq| seq.parse::<u64>().ok()));
        };
        for line in lines.by_ref().take(20 + round * 37) {
            read(line);
        }
        child.kill().unwrap();
        lines.for_each(&mut read);
        child.wait().unwrap();
        let stored = records(folder.path());
        promised.pop();
        let newest = promised.iter().max().copied().unwrap();
        let last = stored.last().unwrap().seq;
        assert!(newest <= last, "promised {newest}, found up to {last}");
        open(folder.path()).close().await.unwrap();
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Verified, "round {round}: {found:?}");
        assert_eq!(found.counts.allows, found.counts.outcomes);
    }
}

#[tokio::test]
async fn an_allow_left_open_gets_its_outcome_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let (seq, pending) = allow(&journal, Level::Sync).await.unwrap();
    // Killed here: the files as they are now, without anything that comes later.
    let copy = copy_of(folder.path());
    drop((seq, pending, journal));
    let opened = try_open(copy.path(), Arc::new(RealDisk)).unwrap();
    assert_eq!(opened.recovered.unknown, 1);
    assert!(!opened.recovered.was_closed);
    assert!(opened.recovered.last_time.is_some());
    let records = records(copy.path());
    let id = json(&records[1])["id"].clone();
    let outcome = json(&records[2]);
    assert_eq!((&outcome["ref"], &outcome["end"]), (&id, &"unknown".into()));
    assert_eq!(json(&records[3])["event"], "start");
}

#[tokio::test]
async fn a_torn_tail_is_kept_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    deny(&journal, Level::Sync).await.unwrap();
    deny(&journal, Level::Sync).await.unwrap();
    let copy = copy_of(folder.path());
    let path = segments(copy.path())[0].clone();
    let bytes = fs::read(&path).unwrap();
    let last = frames(&bytes).last().unwrap().clone();
    for torn_at in [last.start + 1, last.start + 20, last.end - 1] {
        let mut torn = bytes.clone();
        torn[torn_at..].fill(0);
        let copy = copy_of(folder.path());
        let path = segments(copy.path())[0].clone();
        fs::write(&path, &torn).unwrap();
        assert_eq!(verified(copy.path()).verdict, Verdict::Incomplete);
        let opened = try_open(copy.path(), Arc::new(RealDisk)).unwrap();
        let kept = opened.recovered.torn.unwrap();
        let aside = fs::read(copy.path().join(&kept.file)).unwrap();
        let left = &bytes[last.start..torn_at];
        let zeros = left.iter().rev().take_while(|byte| **byte == 0).count();
        assert_eq!(aside, left[..left.len() - zeros], "{torn_at}");
        opened.journal.close().await.unwrap();
        let told = records(copy.path()).iter().map(json).find(|record| {
            record["event"] == "journal.recovered" && record["detail"]["file"] == kept.file
        });
        assert!(told.is_some());
        let found = verified(copy.path());
        assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
        assert_eq!(found.torn_files, [kept.file]);
    }
}

#[tokio::test]
async fn a_hole_is_a_torn_tail_only_where_nothing_was_promised() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..4 {
        deny(&journal, Level::Write).await.unwrap();
    }
    let original = without_zeros(&segments(folder.path())[0]).unwrap();
    let places = frames(&original);
    // (boot of the segment is this one, the last frame says that those before it were synced)
    for (same_boot, after_sync, expected) in [
        (false, false, Ok(3)),
        (false, true, Err(78)),
        (true, false, Err(78)),
    ] {
        let copy = copy_of(folder.path());
        let path = segments(copy.path())[0].clone();
        let mut head = SegmentHead::read(&original).unwrap();
        if !same_boot {
            head.boot_id = "another boot".to_owned();
        }
        let mut bytes = head.bytes().to_vec();
        for (index, place) in places.iter().enumerate() {
            let frame = Frame::read(&original[place.clone()]).unwrap();
            let flagged = index == 0 || (after_sync && index == 4);
            let begin = bytes.len();
            Frame {
                after_sync: flagged,
                ..frame
            }
            .append_to(&mut bytes);
            if index == 3 {
                // A page of the middle of the last batch never reached the disk.
                bytes[begin..].fill(0);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let opened = try_open(copy.path(), Arc::new(RealDisk));
        let found = opened
            .map(|opened| opened.recovered)
            .map_err(|e| e.exit_code());
        match (found, expected) {
            (Ok(report), Ok(kept)) => {
                assert!(report.torn.is_some());
                // The records kept, then `journal.recovered` and `start`.
                assert_eq!(report.next_seq, kept + 2);
            }
            (Err(code), Err(expected)) => assert_eq!(code, expected),
            (found, _) => panic!("{same_boot} {after_sync}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_crash_while_the_next_segment_is_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().await.unwrap();
    fs::write(folder.path().join("next.tmp"), b"half a segment").unwrap();
    open(folder.path()).close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn an_empty_last_segment_is_gone_on_in() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    while segments(folder.path()).len() < 2 {
        drop(allow(&journal, Level::Write).await.unwrap());
    }
    journal.close().await.unwrap();
    // As if the crash had come between the new name and the first record in it.
    let last = segments(folder.path())[1].clone();
    let mut bytes = fs::read(&last).unwrap();
    bytes[512..].fill(0);
    fs::write(&last, bytes).unwrap();
    // What never was on the disk was never signed.
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    open(folder.path()).close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in segments(folder) {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}
