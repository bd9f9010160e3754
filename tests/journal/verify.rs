//! What a verification says of journals that nobody tampered with.

use std::fs;

use stile::record::verify::Ending;
use stile::record::{Note, Verdict};

use super::*;

#[tokio::test]
async fn a_journal_in_use_is_verified_with_requests_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let in_flight = allow(&journal, Level::Sync).await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert!(found.in_use);
    assert_eq!(found.open_count, 1);
    drop(in_flight);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_journal_that_is_written_to_meanwhile_never_looks_broken() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for _ in 0..150 {
                drop(allow(&journal, Level::Write).await.unwrap());
            }
        });
    }
    let path = folder.path().to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        for _ in 0..20 {
            let found = verified(&path);
            assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
            records(&path);
        }
    });
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    looking.await.unwrap();
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_copy_of_a_journal_in_use_is_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let in_flight = allow(&journal, Level::Sync).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let path = &segments(folder.path())[0];
    fs::copy(path, copy.path().join(path.file_name().unwrap())).unwrap();
    let found = verified(copy.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    assert_eq!(found.open_count, 1);
    assert_eq!(found.ending, Ending::Open);
    assert_eq!(found.incomplete_because.len(), 2);
    drop(in_flight);
}

#[tokio::test]
async fn starts_and_numbers_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let journal = open(folder.path());
        deny(&journal, Level::Write).await.unwrap();
        let detail = [("digest", serde_json::Value::from("sha256:1"))];
        journal.note(Note::PolicyReload, &detail).await.unwrap();
        journal.close().await.unwrap();
    }
    let mut told = Vec::new();
    let found = stile::record::verify(folder.path(), |progress| told.push(progress)).unwrap();
    assert_eq!(found.starts.len(), 3);
    assert_eq!(found.counts.decisions, 3);
    assert_eq!(found.counts.events, 9);
    assert_eq!(found.good, [(0, 11)]);
    assert_eq!(told.last().unwrap().records, 12);
    let report = serde_json::to_value(&found).unwrap();
    assert_eq!(report["verdict"], "verified");
    assert_eq!(report["ending"], "closed");
}

#[test]
fn an_empty_folder_is_incomplete_and_a_missing_one_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Incomplete);
    assert!(stile::record::verify(&folder.path().join("none"), |_| {}).is_err());
}

#[tokio::test]
async fn an_allow_without_outcome_in_the_middle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let payload = rendered(sighting(Uuid::now_v7()), "allow", Level::Sync);
    journal
        .submit(Kind::Decision, payload, Level::Sync)
        .await
        .unwrap();
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Incomplete);
    assert_eq!(found.open_count, 1);
    // The next start says what is known of it: nothing.
    open(folder.path()).close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn an_outcome_of_nothing_and_a_second_outcome_are_breaks() {
    for copies in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let id = Uuid::now_v7();
        if copies == 2 {
            let payload = rendered(sighting(id), "allow", Level::Sync);
            journal
                .submit(Kind::Decision, payload, Level::Sync)
                .await
                .unwrap();
        }
        for _ in 0..copies {
            let payload = format!(
                r#"{{"boot":"b","end":"complete","kind":"outcome","log":"{ORIGIN}","ref":"{id}","time":1}}"#
            );
            journal
                .submit(Kind::Outcome, payload.into_bytes(), Level::Sync)
                .await
                .unwrap();
        }
        journal.close().await.unwrap();
        let found = verified(folder.path());
        assert_eq!(found.verdict, Verdict::Invalid);
        assert_eq!(found.breaks[0].fault, "the outcome is of no open allow");
    }
}

#[tokio::test]
async fn a_record_that_lies_about_its_kind_or_log_is_a_break() {
    let lies = [
        r#"{"boot":"b","event":"x","kind":"event","log":"stile.example.com/main","time":1}"#,
        r#"{"boot":"b","decision":"deny","id":"0192f0c0-0000-7000-8000-000000000001","kind":"decision","log":"other","time":1}"#,
        "{\"boot\":\"b\",\n\"decision\":\"deny\",\"id\":\"0192f0c0-0000-7000-8000-000000000001\",\"kind\":\"decision\",\"log\":\"stile.example.com/main\",\"time\":1}",
        "not json",
    ];
    for lie in lies {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let payload = lie.as_bytes().to_vec();
        journal
            .submit(Kind::Decision, payload, Level::Sync)
            .await
            .unwrap();
        journal.close().await.unwrap();
        assert_eq!(verified(folder.path()).verdict, Verdict::Invalid, "{lie}");
    }
}
