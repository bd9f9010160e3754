//! Checkpoints over a journal that runs, crashes, turns its keys and loses its tiles.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use stile::record::checkpoint::Checkpoint;
use stile::record::epoch::Vkeys;
use stile::record::frame::leaf_hash;
use stile::record::merkle::Frontier;
use stile::record::signed_note::SignedNote;

use super::faults::{Call, Faulty};
use super::*;

/// The newest checkpoint, with both signatures checked.
fn checkpoint(folder: &Path) -> Option<Checkpoint> {
    let text = fs::read_to_string(folder.join("checkpoint")).ok()?;
    let (note, checkpoint) = Checkpoint::parse(&text).unwrap();
    let vkeys = Vkeys::read(folder).unwrap();
    let log = vkeys.log.unwrap();
    assert!(note.signed_by(&log).unwrap().is_some());
    let signed = |vkey| note.signed_by(vkey).unwrap().is_some();
    assert_eq!(vkeys.epochs.iter().filter(|vkey| signed(vkey)).count(), 1);
    Some(checkpoint)
}

/// The root over the records that are in the segments.
fn root(folder: &Path, size: u64) -> [u8; 32] {
    let mut tree = Frontier::default();
    for record in records(folder).iter().take(usize::try_from(size).unwrap()) {
        tree.push(leaf_hash(&record.payload));
    }
    assert_eq!(tree.size(), size);
    tree.root()
}

/// Waits until something is so; a bound, not a guess.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn records_are_signed_within_seconds_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let journal = open(path);
    for _ in 0..300 {
        deny(&journal, Level::Write).await.unwrap();
    }
    until("a checkpoint", || journal.tree().signed == 301).await;
    let signed = checkpoint(path).unwrap();
    assert_eq!(signed.root, root(path, 301));
    assert_eq!(signed.size, 301);
    journal.close().await.unwrap();
    let last = checkpoint(path).unwrap();
    assert_eq!((last.size, last.root), (302, root(path, 302)));
    assert_eq!(
        fs::read(path.join("tiles/checkpoint")).unwrap(),
        fs::read(path.join("checkpoint")).unwrap()
    );
}

#[tokio::test]
async fn a_record_that_is_not_synced_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let journal = try_open(folder.path(), disk.clone()).unwrap().journal;
    until("the start is signed", || {
        checkpoint(folder.path()).is_some()
    })
    .await;
    let gate = disk.hang(Call::SyncData);
    let storing = tokio::spawn({
        let journal = journal.clone();
        async move { deny(&journal, Level::Sync).await }
    });
    until("it is written", || records(folder.path()).len() == 2).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        assert_eq!(checkpoint(folder.path()).unwrap().size, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(gate);
    storing.await.unwrap().unwrap();
    until("it is signed then", || {
        checkpoint(folder.path()).unwrap().size == 2
    })
    .await;
    journal.close().await.unwrap();
}

#[tokio::test]
async fn it_goes_on_over_restarts_and_without_its_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for round in 0..4 {
        let journal = open(path);
        for _ in 0..130 {
            deny(&journal, Level::Write).await.unwrap();
        }
        match round {
            // Nobody closes it: what was not signed is signed the next time.
            1 => drop(journal),
            _ => journal.close().await.unwrap(),
        }
        let all = u64::try_from(records(path).len()).unwrap();
        until("all is signed", || {
            checkpoint(path).is_some_and(|c| c.size == all)
        })
        .await;
        assert_eq!(checkpoint(path).unwrap().root, root(path, all), "{round}");
        if round == 2 {
            until("it let go", || {
                fs::remove_dir_all(path.join("tiles")).is_ok()
            })
            .await;
        }
    }
    assert!(path.join("tiles/tile/0/000").is_file(), "made again");
}

#[tokio::test]
async fn fewer_records_than_were_signed_refuse_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..5 {
        deny(&journal, Level::Write).await.unwrap();
    }
    journal.close().await.unwrap();
    let path = segments(folder.path())[0].clone();
    let bytes = without_zeros(&path).unwrap();
    let cut = frames(&bytes)[4].start;
    fs::write(&path, &bytes[..cut]).unwrap();
    let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
    assert!(
        refused
            .to_string()
            .contains("7 records were signed and 4 are there")
    );
}

#[tokio::test]
async fn another_past_than_the_signed_one_is_never_signed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    deny(&journal, Level::Write).await.unwrap();
    journal.close().await.unwrap();
    let kept = fs::read_to_string(folder.path().join("checkpoint")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let journal = open(other.path());
    deny(&journal, Level::Write).await.unwrap();
    journal.close().await.unwrap();
    // The keys and the checkpoint of one log beside the records of another.
    for name in ["keys", "vkeys", "checkpoint"] {
        let (from, to) = (folder.path().join(name), other.path().join(name));
        let _ = fs::remove_dir_all(&to);
        fs::rename(from, to).unwrap();
    }
    let journal = open(other.path());
    until("it is noticed", || journal.tree().contradicted).await;
    journal.close().await.unwrap();
    let still = fs::read_to_string(other.path().join("checkpoint")).unwrap();
    assert_eq!(still, kept);
}

#[tokio::test]
async fn each_epoch_ends_with_its_key_named_covered_and_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let clock = Clock::fixed(Time::from_ms(1_795_434_000_000));
    let opened = Journal::open(settings(path), clock.clone(), identity()).unwrap();
    let journal = opened.journal;
    let day = 24 * 3_600_000;
    for epoch in 2..=4_u64 {
        clock.set(clock.now().plus_ms(day));
        let gone = format!("keys/epoch-{}.key", epoch - 1);
        until("the old key is gone", || !path.join(&gone).exists()).await;
        let vkeys = Vkeys::read(path).unwrap();
        assert_eq!(vkeys.epochs.len(), usize::try_from(epoch).unwrap());
        let last = format!("epochs/{}.checkpoint", epoch - 1);
        let last = fs::read_to_string(path.join(last)).unwrap();
        let (note, last) = Checkpoint::parse(&last).unwrap();
        let old = &vkeys.epochs[usize::try_from(epoch - 2).unwrap()];
        assert!(note.signed_by(old).unwrap().is_some());
        let named = named(path);
        let (seq, vkey) = named.last().unwrap();
        assert_eq!(vkey, &vkeys.epochs.last().unwrap().to_string());
        assert!(last.size > *seq, "the record is covered");
        assert_eq!(last.root, root(path, last.size));
    }
    assert_eq!(named(path).len(), 3);
    journal.close().await.unwrap();
    checkpoint(path).unwrap();
}

/// The records that name a key: where, and which.
fn named(folder: &Path) -> Vec<(u64, String)> {
    let records = records(folder);
    let rotations = records.iter().map(|record| (record.seq, json(record)));
    rotations
        .filter(|(_, json)| json["event"] == "key.rotate")
        .map(|(seq, json)| (seq, json["detail"]["vkey"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn a_crash_at_each_step_of_the_turn_is_completed() {
    // What each step leaves behind is cut out of a turn that went through.
    for step in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let clock = Clock::fixed(Time::from_ms(1_795_434_000_000));
        let start = || {
            let opened = Journal::open(settings(path), clock.clone(), identity());
            opened.unwrap().journal
        };
        let journal = start();
        journal.close().await.unwrap();
        let key = fs::read(path.join("keys/epoch-1.key")).unwrap();
        let vkeys = fs::read(path.join("vkeys")).unwrap();
        clock.set(clock.now().plus_ms(24 * 3_600_000));
        let journal = start();
        until("the turn", || !path.join("keys/epoch-1.key").exists()).await;
        journal.close().await.unwrap();
        // The old key was not wiped yet.
        write_key(&path.join("keys/epoch-1.key"), &key);
        if step <= 3 {
            fs::write(path.join("vkeys"), &vkeys).unwrap();
        }
        if step <= 2 {
            // The next key has not taken its place yet.
            fs::rename(
                path.join("keys/epoch-2.key"),
                path.join("keys/epoch-2.next"),
            )
            .unwrap();
        }
        if step <= 1 {
            // The last checkpoint was not kept yet, nor was anything signed since.
            fs::remove_file(path.join("epochs/1.checkpoint")).unwrap();
            fs::remove_file(path.join("checkpoint")).unwrap();
        }
        let before = named(path).len();
        let journal = start();
        until("it is completed", || {
            !path.join("keys/epoch-1.key").exists()
        })
        .await;
        journal.close().await.unwrap();
        assert_eq!(named(path).len(), before, "{step}: named once");
        let listed = Vkeys::read(path).unwrap();
        assert_eq!(listed.epochs.len(), 2, "{step}");
        let last = fs::read_to_string(path.join("epochs/1.checkpoint")).unwrap();
        let (note, last) = Checkpoint::parse(&last).unwrap();
        assert!(note.signed_by(&listed.epochs[0]).unwrap().is_some());
        assert!(last.size > named(path)[0].0);
        let newest = fs::read_to_string(path.join("checkpoint")).unwrap();
        let newest = SignedNote::parse(&newest).unwrap();
        assert!(
            newest.signed_by(&listed.epochs[1]).unwrap().is_some(),
            "{step}"
        );
    }
}

fn write_key(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_tree_that_cannot_be_written_costs_no_request_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // A file where its folder should be.
    fs::write(folder.path().join("in the way"), "").unwrap();
    let mut settings = settings(folder.path());
    settings.tree.tiles = Some(folder.path().join("elsewhere"));
    let journal = Journal::open(settings, Clock::machine(), identity())
        .unwrap()
        .journal;
    until("a first checkpoint", || journal.tree().signed > 0).await;
    fs::remove_dir_all(folder.path().join("elsewhere")).unwrap();
    fs::rename(
        folder.path().join("in the way"),
        folder.path().join("elsewhere"),
    )
    .unwrap();
    deny(&journal, Level::Sync).await.unwrap();
    until("it is told", || journal.tree().fault.is_some()).await;
    deny(&journal, Level::Sync).await.unwrap();
    fs::remove_file(folder.path().join("elsewhere")).unwrap();
    until("it is signed again", || journal.tree().signed == 3).await;
    assert_eq!(journal.tree().fault, None);
    journal.close().await.unwrap();
}
