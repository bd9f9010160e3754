//! Receipts that need no journal, tiles made anew, and an upstream's own log.

use std::fs;

use stile::record::checkpoint::Checkpoint;
use stile::record::epoch::Vkeys;
use stile::record::prove::{check_proof, prove_consistency, prove_inclusion};
use stile::record::reconcile::{UpstreamLog, reconcile};
use stile::record::{End, Outcome, rebuild_tiles};
use tempfile::TempDir;

use super::*;

async fn of(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..count {
        deny(&journal, Level::Write).await.unwrap();
    }
    journal.close().await.unwrap();
    folder
}

#[tokio::test]
async fn each_record_is_proved_and_no_changed_proof_proves_anything() {
    let folder = of(300).await;
    let (path, tiles) = (folder.path(), folder.path().join("tiles"));
    let log = Vkeys::read(path).unwrap().log.unwrap();
    let trusted = [log.clone()];
    for record in records(path).iter().step_by(37) {
        let proof = prove_inclusion(path, &tiles, record.seq, None).unwrap();
        let proved = check_proof(&proof, &trusted, None).unwrap();
        let payload = String::from_utf8(record.payload.clone()).unwrap();
        assert_eq!(proved.record, Some((record.seq, payload)));
        assert_eq!((proved.origin.as_str(), proved.size), (ORIGIN, 302));
    }
    let proof = prove_inclusion(path, &tiles, 150, None).unwrap();
    // Up to the end of the line that the trusted key signed; what follows is another key's.
    let signed = proof.rfind("\u{2014}").unwrap();
    for at in (0..signed)
        .step_by(5)
        .filter(|at| proof.is_char_boundary(*at))
    {
        let byte = proof.as_bytes()[at];
        if !byte.is_ascii_graphic() {
            continue;
        }
        let other = if byte == b'A' { "B" } else { "A" };
        let changed = [&proof[..at], other, &proof[at + 1..]].concat();
        assert!(check_proof(&changed, &trusted, None).is_err(), "byte {at}");
    }
    let other = of(1).await;
    let stranger = Vkeys::read(other.path()).unwrap().log.unwrap();
    assert!(check_proof(&proof, &[stranger], None).is_err());
    assert!(
        prove_inclusion(path, &tiles, 302, None).is_err(),
        "not there"
    );
    assert!(
        prove_inclusion(path, &tiles, 3, Some(200)).is_err(),
        "not signed at 200"
    );
}

#[tokio::test]
async fn growth_is_proved_to_who_holds_an_older_checkpoint() {
    let folder = of(100).await;
    let (path, tiles) = (folder.path(), folder.path().join("tiles"));
    let kept = fs::read_to_string(path.join("checkpoint")).unwrap();
    let (_, kept) = Checkpoint::parse(&kept).unwrap();
    let journal = open(path);
    for _ in 0..77 {
        deny(&journal, Level::Write).await.unwrap();
    }
    journal.close().await.unwrap();
    let trusted = [Vkeys::read(path).unwrap().log.unwrap()];
    let proof = prove_consistency(path, &tiles, kept.size, None).unwrap();
    let proved = check_proof(&proof, &trusted, Some(&kept)).unwrap();
    assert_eq!((proved.from, proved.size), (Some(102), 181));
    let mut other = kept.clone();
    other.root[3] ^= 1;
    assert!(check_proof(&proof, &trusted, Some(&other)).is_err());
    assert!(check_proof(&proof, &trusted, None).is_err());
}

#[tokio::test]
async fn tiles_are_made_anew_byte_by_byte_and_not_over_another_past() {
    let folder = of(600).await;
    let (path, tiles) = (folder.path(), folder.path().join("tiles"));
    let files = [
        "tile/0/000",
        "tile/0/002.p/90",
        "tile/entries/001",
        "tile/1/000.p/2",
        "checkpoint",
    ];
    let before = files.map(|file| fs::read(tiles.join(file)).unwrap());
    fs::remove_dir_all(&tiles).unwrap();
    let now = Time::from_ms(1);
    assert_eq!(rebuild_tiles(path, &tiles, now, |_, _| {}).unwrap(), 602);
    assert_eq!(
        files.map(|file| fs::read(tiles.join(file)).unwrap()),
        before
    );
    // Damaged ones are replaced; what is there stays while another past is offered.
    fs::write(tiles.join("tile/0/000"), [7; 8192]).unwrap();
    rebuild_tiles(path, &tiles, now, |_, _| {}).unwrap();
    assert_eq!(
        files.map(|file| fs::read(tiles.join(file)).unwrap()),
        before
    );
    let other = of(600).await;
    fs::copy(path.join("checkpoint"), other.path().join("checkpoint")).unwrap();
    let theirs = other.path().join("tiles");
    let kept = fs::read(theirs.join("tile/0/000")).unwrap();
    assert!(rebuild_tiles(other.path(), &theirs, now, |_, _| {}).is_err());
    assert_eq!(fs::read(theirs.join("tile/0/000")).unwrap(), kept);
    let journal = open(path);
    let held = rebuild_tiles(path, &tiles, now, |_, _| {}).unwrap_err();
    assert_eq!(held.exit_code(), 75, "it is in use");
    journal.close().await.unwrap();
}

#[tokio::test]
async fn who_went_around_and_who_kept_silent_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut ends = vec![End::Complete; 6];
    ends.extend([End::NotForwarded, End::Timeout, End::Complete]);
    for end in ends {
        let (_, pending) = allow(&journal, Level::Write).await.unwrap();
        pending.close(Outcome::of(end));
        // Ids carry milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    journal.close().await.unwrap();
    let allows: Vec<Uuid> = records(folder.path())
        .iter()
        .map(json)
        .filter(|json| json["decision"] == "allow")
        .map(|json| json["id"].as_str().unwrap().parse().unwrap())
        .collect();
    let told = |lines: &[Option<Uuid>]| {
        let mut log = UpstreamLog::default();
        lines.iter().for_each(|id| log.enter(*id));
        reconcile(folder.path(), None, log, |_| {}).unwrap()
    };
    let all: Vec<Option<Uuid>> = [0, 1, 2, 3, 4, 5, 8].map(|at| Some(allows[at])).to_vec();
    let found = told(&all);
    assert_eq!(
        (found.matched, found.bypass_count, found.silent_count),
        (7, 0, 0)
    );
    assert_eq!(found.uncertain, 1, "the one that timed out");

    let stranger = Uuid::now_v7();
    let mut around = all.clone();
    around.extend([None, Some(stranger), Some(allows[2])]);
    let found = told(&around);
    assert_eq!(found.bypass, [(8, None), (9, Some(stranger))]);
    assert_eq!((found.bypass_count, found.repeated), (2, 1));

    let mut silent = all.clone();
    silent.remove(3);
    silent.remove(0);
    let found = told(&silent);
    assert_eq!(found.silent.len(), 1);
    assert_eq!(found.silent[0].1, allows[3]);
    assert_eq!(found.outside, 1, "before the upstream's log begins");
}
