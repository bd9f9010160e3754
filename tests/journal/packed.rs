//! Segments that are packed say the same as before, and every change of one is found.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use stile::record::frame::Frame;
use stile::record::segment::is_packed;
use stile::record::{Follower, Verdict, sealed};

use super::*;

/// A closed journal of four segments at least.
async fn closed(folder: &Path) {
    let journal = open(folder);
    while segments(folder).len() < 4 {
        let (_, pending) = allow(&journal, Level::Write).await.unwrap();
        drop(pending);
    }
    journal.close().await.unwrap();
}

fn packed(folder: &Path) -> Vec<PathBuf> {
    let listed = segments(folder);
    listed.into_iter().filter(|path| is_packed(path)).collect()
}

#[tokio::test]
async fn a_packed_journal_says_the_same_to_every_reader() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    let before = records(folder.path());
    let sum = verified(folder.path()).head;
    let plain_bytes: u64 = sizes(folder.path());
    sealed::pack_all(&RealDisk, folder.path()).unwrap();
    let all = segments(folder.path());
    assert_eq!(packed(folder.path()).len(), all.len() - 1, "{all:?}");
    assert!(!is_packed(all.last().unwrap()), "the newest is written to");
    assert!(sizes(folder.path()) * 2 < plain_bytes);
    assert_eq!(records(folder.path()), before);
    let mut follower = Follower::from(folder.path(), 0);
    for record in &before {
        assert_eq!(follower.advance().unwrap().as_ref(), Some(record));
    }
    for seq in [0, before.len() / 2, before.len() - 1] {
        let record = stile::record::read::record_at(folder.path(), before[seq].seq).unwrap();
        assert_eq!(record, before[seq]);
    }
    assert_eq!(
        stile::record::extent(folder.path()).unwrap(),
        u64::try_from(before.len()).unwrap()
    );
    let found = verified(folder.path());
    assert_eq!((found.verdict, &found.head), (Verdict::Verified, &sum));
    // The tiles are made again from it, and the next start goes on from it.
    let tiles = folder.path().join("tiles");
    fs::remove_dir_all(&tiles).unwrap();
    stile::record::rebuild_tiles(folder.path(), &tiles, Time::from_ms(1), |_, _| {}).unwrap();
    open(folder.path()).close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn segments_are_packed_while_the_journal_runs_and_read_on_by_who_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut packing = settings(folder.path());
    packing.compress = true;
    let on: Arc<dyn Disk> = Arc::new(RealDisk);
    let opened = Journal::open_on(packing, Clock::machine(), identity(), on).unwrap();
    let journal = opened.journal;
    let mut follower = Follower::from(folder.path(), 0);
    let mut followed = 0_u64;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while packed(folder.path()).len() < 2 || segments(folder.path()).len() < 5 {
        assert!(tokio::time::Instant::now() < deadline, "never packed");
        let (_, pending) = allow(&journal, Level::Write).await.unwrap();
        drop(pending);
        // Half as fast as it is written, so that what it reads is packed before its eyes.
        if let Some(record) = follower.advance().unwrap() {
            assert_eq!(record.seq, followed);
            followed += 1;
        }
        if segments(folder.path()).len() >= 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    journal.close().await.unwrap();
    while let Some(record) = follower.advance().unwrap() {
        assert_eq!(record.seq, followed);
        followed += 1;
    }
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(followed, found.next_seq);
}

#[tokio::test]
async fn a_changed_byte_in_a_packed_segment_is_found_and_its_segment_named() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    sealed::pack_all(&RealDisk, folder.path()).unwrap();
    let path = packed(folder.path())[1].clone();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let whole = fs::read(&path).unwrap();
    // Each byte of both heads and of the end, and some hundred between.
    let step = whole.len() / 150;
    let places = (0..64)
        .chain((64..whole.len()).step_by(step))
        .chain(whole.len() - 8..whole.len());
    for at in places {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        put(&path, &changed);
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Invalid, "byte {at}");
        assert_eq!(found.breaks[0].segment, name, "byte {at}: {found:?}");
    }
    for cut in [0, 20, 40, whole.len() / 2, whole.len() - 1] {
        put(&path, &whole[..cut]);
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Invalid, "cut at {cut}");
        assert_eq!(found.breaks[0].segment, name, "cut at {cut}");
    }
    put(&path, &whole);
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn no_start_after_a_packed_segment_that_should_not_be_the_last() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    sealed::pack_all(&RealDisk, folder.path()).unwrap();
    fs::remove_file(segments(folder.path()).last().unwrap()).unwrap();
    let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 78, "{refused}");
    assert!(refused.to_string().contains("is not here"), "{refused}");
}

#[tokio::test]
async fn a_crash_between_packing_and_taking_the_plain_one_away_loses_neither() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    let plain = segments(folder.path())[0].clone();
    let bytes = fs::read(&plain).unwrap();
    sealed::pack_all(&RealDisk, folder.path()).unwrap();
    let packed_path = packed(folder.path())[0].clone();
    let packed_bytes = fs::read(&packed_path).unwrap();
    let cut = packed_bytes.len() / 2;
    // Both whole; then a packed one that never reached the disk whole: it is made again.
    for there in [packed_bytes.clone(), packed_bytes[..cut].to_vec()] {
        put(&packed_path, &there);
        fs::write(&plain, &bytes).unwrap();
        fs::write(packed_path.with_extension("zst.tmp"), b"half").unwrap();
        assert_eq!(segments(folder.path())[0], plain, "the plain one is read");
        assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
        sealed::pack_all(&RealDisk, folder.path()).unwrap();
        sealed::pack_all(&RealDisk, folder.path()).unwrap();
        assert!(!plain.exists());
        assert_eq!(fs::read(&packed_path).unwrap(), packed_bytes);
        assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    }
}

#[tokio::test]
async fn a_sealed_segment_is_rewritten_whole_packed_or_not() {
    for is_to_be_packed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        closed(folder.path()).await;
        if is_to_be_packed {
            sealed::pack_all(&RealDisk, folder.path()).unwrap();
        }
        let before = segments(folder.path());
        let second: u64 = records_of(&before[1]);
        sealed::rewrite(&RealDisk, folder.path(), second, |bytes| {
            // The checksum of the first frame's last byte no longer fits: it is seen to be changed.
            let first = frames(bytes)[0].clone();
            bytes[first.end - 1] ^= 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(segments(folder.path()), before);
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Invalid);
        assert_eq!(found.breaks[0].seq, second);
        // Changed back, it is the same journal.
        sealed::rewrite(&RealDisk, folder.path(), second, |bytes| {
            let at = stile::record::segment::SEGMENT_HEAD_BYTES;
            let size = 53 + usize::from(bytes[at + 6]) * 256 + usize::from(bytes[at + 7]);
            bytes[at + size - 1] ^= 1;
            assert!(Frame::read(&bytes[at..]).is_ok());
            Ok(())
        })
        .unwrap();
        assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
        let newest = records_of(before.last().unwrap());
        assert!(sealed::rewrite(&RealDisk, folder.path(), newest, |_| Ok(())).is_err());
    }
}

fn records_of(path: &Path) -> u64 {
    path.file_name().unwrap().to_str().unwrap()[..20]
        .parse()
        .unwrap()
}

fn sizes(folder: &Path) -> u64 {
    let listed = segments(folder);
    listed
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum()
}

fn put(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}
