//! An export that is interrupted leaves a file that says so, and none that looks whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stile_kit::history::{Plan, write};

use crate::support::{ground, program};

/// Waits until a file has something in it.
async fn until_begun(path: &Path) {
    let begun = Instant::now();
    while path.metadata().map_or(0, |meta| meta.len()) == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing is written"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn ctrl_c_leaves_a_partial_file_and_the_next_try_a_whole_one() {
    let ground = ground().await;
    let folder = ground.folder().path().to_owned();
    ground.write().unwrap();
    write(&Plan {
        folder: folder.join("journal"),
        origin: "stile.example.com/world".to_owned(),
        records: 60_000,
        until_ms: 1_795_434_000_000,
        days: 9,
    })
    .unwrap();
    for (format, name) in [
        ("csv", "all.csv"),
        ("jsonl", "all.jsonl"),
        ("ocsf", "all.ocsf"),
    ] {
        let whole = folder.join(name);
        let partial = folder.join(format!("{name}.partial"));
        let export = |how: &[&str]| {
            let mut command = Command::new(program());
            command
                .args(["--config", "stile.yaml", "audit", "export", "--scan"])
                .args(["--format", format, "--output", name])
                .args(how)
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let mut running = export(&[]).spawn().unwrap();
        until_begun(&partial).await;
        let told = Command::new("kill")
            .args(["-INT", &running.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        let ended = running.wait().unwrap();
        assert!(
            !ended.success(),
            "{name} was written before it could be interrupted"
        );
        assert!(partial.exists() && !whole.exists(), "{name}");

        let again = export(&["until:2026-11-15"]).status().unwrap();
        assert!(again.success());
        assert!(whole.exists() && !partial.exists(), "{name}");
    }
}
