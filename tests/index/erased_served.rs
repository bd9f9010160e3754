//! The real program erases while it serves and where it does not, and a hold keeps it from that.

use std::time::{Duration, Instant};

use serde_json::json;

use super::served::{said, stile};
use crate::support::{ask, world};

const WORD: [&str; 5] = ["--reason", "request 2031", "--authority", "office", "--yes"];

#[tokio::test]
async fn a_person_is_erased_by_the_serving_program_and_no_query_finds_them() {
    let world = world().await;
    let token = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
    for token in [&token, &world.job_token(json!({}))] {
        let call = world.api("POST", "X/streams").token(token);
        ask(
            &world,
            call.body("application/vnd.api+json", body.to_string()),
        )
        .await;
    }
    let journal = world.stile.journal();
    let folder = journal.parent().unwrap().to_owned();
    let run = async |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let folder = folder.clone();
        let running = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            stile(&folder, &words)
        });
        running.await.unwrap()
    };
    let person = "person:mira@acme.example";
    let erase = [&["audit", "erase", person], &WORD[..]].concat();
    let count = [&["audit", "query", person, "--count", "--scan"][..]].concat();
    assert_eq!(said(&run(&count).await).0, "1\n");

    let dry = run(&[&erase[..7], &["--dry-run"]].concat()).await;
    assert!(
        dry.status.success() && said(&dry).0.starts_with("1 records"),
        "{dry:?}"
    );
    let unmeant = run(&erase[..7]).await;
    assert_eq!(unmeant.status.code(), Some(2), "{unmeant:?}");
    let named = [
        "audit",
        "erase",
        person,
        "--reason",
        "Mira@acme.example asks",
    ];
    let named = run(&[&named[..], &erase[5..]].concat()).await;
    assert_eq!(named.status.code(), Some(2), "{named:?}");

    let hold = [
        "audit",
        "hold",
        "add",
        "--from",
        "1d",
        "--reason",
        "case 17",
        "--authority",
        "c",
    ];
    let held = run(&hold).await;
    assert!(held.status.success(), "{held:?}");
    let id = said(&held).0.split(' ').nth(1).unwrap().to_owned();
    let blocked = run(&erase).await;
    assert!(!blocked.status.success(), "{blocked:?}");
    assert!(said(&blocked).1.contains("case 17"), "{blocked:?}");
    assert!(
        said(&run(&["audit", "hold", "list"]).await)
            .0
            .contains("case 17")
    );
    assert_eq!(said(&run(&count).await).0, "1\n");
    let lifted = run(&[
        "audit",
        "hold",
        "lift",
        &id,
        "--reason",
        "closed",
        "--authority",
        "c",
    ])
    .await;
    assert!(lifted.status.success(), "{lifted:?}");

    let erased = run(&erase).await;
    assert!(erased.status.success(), "{erased:?}");
    assert!(
        said(&erased).0.starts_with("erased what 1 records"),
        "{erased:?}"
    );
    assert_eq!(said(&run(&count).await).0, "0\n");
    let begun = Instant::now();
    while said(&run(&["audit", "query", person, "--count"]).await).0 != "0\n" {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the index knows them still"
        );
    }
    assert!(said(&run(&erase).await).0.starts_with("nothing to erase"));

    let (status, folder, told) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{told}");
    // With nobody serving the command opens the journal itself, and brings the index up.
    let all = [&["audit", "erase", "ip:*"], &WORD[..]].concat();
    let erased = stile(folder.path(), &all);
    assert!(erased.status.success(), "{erased:?}");
    let left = stile(folder.path(), &["audit", "query", "ip:*", "--count"]);
    assert_eq!(said(&left).0, "0\n", "{left:?}");
    let verified = stile(folder.path(), &["audit", "verify", "--format", "json"]);
    let verified: serde_json::Value = serde_json::from_str(&said(&verified).0).unwrap();
    assert_eq!(verified["break_count"], 0, "{verified}");
    assert!(verified["erased"].as_u64().unwrap() >= 2, "{verified}");
    assert_eq!(verified["disclosed"], 0);
}
