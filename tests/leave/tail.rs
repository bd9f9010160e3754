//! `stile audit tail`: the last lines, those that come, and an orderly end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use stile_kit::World;

use super::ask_times;
use crate::support::{self, program, world};

fn tail(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(["--config", "stile.yaml", "audit", "tail"])
        .args(words);
    command.current_dir(folder).stdin(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Segments as small as they may be, so that some are full soon.
async fn world_of_small_segments() -> World {
    let ground = support::ground().await;
    let ground = ground.with(
        "  folder: journal\n",
        "  folder: journal\n  segment_bytes: 131072\n",
    );
    ground.serve(program()).await.unwrap()
}

#[tokio::test]
async fn the_last_rows_are_shown_each_with_a_sign_a_word_and_what_there_is_to_say() {
    let world = world().await;
    ask_times(&world, 30).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let shown = |words: &[&str]| lines(&tail(folder.path(), words).output().unwrap());
    let usual = shown(&[]);
    assert_eq!(usual.len(), 10, "{usual:?}");
    let last = usual.last().unwrap();
    assert!(last.contains("… stop"), "{last}");
    let deny = &usual[8];
    for piece in [
        "Z  ✗ deny ",
        "acme/shop/api @ feat/x",
        "streams.create",
        "policy_denied",
    ] {
        assert!(deny.contains(piece), "{piece}: {deny}");
    }
    let allow = &usual[7];
    for piece in ["✓ allow ", "acme/shop/api @ main", " 200 ", " ms"] {
        assert!(allow.contains(piece), "{piece}: {allow}");
    }
    assert!(
        !usual.join("").contains('\x1b'),
        "nobody looks, so there is no colour"
    );
    assert_eq!(shown(&["-n", "3"]), usual[7..]);
    assert_eq!(shown(&["-n", "0"]), [""; 0]);
    let denied = shown(&["decision:deny", "-n", "100"]);
    assert_eq!(denied.len(), 15);
    assert!(denied.iter().all(|line| line.contains("✗ deny")));
    let there = shown(&["--zone", "Europe/Berlin", "-n", "1"]);
    assert!(
        there[0].contains("+01:00") || there[0].contains("+02:00"),
        "{there:?}"
    );
    let colored = tail(folder.path(), &["--color", "always"])
        .output()
        .unwrap();
    let colored = lines(&colored).join("\n");
    assert!(colored.contains("\x1b[1;32m✓ allow") && colored.contains("\x1b[1;31m✗ deny"));
    let plain = tail(folder.path(), &["--color", "auto"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(lines(&plain), usual);
    let whole = shown(&["--format", "jsonl", "decision:allow"]);
    let whole: Vec<Value> = whole
        .iter()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(whole.len(), 10);
    assert!(
        whole
            .iter()
            .all(|row| row["outcome"]["ref"] == row["record"]["id"])
    );
}

#[tokio::test]
async fn mistakes_are_told_with_the_codes_of_mistakes() {
    let world = world().await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    for (words, code, told) in [
        (&["aciton:x"][..], 2, "did you mean `action`?"),
        (&["team:nobody"], 2, "no team is `nobody`"),
        (&["--zone", "Mars/Phobos"], 2, "is not a time zone"),
        (&["--format", "csv"], 2, "a tail has no end"),
        (&["--journal", "nowhere"], 2, "there is no folder `nowhere`"),
    ] {
        let output = tail(folder.path(), words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
}

struct Following {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Following {
    fn start(folder: &Path, words: &[&str]) -> Following {
        let mut command = tail(
            folder,
            &[&["--follow", "--format", "jsonl"], words].concat(),
        );
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Following { child, out }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let ended = self.child.wait_with_output().unwrap();
        rest += &String::from_utf8_lossy(&ended.stderr);
        (ended.status.code(), rest)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_shown_once_across_segments_until_ctrl_c_which_is_an_end_in_order() {
    let world = world_of_small_segments().await;
    ask_times(&world, 6).await;
    let folder = world.stile.folder().path().to_owned();
    let mut following = Following::start(&folder, &["kind:job", "-n", "2"]);
    let mut seen = vec![following.next(), following.next()];
    ask_times(&world, 150).await;
    seen.extend((0..150).map(|_| following.next()));
    let segments = std::fs::read_dir(folder.join("journal")).unwrap();
    let segments = segments.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".seg")
    });
    assert!(segments.count() >= 3, "it went across segments");
    let (code, rest) = following.interrupt();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    let seqs: Vec<u64> = seen
        .iter()
        .map(|row| row["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    let ended = seen
        .iter()
        .filter(|row| row["record"]["decision"] == "allow");
    assert!(ended.clone().all(|row| row["outcome"]["status"] == 200));
    assert_eq!(ended.count(), 76);
    world.stile.stop().await.unwrap();
}
