//! What is put in comes out, in order, as soon and as late as promised.

use stile::record::frame::Kind;
use stile::record::{End, JournalError, Level, Note, Outcome, Verdict};
use stile::refusal::Reason;
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn an_allow_and_its_outcome_come_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let id = Uuid::now_v7();
    let payload = rendered(sighting(id), "allow", Level::Sync);
    let (seq, pending) = journal
        .submit_allow(id, payload.clone(), Level::Sync)
        .await
        .unwrap();
    pending.close(Outcome {
        status: Some(200),
        received_bytes: 42,
        ..Outcome::of(End::Complete)
    });
    journal.close().await.unwrap();
    let records = records(folder.path());
    assert_eq!(json(&records[0])["event"], "start");
    let stored = &records[usize::try_from(seq).unwrap()];
    assert_eq!(stored.payload, payload.leaf());
    assert_eq!(stored.disclosure(), payload.disclosure());
    assert_eq!(*stored.whole(), payload.whole());
    let outcome = json(&records[2]);
    assert_eq!(outcome["ref"], id.to_string());
    assert_eq!(outcome["end"], "complete");
    assert_eq!(outcome["status"], 200);
    assert_eq!(outcome["resp_bytes"], 42);
    assert!(outcome["lat_us"]["commit"].as_u64().is_some());
    assert_eq!(json(&records[3])["event"], "stop");
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn a_record_is_on_the_disk_when_its_waiter_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for level in [Level::Sync, Level::Write] {
        let seq = deny(&journal, level).await.unwrap();
        assert_eq!(records(folder.path()).last().unwrap().seq, seq);
    }
}

#[tokio::test]
async fn a_guard_that_is_dropped_writes_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    drop(allow(&journal, Level::Write).await.unwrap());
    journal.close().await.unwrap();
    assert_eq!(json(&records(folder.path())[2])["end"], "unknown");
}

#[tokio::test]
async fn a_request_that_goes_away_while_it_waits_leaves_one_outcome() {
    // Closing at once makes the writer meet the record and the end together.
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let id = Uuid::now_v7();
        let payload = rendered(sighting(id), "allow", Level::Sync);
        let mut commit = Box::pin(journal.submit_allow(id, payload, Level::Sync));
        // Polled once: handed to the writer. Then its task dies.
        let polled = tokio::time::timeout(std::time::Duration::ZERO, &mut commit).await;
        drop(commit);
        let heard = polled.is_ok();
        drop(polled);
        journal.close().await.unwrap();
        let ends: Vec<_> = records(folder.path())
            .iter()
            .map(json)
            .filter(|record| record["kind"] == "outcome")
            .map(|record| record["end"].clone())
            .collect();
        let expected = if heard { "unknown" } else { "not_forwarded" };
        assert_eq!(ends, [expected]);
        assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
    }
}

#[tokio::test]
async fn many_who_wait_at_once_share_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let before = journal.state().syncs;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for _ in 0..4 {
                allow(&journal, Level::Sync).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let syncs = journal.state().syncs - before;
    assert!(syncs < 128, "{syncs} syncs for 256 commits");
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified);
    assert_eq!((found.counts.allows, found.counts.outcomes), (256, 256));
}

#[tokio::test]
async fn a_write_is_synced_soon_though_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let before = journal.state().syncs;
    deny(&journal, Level::Write).await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    while journal.state().syncs == before {
        assert!(tokio::time::Instant::now() < deadline, "never synced");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn segments_follow_each_other_without_gap() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for _ in 0..120 {
                allow(&journal, Level::Write).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert!(found.segments > 3, "{} segments", found.segments);
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.records, 960 * 2 + 2);
    let sealed = segments(folder.path())[0].metadata().unwrap();
    assert!(sealed.permissions().readonly(), "sealed");
    let journal = open(folder.path());
    journal.close().await.unwrap();
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn a_second_process_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let refused = try_open(folder.path(), Arc::new(RealDisk)).unwrap_err();
    assert_eq!(refused.exit_code(), 75);
    let JournalError::Locked { owner, .. } = &refused else {
        panic!("{refused}");
    };
    assert!(owner.contains(&format!("pid {}", std::process::id())));
    deny(&journal, Level::Sync).await.unwrap();
}

#[tokio::test]
async fn after_closing_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.close().await.unwrap();
    let refused = deny(&journal, Level::Sync).await.unwrap_err();
    assert_eq!(refused, Reason::AuditUnavailable);
    assert!(journal.close().await.is_err());
    assert!(!journal.is_ready());
}

#[tokio::test]
async fn a_folder_of_another_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().await.unwrap();
    let mut other = settings(folder.path());
    other.origin = "stile.example.com/other".to_owned();
    let refused = Journal::open(other, Clock::machine(), identity()).unwrap_err();
    assert_eq!(refused.exit_code(), 78);
    let said = refused.to_setup_error().to_string();
    assert!(said.contains("`stile.example.com/main`"), "{said}");
}

#[tokio::test]
async fn a_reload_names_the_new_settings_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.adopt_config("sha256:11");
    let detail = [("config", serde_json::Value::from("sha256:11"))];
    journal.note(Note::ConfigReload, &detail).await.unwrap();
    let record = json(records(folder.path()).last().unwrap());
    assert_eq!(record["event"], "config.reload");
    assert_eq!(record["config"], "sha256:11");
    assert_eq!(record["detail"]["config"], "sha256:11");
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let payload = vec![b' '; 60_001];
    let refused = journal.submit(Kind::Decision, payload, Level::Sync).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::AuditUnavailable);
    assert_eq!(records(folder.path()).len(), 1, "the start");
}

#[test]
fn hostile_values_come_back_exactly_and_on_one_line() {
    let hostile = [
        "a\nb\r\nc",
        "\"quote\" \\ back",
        "\u{1b}[31mred\u{1b}]8;;http://x\u{7}",
        "nul\0nul",
        "\u{202e}bidi\u{2066}",
        "line\u{2028}paragraph\u{2029}",
        "${jndi:ldap://x}",
        "\u{7f}\u{85}\u{9b}",
        "\u{1f600}\u{fffd}",
    ];
    for text in hostile {
        let mut seen = sighting(Uuid::nil());
        seen.path = Some(text);
        seen.host = Some(text);
        seen.method = Some(text);
        seen.user_agent = Some(text.as_bytes());
        let line = rendered(seen, "deny", Level::Sync).whole();
        assert!(line.iter().all(|byte| *byte >= 0x20), "{text:?}");
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        for field in ["path", "host", "method", "ua"] {
            assert_eq!(read[field], text, "{field}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_kept_beside_the_text() {
    let mut seen = sighting(Uuid::nil());
    seen.user_agent = Some(b"curl\xff\xfe");
    let read: serde_json::Value =
        serde_json::from_slice(&rendered(seen, "deny", Level::Sync).whole()).unwrap();
    assert_eq!(read["ua"], "curl\u{fffd}\u{fffd}");
    assert_eq!(read["ua_hex"], "6375726cfffe");
}

#[test]
fn long_values_are_cut_with_size_and_hash_and_never_too_large_together() {
    let long = "\u{1}".repeat(100_000);
    let query = "name=1&".repeat(10_000);
    let mut seen = sighting(Uuid::nil());
    seen.path = Some(&long);
    seen.host = Some(&long);
    seen.method = Some(&long);
    seen.user_agent = Some(long.as_bytes());
    seen.query = Some(&query);
    let line = rendered(seen, "deny", Level::Sync).whole();
    assert!(line.len() < 60_000, "{}", line.len());
    let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
    let digest = stile::record::frame::hex(&stile::record::frame::sha256(&[long.as_bytes()]));
    for field in ["path", "host", "method", "ua"] {
        assert!(long.starts_with(read[field].as_str().unwrap()));
        assert_eq!(read["cut"][field], serde_json::json!([100_000, digest]));
    }
    assert!(read["cut"]["query_keys"][0].as_u64().unwrap() > 10_000);
}

#[test]
fn values_of_a_query_are_never_recorded() {
    let canary = "c4nary-s3cr3t";
    let queries = [
        format!("token={canary}"),
        format!("a=1&key={canary}&b"),
        canary.to_owned(),
        format!("&{canary}&"),
        format!("{canary}%3d1"),
        format!("a={canary}={canary}"),
        format!("{canary} x=1"),
        format!("a=1;{canary}=2"),
        format!("{}{canary}=1", "x".repeat(60)),
    ];
    for query in &queries {
        let mut seen = sighting(Uuid::nil());
        seen.query = Some(query);
        let line = rendered(seen, "deny", Level::Sync).whole();
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains(canary), "{query}: {line}");
    }
    let mut seen = sighting(Uuid::nil());
    seen.query = Some("page=1&per_page=2&filter[x]=3&bare");
    let line: serde_json::Value =
        serde_json::from_slice(&rendered(seen, "deny", Level::Sync).whole()).unwrap();
    assert_eq!(
        line["query_keys"],
        serde_json::json!(["page", "per_page", "filter[x]", "*"])
    );
}
