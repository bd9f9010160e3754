//! The real program exports while it serves, and what it counts is what it writes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::bundle::files;
use crate::support::{ask, program, whole, world};

fn stile(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["--config", "stile.yaml"]).args(words);
    let command = command.current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn yes(folder: &Path, words: &[&str]) -> String {
    let output = stile(folder, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_count_on_the_page_is_the_count_in_every_file() {
    let world = world().await;
    let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
    for _ in 0..4 {
        for token in [world.job_token(json!({})), world.feature_token()] {
            let call = world.api("POST", "X/streams").token(&token);
            let call = call.body("application/vnd.api+json", body.to_string());
            ask(&world, call).await;
        }
    }
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let at = folder.path();
    yes(at, &["audit", "index"]);
    let log = std::fs::read_to_string(at.join("journal/vkeys")).unwrap();
    let log = log.lines().next().unwrap().strip_prefix("log ").unwrap();
    for text in ["kind:job since:1d", "decision:deny", "", "person:nobody"] {
        let counted = yes(at, &["audit", "query", text, "--count"]);
        let count: usize = counted.trim().parse().unwrap();
        let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
        let out = |name: &str, more: &[&str]| {
            let words = [&["audit", "export", text, "-o", name], more].concat();
            let said = yes(at, &words);
            assert!(said.contains(&format!("{name}: {count} rows")), "{said}");
            read(name)
        };
        assert_eq!(out("rows.csv", &[]).lines().count(), count + 1, "{text}");
        assert_eq!(out("rows.jsonl", &[]).lines().count(), count);
        assert_eq!(out("rows.ocsf.jsonl", &[]).lines().count(), count);
        let events = out("events", &["--format", "ocsf"]);
        assert_eq!(events, read("rows.ocsf.jsonl"));
        assert_eq!(out("scanned.jsonl", &["--scan"]), read("rows.jsonl"));
        let bundle = ["audit", "export", text, "--bundle", "q.tar", "--by", "Anna"];
        yes(at, &bundle);
        let inside = files(&at.join("q.tar"));
        assert_eq!(inside["data.jsonl"], read("rows.jsonl").into_bytes());
        let manifest: Value = serde_json::from_slice(&inside["MANIFEST.json"]).unwrap();
        assert_eq!(manifest["rows"], count);
        assert_eq!(manifest["exported_by"], "Anna");
        let said = yes(at, &["audit", "verify", "q.tar", "--vkey", log]);
        let word = if count > 0 { "VERIFIED" } else { "INTACT" };
        assert!(said.lines().last().unwrap().starts_with(word), "{said}");
        let said = yes(at, &["audit", "verify", "q.tar", "--format", "json"]);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&said["verdict"], &said["rows"]),
            (&json!("intact"), &json!(count))
        );
    }
    let mut bytes = std::fs::read(at.join("q.tar")).unwrap();
    bytes[3000] ^= 1;
    std::fs::write(at.join("changed.tar"), bytes).unwrap();
    let output = stile(at, &["audit", "verify", "changed.tar"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("WRONG") && said.contains("INVALID"), "{said}");
    whole(&folder);
}

#[tokio::test]
async fn spans_and_mistakes_are_told_in_words() {
    let world = world().await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let at = folder.path();
    yes(at, &["audit", "index"]);
    fn export<'w>(more: &[&'w str]) -> Vec<&'w str> {
        [&["audit", "export", "-o", "x.csv"], more].concat()
    }
    for (words, word) in [
        (export(&["--quarter", "2026Q5"]), "is no quarter"),
        (export(&["--from", "2026-02-30"]), "is no day"),
        (
            export(&["--from", "2026-07-02", "--to", "2026-07-01"]),
            "lies behind",
        ),
        (export(&["--zone", "Mars"]), "is not a time zone"),
        (export(&["aciton:x"]), "did you mean `action`?"),
        (
            vec!["audit", "export", "-o", "rows"],
            "the file's form is not said",
        ),
        (
            vec!["audit", "query", "--format", "ocsf"],
            "is a format of `stile audit export`",
        ),
    ] {
        let output = stile(at, &words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(word), "{words:?}: {said}");
        assert!(!at.join("x.csv").exists() && !at.join("x.csv.partial").exists());
    }
    for more in [
        vec!["--quarter", "2026Q3", "--zone", "Europe/Berlin"],
        vec!["--from", "2026-07-01"],
        vec!["--to", "2026-07-01"],
    ] {
        yes(at, &export(&more));
    }
    let output = stile(at, &["audit", "export", "-o", "no/such/folder.csv"]);
    assert_eq!(output.status.code(), Some(3));
}
