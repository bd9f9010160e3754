//! Pruning: announced and signed before, whole segments, and what is left is proved as before.

use std::fs;
use std::path::PathBuf;

use stile::record::disk::RealDisk;
use stile::record::erasure::orders::{Order, Ordered};
use stile::record::prove::{prove_consistency, prove_inclusion};
use stile::record::verify::Held;
use stile::record::{
    Evidence, Hold, Pruned, Pruning, RetentionSettings, Verdict, disclosed_before, sealed,
    verify_with,
};
use tempfile::TempDir;

use super::faults::{Call, Faulty};
use super::*;

/// The first record's moment; each further one is an hour later.
const BEGIN: u64 = 1_700_000_000_000;
const HOUR: u64 = 3_600_000;
const RECORDS: u64 = 900;

/// A journal of several segments that was written over 900 hours, and is open.
async fn aged(disk: Arc<dyn Disk>) -> (TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Time::from_ms(BEGIN));
    let opened = Journal::open_on(settings(folder.path()), clock.clone(), identity(), disk);
    let journal = opened.unwrap().journal;
    for n in 0..RECORDS {
        let mut seen = sighting(Uuid::now_v7());
        seen.time = Time::from_ms(BEGIN + n * HOUR);
        clock.set(seen.time);
        let record = rendered(seen, "deny", Level::Write);
        let stored = journal.submit(Kind::Decision, record, Level::Write);
        stored.await.unwrap();
    }
    assert!(segments(folder.path()).len() > 4);
    (folder, journal)
}

async fn usual() -> (TempDir, Journal) {
    aged(Arc::new(RealDisk)).await
}

/// Records of the first so many hours may go.
fn hours(hours: u64) -> Pruning {
    Pruning {
        younger_from_ms: BEGIN + hours * HOUR,
        wanted: None,
        reason: "rule 7".to_owned(),
        authority: "policy 4".to_owned(),
        by: "uid 1000".to_owned(),
    }
}

async fn prune(journal: &Journal, pruning: Pruning) -> Result<Pruned, String> {
    let eraser = journal.eraser();
    let pruning = tokio::task::spawn_blocking(move || eraser.prune(&pruning));
    pruning.await.unwrap().map_err(|fault| fault.to_string())
}

fn first(folder: &Path) -> u64 {
    let listed = stile::record::segment::list(folder).unwrap();
    listed[0].0
}

fn events(folder: &Path, word: &str) -> Vec<serde_json::Value> {
    let all = records(folder).into_iter().map(|record| json(&record));
    all.filter(|record| record["event"] == word).collect()
}

fn bundles(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder.join("tiles/tile/entries")).unwrap();
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A journal that was pruned by half and closed.
async fn halved() -> (TempDir, u64) {
    let (folder, journal) = usual().await;
    prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();
    let first = first(folder.path());
    (folder, first)
}

#[tokio::test]
async fn old_segments_go_whole_and_the_rest_verifies_as_before() {
    let (folder, journal) = usual().await;
    let before = records(folder.path());
    let done = prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();

    let first = first(folder.path());
    assert!(first > 200 && first <= 451, "{first}");
    assert_eq!(done.records, first);
    let left = records(folder.path());
    assert_eq!(left[0].seq, first);
    let kept = &before[usize::try_from(first).unwrap()..];
    assert_eq!(&left[..kept.len()], kept);
    let said = &events(folder.path(), "prune")[0]["detail"];
    assert_eq!((&said["from"], &said["before"]), (&0.into(), &first.into()));
    assert_eq!(said["authority"], "policy 4");
    assert_eq!(events(folder.path(), "prune.done").len(), 1);

    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.first_seq, first);
    assert_eq!(found.pruned.as_ref().unwrap().before, first);
    assert_eq!(Some(found.sums.size), found.sums.signed);
}

#[tokio::test]
async fn what_is_younger_held_wanted_or_the_newest_stays() {
    let (folder, journal) = usual().await;
    let path = folder.path();
    let kept_by = |pruning: &Pruning| {
        let found = pruning.prunable(path).unwrap();
        (found.before, found.kept_by)
    };
    let newest = stile::record::segment::list(path).unwrap().pop().unwrap().0;
    assert_eq!(kept_by(&hours(9_999)).0, newest);
    let (half, why) = kept_by(&hours(450));
    assert!(half < newest && why.contains("younger"), "{half} {why}");
    let (none, _) = kept_by(&hours(0));
    assert_eq!(none, 0);

    let wanted = Pruning {
        wanted: Some((10, "siem".to_owned())),
        ..hours(450)
    };
    let (none, why) = kept_by(&wanted);
    assert!(none == 0 && why.contains("`siem`"), "{why}");

    let hold = Hold {
        id: 0,
        from_ms: BEGIN + 5 * HOUR,
        to_ms: Some(BEGIN + 6 * HOUR),
        reason: "case 17".to_owned(),
        authority: "counsel".to_owned(),
        by: "uid 1000".to_owned(),
    };
    let eraser = journal.eraser();
    tokio::task::spawn_blocking(move || eraser.hold(&hold))
        .await
        .unwrap()
        .unwrap();
    let (none, why) = kept_by(&hours(450));
    assert!(none == 0 && why.contains("case 17"), "{why}");
    let untouched = segments(path);
    let done = prune(&journal, hours(450)).await.unwrap();
    assert_eq!(done, Pruned::default());
    assert_eq!(segments(path), untouched);
    assert!(
        events(path, "prune").is_empty(),
        "nothing is announced that is not done"
    );
    journal.close().await.unwrap();
}

#[tokio::test]
async fn the_event_of_a_hold_in_force_stays_with_all_behind_it() {
    let (folder, journal) = usual().await;
    let hold = Hold {
        id: 0,
        from_ms: 1,
        to_ms: Some(2),
        reason: "case 18".to_owned(),
        authority: "counsel".to_owned(),
        by: "uid 1000".to_owned(),
    };
    let eraser = journal.eraser();
    tokio::task::spawn_blocking(move || eraser.hold(&hold))
        .await
        .unwrap()
        .unwrap();
    for _ in 0..400 {
        deny(&journal, Level::Write).await.unwrap();
    }
    let found = Pruning {
        younger_from_ms: u64::MAX,
        ..hours(0)
    };
    let found = found.prunable(folder.path()).unwrap();
    assert!(found.before > 0 && found.before <= RECORDS + 1, "{found:?}");
    assert!(found.kept_by.contains("case 18"), "{found:?}");
    journal.close().await.unwrap();
}

#[tokio::test]
async fn segments_that_no_event_names_are_missing() {
    let (folder, journal) = usual().await;
    journal.close().await.unwrap();
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    assert_eq!(found.incomplete_because, ["the first records are not here"]);
}

#[tokio::test]
async fn more_gone_than_was_announced_is_missing() {
    let (folder, before) = halved().await;
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    let why = &found.incomplete_because[0];
    assert!(
        why.starts_with(&format!("records {before} to ")) && why.contains("no event"),
        "{why}"
    );
}

#[tokio::test]
async fn one_missing_in_the_middle_is_a_break_as_before() {
    let (folder, _) = halved().await;
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Invalid);
}

#[tokio::test]
async fn an_event_that_no_checkpoint_covers_says_nothing() {
    let (folder, journal) = usual().await;
    journal.close().await.unwrap();
    let old = fs::read(folder.path().join("checkpoint")).unwrap();
    let journal = open(folder.path());
    prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();
    fs::write(folder.path().join("checkpoint"), old).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    let why = &found.incomplete_because[0];
    assert!(why.contains("no checkpoint covers it"), "{why}");
}

#[tokio::test]
async fn without_the_tiles_that_stand_in_nothing_is_verified() {
    let (folder, _) = halved().await;
    fs::remove_dir_all(folder.path().join("tiles")).unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    let why = found.incomplete_because.join("; ");
    assert!(why.contains("tiles that stand in"), "{why}");
}

#[tokio::test]
async fn a_forged_tile_is_found() {
    let (folder, _) = halved().await;
    let widths = fs::read_dir(folder.path().join("tiles/tile/1/000.p")).unwrap();
    for tile in widths.map(|entry| entry.unwrap().path()) {
        let mut bytes = fs::read(&tile).unwrap();
        bytes[7] ^= 1;
        fs::write(&tile, bytes).unwrap();
    }
    assert_ne!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn checkpoints_of_before_are_still_of_this_past_and_others_are_not() {
    let (folder, journal) = usual().await;
    journal.close().await.unwrap();
    let text = fs::read_to_string(folder.path().join("checkpoint")).unwrap();
    let journal = open(folder.path());
    let everything = Pruning {
        younger_from_ms: u64::MAX,
        ..hours(0)
    };
    for _ in 0..400 {
        deny(&journal, Level::Write).await.unwrap();
    }
    prune(&journal, everything).await.unwrap();
    journal.close().await.unwrap();
    let held = Held::read("kept", &text).unwrap();
    let size = held.checkpoint.size;
    assert!(size < first(folder.path()), "it covers only what is gone");

    let other = aged(Arc::new(RealDisk)).await;
    other.1.close().await.unwrap();
    let foreign = fs::read_to_string(other.0.path().join("checkpoint")).unwrap();
    let mut forged = held.clone();
    forged.checkpoint.root[0] ^= 1;
    let mut foreign = Held::read("foreign", &foreign).unwrap();
    foreign.checkpoint.size = size;
    for (held, holds) in [(held, true), (forged, false), (foreign, false)] {
        let evidence = Evidence {
            held: vec![held],
            ..Evidence::default()
        };
        let found = verify_with(folder.path(), &evidence, |_| {}).unwrap();
        assert_eq!(found.sums.held[0].fault.is_none(), holds, "{found:?}");
        assert_eq!(found.verdict == Verdict::Verified, holds, "{found:?}");
        assert_eq!(found.sums.held[0].contradicts, !holds);
    }
    let tiles = folder.path().join("tiles");
    assert!(prove_consistency(folder.path(), &tiles, size, None).is_ok());
    let gone = prove_inclusion(folder.path(), &tiles, 7, None).unwrap_err();
    assert!(gone.to_string().contains("begins with"), "{gone}");
}

#[tokio::test]
async fn a_copy_from_before_the_pruning_is_not_the_newest() {
    let (folder, journal) = usual().await;
    journal.close().await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    stile_kit::proxy::copy_folder(folder.path(), copy.path()).unwrap();
    let journal = open(folder.path());
    prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();
    let text = fs::read_to_string(folder.path().join("checkpoint")).unwrap();

    let evidence = Evidence {
        held: vec![Held::read("kept", &text).unwrap()],
        ..Evidence::default()
    };
    let found = verify_with(folder.path(), &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(verified(copy.path()).verdict, Verdict::Verified);
    let found = verify_with(copy.path(), &evidence, |_| {}).unwrap();
    assert_ne!(found.verdict, Verdict::Verified, "{found:?}");
    assert!(found.sums.held[0].fault.is_some());
}

#[tokio::test]
async fn pruned_segments_that_are_put_back_are_held_against_what_was_signed() {
    let (folder, journal) = usual().await;
    journal.close().await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    stile_kit::proxy::copy_folder(folder.path(), copy.path()).unwrap();
    let journal = open(folder.path());
    prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();
    let stays = first(folder.path());
    for (seq, path) in stile::record::segment::list(copy.path()).unwrap() {
        if seq < stays {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.first_seq, 0);

    let oldest = segments(folder.path()).remove(0);
    let mut bytes = fs::read(&oldest).unwrap();
    let inside = frames(&bytes)[3].start + 60;
    bytes[inside] ^= 1;
    fs::remove_file(&oldest).unwrap();
    fs::write(&oldest, bytes).unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Invalid);
}

#[tokio::test]
async fn no_hold_is_confirmed_in_the_middle_of_a_pruning() {
    let (folder, journal) = usual().await;
    let before = journal.state().next_seq;
    let (eraser, holder) = (journal.eraser(), journal.eraser());
    let pruning = tokio::task::spawn_blocking(move || eraser.prune(&hours(450)));
    // Announced, and waiting for a checkpoint.
    for _ in 0..2_000 {
        if journal.state().next_seq > before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let hold = Hold {
        id: 0,
        from_ms: BEGIN + 2 * RECORDS * HOUR,
        to_ms: None,
        reason: "case 9".to_owned(),
        authority: "counsel".to_owned(),
        by: "uid 1000".to_owned(),
    };
    let held = tokio::task::spawn_blocking(move || holder.hold(&hold));
    let held = held.await.unwrap().unwrap();
    let done = pruning.await.unwrap().unwrap().done_at;
    journal.close().await.unwrap();
    let announced = events(folder.path(), "prune.done")[0]["detail"]["of"].clone();
    let in_the_middle = announced.as_u64().unwrap()..done;
    assert!(
        !in_the_middle.contains(&held),
        "{held} in {in_the_middle:?}"
    );
}

#[tokio::test]
async fn the_records_go_from_the_tiles_too_and_their_hashes_stay() {
    let (folder, journal) = usual().await;
    let hashes = |path: &Path| fs::read(path.join("tiles/tile/0/000")).unwrap();
    while journal.tree().signed < RECORDS {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (before, leaves) = (bundles(folder.path()), hashes(folder.path()));
    prune(&journal, hours(600)).await.unwrap();
    journal.close().await.unwrap();
    let gone = usize::try_from(first(folder.path()) / 256).unwrap();
    assert!(gone > 0);
    assert_eq!(bundles(folder.path())[0], before[gone]);
    assert_eq!(hashes(folder.path()), leaves);
}

#[tokio::test]
async fn packed_segments_go_as_well() {
    let (folder, journal) = usual().await;
    sealed::pack_all(&RealDisk, folder.path()).unwrap();
    prune(&journal, hours(450)).await.unwrap();
    journal.close().await.unwrap();
    assert!(first(folder.path()) > 0);
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
}

#[tokio::test]
async fn a_pruning_that_was_cut_off_is_completed_by_the_next_start() {
    for skip in 0..2 {
        let disk = Faulty::new();
        let (folder, journal) = aged(disk.clone()).await;
        disk.fails(Call::SyncFolder, skip);
        let fault = prune(&journal, hours(450)).await.unwrap_err();
        assert!(fault.contains("take segments out of"), "{fault}");
        drop(journal);
        let announced = events(folder.path(), "prune")[0]["detail"]["before"].clone();
        let left = announced.as_u64().unwrap() - first(folder.path());
        assert!(left > 0 || skip > 0, "something was left to do");
        let journal = reopened(folder.path()).await;
        assert_eq!(first(folder.path()), announced.as_u64().unwrap(), "{skip}");
        assert_eq!(events(folder.path(), "prune.done").len(), 1);
        journal.close().await.unwrap();
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    }
}

/// Opened again as soon as the last process's threads have let go of it.
async fn reopened(folder: &Path) -> Journal {
    for _ in 0..500 {
        match try_open(folder, Arc::new(RealDisk)) {
            Ok(opened) => return opened.journal,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    panic!("the journal stays locked");
}

#[tokio::test]
async fn pruned_twice_it_is_pruned_further_and_a_restart_changes_nothing() {
    let (folder, first_time) = halved().await;
    let journal = open(folder.path());
    assert_eq!(first(folder.path()), first_time);
    prune(&journal, hours(700)).await.unwrap();
    journal.close().await.unwrap();
    let second_time = first(folder.path());
    assert!(second_time > first_time);
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.pruned.unwrap().before, second_time);
}

#[tokio::test]
async fn an_order_to_the_open_journal_is_carried_out() {
    let (folder, journal) = usual().await;
    let ordered = Ordered::leave(folder.path(), &Order::Prune(hours(450))).unwrap();
    let mut done = None;
    for _ in 0..500 {
        done = ordered.answered().unwrap();
        if done.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(done.unwrap().records, first(folder.path()));
    journal.close().await.unwrap();
}

#[tokio::test]
async fn by_the_days_of_the_settings_records_go_and_then_people() {
    let (folder, journal) = usual().await;
    // The clock stands at hour 899: day 37.
    let settings = RetentionSettings {
        keep_days: Some(20),
        personal_days: Some(10),
    };
    journal.retain(settings, Box::new(|| None)).unwrap();
    for _ in 0..500 {
        if events(folder.path(), "redaction.done").len() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    journal.close().await.unwrap();
    assert!(first(folder.path()) > 0);
    let old = BEGIN + (RECORDS - 1) * HOUR - 10 * 24 * HOUR;
    for record in records(folder.path()) {
        let time = json(&record)["time"].as_u64().unwrap();
        assert!(time >= BEGIN + (RECORDS - 1 - 20 * 24 - 300) * HOUR);
        if let Some(beside) = record.disclosure() {
            assert_eq!(beside.is_erased(), time < old, "{time}");
        }
    }
    let (left, count) = disclosed_before(folder.path(), old).unwrap();
    assert!(left.is_empty() && count == 0);
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(
        events(folder.path(), "prune")[0]["detail"]["authority"],
        "journal.keep_days"
    );
}
