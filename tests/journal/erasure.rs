//! Erasing: announced before, done after, complete after a crash, and gone from the disk.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use stile::record::disk::RealDisk;
use stile::record::erasure::orders::{Order, Ordered};
use stile::record::frame::Frame;
use stile::record::{
    Erasure, Hold, Lifting, Verdict, disclosed_among, disclosed_and_free, holds, sealed,
};
use tempfile::TempDir;

use super::*;

const NAME: &str = "Mira-Lang/1.0";

/// A journal of several segments in which every third decision is of one person, and the others
/// are not.
async fn of_two() -> (TempDir, Journal, BTreeSet<u64>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut theirs = BTreeSet::new();
    for n in 0..700 {
        let mut seen = sighting(Uuid::now_v7());
        if n % 3 == 0 {
            seen.user_agent = Some(NAME.as_bytes());
        }
        let record = rendered(seen, "deny", Level::Write);
        let stored = journal.submit(Kind::Decision, record, Level::Write);
        let seq = stored.await.unwrap();
        if n % 3 == 0 {
            theirs.insert(seq);
        }
    }
    assert!(segments(folder.path()).len() > 2);
    (folder, journal, theirs)
}

fn erasure(folder: &Path, seqs: &BTreeSet<u64>) -> Erasure {
    let (seqs, records) = disclosed_among(folder, seqs).unwrap();
    Erasure {
        seqs,
        records,
        reason: "request of 3 May".to_owned(),
        authority: "privacy office".to_owned(),
        by: "uid 1000".to_owned(),
    }
}

/// Erases on a thread of its own, as stile does.
async fn erase(journal: &Journal, erasure: Erasure) -> stile::record::Erased {
    let eraser = journal.eraser();
    let erasing = tokio::task::spawn_blocking(move || eraser.erase(&erasure));
    erasing.await.unwrap().unwrap()
}

fn is_anywhere(folder: &Path, name: &str) -> bool {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                let text = String::from_utf8_lossy(&bytes);
                if text.contains(name) {
                    return true;
                }
            }
        }
    }
    false
}

#[tokio::test]
async fn what_is_erased_is_nowhere_and_the_rest_is_as_it_was() {
    let (folder, journal, theirs) = of_two().await;
    let before = records(folder.path());
    assert!(is_anywhere(folder.path(), NAME));
    let done = erase(&journal, erasure(folder.path(), &theirs)).await;
    assert_eq!(done.records, theirs.len() as u64);
    journal.close().await.unwrap();
    assert!(!is_anywhere(folder.path(), NAME));
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.erased, theirs.len() as u64);
    let after = records(folder.path());
    for (was, is) in before.iter().zip(&after) {
        assert_eq!(was.payload, is.payload);
        match theirs.contains(&was.seq) {
            true => assert!(is.disclosure().unwrap().is_erased()),
            false => assert_eq!(was, is),
        }
    }
    let events: Vec<_> = after[before.len()..].iter().map(json).collect();
    let words: Vec<_> = events
        .iter()
        .map(|e| e["event"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["redaction", "redaction.done", "stop"]);
    assert_eq!(events[0]["detail"]["reason"], "request of 3 May");
    assert_eq!(events[1]["detail"]["of"], before.len());
    for sealed in &segments(folder.path())[..2] {
        let mode = fs::metadata(sealed).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
}

/// Packed before, after, or in between two erasures: the last record of a segment is among them, and
/// ends in zeros then.
#[tokio::test]
async fn packed_segments_are_erased_and_erased_ones_packed() {
    for packs in [[true, false], [false, true], [true, true]] {
        let (folder, journal, _) = of_two().await;
        let pack = |now: bool| {
            if now {
                sealed::pack_all(&RealDisk, folder.path()).unwrap();
            }
        };
        let all: BTreeSet<u64> = records(folder.path()).iter().map(|r| r.seq).collect();
        let last = all.len() as u64 - 1;
        pack(packs[0]);
        let some: BTreeSet<u64> = all.iter().copied().filter(|seq| seq % 2 == 0).collect();
        erase(&journal, erasure(folder.path(), &some)).await;
        pack(packs[1]);
        let before = records(folder.path());
        erase(&journal, erasure(folder.path(), &all)).await;
        pack(true);
        journal.close().await.unwrap();
        assert!(!is_anywhere(folder.path(), NAME));
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Verified, "{packs:?} {found:?}");
        let after = records(folder.path());
        for (was, is) in before.iter().zip(&after) {
            assert_eq!(was.payload, is.payload, "{packs:?}");
        }
        let theirs = after.iter().filter(|r| r.seq <= last);
        let mut beside = theirs.filter_map(|record| record.disclosure());
        assert!(beside.all(|beside| beside.is_erased()), "{packs:?}");
    }
}

#[tokio::test]
async fn erasing_again_finds_nothing() {
    let (folder, journal, theirs) = of_two().await;
    erase(&journal, erasure(folder.path(), &theirs)).await;
    let again = erasure(folder.path(), &theirs);
    assert_eq!((again.records, again.seqs.is_empty()), (0, true));
    assert_eq!(erase(&journal, again).await.records, 0);
    journal.close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn a_range_goes_over_what_has_nothing_to_erase_and_over_nothing_else() {
    let (folder, journal, theirs) = of_two().await;
    let all: BTreeSet<u64> = (0..10_000).collect();
    assert_eq!(erasure(folder.path(), &all).seqs.to_string(), "1-700");
    let some = erasure(folder.path(), &theirs);
    assert_eq!(some.seqs.iter().count(), theirs.len());
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_crash_anywhere_in_an_erasure_is_completed_by_the_next_start() {
    let (folder, journal, theirs) = of_two().await;
    let whole: Vec<Vec<u8>> = segments(folder.path())
        .iter()
        .map(|s| fs::read(s).unwrap())
        .collect();
    erase(&journal, erasure(folder.path(), &theirs)).await;
    // As the disk was when it was announced, then with more and more of it done.
    let paths = segments(folder.path());
    let done: Vec<Vec<u8>> = paths.iter().map(|s| fs::read(s).unwrap()).collect();
    let (last, erased) = (paths.len() - 1, done.clone());
    let announced = frames(&done[last]).pop().unwrap().start;
    let places: Vec<(usize, usize)> = (0..paths.len())
        .flat_map(|file| {
            let differ = (0..whole[file].len()).filter(|at| whole[file][*at] != erased[file][*at]);
            let differ: Vec<usize> = differ.filter(|at| file < last || *at < announced).collect();
            differ.into_iter().step_by(3_989).map(move |at| (file, at))
        })
        .collect();
    assert!(places.len() >= 4, "{}", places.len());
    for (file, at) in places {
        let copy = tempfile::tempdir().unwrap();
        for (index, path) in paths.iter().enumerate() {
            let mut bytes = done[index].clone();
            if index == last {
                // The event that says that it is done did not get there.
                bytes[announced..].fill(0);
            }
            if index >= file {
                let from = if index == file { at } else { 0 };
                let until = if index == last {
                    announced
                } else {
                    bytes.len()
                };
                // What was not overwritten yet is as it was; the events are there.
                let frames = frames(&whole[index]);
                let end = frames.last().map_or(0, |f| f.end).min(until);
                if from < end {
                    bytes[from..end].copy_from_slice(&whole[index][from..end]);
                }
            }
            fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let opened = try_open(copy.path(), Arc::new(RealDisk)).unwrap();
        assert!(opened.recovered.erased.is_some(), "{file} {at}");
        opened.journal.close().await.unwrap();
        assert!(!is_anywhere(copy.path(), NAME), "{file} {at}");
        let found = verified(copy.path());
        assert_eq!(found.verdict, Verdict::Verified, "{file} {at}: {found:?}");
        assert_eq!(found.erased, theirs.len() as u64);
        // The next start has nothing to complete.
        let again = try_open(copy.path(), Arc::new(RealDisk)).unwrap();
        assert_eq!(again.recovered.erased, None);
        again.journal.close().await.unwrap();
    }
    drop(journal);
}

#[tokio::test]
async fn a_damaged_disclosure_that_nobody_announced_refuses_the_start_still() {
    let (folder, journal, theirs) = of_two().await;
    let mut fewer = theirs.clone();
    let spared = fewer.pop_first().unwrap();
    erase(&journal, erasure(folder.path(), &fewer)).await;
    journal.close().await.unwrap();
    let path = segments(folder.path()).pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    let (mut damaged, mut hit) = (bytes.clone(), None);
    for at in frames(&bytes) {
        let frame = Frame::read(&bytes[at.clone()]).unwrap();
        if frame.disclosure.is_some_and(|beside| !beside.is_erased()) {
            hit.get_or_insert(frame.seq);
            damaged[at.end - 1] ^= 1;
            break;
        }
    }
    assert!(hit.is_some_and(|seq| seq != spared));
    fs::write(&path, damaged).unwrap();
    let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
}

#[tokio::test]
async fn an_order_is_carried_out_by_the_process_and_leaves_nothing_behind() {
    let (folder, journal, theirs) = of_two().await;
    let order = Order::Erase(erasure(folder.path(), &theirs));
    let ordered = Ordered::leave(folder.path(), &order).unwrap();
    let mut looks = 0;
    let done = loop {
        if let Some(done) = ordered.answered().unwrap() {
            break done;
        }
        looks += 1;
        assert!(looks < 300, "no answer");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(done.records, theirs.len() as u64);
    journal.close().await.unwrap();
    assert!(!is_anywhere(folder.path(), NAME));
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    let left = fs::read_dir(folder.path().join("orders")).unwrap();
    assert_eq!(left.count(), 0);
    assert!(ordered.answered().unwrap().is_none() && !ordered.take_back());
}

#[tokio::test]
async fn a_proof_made_before_an_erasure_holds_after_it_and_is_made_again() {
    let (folder, journal, theirs) = of_two().await;
    journal.close().await.unwrap();
    let (path, tiles) = (folder.path(), folder.path().join("tiles"));
    let log = stile::record::epoch::Vkeys::read(path)
        .unwrap()
        .log
        .unwrap();
    let first = *theirs.first().unwrap();
    let prove = || stile::record::prove::prove_inclusion(path, &tiles, first, None).unwrap();
    let before = prove();
    let checkpoint = fs::read(path.join("checkpoint")).unwrap();
    let journal = open(path);
    erase(&journal, erasure(path, &theirs)).await;
    journal.close().await.unwrap();
    let trusted = [log];
    let proved = |proof: &str| stile::record::prove::check_proof(proof, &trusted, None).unwrap();
    let (old, new) = (proved(&before), proved(&prove()));
    assert_eq!(old.record, new.record);
    assert!(!checkpoint.is_empty());
}

fn hold(from_ms: u64, to_ms: Option<u64>) -> Hold {
    Hold {
        id: 0,
        from_ms,
        to_ms,
        reason: "case 17".to_owned(),
        authority: "counsel".to_owned(),
        by: "uid 1000".to_owned(),
    }
}

#[tokio::test]
async fn a_hold_blocks_an_erasure_in_words_until_it_is_lifted() {
    let (folder, journal, theirs) = of_two().await;
    let meant = erasure(folder.path(), &theirs);
    let time = sighting(Uuid::nil()).time.as_ms();
    let holding = [
        (hold(time, None), true),
        (hold(time - 5, Some(time + 1)), true),
        (hold(time + 1, None), false),
        (hold(0, Some(time)), false),
    ];
    for (wanted, blocks) in holding {
        let (eraser, meant) = (journal.eraser(), meant.clone());
        let path = folder.path().to_owned();
        let checked = tokio::task::spawn_blocking(move || {
            let id = eraser.hold(&wanted).unwrap();
            assert_eq!(holds(&path).unwrap(), [Hold { id, ..wanted }]);
            let all: BTreeSet<u64> = (0..10_000).collect();
            let (free, free_count, held) = disclosed_and_free(&path, &all).unwrap();
            let expected = if blocks {
                (true, 0, 700)
            } else {
                (false, 700, 0)
            };
            assert_eq!((free.is_empty(), free_count, held), expected);
            let refused = match blocks {
                true => Some(eraser.erase(&meant).unwrap_err().to_string()),
                false => None,
            };
            let lifting = Lifting {
                of: id,
                reason: "closed".to_owned(),
                authority: "counsel".to_owned(),
                by: "uid 1000".to_owned(),
            };
            eraser.lift(&lifting).unwrap();
            assert_eq!(holds(&path).unwrap(), []);
            assert!(eraser.lift(&lifting).is_err(), "it is lifted");
            (id, refused)
        });
        if let (id, Some(refused)) = checked.await.unwrap() {
            let named = format!(
                "record 1 and {} more are under the hold {id}",
                theirs.len() - 1
            );
            assert!(
                refused.contains(&named) && refused.contains("case 17"),
                "{refused}"
            );
        }
        assert!(is_anywhere(folder.path(), NAME));
    }
    assert_eq!(erase(&journal, meant).await.records, theirs.len() as u64);
    journal.close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}
