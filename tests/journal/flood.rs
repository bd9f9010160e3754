//! Floods of strangers: they are refused first, they share records, and every answer is counted.

use std::net::IpAddr;
use std::time::Duration;

use stile::record::Verdict;
use stile::refusal::Refusal;
use tokio::task::JoinSet;

use super::faults::{Call, Faulty, until};
use super::*;

async fn refuse(journal: &Journal, reason: Reason, peer: &str) -> Result<u64, Reason> {
    let mut seen = sighting(Uuid::now_v7());
    seen.peer = SocketAddr::from((peer.parse::<IpAddr>().unwrap(), 51_123));
    let refusal = Refusal::new(reason);
    let stored = journal.refuse(seen, &refusal, None, None, None).await;
    stored.map_err(|refusal| refusal.reason())
}

/// A journal whose flood begins with the refusal after so many, on a clock that a test moves.
fn open_with(folder: &Path, threshold: u64, clock: &Clock) -> Journal {
    let mut with = settings(folder);
    with.flood_threshold = threshold;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let opened = Journal::open_on(with, clock.clone(), identity(), disk).unwrap();
    opened.journal
}

/// The moment of [`sighting`]: 88,123 ms after the machine's start.
fn clock() -> Clock {
    Clock::fixed(Time::from_ms(88_123))
}

#[tokio::test]
async fn the_counts_of_shared_records_and_the_records_of_their_own_are_all_answers_given() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let journal = open_with(folder.path(), 50, &clock);
    let mut answers = JoinSet::new();
    for number in 0..400_usize {
        let journal = journal.clone();
        let reason = match number % 4 {
            0 => Reason::Expired,
            _ => Reason::NoCredential,
        };
        answers.spawn(async move {
            let peer = format!("198.51.{}.9", number % 40);
            refuse(&journal, reason, &peer).await.unwrap()
        });
    }
    let seqs: Vec<u64> = answers.join_all().await;
    assert!(journal.is_flooded());
    assert_eq!(journal.state().shared_refusals, 350);
    clock.set(Time::from_ms(96_123));
    until(|| !journal.is_flooded()).await;
    let mut later = sighting(Uuid::now_v7());
    later.mono_ns = 96_123_000_000;
    let refusal = Refusal::new(Reason::NoCredential);
    let own = journal.refuse(later, &refusal, None, None, None).await;
    own.unwrap();
    journal.close().await.unwrap();

    let all = records(folder.path());
    let json: Vec<serde_json::Value> = all.iter().map(json).collect();
    let shared: Vec<_> = json.iter().filter(|r| r.get("count").is_some()).collect();
    let own = json.iter().filter(|r| r["kind"] == "decision").count() - shared.len();
    let counted: u64 = shared.iter().map(|r| r["count"].as_u64().unwrap()).sum();
    assert_eq!((own, counted), (51, 350));
    let reasons = |reason: &str| -> u64 {
        let of = shared.iter().filter(|r| r["reason"] == reason);
        of.map(|r| r["count"].as_u64().unwrap()).sum()
    };
    assert!(reasons("expired") > 0 && reasons("no_credential") > 0);
    for record in &shared {
        let told = record["networks"].as_object().unwrap().values();
        let told: u64 = told.map(|count| count.as_u64().unwrap()).sum();
        let others = record["networks_other"].as_u64().unwrap_or(0);
        assert_eq!(told + others, record["count"].as_u64().unwrap(), "{record}");
        assert!(record["networks"].as_object().unwrap().len() <= 32);
        assert!(record["first"].as_u64() <= record["last"].as_u64());
    }
    // Whoever shares is told the number of the record that counts them, and that was stored first.
    let of_shared = |seq: &&u64| json[usize::try_from(**seq).unwrap()].get("count").is_some();
    assert_eq!(seqs.iter().filter(of_shared).count(), 350);
    let at = |event: &str| json.iter().position(|r| r["event"] == event).unwrap();
    let first = json.iter().position(|r| r.get("count").is_some()).unwrap();
    let last = json.iter().rposition(|r| r.get("count").is_some()).unwrap();
    assert!(at("flood.begin") < first && last < at("flood.end"));
    assert_eq!(json[at("flood.end")]["detail"]["answered"], 350);
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn nobody_is_answered_before_the_shared_record_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let mut with = settings(folder.path());
    (with.flood_threshold, with.commit_ms) = (5, 300);
    let on: Arc<dyn Disk> = disk.clone();
    let journal = Journal::open_on(with, clock(), identity(), on)
        .unwrap()
        .journal;
    for _ in 0..5 {
        refuse(&journal, Reason::NoCredential, "192.0.2.1")
            .await
            .unwrap();
    }
    let gate = disk.hang(Call::SyncData);
    let refused = refuse(&journal, Reason::NoCredential, "192.0.2.1").await;
    assert_eq!(
        refused.unwrap_err(),
        Reason::AuditUnavailable,
        "its sync hangs"
    );
    drop(gate);
    until(|| journal.is_ready()).await;
    journal.close().await.unwrap();
    assert_eq!(verified(folder.path()).unrecorded, 1, "and that is counted");
}

#[tokio::test]
async fn a_stop_in_a_flood_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), 5, &clock());
    for _ in 0..5 {
        refuse(&journal, Reason::NoCredential, "192.0.2.1")
            .await
            .unwrap();
    }
    let one = journal.clone();
    let waits = tokio::spawn(async move { refuse(&one, Reason::NoCredential, "192.0.2.1").await });
    until(|| journal.is_flooded()).await;
    journal.close().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(5), waits).await;
    assert_eq!(waited.unwrap().unwrap(), Err(Reason::AuditUnavailable));
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn when_many_wait_strangers_are_refused_before_the_known() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let mut small = settings(folder.path());
    (small.queue, small.flood_threshold) = (8, 0);
    let on: Arc<dyn Disk> = disk.clone();
    let journal = Journal::open_on(small, Clock::machine(), identity(), on)
        .unwrap()
        .journal;
    let gate = disk.hang(Call::SyncData);
    let mut waiting = JoinSet::new();
    let first = journal.clone();
    waiting.spawn(async move { allow(&first, Level::Sync).await.map(|(seq, _)| seq) });
    until(|| journal.state().next_seq == 2).await;
    for _ in 0..6 {
        let journal = journal.clone();
        waiting.spawn(async move { refuse(&journal, Reason::NoCredential, "192.0.2.1").await });
    }
    until(|| journal.state().waiting == 6).await;
    let stranger = refuse(&journal, Reason::NoCredential, "192.0.2.1").await;
    assert_eq!(stranger.unwrap_err(), Reason::AuditBackpressure);
    for _ in 0..2 {
        let journal = journal.clone();
        waiting.spawn(async move { allow(&journal, Level::Sync).await.map(|(seq, _)| seq) });
    }
    until(|| journal.state().waiting == 8).await;
    let known = allow(&journal, Level::Sync).await.map(|(seq, _)| seq);
    assert_eq!(
        known.unwrap_err(),
        Reason::AuditBackpressure,
        "now it is full for all"
    );
    drop(gate);
    for stored in waiting.join_all().await {
        stored.unwrap();
    }
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!((found.verdict, found.unrecorded), (Verdict::Verified, 2));
}

#[tokio::test]
async fn a_record_that_is_overwritten_behind_the_sync_is_counted_as_lost() {
    use std::os::unix::fs::FileExt;
    // The tree's thread reads back ten times a second: it may have been there before us.
    for attempt in 0.. {
        assert!(attempt < 50, "never found");
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        deny(&journal, Level::Sync).await.unwrap();
        let path = segments(folder.path())[0].clone();
        let last = frames(&std::fs::read(&path).unwrap())
            .last()
            .unwrap()
            .clone();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_at(b"#", u64::try_from(last.end).unwrap() - 9)
            .unwrap();
        let begun = std::time::Instant::now();
        while journal.state().lost == 0 && begun.elapsed() < Duration::from_millis(300) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if journal.state().lost > 0 {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            assert_eq!(
                journal.state().lost,
                1,
                "looked at again, it is the same one"
            );
            return;
        }
    }
}

#[tokio::test]
async fn nothing_is_counted_as_lost_through_full_queues_faults_and_floods() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), 50, &clock());
    let mut answers = JoinSet::new();
    for _ in 0..3_000 {
        let journal = journal.clone();
        answers.spawn(async move {
            let _ = refuse(&journal, Reason::NoCredential, "192.0.2.1").await;
            let _ = allow(&journal, Level::Write).await;
        });
    }
    answers.join_all().await;
    until(|| journal.tree().signed + 100 > journal.state().next_seq || journal.state().lost > 0)
        .await;
    assert_eq!(journal.state().lost, 0);
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
}
