//! A third party's program over what stile wrote: Tessera's `fsck` reads the whole log by its tiles
//! and checks it against the checkpoint, with nothing of ours but the log's vkey.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use stile_kit::World;

use super::{must_be_there, tools};
use crate::support;

/// A program that the installer put there, or a word about what is missing. It needs Go to be built,
/// which is more than the other callers ask for.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = tools().join("bin").join(name);
    if path.exists() {
        return Some(path);
    }
    let go = Command::new("go").arg("version").output();
    let could = go.is_ok_and(|said| said.status.success());
    let missing = "run scripts/install-test-tools.sh with Go 1.26 or newer";
    assert!(!(must_be_there() && could), "{name} cannot run: {missing}");
    eprintln!("skipped {name}: {missing}");
    None
}

/// The closed journal of the real program.
async fn written() -> (World, tempfile::TempDir) {
    let world = support::ground().await;
    let world = world.serve(support::program()).await.expect("stile starts");
    let token = world.job_token(json!({}));
    for _ in 0..300 {
        let body = json!({"data": {"type": "stream", "attributes": {"query": "q"}}});
        let call = world.api("POST", "X/streams").token(&token);
        support::ask(&world, call.body("application/json", body.to_string())).await;
    }
    let copy = tempfile::tempdir().expect("a folder");
    (world, copy)
}

pub(super) fn vkey(journal: &Path, line: usize) -> String {
    let text = std::fs::read_to_string(journal.join("vkeys")).expect("keys");
    let line = text.lines().nth(line).expect("a key");
    line.rsplit(' ').next().expect("a vkey").to_owned()
}

/// Whether `fsck` says that the tiles are whole. It ends with 0 either way, and on some damage never:
/// its word counts, and it has a few seconds to say it.
fn is_whole(fsck: &Path, tiles: &Path, vkey: &str, copy: &Path) -> (bool, String) {
    let key = copy.join("vkey");
    std::fs::write(&key, vkey).expect("writable");
    let said = Command::new("timeout")
        .arg("10")
        .arg(fsck)
        .arg(format!("--storage_url=file://{}/", tiles.display()))
        .arg(format!("--public_key={}", key.display()))
        .arg("--ui=false")
        .stdin(Stdio::null())
        .output()
        .expect("fsck starts");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let checkpoint = std::fs::read_to_string(tiles.join("checkpoint")).expect("signed");
    let size = checkpoint.lines().nth(1).expect("a size");
    let whole = format!("Successfully fsck'd log with size {size} ");
    (text.contains(&whole), text)
}

#[tokio::test]
async fn tesseras_fsck_reads_the_whole_log_and_finds_a_changed_byte() {
    let Some(fsck) = program("fsck") else {
        return;
    };
    let (world, copy) = written().await;
    let (status, folder, said) = world.stile.stop().await.expect("it ends");
    assert!(status.success(), "{said}");
    let journal = folder.path().join("journal");
    let tiles = journal.join("tiles");
    for line in [0, 1] {
        let (whole, said) = is_whole(&fsck, &tiles, &vkey(&journal, line), copy.path());
        assert!(whole, "{said}");
    }
    let entries = std::fs::read(tiles.join("tile/entries/000")).expect("entries");
    let words = [
        "--config",
        "stile.yaml",
        "audit",
        "erase",
        "ip:*",
        "--reason",
        "r",
    ];
    let erased = std::process::Command::new(crate::support::program())
        .args([&words[..], &["--authority", "a", "--yes"]].concat())
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert!(erased.status.success(), "{erased:?}");
    let (whole, said) = is_whole(&fsck, &tiles, &vkey(&journal, 0), copy.path());
    assert!(whole, "after an erasure: {said}");
    let after = std::fs::read(tiles.join("tile/entries/000")).expect("entries");
    assert_eq!(entries, after, "leaves have nothing personal in them");
    for file in ["tile/entries/001", "tile/0/000"] {
        let path = tiles.join(file);
        let bytes = std::fs::read(&path).expect("a tile");
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(&path, changed).expect("writable");
        let (whole, said) = is_whole(&fsck, &tiles, &vkey(&journal, 0), copy.path());
        assert!(!whole, "{file}: {said}");
        std::fs::write(&path, bytes).expect("writable");
    }
}
