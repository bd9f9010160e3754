//! Those who keep checkpoints outside: a witness over real HTTP, a real git repository, a folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stile::record::checkpoint::Checkpoint;
use stile::record::epoch::Vkeys;
use stile::record::verify::{Held, Policy};
use stile::record::{AnchorPlace, AnchorSettings, Evidence, TreeState, Verdict, Vkey, verify_with};
use stile_kit::{Manner, Witness};

use super::tree::until;
use super::*;

/// A journal with these anchors, each told at once.
fn anchored(folder: &Path, places: Vec<(&str, AnchorPlace)>) -> Journal {
    let mut settings = settings(folder);
    settings.tree.anchors = places
        .into_iter()
        .map(|(name, place)| AnchorSettings {
            name: name.to_owned(),
            place,
            every_ms: 50,
        })
        .collect();
    settings.tree.anchor_max_age_ms = 60_000;
    let opened = Journal::open(settings, Clock::machine(), identity());
    opened.unwrap().journal
}

fn witness_at(witness: &Witness) -> AnchorPlace {
    AnchorPlace::Witness {
        url: witness.url.clone(),
        vkey: Vkey::parse(&witness.vkey).unwrap(),
        ca_file: None,
    }
}

fn log_vkey(folder: &Path) -> Vkey {
    Vkeys::read(folder).unwrap().log.unwrap()
}

/// The keys of a log exist before a witness is told of them.
async fn known_to(witness: &Witness, folder: &Path) {
    open(folder).close().await.unwrap();
    witness.trust(&log_vkey(folder).to_string());
}

fn conflict(state: &TreeState) -> bool {
    state.anchors.iter().any(|anchor| anchor.conflict)
}

fn fault(state: &TreeState, word: &str) -> bool {
    let faults = state.anchors.iter().filter_map(|a| a.fault.as_deref());
    faults.into_iter().any(|fault| fault.contains(word))
}

fn events(folder: &Path, word: &str) -> Vec<Value> {
    let all = records(folder);
    let all = all.iter().map(json);
    all.filter(|json| json["event"] == word).collect()
}

#[tokio::test]
async fn a_witness_cosigns_and_an_auditor_can_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let witness = Witness::start("witness.example/w1").await.unwrap();
    known_to(&witness, path).await;
    let journal = anchored(path, vec![("town", witness_at(&witness))]);
    for round in 0..3_u64 {
        for _ in 0..300 {
            deny(&journal, Level::Write).await.unwrap();
        }
        let all = 2 + 1 + (round + 1) * 300;
        until("it has seen all", || witness.seen(ORIGIN) == all).await;
        until("it is known", || journal.tree().anchored == all).await;
        assert_eq!(journal.tree().exposure_ms, 0);
    }
    journal.close().await.unwrap();
    assert_eq!(witness.seen(ORIGIN), 904, "the last one too");

    let policy = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log_vkey(path),
        witness.vkey
    );
    let evidence = Evidence {
        policy: Some(Policy::read(&policy).unwrap()),
        ..Evidence::default()
    };
    let found = verify_with(path, &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.sums.outside, Some(904));
    let other = Witness::start("witness.example/w1").await.unwrap();
    let policy = format!("witness w {}\nquorum w\n", other.vkey);
    let evidence = Evidence {
        policy: Some(Policy::read(&policy).unwrap()),
        ..Evidence::default()
    };
    let found = verify_with(path, &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Intact);
    assert!(found.policy_unmet);
}

#[tokio::test]
async fn a_witness_that_saw_another_size_is_shown_the_way_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let witness = Witness::start("witness.example/w1").await.unwrap();
    known_to(&witness, path).await;
    let journal = anchored(path, vec![("town", witness_at(&witness))]);
    deny(&journal, Level::Sync).await.unwrap();
    until("it has seen all", || witness.seen(ORIGIN) == 4).await;
    journal.close().await.unwrap();
    // What the journal knows of the witness is lost.
    fs::remove_file(path.join("anchored")).unwrap();
    let journal = anchored(path, vec![("town", witness_at(&witness))]);
    deny(&journal, Level::Sync).await.unwrap();
    until("it has seen all", || witness.seen(ORIGIN) == 7).await;
    assert!(witness.refused().contains(&409));
    assert!(!conflict(&journal.tree()));
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_witness_that_holds_another_past_is_a_conflict_and_a_record() {
    for (size, root) in [(2, [9; 32]), (3, [9; 32]), (1_000_000, [9; 32])] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let witness = Witness::start("witness.example/w1").await.unwrap();
        known_to(&witness, path).await;
        witness.remember(ORIGIN, size, &root);
        let journal = anchored(path, vec![("town", witness_at(&witness))]);
        until("it is told", || conflict(&journal.tree())).await;
        until("it is written", || {
            !events(path, "anchor.conflict").is_empty()
        })
        .await;
        let event = &events(path, "anchor.conflict")[0];
        assert_eq!(event["detail"]["anchor"], "town", "{event}");
        journal.close().await.unwrap();
        assert_eq!(witness.seen(ORIGIN), size, "nothing was cosigned");
    }
}

#[tokio::test]
async fn a_witness_that_does_not_answer_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let kept = tempfile::tempdir().unwrap();
    let witness = Witness::start("witness.example/w1").await.unwrap();
    let place = AnchorPlace::Folder {
        folder: kept.path().to_owned(),
    };
    let places = vec![("town", witness_at(&witness)), ("vault", place)];
    let journal = anchored(path, places);
    let state = || journal.tree();
    until("it is unknown there", || {
        fault(&state(), "does not know this log")
    })
    .await;
    witness.trust(&log_vkey(path).to_string());
    for (manner, word) in [
        (Manner::Status(500), "answered 500"),
        (Manner::Forged, "not the key's"),
        (Manner::Silent, "in time"),
    ] {
        witness.behave(manner);
        deny(&journal, Level::Sync).await.unwrap();
        until(word, || fault(&state(), word)).await;
        let records = state().integrated;
        until("the other one has it", || state().anchored >= records).await;
    }
    assert!(!conflict(&state()));
    let begun = std::time::Instant::now();
    journal.close().await.unwrap();
    assert!(begun.elapsed().as_secs() < 12, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn without_an_answer_a_required_anchor_makes_it_unready_and_stale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let kept = tempfile::tempdir().unwrap();
    let away = kept.path().join("away");
    let mut settings = settings(path);
    settings.tree.anchors = vec![AnchorSettings {
        name: "vault".to_owned(),
        place: AnchorPlace::Folder {
            folder: away.clone(),
        },
        every_ms: 50,
    }];
    settings.tree.anchor_required = true;
    settings.tree.anchor_max_age_ms = 5_000;
    let clock = Clock::fixed(Time::from_ms(1_795_434_000_000));
    let opened = Journal::open(settings, clock.clone(), identity());
    let journal = opened.unwrap().journal;
    assert!(!journal.tree().unanchored, "it is young");
    clock.set(clock.now().plus_ms(6_000));
    until("it is not ready", || journal.tree().unanchored).await;
    assert_eq!(journal.tree().exposure_ms, 6_000);
    until("it is written", || events(path, "anchor.stale").len() == 1).await;
    fs::create_dir(&away).unwrap();
    deny(&journal, Level::Sync).await.unwrap();
    until("it is ready again", || !journal.tree().unanchored).await;
    until("all is outside", || journal.tree().exposure_ms == 0).await;
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_folder_takes_each_checkpoint_once_and_another_past_never() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let kept = tempfile::tempdir().unwrap();
    let place = || AnchorPlace::Folder {
        folder: kept.path().to_owned(),
    };
    let journal = anchored(path, vec![("vault", place())]);
    deny(&journal, Level::Sync).await.unwrap();
    until("it is kept", || journal.tree().anchored == 2).await;
    journal.close().await.unwrap();
    let inside = kept.path().join(ORIGIN.replace('/', "_"));
    let last = inside.join("00000000000000000003.checkpoint");
    let text = fs::read_to_string(&last).unwrap();
    let held = Held::read("vault", &text).unwrap();
    let evidence = Evidence {
        held: vec![held],
        pinned: vec![log_vkey(path)],
        ..Evidence::default()
    };
    let found = verify_with(path, &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    // Another log under the same name.
    let other = tempfile::tempdir().unwrap();
    let journal = anchored(other.path(), vec![("vault", place())]);
    until("it is told", || conflict(&journal.tree())).await;
    journal.close().await.unwrap();
    assert_eq!(fs::read_to_string(&last).unwrap(), text);
    let found = verify_with(other.path(), &evidence, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Invalid, "the pinned key is another");
    let unpinned = Evidence {
        pinned: Vec::new(),
        ..evidence
    };
    let found = verify_with(other.path(), &unpinned, |_| {}).unwrap();
    assert_eq!(found.verdict, Verdict::Contradicted, "{found:?}");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test]
async fn a_git_branch_gets_a_commit_each_and_its_remote_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let repositories = tempfile::tempdir().unwrap();
    let (far, near) = (
        repositories.path().join("far.git"),
        repositories.path().join("near"),
    );
    git(
        repositories.path(),
        &["init", "--quiet", "--bare", "far.git"],
    );
    git(
        repositories.path(),
        &["clone", "--quiet", "far.git", "near"],
    );
    let place = || AnchorPlace::Git {
        folder: near.clone(),
        branch: "checkpoints".to_owned(),
        remote: Some("origin".to_owned()),
    };
    let journal = anchored(path, vec![("history", place())]);
    for size in 2..5 {
        deny(&journal, Level::Sync).await.unwrap();
        until("it is pushed", || journal.tree().anchored == size).await;
    }
    journal.close().await.unwrap();
    let file = format!("checkpoints:{}.checkpoint", ORIGIN.replace('/', "_"));
    let text = git(&far, &["show", &file]);
    assert_eq!(text, fs::read_to_string(path.join("checkpoint")).unwrap());
    let commits = git(&far, &["rev-list", "--count", "checkpoints"]);
    assert!(commits.trim().parse::<u32>().unwrap() >= 4, "{commits}");

    // A past that is not ours, pushed by somebody else.
    let (_, mut forged) = Checkpoint::parse(&text).unwrap();
    forged.root[0] ^= 1;
    let evil = repositories.path().join("evil");
    git(
        repositories.path(),
        &[
            "clone",
            "--quiet",
            "--branch",
            "checkpoints",
            "far.git",
            "evil",
        ],
    );
    let lines: Vec<&str> = text.lines().collect();
    let forged = forged.text() + "\n" + &lines[4..].join("\n") + "\n";
    fs::write(evil.join(file.trim_start_matches("checkpoints:")), forged).unwrap();
    let named = ["-c", "user.name=e", "-c", "user.email=e@e"];
    git(
        &evil,
        &[&named[..], &["commit", "--quiet", "-am", "x"]].concat(),
    );
    git(&evil, &["push", "--quiet", "origin", "checkpoints"]);
    let journal = anchored(path, vec![("history", place())]);
    deny(&journal, Level::Sync).await.unwrap();
    until("it is told", || conflict(&journal.tree())).await;
    journal.close().await.unwrap();
}
