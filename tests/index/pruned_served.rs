//! The real program prunes what is too old when it starts, and its index forgets it; by hand it goes too.

use std::path::Path;

use serde_json::{Value, json};
use stile::clock::{Clock, Time};
use stile::record::{Identity, Journal, JournalSettings, Note};

use super::served::{said, stile};
use crate::support::{ask, ground, program};

const DAY_MS: u64 = 24 * 3_600_000;

/// A journal of several segments, of which two records an hour were written up to now.
async fn aged(folder: &Path, days: u64) {
    let clock = Clock::machine();
    let begin = clock.now().as_ms() - days * DAY_MS;
    let clock = Clock::fixed(Time::from_ms(begin));
    let settings = JournalSettings {
        folder: folder.to_owned(),
        origin: "stile.example.com/world".to_owned(),
        levels: Default::default(),
        segment_bytes: 128 * 1024,
        queue: 1_024,
        flood_threshold: 2_000,
        compress: false,
        commit_ms: 10_000,
        retention: Default::default(),
        tree: Default::default(),
    };
    let identity = Identity {
        version: "1".to_owned(),
        config_digest: "sha256:00".to_owned(),
    };
    let opened = Journal::open(settings, clock.clone(), identity).unwrap();
    for n in 0..days * 24 {
        clock.set(Time::from_ms(begin + n * DAY_MS / 24));
        let note = Note::ConfigReload;
        let detail = [("config", Value::from("x".repeat(400)))];
        opened.journal.note(note, &detail).await.unwrap();
    }
    opened.journal.close().await.unwrap();
}

#[tokio::test]
async fn what_is_too_old_goes_at_the_start_and_no_query_finds_it() {
    let small = "  folder: journal\n  segment_bytes: 131072\n  keep_days: 20\n";
    let ground = ground().await.with("  folder: journal\n", small);
    let folder = ground.folder().path().to_owned();
    aged(&folder.join("journal"), 60).await;
    let run = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let folder = folder.clone();
        let running = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            stile(&folder, &words)
        });
        running.await.unwrap()
    };
    ground.write().unwrap();
    let indexed = run(&["audit", "index"]).await;
    assert!(indexed.status.success(), "{indexed:?}");
    let count = async || {
        let counted = run(&["audit", "query", "--count"]).await;
        said(&counted).0.trim().parse::<u64>().unwrap()
    };
    let before = count().await;
    assert!(before > 1_400, "{before}");

    let world = ground.serve(program()).await.unwrap();
    world.stile.waits_for("pruned what is older").await.unwrap();
    let token = world.job_token(json!({}));
    ask(&world, world.api("GET", "X/streams").token(&token)).await;
    let first = stile::record::follow::first_seq(&world.stile.journal());
    let first = first.unwrap().unwrap();
    assert!(first > 500, "{first}");
    // The index follows the journal, and the last outcome may just be on its way into both.
    let (mut left, mut scanned) = (0, 1);
    for _ in 0..200 {
        left = count().await;
        let scan = run(&["audit", "query", "--count", "--scan"]).await;
        scanned = said(&scan).0.trim().parse::<u64>().unwrap();
        if left < before - first + 100 && left == scanned {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(left, scanned, "{before} {first}");
    assert!(left < before - first + 100, "{left} {before} {first}");
    let old = run(&["audit", "query", "until:30d", "--count"]).await;
    assert_eq!(said(&old).0.trim(), "0");

    let verified = run(&["audit", "verify", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&said(&verified).0).unwrap();
    assert_eq!(report["break_count"], 0, "{report}");
    assert_eq!(report["pruned"]["before"], first);
    let text = said(&run(&["audit", "verify"]).await).0;
    assert!(
        text.contains(&format!("pruned    the records before {first}")),
        "{text}"
    );

    let words = ["--reason", "rule 7", "--authority", "policy 4"];
    let prune = |days, how| {
        let begin = ["audit", "prune", "--older-than", days];
        [&begin[..], &words[..], &[how]].concat()
    };
    let nothing = run(&prune("30", "--dry-run")).await;
    assert!(
        said(&nothing).0.starts_with("nothing to take away"),
        "{nothing:?}"
    );
    let dry = run(&prune("10", "--dry-run")).await;
    assert!(said(&dry).0.contains(" would go: "), "{dry:?}");
    let begin = ["audit", "prune", "--older-than", "10"];
    let unmeant = run(&[&begin[..], &words[..]].concat()).await;
    assert_eq!(unmeant.status.code(), Some(2), "{unmeant:?}");
    let now = stile::record::follow::first_seq(&world.stile.journal()).unwrap();
    assert_eq!(now, Some(first), "nothing went that was not meant");
    let done = run(&prune("10", "--yes")).await;
    assert!(said(&done).0.starts_with("took "), "{done:?}");
    let now = stile::record::follow::first_seq(&world.stile.journal()).unwrap();
    assert!(now.unwrap() > first);

    let (status, _folder, told) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{told}");
    let again = run(&prune("5", "--yes")).await;
    assert!(said(&again).0.starts_with("took "), "{again:?}");
    let verified = run(&["audit", "verify", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&said(&verified).0).unwrap();
    assert_eq!(report["verdict"], "intact", "{report}");
    let scanned = run(&["audit", "query", "--count", "--scan"]).await;
    assert_eq!(count().await.to_string(), said(&scanned).0.trim());
}

#[tokio::test]
async fn what_has_yet_to_leave_stays() {
    let journal = "  folder: journal\n  segment_bytes: 131072\n  keep_days: 20\n";
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let mut ground = ground().await.with("  folder: journal\n", journal);
    ground.settings.push_str(&format!(
        "leave:\n  - {{ name: siem, kind: otlp, url: \"http://{address}/v1/logs\" }}\n"
    ));
    let folder = ground.folder().path().to_owned();
    aged(&folder.join("journal"), 40).await;
    let world = ground.serve(program()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let first = stile::record::follow::first_seq(&world.stile.journal());
    assert_eq!(first.unwrap(), Some(0));
    let words = [
        "audit",
        "prune",
        "--older-than",
        "20",
        "--reason",
        "r",
        "--authority",
        "a",
        "--dry-run",
    ];
    let dry = tokio::task::spawn_blocking(move || stile(&folder, &words))
        .await
        .unwrap();
    assert!(
        said(&dry).0.contains("`siem` has yet to take record 0"),
        "{dry:?}"
    );
    world.stile.stop().await.unwrap();
}
