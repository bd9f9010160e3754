//! What the journal refuses to decide, an operator decides, by name and in the journal.

use std::fs;
use std::path::PathBuf;

use stile::record::frame::Frame;
use stile::record::{AnchorPlace, AnchorSettings, Mandate, Verdict};

use super::*;

fn accepting() -> Mandate {
    Mandate {
        accept_gap: Some("a.person".to_owned()),
        fork: None,
    }
}

fn open_by(settings: JournalSettings, mandate: &Mandate) -> Result<Journal, JournalError> {
    let opened = Journal::open_by(settings, Clock::machine(), identity(), mandate);
    opened.map(|opened| opened.journal)
}

/// A journal that was killed, with a bad byte in the record before the last two.
async fn damaged() -> (tempfile::TempDir, PathBuf, u64) {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().await.unwrap();
    let journal = open(folder.path());
    for _ in 0..6 {
        deny(&journal, Level::Sync).await.unwrap();
    }
    journal.close().await.unwrap();
    let path = segments(folder.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    let places = frames(&bytes);
    let place = places[places.len() - 3].clone();
    let seq = Frame::read(&bytes[place.clone()]).unwrap().seq;
    bytes[place.end - 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    (folder, path, seq)
}

#[tokio::test]
async fn damage_below_good_frames_refuses_the_start_and_changes_nothing() {
    let (folder, path, _) = damaged().await;
    let before = fs::read(&path).unwrap();
    let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 78, "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn damage_under_a_checkpoint_is_not_set_aside_whoever_accepts_it() {
    let (folder, path, _) = damaged().await;
    let before = fs::read(&path).unwrap();
    let refused = open_by(settings(folder.path()), &accepting()).unwrap_err();
    assert_eq!(refused.exit_code(), 78, "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn damage_that_no_checkpoint_covers_is_set_aside_by_name() {
    let (folder, _, seq) = damaged().await;
    // As if it had been damaged before it was signed.
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    open_by(settings(folder.path()), &accepting())
        .unwrap()
        .close()
        .await
        .unwrap();
    let told = records(folder.path());
    let gap = json(&told[usize::try_from(seq).unwrap()]);
    assert_eq!(gap["event"], "journal.gap");
    assert_eq!(
        (&gap["detail"]["by"], &gap["detail"]["from"]),
        (&"a.person".into(), &seq.into())
    );
    let file = folder.path().join(gap["detail"]["file"].as_str().unwrap());
    let kept = fs::read(file).unwrap();
    assert_eq!(gap["detail"]["bytes"], kept.len());
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    // Accepted once: the next start needs nobody.
    open(folder.path()).close().await.unwrap();
}

#[tokio::test]
async fn who_accepts_a_gap_where_there_is_none_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().await.unwrap();
    let journal = open_by(settings(folder.path()), &accepting()).unwrap();
    journal.close().await.unwrap();
    let told = records(folder.path());
    assert!(told.iter().all(|r| json(r)["event"] != "journal.gap"));
}

#[tokio::test]
async fn a_copy_restored_from_backup_is_refused_and_another_log_begins_by_name() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let anchored = |origin: &str| {
        let mut with = settings(folder.path());
        with.origin = origin.to_owned();
        with.tree.anchors = vec![AnchorSettings {
            name: "vault".to_owned(),
            place: AnchorPlace::Folder {
                folder: kept.path().to_owned(),
            },
            every_ms: 1,
        }];
        with
    };
    let none = Mandate::default();
    open_by(anchored(ORIGIN), &none)
        .unwrap()
        .close()
        .await
        .unwrap();
    let backup = tempfile::tempdir().unwrap();
    stile_kit::proxy::copy_folder(folder.path(), backup.path()).unwrap();
    let journal = open_by(anchored(ORIGIN), &none).unwrap();
    for _ in 0..5 {
        deny(&journal, Level::Sync).await.unwrap();
    }
    journal.close().await.unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    stile_kit::proxy::copy_folder(backup.path(), folder.path()).unwrap();
    for entry in fs::read_dir(folder.path().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, mode).unwrap();
    }

    let refused = open_by(anchored(ORIGIN), &none).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
    assert!(refused.to_string().contains("vault"), "{refused}");

    let other = "stile.example.com/other";
    let fork = Mandate {
        accept_gap: None,
        fork: Some(other.to_owned()),
    };
    // The settings and the word on the command line must agree.
    let refused = open_by(anchored(ORIGIN), &fork).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
    let refused = open_by(anchored(other), &none).unwrap_err();
    assert_eq!(refused.exit_code(), 78, "not without being told");
    open_by(anchored(other), &fork)
        .unwrap()
        .close()
        .await
        .unwrap();
    let told = records(folder.path());
    let begun = json(&told[0]);
    assert_eq!(begun["event"], "journal.fork");
    assert_eq!(begun["detail"]["from"], ORIGIN);
    assert!(begun["detail"]["records"].as_u64().unwrap() > 0);
    let aside = folder
        .path()
        .join(begun["detail"]["folder"].as_str().unwrap());
    assert_eq!(verified(&aside).origin, ORIGIN);
    assert_eq!(verified(&aside).verdict, Verdict::Verified);
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    // Told again, as a service manager would, it goes on with the new one.
    open_by(anchored(other), &fork)
        .unwrap()
        .close()
        .await
        .unwrap();
    let forks = records(folder.path());
    let forks = forks.iter().filter(|r| json(r)["event"] == "journal.fork");
    assert_eq!(forks.count(), 1);
}
