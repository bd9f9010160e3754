//! The real program keeps an index while it serves, and answers from it on the command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use stile_kit::{Call, World};

use crate::support::{ask, program, whole, world};

pub(super) fn stile(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["--config", "stile.yaml"]).args(words);
    let command = command.current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

pub(super) fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Two jobs ask for the same, one of them from a branch that may not.
async fn asked_twice() -> World {
    let world = world().await;
    let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
    for token in [world.job_token(json!({})), world.feature_token()] {
        let call = world.api("POST", "X/streams").token(&token);
        ask(
            &world,
            call.body("application/vnd.api+json", body.to_string()),
        )
        .await;
    }
    world
}

async fn readiness(world: &World) -> Value {
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
    ready.send().await.unwrap().json()
}

#[tokio::test]
async fn what_was_served_is_found_on_the_command_line_in_every_format() {
    let World {
        stile: serving,
        upstream: _upstream,
        ..
    } = asked_twice().await;
    let (status, folder, told) = serving.stop().await.unwrap();
    assert!(status.success(), "{told}");
    let query = |words: &[&str]| {
        let words = [&["audit", "query"], words].concat();
        let output = stile(folder.path(), &words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        said(&output).0
    };
    let allowed = "decision:allow action:streams.create status:200";
    assert_eq!(query(&[allowed, "--count"]), "1\n");
    assert_eq!(query(&["kind:job", "--count"]), "2\n");
    let line: Value = serde_json::from_str(&query(&[allowed, "--format", "jsonl"])).unwrap();
    assert_eq!(line["record"]["op"], "streams.create");
    assert_eq!(line["outcome"]["ref"], line["record"]["id"]);
    assert!(line["outcome_seq"].as_u64() > line["seq"].as_u64());
    let all: Value = serde_json::from_str(&query(&["kind:job", "--format", "json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[1], line, "the newest comes first");
    let oldest = query(&[
        "kind:job", "--format", "jsonl", "--sort", "oldest", "--limit", "1",
    ]);
    assert_eq!(serde_json::from_str::<Value>(&oldest).unwrap(), line);
    assert_eq!(query(&["person:nobody", "--format", "json"]), "[]\n");
    let csv = query(&[allowed, "--format", "csv"]);
    assert!(csv.starts_with("time,decision,who,action,"), "{csv}");
    assert!(csv.contains("acme/"), "{csv}");
    let table = query(&["reason:policy_denied"]);
    assert!(
        table.contains("deny") && table.lines().count() == 2,
        "{table}"
    );
    for text in [allowed, "kind:job", "record:event", "not decision:deny", ""] {
        let formats = ["--format", "jsonl", "--limit", "0"];
        let indexed = query(&[&[text][..], &formats].concat());
        let scanned = query(&[&[text, "--scan"][..], &formats].concat());
        assert_eq!(indexed, scanned, "{text}");
    }
    whole(&folder);
}

#[tokio::test]
async fn mistakes_are_told_with_the_codes_of_mistakes() {
    let world = world().await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let asked = |words: &[&str]| {
        let output = stile(folder.path(), words);
        (output.status.code().unwrap(), said(&output).1)
    };
    let (code, told) = asked(&["audit", "query", "aciton:x"]);
    assert_eq!(code, 2);
    assert!(
        told.contains("column 1") && told.contains("did you mean `action`?"),
        "{told}"
    );
    let (code, told) = asked(&["audit", "query", "team:nobody"]);
    assert_eq!(code, 2);
    assert!(told.contains("no team is `nobody`"), "{told}");
    let (code, told) = asked(&["audit", "query", "", "--zone", "Europe/Nowhere"]);
    assert_eq!(code, 2, "{told}");
    assert_eq!(asked(&["audit", "query", "team:payments"]).0, 0);

    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join("journal").join(name));
    }
    let (code, told) = asked(&["audit", "query", ""]);
    assert_eq!(code, 3);
    assert!(
        told.contains("there is no index") && told.contains("stile audit index"),
        "{told}"
    );
    assert_eq!(asked(&["audit", "query", "", "--scan"]).0, 0);
    assert_eq!(asked(&["audit", "index"]).0, 0);
    assert_eq!(asked(&["audit", "query", ""]).0, 0);
    assert_eq!(asked(&["audit", "index", "--rebuild"]).0, 0);
}

#[tokio::test]
async fn how_far_the_index_is_can_be_seen_and_a_damaged_one_stops_nothing() {
    let world = asked_twice().await;
    let mut looks = 0;
    loop {
        let ready = readiness(&world).await;
        if ready["index"]["behind"] == 0 && ready["index"]["records"].as_u64() > Some(3) {
            assert_eq!(ready["index"]["state"], "ready");
            break;
        }
        looks += 1;
        assert!(looks < 500, "{ready}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = Call::new("GET", format!("{}/metrics", world.stile.admin));
    let page = page.send().await.unwrap().text();
    assert!(page.contains("stile_index_behind_records 0"), "{page}");
    assert!(page.contains("stile_index_failing 0"), "{page}");
    let index = world.stile.folder().path().join("journal/index.sqlite");
    std::fs::write(&index, "no database at all ".repeat(4000)).unwrap();
    let answer = ask(
        &world,
        world
            .api("GET", "X/streams")
            .token(&world.job_token(json!({}))),
    )
    .await;
    assert!(answer.status.as_u16() < 500, "{answer:?}");
    let (status, folder, told) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{told}");
    whole(&folder);
}
